/** What a node shows of its own results, and when, however often it restarts. */
import { beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { Submissions } from '../../../../orbit/node/work/submission.ts'
import { MAX_BLOCK_BYTES, readBlock } from '../../../../orbit/rules/answer/results.ts'
import { rawCid } from '../../../../orbit/rules/base/cid.ts'
import { open } from '../../../../orbit/rules/base/statement.ts'
import { admit } from '../../../../orbit/rules/message/admit.ts'
import { MAX_RESULTS, resultsBody } from '../../../../orbit/rules/message/bodies.ts'
import type { Assignment } from '../../../../orbit/rules/message/unit.ts'
import { randomnessOf } from '../../../../orbit/rules/network/beacon.ts'
import { lastRound } from '../../../../orbit/rules/network/schedule.ts'
import { beaconAt, Party } from '../../rules/party.ts'

setDefaultTimeout(2_400_000)

const round = (at: number) => ({ round: at, signature: beaconAt(at), randomness: randomnessOf(beaconAt(at)) })

/** A node of a party: what it puts goes to the party's documents, and what it stores to its blocks. */
class Machine {
  answers: Submissions
  /** What it keeps on disk. */
  readonly rows = new Map<string, Uint8Array>()
  /** Whether the disk takes the document that a block is put for. */
  isWritable = true
  private readonly party: Party
  private readonly node: string

  constructor(party: Party, node: string) {
    this.party = party
    this.node = node
    this.answers = this.make()
  }

  private make(): Submissions {
    const { party, node, rows } = this
    return new Submissions({
      ...{ genesis: party.genesis, node, secret: party.member(node).nodeSecret, state: () => party.state() },
      kv: {
        get: async (key) => rows.get(key),
        put: async (key, value) => void rows.set(key, value),
        delete: async (key) => void rows.delete(key),
        entries: async (prefix) => [...rows].filter(([key]) => key.startsWith(prefix)),
      },
      blocks: {
        put: async (bytes) => {
          party.blocks.set(rawCid(bytes).toString(), bytes)
          return rawCid(bytes)
        },
      },
      put: async (database, key, value) => {
        if (!this.isWritable) throw new Error('the disk is full')
        expect(admit(party.genesis, database, node, key, value)).toBeNull()
        party.documents.results.push(value)
      },
    })
  }

  /** As after a kill. */
  async restart(): Promise<void> {
    this.answers = this.make()
    await this.answers.load()
  }

  async compute(units: readonly Assignment[], at: number): Promise<void> {
    for (const unit of units) await this.answers.keep(this.party.result(unit, this.party.claim(unit)), at)
  }

  /** @returns of each statement that it makes now, the units that it covers */
  async flush(at: number, idle: boolean): Promise<number[][]> {
    const before = this.party.documents.results.length
    await this.answers.flush(round(at), idle)
    return this.party.documents.results.slice(before).map((document) => {
      const statement = open((document as { statement: Uint8Array }).statement, resultsBody, 'what it showed')
      expect(statement.body.round).toBe(at)
      const block = this.party.blocks.get(statement.body.block)!
      return readBlock(statement, block).map(({ item }) => item.unit)
    })
  }
}

/** Epochs of three rounds. */
let party: Party
let machine: Machine
let units: Assignment[]

beforeEach(() => {
  party = new Party({ accounts: 3, partition: { units: 8 } })
  units = [...party.deal(2, 6)]
  machine = new Machine(party, party.members[0]!.node)
})

test.each([
  ['in the first round of the epoch, with more to compute', 6, false, 6, false],
  ['in the last but one', 6, false, 7, false],
  ['in the last round of the epoch', 6, false, 8, true],
  ['in the next epoch, when it missed that', 6, false, 9, true],
  ['with nothing left to compute', 6, true, 6, true],
])('a result is shown or not: %s', async (_, finished, idle, at, isShown) => {
  await machine.compute(units.slice(0, 1), finished)
  expect(await machine.flush(at, idle)).toEqual(isShown ? [[units[0]!.unit]] : [])
})

test('one statement an epoch has all that is finished by then; what comes after it waits for the next epoch', async () => {
  await machine.compute(units.slice(0, 2), 6)
  expect(await machine.flush(6, true)).toEqual([units.slice(0, 2).map(({ unit }) => unit)])
  await machine.compute(units.slice(2, 3), 7)
  expect(await machine.flush(7, true)).toEqual([])
  expect(await machine.flush(8, true)).toEqual([])
  // Besides the two that are shown, which its node has not judged yet.
  expect(machine.answers.pending()).toBe(1 + 2)
  expect(await machine.flush(9, false)).toEqual([[units[2]!.unit]])
  expect(machine.answers.pending()).toBe(0 + 3)
})

test('what was finished survives a restart until it is shown, and is deleted when the state has it', async () => {
  await machine.compute(units.slice(0, 2), 6)
  await machine.restart()
  expect(machine.answers.has(units[0]!)).toBe(true)
  expect(await machine.flush(8, false)).toEqual([units.slice(0, 2).map(({ unit }) => unit)])
  await machine.restart()
  expect(await machine.flush(9, true)).toEqual([])
  expect([machine.rows.size, machine.answers.has(units[0]!)]).toEqual([0, false])
})

test('a disk that refuses the statement loses nothing: it is made in the next round', async () => {
  await machine.compute(units.slice(0, 1), 6)
  machine.isWritable = false
  await expect(machine.flush(6, true)).rejects.toThrow('the disk is full')
  expect(machine.answers.pending()).toBe(1)
  machine.isWritable = true
  expect(await machine.flush(7, true)).toEqual([[units[0]!.unit]])
})

test('of a deal that nobody is awaited for any more nothing is shown, and nothing kept', async () => {
  const last = lastRound(party.genesis, 2)
  await machine.compute(units.slice(0, 1), last)
  expect(await machine.flush(last + 1, true)).toEqual([])
  expect(machine.rows.size).toBe(0)
  await machine.compute(units.slice(0, 1), last)
  expect(await machine.flush(last, true)).toEqual([[units[0]!.unit]])
})

test('the leaves of a result are wanted as long as it is not shown', async () => {
  await machine.compute(units.slice(0, 1), 6)
  const [cid] = [...party.blocks.keys()] as [string]
  expect([machine.answers.isKept(cid), machine.answers.isKept(rawCid(new Uint8Array()).toString())]).toEqual([
    true,
    false,
  ])
  await machine.flush(6, true)
  await machine.flush(7, true)
  expect(machine.answers.isKept(cid)).toBe(false)
})

test('more results than a statement takes are shown in the epochs that follow', async () => {
  const many = new Party({ accounts: 1, changes: { replication: 1 } })
  const dealt = many.deal(2, MAX_RESULTS + 2, { capacity: 200 })
  const busy = new Machine(many, many.members[0]!.node)
  await busy.compute(dealt, 6)
  const [first] = await busy.flush(8, false)
  expect(first).toHaveLength(MAX_RESULTS)
  expect(await busy.flush(9, false)).toEqual([dealt.slice(-2).map(({ unit }) => unit)])
  for (const block of many.blocks.values()) expect(block.length).toBeLessThanOrEqual(MAX_BLOCK_BYTES)
})
