/**
 * The wasm engine lists the evidence that the exact engine does, to the byte; webgpu.test.ts has
 * the GPU.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { decodeItems, encodeItems } from '../../kernels/evidence/encoding.ts'
import { falseItemOf, tiersOfNumber } from '../../kernels/evidence/item.ts'
import { ItemCollector } from '../../kernels/evidence/items.ts'
import { isKnownEvidence, KNOWN_EVIDENCE } from '../../kernels/evidence/known-answer.ts'
import { type EvidenceTest, evidenceTest } from '../../kernels/evidence/request.ts'
import { alarmsOfUnit, talliesOf } from '../../kernels/evidence/shortfall.ts'
import { createExactEngine, survivorsOf } from '../../kernels/exact.ts'
import { classes, leavesOf } from '../../kernels/partition.ts'
import { mix64 } from '../../kernels/result.ts'
import { children, ROOT } from '../../kernels/rules.ts'
import type { ClassState, EvidenceRequest, LeafResult, Partition, Unit, UnitResult } from '../../kernels/unit.ts'
import { buildKernel } from '../../kernels/wasm/build.ts'
import type { WasmEngine } from '../../kernels/wasm/engine.ts'
import { Kernel } from '../../kernels/wasm/kernel.ts'
import { bruteHash, bruteValue } from './evidence-brute.ts'
import { askedLeaves, askedUnits } from './evidence-units.ts'

const exact = createExactEngine()
let wasm: WasmEngine
let module: WebAssembly.Module
beforeAll(async () => {
  module = new WebAssembly.Module(readFileSync(await buildKernel()))
  // Imports the kernel, which is there only now.
  const { bunPlatform } = await import('../../kernels/wasm/open.ts')
  const { WasmEngine } = await import('../../kernels/wasm/engine.ts')
  wasm = await WasmEngine.open(bunPlatform, { workers: 1 })
}, 120_000)
afterAll(() => wasm.close())

const request: EvidenceRequest = {
  network: new Uint8Array(32).fill(1),
  seed: new Uint8Array(32).fill(2),
  signer: new Uint8Array(32).fill(3),
}
const partition = (bits: number, units: number, leaves: number, rest: Partial<Partition> = {}): Partition => ({
  map: '3n+1',
  bits,
  units,
  leaves,
  hardSteps: bits + 100,
  ...rest,
})
const bytesOf = (unit: Unit, { evidence }: UnitResult) =>
  encodeItems(evidence!, unit.partition, unit.window, classes(unit.partition)[unit.index]!)

describe('equal to the exact engine, to the byte', () => {
  test('on 200 random units, with J from 0 to 15 and thresholds of all sizes', async () => {
    const items = [0, 0, 0]
    for (const { unit, request } of askedUnits()) {
      const truth = await exact.verify(unit, { evidence: request })
      const found = await wasm.verify(unit, { evidence: request })
      expect(found).toEqual(truth)
      expect(bytesOf(unit, found)).toEqual(bytesOf(unit, truth))
      for (const [tier, { length }] of truth.evidence!.entries()) items[tier]! += length
      // Without a request the result is the same, and has none.
      const { evidence: _, ...rest } = truth
      if (unit.index % 8 === 0) expect(await wasm.verify(unit)).toEqual(rest)
    }
    for (const count of items) expect(count).toBeGreaterThan(500)
  }, 900_000)

  test('on leaves of units of 2^36, 2^40 and 2^56 numbers', async () => {
    let items = 0
    for (const { unit, leaf, request } of askedLeaves()) {
      const truth = await exact.verifyLeaf(unit, leaf, { evidence: request })
      expect(await wasm.verifyLeaf(unit, leaf, { evidence: request })).toEqual(truth)
      items += truth.evidence!.flat().length
    }
    expect(items).toBeGreaterThan(50)
  }, 900_000)
})

describe('the wasm kernel', () => {
  /** Takes every number, whatever its hash. */
  const all = (bits: number, hardSteps: number, flagBits: number, flag: number): EvidenceTest => {
    const tier = (steps: number, flagged: boolean) => ({ steps, flagged, share: 1, tau: 2n ** 64n, mean: 0n })
    const tiers = [tier(bits + 23, true), tier(bits + 83, true), tier(hardSteps, false)]
    return { key: new Uint8Array(32), flagBits, flag, tiers }
  }
  const classesAt = (depth: number): readonly ClassState[] => {
    let states: readonly ClassState[] = [ROOT]
    for (let k = 0; k < depth; k++) states = states.flatMap((state) => children(state))
    return states
  }

  test('knows its known evidence, which the exact engine has too', () => {
    const { state, window, evidence, ...rest } = KNOWN_EVIDENCE
    const items = new ItemCollector()
    for (const n of survivorsOf(state, window, partition(71, 1, 1, rest))) {
      for (const tier of tiersOfNumber(n, evidence, '3n+1')) items.add(tier, n)
    }
    expect(isKnownEvidence(items.items())).toBe(true)
    expect(new Kernel(module).leaf(KNOWN_EVIDENCE).evidence).toEqual(items.items())
    for (const tier of [0, 1, 2]) {
      expect(isKnownEvidence(items.items().map((numbers, i) => (i === tier ? numbers.slice(1) : numbers)))).toBe(false)
    }
  })

  test('known from outside: 2^30 numbers from 2^71, J = 8, flag 0x6d, before hashes thin them', () => {
    const kernel = new Kernel(module)
    const found = [0, 0, 0]
    const sums = [0n, 0n, 0n]
    for (const state of classesAt(8)) {
      const job = { bits: 30, window: 2n ** 41n, hardSteps: 128, state, evidence: all(30, 128, 8, 0x6d) }
      for (const [tier, numbers] of kernel.leaf(job).evidence!.entries()) {
        found[tier]! += numbers.length
        for (const n of numbers) sums[tier] = BigInt.asUintN(64, sums[tier]! + mix64(n))
      }
    }
    expect(found).toEqual([3616, 180, 23602])
    expect(sums.slice(0, 2)).toEqual([0x786259b6d4a208cfn, 0xd54c0bb55c262994n])
  }, 120_000)

  test('numbers handed over are left to the caller, items of the others are told', () => {
    const [whole, limited] = [new Kernel(module), new Kernel(module, 200)]
    const evidence = all(30, 150, 4, 5)
    for (const state of classesAt(14).slice(0, 6)) {
      const job = { bits: 30, window: 2n ** 41n, hardSteps: 150, state, evidence }
      const truth = whole.leaf(job)
      const found = limited.leaf(job)
      const late = found.handedOver.map((n) => [n, tiersOfNumber(n, evidence, '3n+1')] as const)
      for (const [tier, numbers] of truth.evidence!.entries()) {
        const handed = late.filter(([, tiers]) => tiers.includes(tier)).map(([n]) => n)
        expect([...found.evidence![tier]!, ...handed].toSorted((a, b) => Number(a - b))).toEqual([...numbers])
      }
    }
  }, 60_000)

  test('many flags do not let a number go: J = 0 and 1, S0 up to 4000', () => {
    const kernel = new Kernel(module)
    for (const hardSteps of [108, 200, 1000, 4000]) {
      for (const flagBits of [0, 1, 3]) {
        for (const state of classesAt(12).slice(0, 4)) {
          const evidence = all(24, hardSteps, flagBits, 0)
          const job = { bits: 24, window: 2n ** 47n, hardSteps, state, evidence }
          const truth = all(24, hardSteps, 0, 0)
          const every = kernel.leaf({ ...job, evidence: truth }).evidence!
          for (const [tier, numbers] of kernel.leaf(job).evidence!.entries()) {
            expect(numbers).toEqual(every[tier]!.filter((n) => tiersOfNumber(n, evidence, '3n+1').includes(tier)))
          }
        }
      }
    }
  }, 120_000)

  test('a request leaves nothing behind: tables and the next leaf are as before', () => {
    const kernel = new Kernel(module)
    const state = classesAt(12)[3]!
    const job = { bits: 28, window: 2n ** 43n, hardSteps: 130, state }
    const before = kernel.leaf(job)
    const tables = kernel.exports.tablesChecksum()
    expect(kernel.leaf({ ...job, evidence: all(28, 130, 3, 7) }).summary).toEqual(before.summary)
    expect(kernel.exports.tablesChecksum()).toBe(tables)
    expect(kernel.leaf(job)).toEqual(before)
    expect(before.evidence).toBeUndefined()
  })
})

test('the items of many signers are as many as expected, tier by tier', async () => {
  const unit: Unit = { partition: partition(30, 4, 16, { hardSteps: 320 }), window: 2n ** 41n, index: 2 }
  const found = [0, 0, 0]
  const signers = 40
  for (let i = 0; i < signers; i++) {
    const { evidence } = await wasm.verify(unit, { evidence: { ...request, signer: new Uint8Array(32).fill(i) } })
    for (const [tier, { length }] of evidence!.entries()) found[tier]! += length
  }
  const means = evidenceTest(unit, request).tiers.map(({ mean }) => (Number(mean) / 2 ** 32) * signers)
  expect(means[0]).toBeCloseTo(215.04 * signers, 3)
  expect(means[1]).toBeCloseTo(256 * signers, 3)
  // Hard numbers are all taken, so that they are the same for each.
  for (const tier of [0, 1]) expect(Math.abs(found[tier]! - means[tier]!)).toBeLessThan(4 * Math.sqrt(means[tier]!))
}, 300_000)

test('items of another signer, draw, network or unit are false, and a list without one is only shorter', async () => {
  const unit: Unit = { partition: partition(26, 8, 8, { hardSteps: 320 }), window: 2n ** 45n, index: 3 }
  const { evidence } = await wasm.verify(unit, { evidence: request })
  const asked = evidenceTest(unit, request)
  expect(falseItemOf(evidence!, unit, asked)).toBeNull()
  const other = new Uint8Array(32).fill(9)
  for (const change of [{ signer: other }, { seed: other }, { network: other }]) {
    expect(falseItemOf(evidence!, unit, evidenceTest(unit, { ...request, ...change }))).not.toBeNull()
  }
  const next = { ...unit, index: 4 }
  expect(falseItemOf(evidence!, next, evidenceTest(next, request))?.refusal).toBe('lies outside of the unit')
  const padded = evidence!.map((numbers, tier) => (tier === 1 ? [...numbers, evidence![0]![0]! + 2n ** 20n] : numbers))
  expect(falseItemOf(padded, unit, asked)).toMatchObject({ tier: 1 })
  const missing = evidence!.map((numbers, tier) => (tier === 1 ? numbers.slice(1) : numbers))
  expect(falseItemOf(missing, unit, asked)).toBeNull()
  expect(talliesOf(missing, asked).map(({ count }) => count)).toEqual(missing.map(({ length }) => length))
  expect(alarmsOfUnit(talliesOf(missing, asked))).toEqual([])
  const half = evidence!.map((numbers) => numbers.slice(numbers.length >> 1))
  expect(alarmsOfUnit(talliesOf(half, asked)).map(({ line }) => line)).toContain('pooled')
}, 300_000)

describe('killed and resumed', () => {
  const unit: Unit = { partition: partition(22, 4, 24), window: 2n ** 49n + 3n, index: 1 }

  for (const name of ['exact', 'wasm'] as const) {
    test(`in the middle, the ${name} engine ends with the same bytes`, async () => {
      const engine = name === 'exact' ? exact : wasm
      const whole = await engine.verify(unit, { evidence: request })
      const kept = new Map<number, { record: LeafResult; items: Uint8Array }>()
      const leaves = leavesOf(unit.partition, unit.index)
      const stop = new AbortController()
      const keep = (index: number, leaf: LeafResult) => {
        const { evidence, ...record } = leaf
        kept.set(index, { record, items: encodeItems(evidence!, unit.partition, unit.window, leaves[index]!) })
        if (kept.size === 9) stop.abort()
      }
      const killed = engine.verify(unit, { evidence: request, signal: stop.signal, onLeaf: keep })
      expect(await killed.catch((error) => error.name)).toBe('AbortError')
      expect(kept.size).toBeGreaterThanOrEqual(9)
      expect(kept.size).toBeLessThan(leaves.length)
      const done = new Map<number, LeafResult>()
      for (const [index, { record, items }] of kept) {
        const evidence = decodeItems(items, unit.partition, unit.window, leaves[index]!)
        done.set(index, { ...record, evidence })
      }
      const computed: number[] = []
      const resumed = await engine.verify(unit, { evidence: request, done, onLeaf: (index) => computed.push(index) })
      expect(resumed).toEqual(whole)
      expect(bytesOf(unit, resumed)).toEqual(bytesOf(unit, whole))
      expect(computed.length).toBe(leaves.length - kept.size)
    }, 120_000)

    test(`leaves without evidence are computed again by the ${name} engine when it is wanted, and only then`, async () => {
      const engine = name === 'exact' ? exact : wasm
      const done = new Map<number, LeafResult>()
      const plain = await engine.verify(unit, { onLeaf: (index, leaf) => done.set(index, leaf) })
      expect(plain.evidence).toBeUndefined()
      let computed = 0
      const wanted = await engine.verify(unit, { evidence: request, done, onLeaf: () => computed++ })
      expect(computed).toBe(done.size)
      expect(wanted).toEqual(await engine.verify(unit, { evidence: request }))
      const withItems = new Map<number, LeafResult>()
      await engine.verify(unit, { evidence: request, onLeaf: (index, leaf) => withItems.set(index, leaf) })
      computed = 0
      expect(await engine.verify(unit, { done: withItems, onLeaf: () => computed++ })).toEqual(plain)
      expect(computed).toBe(0)
    }, 120_000)
  }
})

describe('golden vectors by true arithmetic', () => {
  // The first 8 bytes of SHA-256 of a unit's encoded evidence.
  const GOLDEN = { '3n+1': '07951715c11b2930', '3n-1': 'b18a6f08f336be62', '5n+1': '190cbf902b243613' } as const

  for (const map of ['3n+1', '3n-1', '5n+1'] as const) {
    test(`of a unit of ${map}`, async () => {
      const unit: Unit = {
        partition: partition(20, map === '5n+1' ? 128 : 8, 4, {
          map,
          hardSteps: 110,
          evidence: { flagBits: map === '5n+1' ? 4 : 1, items: 90 },
        }),
        window: 2n ** 51n + 1n,
        index: 3,
      }
      const asked = evidenceTest(unit, request)
      const key = Buffer.from(asked.key).toString('hex')
      const { depth, residue } = classes(unit.partition)[unit.index]!
      const truth = asked.tiers.map(({ steps, tau, flagged }, tier) => {
        const found: bigint[] = []
        for (let n = (unit.window << 20n) + residue; n < (unit.window + 1n) << 20n; n += 1n << BigInt(depth)) {
          if (map === '3n+1' && [2n, 4n, 5n, 8n].includes(n % 9n)) continue
          const value = bruteValue(n, steps, map)
          if (value === null || (flagged && value % 2n ** BigInt(asked.flagBits) !== BigInt(asked.flag))) continue
          if (bruteHash(key, tier + 1, n) < tau) found.push(n)
        }
        return found
      })
      const result = await exact.verify(unit, { evidence: request })
      expect(result.evidence).toEqual(truth)
      for (const numbers of truth) expect(numbers.length).toBeGreaterThan(1)
      if (map === '3n+1') expect(await wasm.verify(unit, { evidence: request })).toEqual(result)
      expect(createHash('sha256').update(bytesOf(unit, result)).digest('hex').slice(0, 16)).toBe(GOLDEN[map])
    }, 120_000)
  }
})
