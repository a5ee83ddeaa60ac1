/**
 * Kernels that cheat: the wasm kernel's own sources with a few lines changed, so that they list real
 * evidence and do less than the work. They are what the alarms of kernels/evidence/shortfall.ts are
 * for.
 *
 * A pruning cheat throws away what has little headroom (kernels/wasm/assembly/rules.ts): such a
 * number is the least likely to live long, so it costs the most work for each item that it yields.
 */
import { type EvidenceTest, evidenceTest } from '../../kernels/evidence/request.ts'
import { leavesOf } from '../../kernels/partition.ts'
import type { EvidenceItems, EvidenceRequest, Unit } from '../../kernels/unit.ts'
import { compileKernel, kernelSources } from '../../kernels/wasm/build.ts'
import { type Counters, Kernel } from '../../kernels/wasm/kernel.ts'
import { Random } from './random.ts'

/** What stands once in a file, and what takes its place. */
export type Change = readonly [file: string, old: string, replacement: string]

/** @throws {Error} when a change does not fit the kernel's sources any longer */
export async function changedKernel(changes: readonly Change[]): Promise<WebAssembly.Module> {
  const sources = kernelSources()
  for (const [file, old, replacement] of changes) {
    const parts = sources.get(file)!.split(old)
    if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times, not once: ${old}`)
    sources.set(file, parts.join(replacement))
  }
  return new WebAssembly.Module(await compileKernel(sources))
}

/** What a cheat throws away, in units of headroom: 306 is a factor of 2, 485 one of 3. */
export interface Pruning {
  /**
   * Below so much above what the rules ask for: bottom nodes, and candidates before their first two
   * jumps.
   */
  readonly early?: number
  /**
   * Candidates below so much above it when they grow wide, that is after the pass of tier 1. What
   * carries the flag of tier 1 stays.
   */
  readonly late?: number
}

const PRUNE = `
export let early: i32 = 0
export let late: i32 = 0
export function prune(before: i32, after: i32): void {
  early = before
  late = after
}
`
const KEEP = '    store<u64>(o, th, 8)\n    o = select(o + 16, o, alive(e, th))'
const PRUNING: readonly Change[] = [
  ['tables.ts', 'let firstHeadroom: i32 = 0\n', `let firstHeadroom: i32 = 0\n${PRUNE}`],
  ['tables.ts', '= ODD * firstRow - STEP * levels\n', '= ODD * firstRow - STEP * levels - early\n'],
  ['bottom.ts', '{ base9, firstRow }', '{ base9, early, firstRow }'],
  [
    'bottom.ts',
    '    const c = <usize>(<u32>state',
    '    if ((state >> 32) < <u64>early) continue\n    const c = <usize>(<u32>state',
  ],
  ['bottom.ts', '((state >> 32) + 4) <<', '((state >> 32) + 4 - early) <<'],
  ['bottom.ts', 'load<u64>(f1, JUMP + 8), 8)', 'load<u64>(f1, JUMP + 8) + (<u64>early << HEADROOM), 8)'],
  ['jumps.ts', '{ levels }', '{ late, levels }'],
  ['jumps.ts', '{ JUMP, NARROW', '{ HEADROOM, JUMP, NARROW'],
  [
    'jumps.ts',
    KEEP,
    `const cut = <u64>late << HEADROOM\n${KEEP.replace('e, th)', 'e, select(th - cut, 0, th >= cut))')}`,
  ],
  ['index.ts', '{ constants, size, window }', '{ constants, prune, size, window }'],
  ['index.ts', 'export { exact,', 'export { exact, prune,'],
]

/** A kernel that can prune. Until it is told to, it is honest. */
export const pruningKernel = async (): Promise<Kernel> => new Kernel(await changedKernel(PRUNING))

/** From the next leaf on, of a window of 2^bits numbers. */
export function prune(kernel: Kernel, bits: number, { early = 0, late = 0 }: Pruning): void {
  const { prune } = kernel.exports as unknown as { prune(early: number, late: number): void }
  prune(early, late)
  // The look-ahead depends on it.
  kernel.exports.size(bits)
}

/** What a kernel lists and does for a unit. */
export interface Outcome {
  readonly items: EvidenceItems
  readonly test: EvidenceTest
  readonly hard: number
  readonly counters: Pick<Counters, 'candidates' | 'wide'>
}

/**
 * A unit, leaf by leaf.
 *
 * @param change what is asked instead of evidenceTest(): more items, to measure
 */
export function outcomeOf(
  kernel: Kernel,
  unit: Unit,
  request: EvidenceRequest,
  change: (test: EvidenceTest) => EvidenceTest = (test) => test,
): Outcome {
  const test = evidenceTest(unit, request)
  const asked = change(test)
  const { bits, hardSteps } = unit.partition
  const found: bigint[][] = [[], [], []]
  const counters = { candidates: 0, wide: 0 }
  let hard = 0
  for (const state of leavesOf(unit.partition, unit.index)) {
    const leaf = kernel.leaf({ bits, window: unit.window, hardSteps, state, evidence: asked })
    if (leaf.handedOver.length > 0) throw new Error(`${leaf.handedOver[0]} was handed over, which no unit here has`)
    for (const [tier, numbers] of leaf.evidence!.entries()) found[tier]!.push(...numbers)
    hard += leaf.summary.count
    counters.candidates += leaf.counters.candidates
    counters.wide += leaf.counters.wide
  }
  return { items: found.map((numbers) => numbers.toSorted((a, b) => (a < b ? -1 : 1))), test, hard, counters }
}

/** Every number of the first two tiers whose value has these low bits, whatever its hash. */
export const everyNumber =
  (flagBits: number) =>
  (test: EvidenceTest): EvidenceTest => ({
    ...test,
    flagBits,
    flag: 0,
    tiers: test.tiers.map((tier) => ({ ...tier, tau: 1n << 64n })),
  })

/** W of the windows. */
export const BITS = 36

/** Units of 2^30 numbers from 2^71 on, of windows drawn at random, each with a draw of its own. */
export function* units(seed: number): Generator<{ readonly unit: Unit; readonly request: EvidenceRequest }> {
  const random = new Random(seed)
  const partition = { map: '3n+1', bits: BITS, units: 64, leaves: 8, hardSteps: 320 } as const
  const [network, signer] = [random.bytes(32), random.bytes(32)]
  for (;;) {
    const unit = { partition, window: (1n << 35n) + random.bits(30), index: random.below(64) }
    yield { unit, request: { network, signer, seed: random.bytes(32) } }
  }
}
