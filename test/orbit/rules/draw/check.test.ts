/** A draw holds when it came in time and follows from what it cites; whoever has the same can tell. */
import { beforeAll, describe, expect, test } from 'bun:test'
import { MAX_ENTRY } from '../../../../orbit/node/log/entry.ts'
import { cidOf } from '../../../../orbit/rules/base/cid.ts'
import { sign } from '../../../../orbit/rules/base/statement.ts'
import { deal } from '../../../../orbit/rules/deal/deal.ts'
import { isWitnessed, witnessesNeeded } from '../../../../orbit/rules/deal/witness.ts'
import { type DrawView, drawFault, mayMend } from '../../../../orbit/rules/draw/check.ts'
import { rosterAt } from '../../../../orbit/rules/draw/roster.ts'
import { nextDraw } from '../../../../orbit/rules/draw/seal.ts'
import { admit } from '../../../../orbit/rules/message/admit.ts'
import {
  type DrawBody,
  type HeartbeatBody,
  MAX_HEADS,
  MAX_OFFERS,
  MAX_ROSTER,
} from '../../../../orbit/rules/message/bodies.ts'
import { documentKey } from '../../../../orbit/rules/message/documents.ts'
import { MAX_ALLOWANCE } from '../../../../orbit/rules/network/genesis.ts'
import { seedRound } from '../../../../orbit/rules/network/schedule.ts'
import type { State } from '../../../../orbit/rules/state/state.ts'
import type { CertifiedUnit } from '../../../../orbit/rules/state/windows.ts'
import { beaconAt, Party } from '../party.ts'

/** Eight nodes that have been there since round 4; the draw is of epoch 5, R = 15, sealed at round 13. */
const EPOCH = 5
let party: Party
let heartbeats: HeartbeatBody[]
let draw: DrawBody

beforeAll(() => {
  party = new Party({ accounts: 8 })
  heartbeats = party.members.map(({ node }) => party.beat(node, 4, { capacity: 3 }))
  const cited = { cited: [{ span: 0, heads: ['zdpuHead'] }], heartbeats }
  draw = nextDraw(party.state(), 13, party.unitsPerWindow, cited)!
})

const sealed = (body: DrawBody, by = 0) => sign(body, party.members[by]!.nodeSecret)
const view = (changes: Partial<DrawView> = {}): DrawView => ({
  ...{ states: [party.state()], arrived: 13, round: 13, cited: heartbeats, known: heartbeats },
  ...changes,
})
const fault = (body: DrawBody = draw, changes: Partial<DrawView> = {}, by = 0) =>
  drawFault(sealed(body, by), view(changes))

test('a draw that follows from its heads and came in time is accepted', () => {
  expect(draw.epoch).toBe(EPOCH)
  expect(draw.roster).toHaveLength(8)
  expect(fault()).toBeNull()
})

describe('refused', () => {
  test('when it came with its beacon round, or after', () => {
    expect(fault(draw, { arrived: seedRound(party.genesis, EPOCH) })).toContain('late')
    expect(fault(draw, { arrived: seedRound(party.genesis, EPOCH) - 1 })).toBeNull()
  })

  test('when a node that its heads contain is missing, or one that they do not is there', () => {
    expect(fault({ ...draw, roster: draw.roster.slice(1) })).toContain('does not follow')
    expect(fault(draw, { cited: heartbeats.slice(1) })).toContain('does not follow')
    const stranger = new Party({ accounts: 9 }).members[8]!
    const roster = [...draw.roster, { node: stranger.node, account: stranger.account, capacity: 3 }]
    roster.sort((a, b) => (a.node < b.node ? -1 : 1))
    expect(fault({ ...draw, roster })).toContain('not registered')
  })

  test('when a capacity or an account is another', () => {
    const roster = draw.roster.map((entry, i) => (i === 2 ? { ...entry, capacity: entry.capacity + 1 } : entry))
    expect(fault({ ...draw, roster })).toContain('does not follow')
    const swapped = draw.roster.map((entry, i) => (i === 2 ? { ...entry, account: draw.roster[3]!.account } : entry))
    expect(fault({ ...draw, roster: swapped })).toContain('does not follow')
  })

  test('when it excludes somebody without cause', () => {
    const out = draw.roster[4]!
    const body = { ...draw, excluded: [out.account], roster: draw.roster.filter((entry) => entry !== out) }
    expect(fault(body)).toContain('without cause')
  })

  test('when its heads leave out more than a quarter of those who had been there for an epoch', () => {
    const cited = (n: number) => {
      const some = heartbeats.slice(0, n)
      const roster = rosterAt(party.state(), some, new Set(), EPOCH, [])
      return fault({ ...draw, roster }, { cited: some })
    }
    expect(cited(6)).toBeNull()
    expect(cited(5)).toContain('leaves out')
  })

  test('not when those it leaves out only just came', () => {
    const fresh = heartbeats.map((heartbeat, i) => (i < 4 ? heartbeat : { ...heartbeat, round: 13 }))
    const some = heartbeats.slice(0, 4)
    const body = { ...draw, roster: rosterAt(party.state(), some, new Set(), EPOCH, []) }
    expect(fault(body, { cited: some, known: fresh })).toBeNull()
  })

  test('when its heads or a registration are not here; until the beacon round that may mend', () => {
    expect(fault(draw, { cited: null })).toContain('not here')
    expect(mayMend(fault(draw, { cited: null }))).toBe(true)
    const state = party.state()
    const nodes = new Map([...state.nodes].filter(([node]) => node !== draw.roster[3]!.node))
    expect(fault(draw, { states: [{ ...state, nodes }] })).toContain('not registered here')
    expect(mayMend(fault(draw, { states: [{ ...state, nodes }] }))).toBe(true)
    expect(mayMend(fault())).toBe(false)
  })

  test('when it is not by a coordinator, or by one that sealed two', () => {
    expect(fault(draw, {}, 1)).toContain('coordinator')
    const twice = new Party({ accounts: 8 })
    for (const offers of [draw.offers, [{ ...draw.offers[0]!, to: 1 }]]) {
      twice.documents.draws.push({ statement: sign({ ...draw, offers }, twice.members[0]!.nodeSecret).bytes })
    }
    expect(fault(draw, { states: [twice.state()] })).toContain('sealed two')
  })

  test('when it is ill-formed', () => {
    expect(fault({ ...draw, roster: [...draw.roster].reverse() })).toContain('ill-formed')
  })
})

describe('news that its coordinator could not have yet do not make an honest draw wrong', () => {
  /** What is wrong by the newest state alone, and by one that the node had a moment before as well. */
  const judged = (body: DrawBody, now: State, before: State, cited = heartbeats) => {
    const by = (...states: [State, ...State[]]) => drawFault(sealed(body), view({ states, cited, known: cited }))
    expect(by(before)).toBeNull()
    return [by(now), by(now, before)]
  }

  test('a node on its roster that has registered anew since', () => {
    const state = party.state()
    const nodes = new Map(state.nodes)
    const { node } = draw.roster[2]!
    nodes.set(node, { ...nodes.get(node)!, round: 13 })
    expect(judged(draw, { ...state, nodes }, state)).toEqual([expect.stringContaining('does not follow'), null])
    expect(mayMend(fault(draw, { states: [{ ...state, nodes }] }))).toBe(true)
  })

  test('an account that it excludes and that has registered anew since, or whose conviction is not here yet', () => {
    const state = party.state()
    const out = draw.roster[4]!
    const convicted = { ...state, convictions: [{ account: out.account } as State['convictions'][0]] }
    const body = nextDraw(convicted, 13, party.unitsPerWindow, { cited: draw.pool, heartbeats })!
    expect(body.excluded).toEqual([out.account])
    expect(judged(body, state, convicted)).toEqual([expect.stringContaining('excludes'), null])
    expect(mayMend(fault(body))).toBe(true)
  })

  test('units whose deadline has just passed, or that were just certified', () => {
    const state = party.state()
    const shown = (best: number, bestOfOld: number) => ({
      ...state,
      accounts: state.accounts.map((account) => ({ ...account, best, bestOfOld })),
    })
    const body = nextDraw(shown(9, 4), 13, party.unitsPerWindow, { cited: draw.pool, heartbeats })!
    expect(body.allowances[0]!.units).toBe(16)
    expect(judged(body, shown(64, 40), shown(9, 4))).toEqual([expect.stringContaining('less'), null])
    expect(judged(body, shown(3, 0), shown(9, 4))).toEqual([expect.stringContaining('more'), null])
  })

  test('it is enough that each thing follows from one of them, for each account', () => {
    const state = party.state()
    const shown = (best: number[]) => ({
      ...state,
      accounts: state.accounts.map((account, i) => ({ ...account, best: best[i % 2]!, bestOfOld: 0 })),
    })
    const body = nextDraw(shown([8, 8]), 13, party.unitsPerWindow, { cited: draw.pool, heartbeats })!
    expect(fault(body, { states: [shown([8, 0]), shown([0, 8])] })).toBeNull()
    expect(fault(body, { states: [shown([8, 0]), shown([4, 4])] })).toContain('more')
  })
})

test('units that lie scattered are on offer all together, and the largest draw fits into the log', () => {
  const wide = new Party({ accounts: 8, partition: { bits: 40, units: 600, leaves: 1 } })
  expect(wide.unitsPerWindow).toBeGreaterThan(500)
  const state = wide.state()
  const window = wide.genesis.firstWindow
  const every = Array.from({ length: wide.unitsPerWindow }, (_, unit) => unit)
  const certified = new Map(every.filter((unit) => unit % 2 === 0).map((unit) => [unit, {} as CertifiedUnit]))
  const half = { window, certified, settled: null, disputed: new Set<number>(), complete: false }
  const words = wide.members.map(({ node }) => wide.beat(node, 4, { capacity: 100 }))
  const windows = new Map([[window, half]])
  const body = nextDraw({ ...state, windows }, 13, wide.unitsPerWindow, { cited: [], heartbeats: words })!
  const offered = body.offers.reduce((sum, { from, to }) => sum + to - from, 0)
  // Of 8 * 100 tickets.
  expect(offered).toBe(266)
  expect(body.offers.length).toBeGreaterThan(200)

  const key = (i: number) => i.toString(16).padStart(64, 'f')
  const keys = Array.from({ length: MAX_ROSTER }, (_, i) => key(i)).sort()
  const largest: DrawBody = {
    ...{ ...body, excluded: keys, trusted: keys, epoch: 2 ** 40 },
    pool: [0, 1].map((span) => ({ span: 2 ** 30 + span, heads: Array(MAX_HEADS).fill('z'.repeat(49)) })),
    allowances: keys.map((account) => ({ account, units: MAX_ALLOWANCE })),
    roster: keys.map((node) => ({ node, account: node, capacity: 4096 })),
    offers: Array.from({ length: MAX_OFFERS }, (_, i) => ({
      window: `${2n ** 51n + BigInt(i)}`,
      from: 60_000,
      to: 65_000,
    })),
  }
  const [coordinator] = wide.members as [Party['members'][0]]
  const { bytes } = sign(largest, coordinator.nodeSecret)
  const documentName = documentKey.draw(coordinator.node, largest.epoch, bytes)
  expect(admit(wide.genesis, 'draws', coordinator.node, documentName, { statement: bytes })).toBeNull()
  expect(bytes.length + 4096).toBeLessThan(MAX_ENTRY)
})

describe('the roster', () => {
  const at = (some: readonly HeartbeatBody[], epoch = EPOCH) => rosterAt(party.state(), some, new Set(), epoch, [])

  test('has nobody whose last word is older than 300 s', () => {
    const epoch = 102
    const seed = seedRound(party.genesis, epoch)
    const spread = heartbeats.map((heartbeat, i) => ({ ...heartbeat, round: seed - 297 - i }))
    expect(at(spread, epoch)).toHaveLength(4)
  })

  test('of 20 accounts with heartbeats of all ages: of 2,000 units, none goes to a node older than 300 s', () => {
    const twenty = new Party({ accounts: 20 })
    const { freshRounds, beacon } = twenty.genesis.body
    expect(freshRounds * beacon.period).toBe(300)
    const epoch = 150
    const seed = seedRound(twenty.genesis, epoch)
    // Every 20 s from 10 s to 390 s; and whoever is stale said so often before.
    const age = new Map(twenty.members.map(({ node }, i) => [node, 10 + 20 * i]))
    const words = twenty.members.flatMap(({ node }) =>
      [0, 40, 7].map((more) => twenty.beat(node, Math.max(1, seed - age.get(node)! - more), { capacity: 4000 })),
    )
    const roster = rosterAt(twenty.state(), words, new Set(), epoch, [])
    const randomness = new Uint8Array(32).fill(5)
    const input = { networkId: twenty.genesis.networkId, epoch, randomness, roster, units: 2000, replication: 3 }
    const seats = deal(input).quorums.flat()
    expect(seats).toHaveLength(6000)
    const ages = new Set(seats.map((seat) => age.get(roster[seat]!.node)!))
    expect(Math.max(...ages)).toBe(290)
    expect(ages.size).toBe(15)
  })

  test('has nobody who registered less than an epoch before: of 100,000 keys made after R(e), none', () => {
    const seed = seedRound(party.genesis, EPOCH)
    const state = party.state()
    const nodes = new Map(state.nodes)
    const many: HeartbeatBody[] = []
    for (let i = 0; i < 100_000; i++) {
      const node = i.toString(16).padStart(64, '0')
      nodes.set(node, { node, account: node, name: 'late', round: seed + 1 + (i % 100) })
      many.push({ ...heartbeats[0]!, node, round: seed - 1 })
    }
    expect(rosterAt({ ...state, nodes }, many, new Set(), EPOCH, [])).toEqual([])
    const early = many.slice(0, 5).map(({ node }) => [node, { node, account: node, name: 'early', round: 12 }] as const)
    expect(rosterAt({ ...state, nodes: new Map(early) }, many, new Set(), EPOCH, [])).toHaveLength(5)
  })

  test('gives a node its room less what it was dealt since its heartbeat', () => {
    const other = new Party({ accounts: 8 })
    const words = other.members.map(({ node }) => other.beat(node, 4, { capacity: 3 }))
    const assignments = other.seal(2, 4, { capacity: 3 })
    const [busy] = assignments[0]!.quorum
    const seats = assignments.filter(({ quorum }) => quorum.includes(busy!)).length
    const capacity =
      rosterAt(other.state(), words, new Set(), EPOCH, []).find(({ node }) => node === busy)?.capacity ?? 0
    expect(capacity).toBe(3 - seats)
    const later = words.map((word) => ({ ...word, round: 7 }))
    expect(rosterAt(other.state(), later, new Set(), EPOCH, []).find(({ node }) => node === busy)!.capacity).toBe(3)
  })
})

describe('witnesses', () => {
  /** A draw that so many of its eight accounts witness. */
  function witnessedBy(n: number) {
    const few = new Party({ accounts: 8 })
    const assignments = few.seal(2, 1)
    few.documents.pool.splice(n)
    return { few, assignments }
  }

  test('more than half of the accounts on the roster make a draw stand', () => {
    for (const [n, stands] of [
      [4, false],
      [5, true],
    ] as const) {
      const { few, assignments } = witnessedBy(n)
      few.answer(assignments[0]!, assignments[0]!.quorum)
      const state = few.state()
      const { draw: dealt, cid } = state.draws.get(2)!
      expect(witnessesNeeded(dealt.body)).toBe(5)
      expect(isWitnessed(dealt.body, state.witnesses.get(cid))).toBe(stands)
      expect(state.windows.get(few.genesis.firstWindow)!.certified.has(0)).toBe(stands)
    }
  })

  test('an account counts once, and strangers do not', () => {
    const { few } = witnessedBy(4)
    const before = few.state()
    const { draw: dealt, cid } = before.draws.get(2)!
    const said = { epoch: 2, draw: cidOf(dealt.bytes).toString() }
    few.beat(few.members[0]!.node, 9, { witnessed: [said] })
    const stranger = { ...few.members[7]!, nodeSecret: new Uint8Array(32).fill(77) }
    const body = { type: 'heartbeat', network: few.genesis.networkId, node: stranger.node, round: 9 }
    const words = { ...body, beacon: beaconAt(9), capacity: 1, engines: ['wasm'], witnessed: [said] }
    few.documents.pool.push({ statement: sign(words, stranger.nodeSecret).bytes })
    const state = few.state()
    expect(isWitnessed(dealt.body, state.witnesses.get(cid))).toBe(false)
  })
})
