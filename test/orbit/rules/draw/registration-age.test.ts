/** A registration is as old as it says only if it came then: who was there holds it against a draw. */
import { describe, expect, test } from 'bun:test'
import { sign } from '../../../../orbit/rules/base/statement.ts'
import { drawFault } from '../../../../orbit/rules/draw/check.ts'
import { type Arrival, type Arrivals, heardLate, heardLive } from '../../../../orbit/rules/draw/registration-age.ts'
import { nextDraw } from '../../../../orbit/rules/draw/seal.ts'
import type { DrawBody, HeartbeatBody } from '../../../../orbit/rules/message/bodies.ts'
import { graceRounds, registeredBy, sealingLead, seedRound } from '../../../../orbit/rules/network/schedule.ts'
import { Party } from '../party.ts'

/** An hour, five minutes: as networks are founded. */
const party = new Party({ accounts: 20, changes: { epoch: { rounds: 1200, perDatabase: 1 }, freshRounds: 100 } })
const { genesis } = party
const EPOCH = 7
const seed = seedRound(genesis, EPOCH)
const by = registeredBy(genesis, EPOCH)
const grace = graceRounds(genesis)
const sealedAt = seed - sealingLead(genesis)
const state = party.state()
const word = { type: 'heartbeat', network: genesis.networkId, beacon: new Uint8Array(48) } as const
const heartbeats: HeartbeatBody[] = party.members.map(({ node }) => ({
  ...{ ...word, node, round: sealedAt - grace - 1, capacity: 8, engines: ['wasm'], witnessed: [] },
}))
/** All say that they registered in round 1; so many of them only came when `arrival` says. */
const [, ...others] = party.members.map(({ node }) => node)
const came = (arrival: Arrival, which: readonly string[] = others.slice(0, 5)): Arrivals => {
  const late = new Set(which)
  return (node) => (late.has(node) ? arrival : null)
}

const seal = (arrivals?: Arrivals) =>
  nextDraw(state, sealedAt, party.unitsPerWindow, { cited: [], heartbeats, ...(arrivals && { arrivals }) })!

function fault(body: DrawBody, arrivals: Arrivals) {
  const draw = sign(body, party.members[0]!.nodeSecret)
  return drawFault(draw, {
    ...{ states: [state], arrived: sealedAt + 1, round: sealedAt + 1, cited: heartbeats, known: heartbeats, arrivals },
  })
}

describe('keys that are made later than they say', () => {
  const arrivals = came(heardLive(genesis, 1, by + grace + 1))

  test('are on no roster of an honest coordinator, until they are an epoch old', () => {
    expect(seal().roster).toHaveLength(20)
    expect(seal(arrivals).roster).toHaveLength(15)
    expect(fault(seal(arrivals), arrivals)).toBeNull()
    const next = { cited: [], heartbeats: heartbeats.map((said) => ({ ...said, round: said.round + 1200 })), arrivals }
    expect(nextDraw(state, sealedAt + 1200, party.unitsPerWindow, next)!.roster).toHaveLength(20)
  })

  test('are held against a draw that names one of them, by everybody who was there when they came', () => {
    expect(fault(seal(), arrivals)).toBe('a node on its roster registered later than it says')
    const one = came(heardLive(genesis, 1, by + grace + 1), others.slice(7, 8))
    expect(fault(seal(), one)).toBe('a node on its roster registered later than it says')
    // Whoever was not listening takes it as it says, and takes a roster without them too.
    const unsure = came(heardLate(genesis, 1, by + 500))
    expect(fault(seal(), unsure)).toBeNull()
    expect(fault(seal(arrivals), unsure)).toBeNull()
  })

  test('100,000 of them, made after R(e) for a round long before: none is dealt anything', () => {
    const nodes = new Map(state.nodes)
    const many = [...heartbeats]
    for (let i = 0; i < 100_000; i++) {
      const node = i.toString(16).padStart(64, '0')
      nodes.set(node, { node, account: node, name: 'backdated', round: 1 })
      many.push({ ...heartbeats[0]!, node })
    }
    const late = heardLive(genesis, 1, seedRound(genesis, EPOCH - 1) + 1)
    const arrivals: Arrivals = (node) => (node.startsWith('000') ? late : null)
    const crowded = { ...state, nodes }
    const draw = nextDraw(crowded, sealedAt, party.unitsPerWindow, { cited: [], heartbeats: many, arrivals })!
    expect(draw.roster.map(({ node }) => node)).toEqual(seal().roster.map(({ node }) => node))
    const believed = nextDraw(crowded, sealedAt, party.unitsPerWindow, { cited: [], heartbeats: many })!
    expect(believed.roster.filter(({ node }) => node.startsWith('000')).length).toBeGreaterThan(400)
  })
})

describe('what came at about the last round that counts', () => {
  test('may be on the roster or not, as the coordinator heard of it within a grace of everybody else', () => {
    for (const [first, then] of [
      [by, by + grace],
      [by - grace + 1, by + 1],
    ] as const) {
      const [early, late] = [came(heardLive(genesis, 1, first)), came(heardLive(genesis, 1, then))]
      expect(seal(early).roster).toHaveLength(20)
      expect(seal(late).roster).toHaveLength(15)
      for (const coordinator of [early, late]) {
        for (const witness of [early, late]) expect(fault(seal(coordinator), witness)).toBeNull()
      }
    }
  })

  test('has to be on it when it came an epoch before, as of late the coordinator may have been cut off', () => {
    const without = seal(came(heardLive(genesis, 1, by + 1)))
    const epochBefore = by - genesis.body.epoch.rounds
    expect(fault(without, came(heardLive(genesis, 1, epochBefore - grace)))).toContain('does not follow')
    expect(fault(without, came(heardLive(genesis, 1, epochBefore - grace + 1)))).toBeNull()
    // Not more than a quarter of those who are there, though.
    const many = others.slice(0, 6)
    const lacking = seal(came(heardLive(genesis, 1, by + 1), many))
    expect(fault(lacking, came(heardLive(genesis, 1, by - grace), many))).toBe('it leaves out nodes that are there')
    expect(fault(lacking, came(heardLive(genesis, 1, by - grace + 1), many))).toBeNull()
  })

  test('must not be on it when it came more than a grace after', () => {
    expect(fault(seal(), came(heardLive(genesis, 1, by + grace)))).toBeNull()
    expect(fault(seal(), came(heardLive(genesis, 1, by + grace + 1)))).toContain('later than it says')
  })

  test('a coordinator that was away takes nobody for old who may not be, and no witness minds', () => {
    const unsure = came(heardLate(genesis, 1, by + 300))
    expect(seal(unsure).roster).toHaveLength(15)
    for (const at of [by - 150, by + grace + 1]) {
      expect(fault(seal(unsure), came(heardLive(genesis, 1, at)))).toBeNull()
    }
  })

  test('whose a node is now does not matter: what counts is when the pair on the roster registered', () => {
    const other = 'f'.repeat(64)
    const late = heardLive(genesis, 1, seed - 1)
    const [node] = others
    const moved: Arrivals = (_, account) => (account === other ? late : null)
    const nodes = new Map(state.nodes).set(node!, { ...state.nodes.get(node!)!, account: other, round: 0 })
    const view = { arrived: sealedAt, round: sealedAt, cited: heartbeats, known: heartbeats, arrivals: moved }
    const draw = sign(seal(), party.members[0]!.nodeSecret)
    expect(drawFault(draw, { ...view, states: [{ ...state, nodes }, state] })).toBeNull()
  })

  test('nobody is left out for being there too briefly, but who is not on it for no reason is', () => {
    // More than a quarter, of whom nobody can say that they were old enough.
    const arrivals = came(heardLive(genesis, 1, by), others.slice(0, 8))
    const without = seal(came(heardLive(genesis, 1, by + 1), others.slice(0, 8)))
    expect(fault(without, arrivals)).toBeNull()
    const cited = heartbeats.filter(({ node }) => !others.slice(8, 16).includes(node))
    const body = nextDraw(state, sealedAt, party.unitsPerWindow, { cited: [], heartbeats: cited, arrivals })!
    const view = { states: [state] as const, arrived: sealedAt, round: sealedAt, cited, known: heartbeats, arrivals }
    expect(drawFault(sign(body, party.members[0]!.nodeSecret), view)).toBe('it leaves out nodes that are there')
  })
})

test('a registration is never older than the round that it names, nor is a founder asked', () => {
  const future = heardLive(genesis, by + 5, by + 1)
  expect(future.earliest).toBe(by + 5)
  const [founder] = party.members.map(({ node }) => node)
  const late = heardLive(genesis, 1, seed)
  expect(seal(came(late, [founder!])).roster).toHaveLength(20)
})
