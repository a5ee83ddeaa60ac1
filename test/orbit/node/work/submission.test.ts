/**
 * What a node commits to, cites and shows of its own results, whatever others publish and however
 * often it restarts.
 */
import { beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import * as dagCbor from '@ipld/dag-cbor'
import { Submissions } from '../../../../orbit/node/work/submission.ts'
import { admit } from '../../../../orbit/rules/message/admit.ts'
import { MAX_REVEALED } from '../../../../orbit/rules/message/bodies.ts'
import { type Assignment, dealtUnitKey } from '../../../../orbit/rules/message/unit.ts'
import { randomnessOf } from '../../../../orbit/rules/network/beacon.ts'
import { commitDeadline, deadlineRound, lastRound } from '../../../../orbit/rules/network/schedule.ts'
import { duties } from '../../../../orbit/rules/state/duties.ts'
import { beaconAt, Party } from '../../rules/party.ts'

setDefaultTimeout(2_400_000)

const round = (at: number) => ({ round: at, signature: beaconAt(at), randomness: randomnessOf(beaconAt(at)) })

/**
 * A node of a party: what it puts goes to the party's documents, and it hears of all that comes, in
 * order.
 */
class Machine {
  answers: Submissions
  private readonly kept = new Map<string, Uint8Array>()
  private readonly party: Party
  private readonly node: string
  private heard = 0

  constructor(party: Party, node: string) {
    this.party = party
    this.node = node
    this.answers = this.make()
  }

  private make(): Submissions {
    const { party, node, kept } = this
    return new Submissions({
      ...{ genesis: party.genesis, node, secret: party.member(node).nodeSecret, state: () => party.state() },
      kv: {
        get: async (key: string) => kept.get(key),
        put: async (key: string, value: Uint8Array) => void kept.set(key, value),
        delete: async (key: string) => void kept.delete(key),
        entries: async (prefix: string) => [...kept].filter(([key]) => key.startsWith(prefix)),
      } as never,
      put: async (database, key, value) => {
        expect(admit(party.genesis, database, node, key, value)).toBeNull()
        party.documents.results.push(value)
      },
    })
  }

  /** Hears of what has come since. */
  hear(): void {
    const { results } = this.party.documents
    for (; this.heard < results.length; this.heard++) this.answers.hear(results[this.heard], false)
  }

  /** As after a kill: all that it has heard of is on disk. */
  async restart(): Promise<void> {
    this.answers = this.make()
    for (const document of this.party.documents.results.slice(0, this.heard)) this.answers.hear(document, true)
    await this.answers.load()
  }

  async compute(units: readonly Assignment[], at: number): Promise<void> {
    for (const unit of units) await this.answers.keep(this.party.result(unit, this.party.claim(unit)), at)
  }

  /** @returns what it cites in the reveals that it makes now, sorted */
  async flush(at: number): Promise<string[]> {
    const before = this.party.documents.results.length
    this.hear()
    await this.answers.flush(round(at), true)
    const made = this.party.documents.results.slice(before) as { items?: Uint8Array[] }[]
    return made.flatMap(({ items = [] }) => items.flatMap((item) => dagCbor.decode<any>(item).cites)).sort()
  }
}

describe('a node cites', () => {
  let party: Party
  let unit: Assignment
  let machine: Machine
  let b: string
  let c: string
  const commit = (node: string, at: number, variant = 0) =>
    party.commit(node, [party.result(unit, party.claim(unit, variant))], at)

  /** It is the first of the quorum, and has committed in round 7. */
  beforeEach(async () => {
    party = new Party({ accounts: 14 })
    unit = party.deal(2, 1)[0]!
    machine = new Machine(party, unit.quorum[0]!)
    ;[, b, c] = unit.quorum as [string, string, string]
    await machine.compute([unit], 7)
    expect(await machine.flush(7)).toEqual([])
  })
  /** Whether what it has shown was shown too early. */
  const isEarly = () => party.settlement(unit)!.refused.has(unit.quorum[0]!)

  test('all commits that came in time', async () => {
    const others = [commit(b, 7), commit(c, 8)].sort()
    expect(await machine.flush(9)).toEqual(others)
  })

  test('no commit that came when a result had been shown, nor after a restart', async () => {
    const mine = party.state().evidence.units.values().next().value!.commits.get(unit.quorum[0]!)![0]!.cid
    const first = commit(b, 7)
    const late = deadlineRound(party.genesis, 2)
    const called = commit(unit.reserve[0]!, late)
    party.reveal(b, first, new Map([[0, [mine, called].sort()]]), late + 1)
    machine.hear()
    commit(c, late + 2)
    machine.hear()
    await machine.restart()
    expect(await machine.flush(late + 3)).toEqual([first, called].sort())
    expect(isEarly()).toBe(false)
  })

  test('no commit that comes after a restart, when a result had been shown before it', async () => {
    const mine = party.state().evidence.units.values().next().value!.commits.get(unit.quorum[0]!)![0]!.cid
    const first = commit(b, 7)
    const late = deadlineRound(party.genesis, 2)
    const called = commit(unit.reserve[0]!, late)
    party.reveal(b, first, new Map([[0, [mine, called].sort()]]), late + 1)
    machine.hear()
    await machine.restart()
    commit(c, late + 2)
    expect(await machine.flush(late + 3)).toEqual([first, called].sort())
  })

  test('commits that came after somebody showed a result too early: who does that lets nobody else be taken for a copier', async () => {
    const first = commit(b, 7)
    party.reveal(b, first, new Map([[0, []]]), 8)
    machine.hear()
    const last = commit(c, 8)
    expect(await machine.flush(9)).toEqual([first, last].sort())
    expect(isEarly()).toBe(false)
  })

  test('the second commit of one of the reserve only if it came in time', async () => {
    const mine = party.state().evidence.units.values().next().value!.commits.get(unit.quorum[0]!)![0]!.cid
    const first = commit(b, 7)
    const late = deadlineRound(party.genesis, 2)
    const [r, s] = unit.reserve as [string, string]
    const inTime = commit(r, late, 1)
    party.reveal(b, first, new Map([[0, [mine, inTime].sort()]]), late + 1)
    machine.hear()
    commit(r, late + 2)
    const called = commit(s, late + 2)
    expect(await machine.flush(late + 3)).toEqual([first, inTime, called].sort())
  })

  test('one commit of each node before any of a second, so that nobody crowds others out', async () => {
    const last = commit(c, 7)
    for (let variant = 1; variant <= 40; variant++) commit(b, 7, variant)
    const cites = await machine.flush(9)
    expect(cites).toHaveLength(32)
    expect(cites).toContain(last)
    expect(isEarly()).toBe(false)
  })

  test('and shows nothing before commits of N accounts can be cited, however many one of them has made', async () => {
    for (let variant = 1; variant <= 3; variant++) commit(b, 7, variant)
    expect(await machine.flush(9)).toEqual([])
    expect(party.state().evidence.units.values().next().value!.reveals.size).toBe(0)
    expect(await machine.flush(commitDeadline(party.genesis, 2))).toHaveLength(3)
  })
})

describe('news that comes in another order', () => {
  for (const order of ['commits first', 'results first']) {
    test(`${order}: a node that was away cites the commits that the results cite, and waits for no deadline`, async () => {
      const party = new Party({ accounts: 14, changes: { deadlineRounds: 99 } })
      const [unit] = party.deal(2, 1) as [Assignment]
      const [A, B, C] = unit.quorum as [string, string, string]
      const machine = new Machine(party, A)
      await machine.compute([unit], 7)
      await machine.flush(7)
      const own = party.state().evidence.units.get(dealtUnitKey(unit))!.commits.get(A)![0]!.cid
      const { results } = party.documents
      const [b, c] = [B, C].map((node) => party.commit(node, [party.result(unit, party.claim(unit))], 8)) as [
        string,
        string,
      ]
      party.reveal(B, b, new Map([[0, [own, c].sort()]]), 10)
      party.reveal(C, c, new Map([[0, [own, b].sort()]]), 10)
      const came = results.splice(-4)
      results.push(...(order === 'commits first' ? came : [...came.slice(2), ...came.slice(0, 2)]))
      expect(await machine.flush(12)).toEqual([b, c].sort())
      expect(party.settlement(unit)!.status).toBe('certified')
    })
  }
})

test('a result that was committed to beside one whose time is over can still be shown', async () => {
  const party = new Party({ accounts: 5, changes: { deadlineRounds: 99 } })
  const [old] = party.deal(2, 1) as [Assignment]
  const node = old.quorum[0]!
  const unit = party.deal(96, 4, { from: 1, capacity: 4 }).find(({ quorum }) => quorum.includes(node))!
  const machine = new Machine(party, node)
  await machine.compute([old], 290)
  await machine.compute([unit], 293)
  await machine.flush(294)
  expect(lastRound(party.genesis, 2)).toBeLessThan(310)
  await machine.flush(310)
  const others = unit.quorum.filter((other) => other !== node)
  const commits = others.map((other) => party.commit(other, [party.result(unit, party.claim(unit))], 312))
  expect(await machine.flush(315)).toEqual(commits.sort())
  expect(machine.answers.pending()).toBe(0)
})

test('reveals of many units that cite many commits are cut to what a replica lets in', async () => {
  const party = new Party({ accounts: 18, changes: { replication: 13 } })
  const units = party.deal(2, 180)
  const [first, ...others] = party.members.map(({ node }) => node) as [string, ...string[]]
  const mine = units.filter(({ quorum }) => quorum.includes(first)).slice(0, MAX_REVEALED)
  expect(mine).toHaveLength(MAX_REVEALED)
  const machine = new Machine(party, first)
  await machine.compute(mine, 7)
  // All the others answer as well: the rest of the quorum, and the reserve, whose turn has come by
  // then.
  const late = deadlineRound(party.genesis, 2)
  const results = mine.map((unit) => party.result(unit, party.claim(unit)))
  for (const node of others) party.commit(node, results, late)
  const cites = await machine.flush(late)
  expect(cites).toHaveLength(others.length * MAX_REVEALED)
  const reveals = party.documents.results.filter((document: any) => document.items) as { items: Uint8Array[] }[]
  expect(reveals.length).toBeGreaterThan(1)
  expect(reveals.reduce((sum, { items }) => sum + items.length, 0)).toBe(MAX_REVEALED)
})

test('five nodes, one of which copies: no node cites it, and each unit is done without it in the period after the deadline', async () => {
  const party = new Party({ accounts: 5, changes: { epoch: { rounds: 5, perDatabase: 1000 }, deadlineRounds: 15 } })
  const units = party.deal(2, 6)
  const copier = party.members[2]!.node
  const machines = party.members.map(({ node }) => [node, new Machine(party, node)] as const)
  const isShown = (unit: Assignment) => (party.state().evidence.units.get(dealtUnitKey(unit))?.reveals.size ?? 0) > 0
  for (let at = 10; at < commitDeadline(party.genesis, 2); at++) {
    for (const [node, machine] of machines) {
      machine.hear()
      const owed = () => duties(party.state(), node, at).filter((unit) => !machine.answers.has(unit))
      await machine.compute(
        owed().filter((unit) => node !== copier || isShown(unit)),
        at,
      )
      if (owed().length === 0) await machine.flush(at)
    }
  }
  for (const unit of units) {
    const { status, counted } = party.settlement(unit)!
    expect(status).toBe('certified')
    if (unit.quorum.includes(copier)) expect(counted.map(({ node }) => node)).not.toContain(copier)
  }
  expect(units.filter(({ quorum }) => quorum.includes(copier)).length).toBeGreaterThan(0)
})
