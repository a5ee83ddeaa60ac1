/**
 * A cheat that hashes each candidate before any step, and throws away what cannot be an item, loses
 * no evidence and saves nothing. test/bench/hash-first.ts has the times of units of the main
 * network.
 *
 * Times are compared by the least of several runs of each leaf, and by ratios that are 3 or more
 * where they were measured, so that a busy machine does not fail the test.
 */
import { beforeAll, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import type { EvidenceTest } from '../../kernels/evidence/request.ts'
import { leavesOf } from '../../kernels/partition.ts'
import { Kernel } from '../../kernels/wasm/kernel.ts'
import { type Change, changedKernel, outcomeOf, units } from './cheating-kernel.ts'

/** What is done with a candidate before its first jump. */
const HONEST = 0
/** A hash of one multiplication throws 1799 of 1800 away. */
const CHEAPLY = 1
/** The definition's hashes do, for all three tiers. */
const BY_SHA = 2

const CHANGES: readonly Change[] = [
  [
    'evidence.ts',
    '/** Exchanges',
    `export function isSelected(lo: u64, hi: u64): bool {
  return itemHash(1, lo, hi) <= most1 || itemHash(2, lo, hi) <= most2 || itemHash(3, lo, hi) <= most3
}

/** Exchanges`,
  ],
  [
    'candidate.ts',
    "import { exact } from './exact'",
    "import { exact } from './exact'\nimport { isSelected } from './evidence'",
  ],
  [
    'candidate.ts',
    '/** Decides the number of a queue entry',
    `export let mode: i32 = 0
export function setMode(wanted: i32): void {
  mode = wanted
}
export function isWorthless(bits: u64, sibling: u32, value: u64): bool {
  if (mode == ${CHEAPLY}) return (value * 0x9e3779b97f4a7c15) >> 32 >= (1 << 32) / 1800
  const x = (bits & ((<u64>1 << SUM9) - 1)) + (<u64>sibling << (levels - depth))
  const lo = leastLo + (x << depth)
  return !isSelected(lo, leastHi + (depth ? x >> (64 - depth) : 0) + u64(lo < leastLo))
}

/** Decides the number of a queue entry`,
  ],
  ['bottom.ts', '{ addend, alive, decide, entry, row }', '{ addend, alive, decide, entry, isWorthless, mode, row }'],
  [
    'bottom.ts',
    '      const v = first + a * step, e = entry(v), f = row(e)\n',
    `      const v = first + a * step, tagged = <u32>(tag + a)
      if (mode && isWorthless(load<u64>(<usize>(tagged >> 8) << 5, BOTTOM + 16), tagged & 127, v)) continue
      const e = entry(v), f = row(e)
`,
  ],
  ['index.ts', 'import { resetCandidates }', 'import { resetCandidates, setMode }'],
  ['index.ts', 'export { exact,', 'export { exact, setMode,'],
]

let kernel: Kernel
const setMode = (mode: number) => (kernel.exports as unknown as { setMode(mode: number): void }).setMode(mode)
beforeAll(async () => {
  kernel = new Kernel(await changedKernel(CHANGES))
}, 300_000)

/**
 * Thresholds of the main network, which select 1 number in 2,100, 103 and 14,200; so few flag bits
 * that a small unit has items.
 */
const asInMain = (test: EvidenceTest): EvidenceTest => {
  const taus = [8763156437275662n, 179451565496818460n, 1298646956370298n]
  return { ...test, flagBits: 2, flag: 1, tiers: test.tiers.map((tier, i) => ({ ...tier, tau: taus[i]! })) }
}

test('hashing first loses no item of any tier', () => {
  for (const { unit, request } of units(31).take(1)) {
    setMode(HONEST)
    const honest = outcomeOf(kernel, unit, request, asInMain)
    setMode(BY_SHA)
    const cheat = outcomeOf(kernel, unit, request, asInMain)
    expect(cheat.items).toEqual(honest.items)
    expect(honest.items[0]!.length).toBeGreaterThan(50)
    expect(honest.items[1]!.length).toBeGreaterThan(50)
    expect(cheat.counters.wide).toBeLessThan(honest.counters.wide / 20)
  }
}, 120_000)

test('a hash of the definition costs more than the work that it saves', () => {
  const { partition, window, index } = units(32).next().value!.unit
  const { bits, hardSteps } = partition
  const modes = [HONEST, CHEAPLY, BY_SHA]
  const leaves = leavesOf(partition, index).slice(0, 2)
  const least = modes.map(() => leaves.map(() => Number.POSITIVE_INFINITY))
  let candidates = 0
  for (let round = 0; round < 8; round++) {
    for (const [i, state] of leaves.entries()) {
      for (const mode of modes) {
        setMode(mode)
        // Without a request, as small units have more items than those of the main network.
        const start = performance.now()
        const outcome = kernel.leaf({ bits, window, hardSteps, state })
        least[mode]![i] = Math.min(least[mode]![i]!, performance.now() - start)
        if (round === 0 && mode === HONEST) candidates += outcome.counters.candidates
      }
    }
  }
  /** Nanoseconds a candidate. */
  const [honest, cheaply, bySha] = least.map((times) => (1e6 * times.reduce((a, b) => a + b, 0)) / candidates) as [
    number,
    number,
    number,
  ]
  // The processor's own instructions, at their best.
  const megabyte = new Uint8Array(2 ** 20)
  let block = Number.POSITIVE_INFINITY
  for (let i = 0; i < 20; i++) {
    const start = performance.now()
    createHash('sha256').update(megabyte).digest()
    block = Math.min(block, (1e6 * (performance.now() - start)) / (megabyte.length / 64))
  }
  const saved = honest - cheaply
  expect(saved).toBeGreaterThan(0)
  expect(bySha).toBeGreaterThan(2 * honest)
  // Three blocks, as a candidate may be an item of any tier.
  expect(3 * block).toBeGreaterThan(2 * saved)
}, 120_000)
