/**
 * The exact engine, the oracle: slow, and right by inspection, for any map.
 *
 * A leaf's class is walked depth first down to single numbers of the window with children(). Rule P
 * is asked of the number itself. What is left gets sigma from its own trajectory, from step 0, in
 * BigInt. Nothing is tabulated but minOdds, and nothing can overflow.
 *
 * A leaf that holds a candidate is not reported to onLeaf, because a record of 64 bytes has no room
 * for it. After a restart the leaf is computed again, so that the candidate is not lost. Measured
 * on one core: 200,000 to 300,000 survivors of the tree a second.
 */
import { tiersOfNumber } from './evidence/item.ts'
import { ItemCollector } from './evidence/items.ts'
import { type EvidenceTest, evidenceTest } from './evidence/request.ts'
import { leavesOf, weightOf } from './partition.ts'
import { EMPTY, hardNumber, knownLeaf, merge, summarize } from './result.ts'
import { children, ruleP } from './rules.ts'
import { isCandidate, sigma } from './sigma.ts'
import { directCandidates } from './smaller.ts'
import type { ClassState, Engine, LeafOptions, LeafResult, Partition, Unit, UnitResult, VerifyOptions } from './unit.ts'

/** Survivors between two returns to the event loop: some 10 ms. */
const SLICE = 4096

/**
 * Every n of the class in the window that survives the first `bits` steps, in depth-first order.
 */
export function* survivorsOf(leaf: ClassState, window: bigint, { map, bits }: Partition): Generator<bigint> {
  const base = window << BigInt(bits)
  const stack = [leaf]
  for (let state = stack.pop(); state; state = stack.pop()) {
    if (state.depth === bits) yield base + state.residue
    else stack.push(...children(state, map).toReversed())
  }
}

/** A hard number, as anyone can check it in microseconds. */
export interface HardNumber {
  readonly n: bigint
  /** null when no rule fires within the limits. */
  readonly sigma: number | null
  /** Greatest a*m+b over odd m in its first sigma steps; 0 without sigma. */
  readonly peak: bigint
  /** Without sigma, never seen below itself, and not on the cycle that holds 1. */
  readonly candidate: boolean
}

/** n as a hard number, by the definition; null when it is not hard. */
export function hardOf(n: bigint, { map, hardSteps }: Pick<Partition, 'map' | 'hardSteps'>): HardNumber | null {
  if (ruleP(n, map)) return null
  const verdict = sigma(n, map)
  if (verdict.kind === 'open') return { n, sigma: null, peak: 0n, candidate: isCandidate(verdict) }
  if (verdict.step <= hardSteps) return null
  return { n, sigma: verdict.step, peak: verdict.peak, candidate: false }
}

/** The hard numbers of a class in a window, in depth-first order. */
export function* hardNumbersOf(leaf: ClassState, window: bigint, partition: Partition): Generator<HardNumber> {
  for (const n of survivorsOf(leaf, window, partition)) {
    const hard = hardOf(n, partition)
    if (hard) yield hard
  }
}

interface ExactLeaf {
  readonly summary: LeafResult
  readonly candidates: readonly bigint[]
}

/**
 * As hardNumbersOf(), with returns to the event loop on the way.
 *
 * @param onSlice is called with the number of survivors so far
 * @param onSurvivor is called with each number that survives the first `bits` steps, hard or not
 * @throws the signal's reason
 */
export async function* hardNumbersBySlice(
  leaf: ClassState,
  window: bigint,
  partition: Partition,
  signal?: AbortSignal,
  onSlice?: (survivors: number) => void,
  onSurvivor?: (n: bigint) => void,
): AsyncGenerator<HardNumber> {
  let survivors = 0
  for (const n of survivorsOf(leaf, window, partition)) {
    onSurvivor?.(n)
    if (++survivors % SLICE === 0) {
      await new Promise((resolve) => setTimeout(resolve))
      signal?.throwIfAborted()
      onSlice?.(survivors)
    }
    const hard = hardOf(n, partition)
    if (hard) yield hard
  }
}

async function computeLeaf(
  leaf: ClassState,
  { partition, window }: Unit,
  signal: AbortSignal | undefined,
  onSlice: (survivors: number) => void,
  test?: EvidenceTest,
): Promise<ExactLeaf> {
  let summary = EMPTY
  const candidates: bigint[] = []
  const items = new ItemCollector()
  const look = (n: bigint) => {
    if (test) for (const tier of tiersOfNumber(n, test, partition.map)) items.add(tier, n)
  }
  for await (const hard of hardNumbersBySlice(leaf, window, partition, signal, onSlice, look)) {
    const { n } = hard
    summary = merge(summary, hardNumber(n, hard.sigma, hard.peak))
    if (hard.candidate) candidates.push(n)
  }
  return { summary: test ? { ...summary, evidence: items.items() } : summary, candidates }
}

function checkUnit({ partition, window }: Unit): void {
  if (window < 0n || (window + 1n) << BigInt(partition.bits) > 1n << 128n) {
    throw new RangeError(`window ${window} of 2^${partition.bits} numbers does not lie between 0 and 2^128`)
  }
}

export class ExactEngine implements Engine {
  readonly name = 'exact'

  async verify(unit: Unit, options: VerifyOptions = {}): Promise<UnitResult> {
    checkUnit(unit)
    const { partition } = unit
    const { signal, onProgress, onLeaf } = options
    const test = options.evidence && evidenceTest(unit, options.evidence)
    const leaves = leavesOf(partition, unit.index)
    const weights = leaves.map((leaf) => Number(weightOf(leaf, partition)))
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    let finished = 0
    const report = (leavesDone: number, survivors = 0) =>
      onProgress?.({ leavesDone, leavesTotal: leaves.length, fraction: (finished + survivors) / total })
    const summaries: LeafResult[] = []
    const candidates: bigint[] = [...directCandidates(unit)]
    for (const [index, leaf] of leaves.entries()) {
      signal?.throwIfAborted()
      let summary = knownLeaf(options, index)
      if (!summary) {
        const computed = await computeLeaf(leaf, unit, signal, (survivors) => report(index, survivors), test)
        summary = computed.summary
        candidates.push(...computed.candidates)
        if (computed.candidates.length === 0) onLeaf?.(index, summary)
      }
      summaries.push(summary)
      finished += weights[index]!
      report(index + 1)
    }
    return summarize(summaries, candidates)
  }

  async verifyLeaf(unit: Unit, leaf: number, { signal, evidence }: LeafOptions = {}): Promise<LeafResult> {
    checkUnit(unit)
    const state = leavesOf(unit.partition, unit.index)[leaf]
    if (!state) throw new RangeError(`unit ${unit.index} has no leaf ${leaf}`)
    signal?.throwIfAborted()
    const test = evidence && evidenceTest(unit, evidence)
    const { summary } = await computeLeaf(state, unit, signal, () => {}, test)
    return summary
  }

  async close(): Promise<void> {}
}

/** An engine that needs nothing but BigInt. */
export function createExactEngine(): Engine {
  return new ExactEngine()
}
