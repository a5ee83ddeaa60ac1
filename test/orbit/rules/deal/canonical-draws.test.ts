/** A coordinator's word alone gives nobody a seat, takes no account's good name, and certifies nothing. */
import { describe, expect, test } from 'bun:test'
import { cidOf } from '../../../../orbit/rules/base/cid.ts'
import { publicKeyOf, sign } from '../../../../orbit/rules/base/statement.ts'
import { assign } from '../../../../orbit/rules/deal/assignment.ts'
import { rosterAt, seatsSince } from '../../../../orbit/rules/draw/roster.ts'
import { excludedAt } from '../../../../orbit/rules/draw/seal.ts'
import { admit } from '../../../../orbit/rules/message/admit.ts'
import type { DrawBody, HeartbeatBody } from '../../../../orbit/rules/message/bodies.ts'
import { documentKey } from '../../../../orbit/rules/message/documents.ts'
import type { Assignment } from '../../../../orbit/rules/message/unit.ts'
import { deadlineRound, seedRound } from '../../../../orbit/rules/network/schedule.ts'
import { missBalance } from '../../../../orbit/rules/state/misses.ts'
import { accountHistory } from '../../../../orbit/rules/state/profile.ts'
import type { Member } from '../members.ts'
import { beaconAt, Party } from '../party.ts'

const hex = (n: number) => n.toString(16).padStart(64, '0')
const window = 1n << 43n

/** Seals a draw with a roster of the test's making, out of units [0, units) of a window, and deals it. */
function sealed(party: Party, epoch: number, roster: DrawBody['roster'], units = 4, of = window) {
  const draw: DrawBody = {
    ...{ type: 'draw', network: party.genesis.networkId, epoch, pool: [], excluded: [], trusted: [], allowances: [] },
    roster: [...roster].sort((a, b) => (a.node < b.node ? -1 : 1)),
    offers: [{ window: of.toString(), from: 0, to: units }],
  }
  const { bytes } = sign(draw, party.members[0]!.nodeSecret)
  const seed = seedRound(party.genesis, epoch)
  party.documents.draws.push({ statement: bytes }, { round: seed, signature: beaconAt(seed) })
  const assignments = party.members.length < 3 ? [] : assign(party.genesis, draw, beaconAt(seed))
  return { cid: cidOf(bytes).toString(), assignments }
}

/** More nodes of an account, registered to it. */
function nodesOf(party: Party, boss: Member, count: number): Member[] {
  return Array.from({ length: count }, (_, i) => {
    const nodeSecret = new Uint8Array(32).fill(100 + i)
    const member = { ...boss, nodeSecret, node: publicKeyOf(nodeSecret) }
    party.members.push(member)
    party.documents.accounts.push(party.registration(member.node, boss.account))
    return member
  })
}

const contradict = (party: Party, node: string, unit: Assignment) => {
  for (const variant of [0, 1]) {
    const round = seedRound(party.genesis, unit.epoch) + variant
    party.show(node, [party.result(unit, party.claim(unit, variant))], round)
  }
}

describe('a roster that pairs a node with an account that did not agree to it', () => {
  test('bans nobody for what that node signs', () => {
    const party = new Party({ accounts: 8 })
    const [, evil, victim] = party.members as [Member, Member, Member]
    const { cid } = sealed(party, 5, [{ node: evil.node, account: victim.account, capacity: 4 }])
    for (const { node } of party.members) party.beat(node, 15, { witnessed: [{ epoch: 5, draw: cid }] })
    contradict(party, evil.node, { epoch: 5, window, unit: 0, quorum: [], reserve: [], audited: null })
    const state = party.state()
    expect(state.convictions).toEqual([])
    expect([state.draws.has(5), state.sealed.has(5)]).toEqual([false, false])
  })

  test('certifies nothing, though an account of many nodes witnesses it under invented names', () => {
    const party = new Party({ accounts: 6 })
    const nodes = nodesOf(party, party.members[1]!, 3)
    const roster = nodes.map(({ node }, i) => ({ node, account: hex(500 + i), capacity: 4 }))
    const { cid, assignments } = sealed(party, 5, roster)
    for (const { node } of nodes) party.beat(node, 15, { witnessed: [{ epoch: 5, draw: cid }] })
    party.answerAll(assignments, () => 7)
    const state = party.state()
    expect([state.frontier.windows, state.draws.size, state.accounts.filter(({ units }) => units > 0)]).toEqual([
      ...[0, 0, []],
    ])
  })

  test('does not take the place of the honest draw of its epoch, however many it names', () => {
    const party = new Party({ accounts: 8 })
    party.answerAll(party.deal(2, 4))
    const nodes = nodesOf(party, party.members[5]!, 5)
    const real = nodes.map(({ node }, i) => ({ node, account: hex(500 + i), capacity: 1000 }))
    const made = Array.from({ length: 4 }, (_, i) => ({ node: hex(700 + i), account: hex(800 + i), capacity: 1 }))
    const before = party.state()
    const { cid, assignments } = sealed(party, 2, [...real, ...made])
    for (const { node } of nodes) party.beat(node, 9, { witnessed: [{ epoch: 2, draw: cid }] })
    party.answerAll(assignments, () => 7)
    const after = party.state()
    expect(after.draws.get(2)!.cid).toBe(before.draws.get(2)!.cid)
    expect(after.windows.get(window)!.complete).toBe(true)
    expect(after.equivocations).toHaveLength(1)
  })

  test('counts as soon as the registration is here that it follows from: the order makes no difference', () => {
    const party = new Party({ accounts: 8 })
    party.answerAll(party.deal(2, 4))
    const whole = party.state()
    const [last] = party.documents.accounts.splice(7, 1)
    expect([party.state().draws.size, party.state().frontier.windows]).toEqual([0, 0])
    party.documents.accounts.unshift(last)
    expect(party.state().frontier).toEqual(whole.frontier)
    expect(party.state().accounts).toEqual(whole.accounts)
  })
})

describe('a draw that too few had in time', () => {
  /** Everybody on the roster, honestly paired, of a window far away; nobody witnesses it. */
  const unwitnessed = () => {
    const party = new Party({ accounts: 8, changes: { freshRounds: 30, allowance: { newcomer: 9, rounds: 1000 } } })
    const roster = party.members.map(({ node, account }) => ({ node, account, capacity: 9 }))
    const { assignments } = sealed(party, 5, roster, 4, window + 1000n)
    return { party, assignments, over: deadlineRound(party.genesis, 5) + 1 }
  }

  test('costs nobody a miss, and excludes nobody', () => {
    const { party, over } = unwitnessed()
    expect(party.state().draws.size).toBe(1)
    expect([...missBalance(party.state(), over)]).toEqual([])
    expect(excludedAt(party.state(), over)).toEqual([])
  })

  test('convicts nobody until it is witnessed', () => {
    const { party, assignments } = unwitnessed()
    const [unit] = assignments as [Assignment]
    contradict(party, unit.quorum[0]!, unit)
    expect(party.state().convictions).toEqual([])
    const { cid } = party.state().draws.get(5)!
    for (const { node } of party.members) party.beat(node, 15, { witnessed: [{ epoch: 5, draw: cid }] })
    const { account } = party.member(unit.quorum[0]!)
    expect(party.state().convictions.map((conviction) => conviction.account)).toEqual([account])
  })

  test('takes seats only while it may still be witnessed', () => {
    const { party, assignments } = unwitnessed()
    const [{ node }] = party.members as [Member]
    const given = assignments.filter(({ quorum }) => quorum.includes(node)).length
    const seats = (before: number) => seatsSince(party.state(), node, 14, before)
    // R(5) is round 15, and 30 rounds later nobody who had it in time has not said so.
    expect(assignments.some(({ quorum }) => quorum.includes(node))).toBe(true)
    expect([seats(6), seats(15), seats(16)]).toEqual([given, given, 0])
    const tickets = (round: number, epoch: number) => {
      const words = party.members.map((member) => party.beat(member.node, round, { capacity: 9 }))
      return rosterAt(party.state(), words, new Set(), epoch, []).reduce((sum, { capacity }) => sum + capacity, 0)
    }
    // A newcomer has 9, less what he was dealt of late.
    expect([tickets(15, 6), tickets(40, 16)]).toEqual([8 * 9 - 3 * 4, 8 * 9])
  })
})

describe('what an account is behind with', () => {
  const party = () => new Party({ accounts: 4, changes: { replication: 1, missLimit: 8 } })

  test('who does one unit in eight and sits on the rest is out, and stays out though he shows some then', () => {
    const network = party()
    const units = network.deal(2, 4 * 16, { capacity: 16 })
    const lazy = network.members[1]!
    const own = units.filter(({ quorum }) => quorum[0] === lazy.node)
    expect(own).toHaveLength(16)
    for (const unit of own.filter((_, i) => i % 8 === 7)) network.answer(unit, [lazy.node])
    const round = deadlineRound(network.genesis, 2) + 1
    expect(missBalance(network.state(), round).get(lazy.account)).toBe(8)
    expect(excludedAt(network.state(), round)).toContain(lazy.account)
    const more = network.deal(40, 4, { from: 64, capacity: 1 })
    network.answerAll(more)
    expect(excludedAt(network.state(), round)).toContain(lazy.account)
  })

  test('results shown make up for misses, and nobody has any to spare', () => {
    const network = party()
    const { node, account } = network.members[1]!
    const mine = (units: readonly Assignment[]) => units.filter(({ quorum }) => quorum[0] === node)
    for (const unit of mine(network.deal(2, 40, { capacity: 10 }))) network.answer(unit, [node])
    for (const unit of mine(network.deal(4, 20, { from: 40, capacity: 5 }))) network.decline(node, unit)
    expect(missBalance(network.state(), 13).get(account)).toBe(5)
    for (const unit of mine(network.deal(6, 12, { from: 60, capacity: 3 }))) network.answer(unit, [node])
    expect(missBalance(network.state(), 19).get(account)).toBe(2)
  })
})

test('the history of an account has what its node did while it was its own, and its nodes since', () => {
  const party = new Party({ accounts: 5 })
  party.answerAll(party.deal(2, 4))
  const { node, account } = party.members[2]!
  // The lower key comes first, of registrations of one round.
  let secret: Uint8Array
  do secret = crypto.getRandomValues(new Uint8Array(32))
  while (publicKeyOf(secret) >= account)
  party.move(node, secret)
  party.answerAll(party.deal(4, 4, { from: 4 }))
  const state = party.state()
  const of = (key: string) => {
    const found = state.accounts.find((known) => known.account === key)!
    const { certified, nodes, units } = accountHistory(state, found)
    return { units, epochs: [...new Set(certified.map(({ epoch }) => epoch))], nodes: nodes.map((known) => known.node) }
  }
  const [before, after] = [of(account), of(publicKeyOf(secret))]
  expect([before.epochs, before.nodes]).toEqual([[2], [node]])
  expect([after.epochs, after.nodes]).toEqual([[4], [node]])
  expect(before.units).toBeGreaterThan(0)
})

test('a later word of the same node, in the same epoch, takes no witness back', () => {
  const party = new Party({ accounts: 4 })
  const [{ node }] = party.members as [Member]
  const key = (witnessed: HeartbeatBody['witnessed']) => documentKey.heartbeat(node, 5, { witnessed })
  const draw = cidOf(party.genesis.bytes).toString()
  // The database keeps one document a key.
  expect(key([{ epoch: 5, draw }])).not.toBe(key([]))
  const word = party.beat(node, 15, { witnessed: [{ epoch: 5, draw }] })
  const later = party.beat(node, 16, { capacity: 3 })
  const { pool } = party.documents
  const admits = (at: number, body: HeartbeatBody) =>
    admit(party.genesis, 'pool-0', node, documentKey.heartbeat(node, 5, body), pool.at(at))
  expect([admits(-2, word), admits(-1, later), admits(-2, later)]).toEqual([
    ...[null, null, 'a key that is not the one its content asks for'],
  ])
  const { witnesses, heartbeats } = party.state()
  expect([...witnesses.get(draw)!.keys()]).toEqual([node])
  expect(heartbeats.get(node)!.capacity).toBe(3)
})
