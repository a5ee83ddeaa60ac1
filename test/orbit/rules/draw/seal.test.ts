/** When draws are sealed, by the numbers that networks are founded with: everybody who is there is in them. */
import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { found } from '../../../../orbit/node/home/founding.ts'
import { sign } from '../../../../orbit/rules/base/statement.ts'
import { mayStepIn, turnRound } from '../../../../orbit/rules/deal/coordinators.ts'
import { drawFault } from '../../../../orbit/rules/draw/check.ts'
import { rosterAt } from '../../../../orbit/rules/draw/roster.ts'
import { nextDraw } from '../../../../orbit/rules/draw/seal.ts'
import type { DrawBody, HeartbeatBody } from '../../../../orbit/rules/message/bodies.ts'
import {
  beatRounds,
  graceRounds,
  sealingLead,
  seedRound,
  stepRounds,
} from '../../../../orbit/rules/network/schedule.ts'
import { Party } from '../party.ts'

const directory = mkdtempSync(join(tmpdir(), 'collatz-sealing-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** So many accounts in a network whose times are those of one that is founded. */
function foundedAs(kind: 'production' | 'local', accounts: number, coordinators = 1) {
  const founding = { kind, network: 'n', account: 'a', listen: [], directory: join(directory, crypto.randomUUID()) }
  const { epoch, freshRounds, deadlineRounds, allowance } = found(founding).genesis.body
  const { members } = new Party({ accounts })
  const keys = members.slice(0, coordinators).map(({ node }) => node)
  return new Party({ accounts, changes: { epoch, freshRounds, deadlineRounds, allowance, coordinators: keys } })
}

/** All that nodes have said until `now` since the first round, each at its own rounds, every so many. */
function words(party: Party, now: number, every = beatRounds(party.genesis)): HeartbeatBody[] {
  const word = { type: 'heartbeat', network: party.genesis.networkId, beacon: new Uint8Array(48) } as const
  return party.members.flatMap(({ node }, i) => {
    const said: HeartbeatBody[] = []
    for (let round = 1 + ((7 * i) % every); round <= now; round += every) {
      said.push({ ...word, node, round, capacity: 8, engines: ['wasm'], witnessed: [] })
    }
    return said
  })
}

const EPOCH = 3

describe('in a production network', () => {
  const party = foundedAs('production', 20, 3)
  const state = party.state()
  const { genesis } = party
  const seed = seedRound(genesis, EPOCH)
  const first = genesis.body.coordinators[EPOCH % 3]!
  const secret = party.member(first).nodeSecret
  const fault = (body: DrawBody, now: number, cited: HeartbeatBody[]) =>
    drawFault(sign(body, secret), { states: [state], arrived: now, round: now, cited, known: words(party, now) })

  test('a draw is sealed 99 s before its round, and has all who say every two minutes that they are there', () => {
    expect(beatRounds(genesis) * 3).toBe(120)
    const may = (round: number) => mayStepIn(genesis, first, EPOCH, round)
    const rounds = Array.from({ length: 1200 }, (_, i) => seed - 1200 + i)
    const sealedAt = rounds.find(may)!
    expect((seed - sealedAt) * 3).toBe(99)
    for (let now = sealedAt; now < seed; now++) {
      expect(may(now)).toBe(true)
      const heartbeats = words(party, now)
      const draw = nextDraw(state, now, party.unitsPerWindow, { cited: [], heartbeats })!
      expect(draw.roster).toHaveLength(20)
      expect(fault(draw, now, heartbeats)).toBeNull()
    }
  })

  test('long before, whoever is there now is seen as who would be on the roster if it were sealed now', () => {
    for (const now of [seed - 1200, seed - 600, seed - 100]) {
      const at = now + sealingLead(genesis)
      expect(rosterAt(state, words(party, now), new Set(), EPOCH, [], at)).toHaveLength(20)
      // Not as who is on it: that is for those who will be there.
      expect(rosterAt(state, words(party, now), new Set(), EPOCH, []).length).toBeLessThan(20)
    }
  })

  test('one that leaves out more than a quarter of them is refused, whenever it is sealed', () => {
    for (const now of [seed - sealingLead(genesis), seed - 20, seed - 1]) {
      for (const out of [0, 5, 6, 17]) {
        const cited = words(party, now).filter(({ node }) => party.members.findIndex((m) => m.node === node) >= out)
        const draw = nextDraw(state, now, party.unitsPerWindow, { cited: [], heartbeats: cited })!
        expect(draw.roster).toHaveLength(20 - out)
        const why = fault(draw, now, cited)
        if (out > 5) expect(why).toContain('leaves out')
        else expect(why).toBeNull()
      }
    }
  })

  test('nor is one refused that lacks those who have just come, or have just said that they leave', () => {
    const now = seed - 10
    const all = words(party, now)
    const isOneOf = ({ node }: HeartbeatBody) => party.members.findIndex((m) => m.node === node) < 10
    const others = all.filter((word) => !isOneOf(word))
    const draw = nextDraw(state, now, party.unitsPerWindow, { cited: [], heartbeats: others })!
    const known = (changed: HeartbeatBody[]) =>
      drawFault(sign(draw, secret), { ...{ states: [state], arrived: now, round: now }, cited: others, known: changed })
    expect(known(all)).toContain('leaves out')
    const came = party.members.slice(0, 10).map(({ node }) => ({ ...all[0]!, node, round: now - 20 }))
    expect(known([...others, ...came])).toBeNull()
    const left = came.map((word) => ({ ...word, round: now, capacity: 0 }))
    expect(known([...all, ...left])).toBeNull()
  })

  test('accounts are left out, not nodes: two that have 30 nodes each do not outweigh 20 others', () => {
    const now = seed - 30
    const nodes = new Map(state.nodes)
    const crowd = Array.from({ length: 60 }, (_, i) => {
      const [node, account] = [i, 1000 + (i % 2)].map((n) => n.toString(16).padStart(64, '0')) as [string, string]
      nodes.set(node, { node, account, name: 'crowd', round: 1 })
      return { ...words(party, now)[0]!, node, round: now - 20 }
    })
    const early = crowd.map((word) => ({ ...word, round: now - 40 }))
    const crowded = { ...state, nodes }
    const all = [...words(party, now), ...early, ...crowd]
    const out = new Set(party.members.slice(0, 19).map(({ node }) => node))
    const judge = (without: (word: HeartbeatBody) => boolean) => {
      const cited = all.filter((word) => !without(word))
      const roster = rosterAt(crowded, cited, new Set(), EPOCH, [])
      const honest = nextDraw(crowded, now, party.unitsPerWindow, { cited: [], heartbeats: all })!
      return drawFault(sign({ ...honest, roster }, secret), {
        ...{ states: [crowded], arrived: now, round: now, cited, known: all },
      })
    }
    expect(judge(() => false)).toBeNull()
    // 19 of 80 nodes, and 19 of 22 accounts.
    expect(judge(({ node }) => out.has(node))).toContain('leaves out')
    // 60 of 80 nodes, and two of 22 accounts.
    expect(judge(({ node }) => !state.nodes.has(node))).toBeNull()
  })

  test('the lead, the grace and the pace leave room for news: whoever is there has said so in time, and is fresh', () => {
    for (const { genesis: g } of [party, foundedAs('local', 1), ...[1, 3, 10, 29, 5000].map(withFresh)]) {
      const { freshRounds } = g.body
      const said = freshRounds - sealingLead(g) - graceRounds(g)
      if (freshRounds >= 10) expect(said).toBeGreaterThanOrEqual(beatRounds(g))
      expect(sealingLead(g)).toBeGreaterThanOrEqual(1)
      expect(sealingLead(g)).toBeLessThanOrEqual(g.body.epoch.rounds)
    }
  })
  const withFresh = (freshRounds: number) =>
    new Party({ accounts: 1, changes: { freshRounds, epoch: { rounds: 500, perDatabase: 1 } } })
})

describe('turns', () => {
  test('no two coordinators begin at one round, and all have one in some epoch', () => {
    for (const kind of ['production', 'local'] as const) {
      for (const n of [1, 2, 3, 8, 20]) {
        const { genesis } = foundedAs(kind, n, n)
        const had = new Set<string>()
        for (let epoch = 10; epoch < 10 + n; epoch++) {
          const seed = seedRound(genesis, epoch)
          const turns = genesis.body.coordinators.map((signer) => turnRound(genesis, { signer, body: { epoch } }))
          const within = turns.filter((round) => round < seed)
          expect(new Set(within).size).toBe(within.length)
          expect(Math.min(...turns)).toBe(seed - sealingLead(genesis))
          for (const [i, signer] of genesis.body.coordinators.entries()) {
            expect(mayStepIn(genesis, signer, epoch, seed - 1)).toBe(turns[i]! < seed)
            expect(mayStepIn(genesis, signer, epoch, seed)).toBe(false)
            if (turns[i]! < seed) had.add(signer)
          }
          // At most as many as there are rounds, and else all, or the first eight.
          expect(within.length).toBeGreaterThanOrEqual(Math.min(n, kind === 'local' ? 3 : 8))
        }
        expect(had.size).toBe(n)
        if (kind === 'production' && n > 1) expect(stepRounds(genesis) * 3).toBeGreaterThanOrEqual(12)
      }
    }
  })

  test('a draw that comes before its coordinator has one waits for it', () => {
    const party = foundedAs('production', 4, 2)
    const { genesis } = party
    const seed = seedRound(genesis, 4)
    const at = (now: number, by: number) => {
      const heartbeats = words(party, now)
      const draw = nextDraw(party.state(), now, party.unitsPerWindow, { cited: [], heartbeats })!
      return drawFault(sign(draw, party.members[by]!.nodeSecret), {
        ...{ states: [party.state()], arrived: now, round: now, cited: heartbeats, known: heartbeats },
      })
    }
    expect(at(seed - 33, 0)).toBeNull()
    expect(at(seed - 34, 0)).toContain('turn has not come')
    expect(at(seed - 18, 1)).toContain('turn has not come')
    expect(at(seed - 17, 1)).toBeNull()
  })
})

test('a local network, whose epochs are three seconds, seals all through the epoch, and everybody is in', () => {
  const party = foundedAs('local', 6)
  const seed = seedRound(party.genesis, 150)
  for (let now = seed - 3; now < seed; now++) {
    expect(mayStepIn(party.genesis, party.members[0]!.node, 150, now)).toBe(true)
    const heartbeats = words(party, now)
    const draw = nextDraw(party.state(), now, party.unitsPerWindow, { cited: [], heartbeats })!
    expect(draw.roster).toHaveLength(6)
    const cited = heartbeats.filter(({ node }) => node !== party.members[5]!.node)
    const without = nextDraw(party.state(), now, party.unitsPerWindow, { cited: [], heartbeats: cited })!
    const judge = (body: DrawBody, under: HeartbeatBody[]) =>
      drawFault(sign(body, party.members[0]!.nodeSecret), {
        ...{ states: [party.state()], arrived: now, round: now, cited: under, known: heartbeats },
      })
    expect(judge(draw, heartbeats)).toBeNull()
    expect(judge(without, cited)).toBeNull()
    const few = heartbeats.filter(({ node }) => party.members.findIndex((m) => m.node === node) < 4)
    const two = nextDraw(party.state(), now, party.unitsPerWindow, { cited: [], heartbeats: few })!
    expect(judge(two, few)).toContain('leaves out')
  }
})
