/** Who may answer for a unit: its quorum, then its reserve as seats fall free; and nobody else, ever. */
import { beforeEach, describe, expect, test } from 'bun:test'
import { type Assignment, deadlineRound, seedRound } from '../../../orbit/rules/assignment.ts'
import { localChain, localSecret, signRound } from '../../../orbit/rules/beacon.ts'
import { nextDraw } from '../../../orbit/rules/draw.ts'
import { duties, missesInARow } from '../../../orbit/rules/duties.ts'
import type { DeclineBody, ResultBody } from '../../../orbit/rules/events.ts'
import type { State } from '../../../orbit/rules/state.ts'
import { stateOf } from '../../../orbit/rules/state.ts'
import { publicKeyOf, sign } from '../../../orbit/rules/statement.ts'
import { miniature } from './miniature.ts'

const beaconSecret = localSecret(new Uint8Array(48).fill(7))
const secrets = Array.from({ length: 7 }, (_, i) => ({
  account: new Uint8Array(32).fill(100 + i),
  node: new Uint8Array(32).fill(150 + i),
}))
const keys = secrets.map(({ account, node }) => ({ account: publicKeyOf(account), node: publicKeyOf(node) }))

/** Seven accounts, N = 2, deadline 100 rounds, one unit dealt in epoch 2 (R = 6). */
class Party {
  readonly genesis = miniature({
    replication: 2,
    deadlineRounds: 100,
    missLimit: 2,
    partition: { map: '3n+1', bits: 28, units: 1, leaves: 8, hardSteps: 128 },
    founders: keys
      .map((key) => ({ ...key }))
      .concat([{ account: publicKeyOf(new Uint8Array(32).fill(0).fill(1, 31)), node: keys[0]!.node }]),
    coordinators: [keys[0]!.node],
    beacon: { source: 'local', ...localChain(beaconSecret, 1_700_000_000, 1) },
  }).genesis
  readonly documents = {
    accounts: [] as unknown[],
    pool: [] as unknown[],
    draws: [] as unknown[],
    results: [] as unknown[],
  }

  constructor() {
    const network = this.genesis.networkId
    const beacon = signRound(beaconSecret, 1)
    secrets.forEach((secret, i) => {
      const { account, node } = keys[i]!
      this.documents.accounts.push({
        registration: sign(
          { type: 'registration', network, account, node, name: `n${i}`, round: 1, beacon, nonce: 0 },
          secret.account,
        ).bytes,
        consent: sign({ type: 'consent', network, account, node }, secret.node).bytes,
      })
    })
    this.beat(4, 1)
    this.seal(4)
  }

  beat(round: number, capacity: number) {
    const beacon = signRound(beaconSecret, round)
    for (const [i, { node }] of secrets.entries()) {
      const body = {
        type: 'heartbeat',
        network: this.genesis.networkId,
        node: keys[i]!.node,
        round,
        beacon,
        capacity,
        engines: ['wasm'],
      }
      this.documents.pool.push({ statement: sign(body, node).bytes })
    }
  }

  seal(round: number) {
    const draw = nextDraw(this.state(), round, 1, [])
    if (!draw) throw new Error('nothing to draw')
    this.documents.draws.push({ statement: sign(draw, secrets[0]!.node).bytes })
    const seed = seedRound(this.genesis, draw.epoch)
    this.documents.draws.push({ round: seed, signature: signRound(beaconSecret, seed) })
    return draw
  }

  state = (): State => stateOf(this.genesis, 1, this.documents)
  get unit(): Assignment {
    return this.state().draws.get(2)!.assignments[0]!
  }

  private secretOf = (node: string) => secrets[keys.findIndex((key) => key.node === node)]!.node

  answer(node: string, overtime: number | null = null, count = 5) {
    const { epoch, window, unit } = this.unit
    const body: ResultBody = {
      type: 'result',
      network: this.genesis.networkId,
      epoch,
      window: window.toString(),
      unit,
      count,
      checksum: '00000000deadbeef',
      peak: null,
      root: new Uint8Array(32),
      leaves: `b${'a'.repeat(58)}`,
      overtime: overtime === null ? null : { round: overtime, beacon: signRound(beaconSecret, overtime) },
    }
    this.documents.results.push({ statement: sign(body, this.secretOf(node)).bytes })
  }

  decline(node: string) {
    const { epoch, window, unit } = this.unit
    const body: DeclineBody = {
      type: 'decline',
      network: this.genesis.networkId,
      epoch,
      window: window.toString(),
      unit,
    }
    this.documents.results.push({ statement: sign(body, this.secretOf(node)).bytes })
  }

  get certified(): boolean {
    return this.state().windows.get(this.unit.window)?.certified.has(0) ?? false
  }
}

let party: Party
beforeEach(() => {
  party = new Party()
})

const seats = () => ({ quorum: party.unit.quorum, reserve: party.unit.reserve })

test('a deal names a quorum and a reserve of other accounts', () => {
  const { quorum, reserve } = seats()
  expect(quorum).toHaveLength(2)
  expect(reserve).toHaveLength(4)
  expect(new Set([...quorum, ...reserve]).size).toBe(6)
})

test('two equal results of the quorum certify the unit; one does not, nor two that differ', () => {
  const [a, b] = seats().quorum as [string, string]
  party.answer(a)
  expect(party.certified).toBe(false)
  party.answer(b, null, 6)
  expect(party.certified).toBe(false)
  expect([...party.state().windows.get(party.unit.window)!.disputed]).toEqual([0])
})

test('a result of anybody else is refused and counted', () => {
  const { quorum, reserve } = seats()
  const stranger = keys.find(({ node }) => !quorum.includes(node) && !reserve.includes(node))!.node
  party.answer(quorum[0]!)
  party.answer(stranger)
  party.answer(stranger, 500)
  party.answer(reserve[0]!)
  expect(party.certified).toBe(false)
  expect(party.state().notAssigned).toBe(2)
})

describe('the reserve', () => {
  test('may answer with proof that the deadline has passed, in its order', () => {
    const { quorum, reserve } = seats()
    party.answer(quorum[0]!)
    party.answer(reserve[0]!, deadlineRound(party.genesis, 2) - 1)
    expect(party.certified).toBe(false)
    party.answer(reserve[2]!, deadlineRound(party.genesis, 2))
    expect(party.certified).toBe(false)
    party.answer(reserve[1]!, deadlineRound(party.genesis, 2))
    expect(party.certified).toBe(true)
  })

  test('may answer at once for those who declined, and for no more of them', () => {
    const { quorum, reserve } = seats()
    party.answer(quorum[0]!)
    party.decline(quorum[1]!)
    party.answer(reserve[1]!)
    expect(party.certified).toBe(false)
    party.answer(reserve[0]!)
    expect(party.certified).toBe(true)
  })

  test('a decline by somebody who was not dealt the unit frees no seat', () => {
    const { quorum, reserve } = seats()
    const stranger = keys.find(({ node }) => !quorum.includes(node) && !reserve.includes(node))!.node
    party.answer(quorum[0]!)
    party.decline(stranger)
    party.answer(reserve[0]!)
    expect(party.certified).toBe(false)
  })
})

describe('duties', () => {
  const asked = (round: number) =>
    keys
      .filter(({ node }) => duties(party.state(), node, round).some(({ window }) => window === party.unit.window))
      .map(({ node }) => node)

  test('before the deadline the quorum alone; after it the reserve, as many as are missing', () => {
    const { quorum, reserve } = seats()
    const deadline = deadlineRound(party.genesis, 2)
    expect(asked(deadline - 1).sort()).toEqual([...quorum].sort())
    party.answer(quorum[0]!)
    expect(asked(deadline - 1)).toEqual([quorum[1]!])
    expect(asked(deadline).sort()).toEqual([quorum[1]!, reserve[0]!].sort())
    // The next period calls the next ones, in case the first of the reserve is gone as well.
    expect(asked(deadline + 100)).toContain(reserve[2]!)
  })

  test('one who declined is asked no more, and the next is asked at once', () => {
    const { quorum, reserve } = seats()
    party.decline(quorum[0]!)
    expect(asked(10).sort()).toEqual([quorum[1]!, reserve[0]!].sort())
  })

  test('nobody is asked for a certified unit', () => {
    for (const node of seats().quorum) party.answer(node)
    expect(party.certified).toBe(true)
    expect(asked(10)).toEqual([])
  })

  test('after all its time the unit is on offer again', () => {
    expect(() => party.seal(7)).toThrow('nothing to draw')
    const late = deadlineRound(party.genesis, 2) + 2 * 100 + 1
    party.beat(late, 1)
    const draw = party.seal(late)
    expect(draw.offers[0]).toEqual({ window: party.unit.window.toString(), from: 0, to: 1 })
  })
})

test('misses and declines in a row are counted, an answer ends the row, and the limit keeps an account out', () => {
  const [a, b] = seats().quorum as [string, string]
  const account = (node: string) => keys.find((key) => key.node === node)!.account
  const deadline = deadlineRound(party.genesis, 2)
  expect(missesInARow(party.state(), deadline).get(account(a)) ?? 0).toBe(0)
  expect(missesInARow(party.state(), deadline + 1).get(account(a))).toBe(1)
  party.answer(b)
  expect(missesInARow(party.state(), deadline + 1).get(account(b))).toBe(0)
  party.decline(a)
  expect(missesInARow(party.state(), 7).get(account(a))).toBe(1)
})
