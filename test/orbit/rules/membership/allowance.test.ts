/** What a node says it can do gets it no more seats than its account has shown work for. */
import { describe, expect, test } from 'bun:test'
import { sign } from '../../../../orbit/rules/base/statement.ts'
import { checkDraw } from '../../../../orbit/rules/deal/assignment.ts'
import { deal } from '../../../../orbit/rules/deal/deal.ts'
import { drawFault, mayMend } from '../../../../orbit/rules/draw/check.ts'
import { rosterAt } from '../../../../orbit/rules/draw/roster.ts'
import { nextDraw } from '../../../../orbit/rules/draw/seal.ts'
import { allotted, allowanceFor, allowancesAt, limitFor } from '../../../../orbit/rules/membership/allowance.ts'
import {
  type DrawBody,
  drawBody,
  type HeartbeatBody,
  type RosterEntry,
} from '../../../../orbit/rules/message/bodies.ts'
import type { Conviction } from '../../../../orbit/rules/quorum/convictions.ts'
import { stateOf } from '../../../../orbit/rules/state/state.ts'
import type { AccountState } from '../../../../orbit/rules/state/tally.ts'
import { summaryOf } from '../../../../orbit/rules/state/windows.ts'
import { beaconAt, Party } from '../party.ts'

const withNewcomers = (newcomer: number, rounds = 1000, accounts = 8) =>
  new Party({ accounts, changes: { allowance: { newcomer, rounds } } })

test('twice the best epoch, as a power of two; and what a newcomer has, once a deadline', () => {
  const bests = [0, 1, 2, 3, 15, 16, 31, 32, 63, 64, 100, 4096, 2 ** 19 - 1, 2 ** 19, 2 ** 22]
  expect(bests.map(allowanceFor)).toEqual([
    ...[0, 2, 4, 4, 16, 32, 32, 64, 64, 128, 128, 8192, 2 ** 19, 2 ** 20, 2 ** 20],
  ])
  for (let k = 1; k < 20; k++) expect([2 ** k - 1, 2 ** k].map(allowanceFor)).toEqual([2 ** k, 2 ** (k + 1)])
  const { genesis } = withNewcomers(32)
  const limits = [
    [0, 0, 32],
    [0, 30, 2],
    [0, 40, 0],
    [2, 0, 32],
    [2, 31, 2],
    [64, 0, 64],
  ] as const
  for (const [allowance, dealt, limit] of limits) expect(limitFor(genesis, allowance, dealt)).toBe(limit)
})

describe('what nodes offer is cut', () => {
  const entry = (node: string, account: string, capacity: number): RosterEntry => ({ node, account, capacity })
  const cut = (offered: RosterEntry[], ofX = 10) =>
    allotted(offered, (account) => (account === 'x' ? ofX : 10)).map(({ node, capacity }) => `${node}${capacity}`)

  test('to each node of an account its share, and what is left over in the order of the keys', () => {
    expect(cut([entry('a', 'x', 4096)])).toEqual(['a10'])
    expect(cut([entry('a', 'x', 4), entry('b', 'y', 4096), entry('c', 'x', 6)])).toEqual(['a4', 'b10', 'c6'])
    expect(cut([entry('a', 'x', 20), entry('b', 'x', 20), entry('c', 'x', 20)])).toEqual(['a4', 'b3', 'c3'])
    expect(cut([entry('a', 'x', 1), entry('b', 'x', 4096)])).toEqual(['a1', 'b9'])
    expect(cut([entry('a', 'x', 60), entry('b', 'y', 3)], 64)).toEqual(['a60', 'b3'])
    expect(cut([entry('a', 'x', 60), entry('b', 'y', 3)], 0)).toEqual(['b3'])
    expect(cut([entry('a', 'x', 600), entry('b', 'x', 200)], 64)).toEqual(['a48', 'b16'])
  })

  test('so that an account with more nodes than it may have tickets has those', () => {
    const many = Array.from({ length: 25 }, (_, i) => entry(String.fromCharCode(97 + i), 'x', 1 + i))
    const left = allotted(many, () => 10)
    expect(left.reduce((sum, { capacity }) => sum + capacity, 0)).toBe(10)
    expect(left.every(({ capacity }, i) => capacity >= 1 && (i === 0 || left[i - 1]!.node < left[i]!.node))).toBe(true)
  })
})

/** Ten accounts, two tickets for a newcomer; in epoch 2 four units were dealt, and done. */
function worked() {
  const party = withNewcomers(2, 1000, 10)
  party.answerAll(party.deal(2, 4, { capacity: 2 }))
  const heartbeats = party.members.map(({ node }) => party.beat(node, 9, { capacity: 4096 }))
  return { party, heartbeats, state: party.state() }
}

describe('a draw', () => {
  const { party, heartbeats, state } = worked()
  const best = new Map(state.accounts.map((account) => [account.account, account.best]))
  const draw = nextDraw(state, 13, party.unitsPerWindow, { cited: [], heartbeats })!
  const fault = (body: DrawBody, changed = state) =>
    drawFault(sign(body, party.members[0]!.nodeSecret), {
      ...{ states: [changed], arrived: 13, round: 13, cited: heartbeats, known: heartbeats },
    })

  test('gives whoever asks for thousands what it has shown', () => {
    expect(new Set(best.values())).toEqual(new Set([0, 1, 2]))
    for (const { account, capacity } of draw.roster) expect(capacity).toBe(best.get(account)! >= 2 ? 4 : 2)
    expect(draw.roster).toHaveLength(10)
    expect(draw.allowances).toEqual(allowancesAt(state))
    expect(draw.allowances.length).toBe([...best.values()].filter((n) => n > 0).length)
    expect(fault(draw)).toBeNull()
  })

  test('is refused when it gives anybody more', () => {
    const [one] = [...best].find(([, n]) => n === 1)!
    const allowances = draw.allowances.map((a) => (a.account === one ? { ...a, units: 4096 } : a))
    const roster = rosterAt(state, heartbeats, new Set(), draw.epoch, allowances)
    const why = fault({ ...draw, allowances, roster })
    expect(why).toContain('more than it has shown')
    // What shows it may be on its way.
    expect(mayMend(why)).toBe(true)
    expect(fault({ ...draw, roster })).toBe('ill-formed')
  })

  test('has newcomers once until the deadline, whose coordinator may be behind with what was done of late', () => {
    const roster = rosterAt(state, heartbeats, new Set(), draw.epoch, [])
    const { assignments } = state.draws.get(2)!
    const seats = (node: string) => assignments.filter(({ quorum }) => quorum.includes(node)).length
    const left = party.members.flatMap(({ node }) => (seats(node) < 2 ? [[node, 2 - seats(node)] as const] : []))
    expect(new Map(roster.map(({ node, capacity }) => [node, capacity]))).toEqual(new Map(left))
    expect(roster.length).toBeLessThan(10)
    expect(fault({ ...draw, allowances: [], roster })).toBeNull()
    // R(36) is past the deadline of epoch 2.
    expect(rosterAt(state, heartbeats, new Set(), 36, [])).toHaveLength(10)
  })

  test('is refused when it gives anybody less than what was shown a deadline ago', () => {
    party.deal(36, 1, { capacity: 2, from: 4 })
    const later = party.state()
    const old = later.accounts.filter(({ bestOfOld }) => bestOfOld >= 2).map(({ account }) => account)
    expect(old.length).toBeGreaterThan(2)
    const allowances = draw.allowances.map((a) => (a.account === old[0] ? { ...a, units: 2 } : a))
    const roster = rosterAt(later, heartbeats, new Set(), draw.epoch, allowances)
    expect(fault({ ...draw, allowances, roster }, later)).toContain('less than it has shown')
    const none = rosterAt(later, heartbeats, new Set(), draw.epoch, [])
    expect(fault({ ...draw, allowances: [], roster: none }, later)).toContain('less than it has shown')
    expect(fault(draw, later)).toBeNull()
  })

  test('is ill-formed with allowances out of order or twice, or with more tickets than they give', () => {
    const [first, ...rest] = draw.allowances
    for (const allowances of [
      [...rest, first!],
      [first!, ...draw.allowances],
    ]) {
      expect(() => checkDraw(party.genesis, { ...draw, allowances })).toThrow(/allowance/)
    }
    const most = draw.allowances.findIndex(({ units }) => units === 4)
    const cut = (units: number) => draw.allowances.map((a, i) => (i === most ? { ...a, units } : a))
    expect(() => checkDraw(party.genesis, { ...draw, allowances: cut(1) })).toThrow(/more tickets/)
    // Less than a newcomer has is no allowance to be refused: a newcomer's tickets it has in any case.
    const roster = draw.roster.map((entry) => ({ ...entry, capacity: 2 }))
    expect(() => checkDraw(party.genesis, { ...draw, roster, allowances: cut(1) })).not.toThrow()
  })
})

test('one certified unit a week is no claim to 32 tickets an epoch', () => {
  const changes = { allowance: { newcomer: 32, rounds: 201_600 }, deadlineRounds: 72, missLimit: 64 }
  const party = new Party({ accounts: 8, changes })
  party.answerAll(party.deal(2, 1, { capacity: 32 }))
  const { account, nodes } = party.state().accounts.find(({ best }) => best === 1)!
  const tickets: number[] = []
  let seats = 1
  for (let epoch = 4; epoch < 40; epoch++) {
    // Others have shown nothing either; all that is dealt from now on is left undone.
    if (epoch < 12) {
      const dealt = party.seal(epoch, 14, { capacity: 6, from: 50 * epoch })
      seats += dealt.filter(({ quorum }) => quorum.includes(nodes[0]!)).length
    }
    const state = party.state()
    const words = party.members.map(({ node }) => party.beat(node, epoch * 3 + 1, { capacity: 4096 }))
    const roster = rosterAt(state, words, new Set(), epoch + 1, allowancesAt(state))
    tickets.push(roster.find((entry) => entry.account === account)?.capacity ?? 0)
  }
  expect(seats).toBeGreaterThan(31)
  expect(tickets[0]).toBeGreaterThan(20)
  expect(tickets.slice(8, 18)).toEqual(Array(10).fill(2))
  // When the deadlines of those deals are over, a newcomer's tickets are his again.
  expect(tickets.at(-1)).toBe(32)
})

test('a draw that comes to nothing, as too few had it in time, takes nobody his tickets', () => {
  const party = withNewcomers(2)
  party.seal(2, 4, { capacity: 2 })
  party.documents.pool.splice(4)
  const heartbeats = party.members.map(({ node }) => party.beat(node, 6, { capacity: 2 }))
  const later = heartbeats.map((word) => ({ ...word, round: 9 }))
  const at = (epoch: number) => rosterAt(party.state(), later, new Set(), epoch, [])
  // R(2) = 6; who had it in time has said so by round 12.
  expect(at(4).length).toBeLessThan(8)
  expect(at(5)).toHaveLength(8)
  const stands = withNewcomers(2)
  stands.seal(2, 4, { capacity: 2 })
  expect(rosterAt(stands.state(), later, new Set(), 5, []).length).toBeLessThan(8)
})

describe('of more nodes than a draw can name', () => {
  const party = withNewcomers(10)
  const state = party.state()
  const nodes = new Map(state.nodes)
  const beat = party.beat(party.members[0]!.node, 4, { capacity: 10 })
  const heartbeats = Array.from({ length: 700 }, (_, i) => {
    const [node, account] = [i, 1000 + Math.floor(i / 2)].map((n) => n.toString(16).padStart(64, '0')) as [
      string,
      string,
    ]
    nodes.set(node, { node, account, name: 'one of many', round: 1 })
    return { ...beat, node }
  })
  const listed = [...nodes.values()].slice(-20).map(({ account }) => account)
  const allowances = [...new Set(listed)].sort().map((account, i) => ({ account, units: i < 9 ? 16 : 64 }))
  const at = (epoch: number) => rosterAt({ ...state, nodes }, heartbeats, new Set(), epoch, allowances)

  test('it names those that have shown work, and of newcomers others each time', () => {
    const [one, other] = [at(5), at(6)]
    for (const roster of [one, other]) {
      expect(roster).toHaveLength(512)
      expect(roster.every(({ node }, i) => i === 0 || roster[i - 1]!.node < node)).toBe(true)
      const there = new Set(roster.map(({ account }) => account))
      for (const { account } of allowances) expect(there).toContain(account)
    }
    expect(one).not.toEqual(other)
    expect(at(5)).toEqual(one)
  })

  test('one node of each account comes first: three accounts with 200 each crowd out nobody', () => {
    const crowd = { ...state, nodes: new Map(nodes) }
    const own = Array.from({ length: 600 }, (_, i) => {
      const [node, account] = [5000 + i, 9000 + (i % 3)].map((n) => n.toString(16).padStart(64, '0')) as [
        string,
        string,
      ]
      crowd.nodes.set(node, { node, account, name: 'a crowd', round: 1 })
      return { ...beat, node, capacity: 1 }
    })
    const shown = [9000, 9001, 9002].map((n) => ({ account: n.toString(16).padStart(64, '0'), units: 4096 }))
    const roster = rosterAt(crowd, [...heartbeats.slice(0, 40), ...own], new Set(), 5, shown)
    expect(roster).toHaveLength(512)
    const others = roster.filter(({ node }) => nodes.has(node))
    // Twenty accounts of two nodes each.
    expect(others).toHaveLength(40)
    expect(new Set(others.map(({ account }) => account)).size).toBe(20)
  })

  test('and who is named nobody can know before the newest heartbeat', () => {
    const alone = { ...state, nodes: new Map([...nodes].map(([node, of]) => [node, { ...of, account: node }])) }
    const named = (words: HeartbeatBody[]) => rosterAt(alone, words, new Set(), 5, []).map(({ account }) => account)
    const newer = { ...heartbeats[0]!, round: 5, beacon: beaconAt(5) }
    const [one, other] = [named(heartbeats), named([...heartbeats.slice(1), newer])]
    expect(one).toHaveLength(512)
    // Of 700, chance leaves 512 * 512 / 700 of them in common.
    const common = one.filter((account) => other.includes(account)).length
    expect(Math.abs(common - 374)).toBeLessThan(40)
  })

  test('an honest draw of them is accepted, also when what was shown differs from what is old', () => {
    const many = { ...state, nodes: new Map(state.nodes) }
    const accounts: AccountState[] = []
    const words = Array.from({ length: 600 }, (_, i) => {
      const [node, account] = [i, 5000 + i].map((n) => n.toString(16).padStart(64, '0')) as [string, string]
      many.nodes.set(node, { node, account, name: 'many', round: 1 })
      accounts.push({
        ...state.accounts[0]!,
        account,
        nodes: [node],
        best: i < 80 ? 32 : 64,
        bestOfOld: i < 80 ? 32 : 16,
      })
      return { ...beat, node }
    })
    const now = { ...many, accounts }
    const draw = nextDraw(now, 13, party.unitsPerWindow, { cited: [], heartbeats: words })!
    expect(draw.roster).toHaveLength(512)
    const fault = (body: DrawBody) =>
      drawFault(sign(body, party.members[0]!.nodeSecret), {
        ...{ states: [now], arrived: 13, round: 13, cited: words, known: words },
      })
    expect(fault(draw)).toBeNull()
    // Whoever is left without an allowance, and so off the roster, is missed there.
    const accountsOut = new Set(draw.allowances.slice(0, 3).map(({ account }) => account))
    const allowances = draw.allowances.filter(({ account }) => !accountsOut.has(account))
    const roster = rosterAt(now, words, new Set(), draw.epoch, allowances)
    expect(fault({ ...draw, allowances, roster })).toContain('less than it has shown')
  })

  test('and a coordinator can seal it, whatever many are excluded or there', () => {
    const many = { ...state, nodes, accounts: [] }
    const draw = nextDraw(many, 13, party.unitsPerWindow, { cited: [], heartbeats })!
    expect(drawBody.safeParse(draw).success).toBe(true)
    const convictions = [...new Set([...nodes.values()].map(({ account }) => account))].map(
      (account) => ({ account }) as Conviction,
    )
    const out = nextDraw({ ...many, convictions }, 13, party.unitsPerWindow, { cited: [], heartbeats })
    expect(out).toBeNull()
    const most = nextDraw({ ...many, convictions: convictions.slice(20) }, 13, party.unitsPerWindow, {
      cited: [],
      heartbeats,
    })!
    expect(drawBody.safeParse(most).success).toBe(true)
    expect(most.excluded.length).toBeGreaterThan(300)
  })
})

test('what was shown counts for the rounds that the genesis says, also when its window is settled', () => {
  for (const [rounds, remembered] of [
    [9, false],
    [100, true],
  ] as const) {
    const party = withNewcomers(2, rounds)
    party.answerAll(party.deal(2, 4, { capacity: 2 }))
    const { window } = [...party.state().windows.values()][0]!
    const settled = summaryOf(party.state(), party.state().windows.get(window)!)
    party.deal(6, 1, { capacity: 2, from: 4 })
    const history = new Map([[window, settled]])
    const later = stateOf(party.genesis, party.unitsPerWindow, party.documents, party.knowledge, history, party.memory)
    for (const state of [party.state(), later]) {
      expect(allowancesAt(state).length > 0).toBe(remembered)
      expect(state.accounts.reduce((sum, { units }) => sum + units, 0)).toBe(12)
    }
    expect(allowancesAt(later)).toEqual(allowancesAt(party.state()))
  }
})

test('5 colluders of 20 that all offer thousands have the quorums that 5 of 20 have, not more', () => {
  const [UNITS, SEEDS] = [2000, 20]
  const party = withNewcomers(305, 1000, 20)
  const gang = new Set(party.members.slice(0, 5).map(({ node }) => node))
  const heartbeats = party.members.map(({ node }) => party.beat(node, 4, { capacity: gang.has(node) ? 4096 : 305 }))
  const roster = rosterAt(party.state(), heartbeats, new Set(), 5, [])
  const input = { networkId: party.genesis.networkId, epoch: 5, roster, units: UNITS, replication: 3 }
  let captured = 0
  for (let seed = 0; seed < SEEDS; seed++) {
    const { quorums } = deal({ ...input, randomness: new Uint8Array(32).fill(seed) })
    expect(quorums).toHaveLength(UNITS)
    captured += quorums.filter((quorum) => quorum.every((seat) => gang.has(roster[seat]!.node))).length
  }
  // C(5,3) / C(20,3) of the units; four standard deviations.
  const expected = (SEEDS * UNITS * 10) / 1140
  expect(Math.abs(captured - expected)).toBeLessThan(4 * Math.sqrt(expected))
})
