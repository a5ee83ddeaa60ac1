/**
 * The `wasm` engine: units of 3n+1 windows on all cores, one leaf at a time on each; equal to the
 * bit to the exact engine.
 *
 * It runs wherever WebAssembly and web workers do: the platform, a parameter, gives both. open.ts
 * has that of Bun, a page gives its own. The mathematics is in assembly/, the calls in kernel.ts,
 * the workers' queue in pool.ts.
 *
 * Bounds: windows of 2^20 to 2^71 numbers, below 2^96.
 *
 * Measured: 1.9e11 to 1.2e12 numbers a second and core, by the window's size (ALGORITHMS.md).
 */
import { tiersOfNumber } from '../evidence/item.ts'
import { ItemCollector, mergeItems } from '../evidence/items.ts'
import { type EvidenceTest, evidenceTest } from '../evidence/request.ts'
import { assertCan } from '../limits.ts'
import { leavesOf, weightOf } from '../partition.ts'
import { hardNumber, knownLeaf, merge, summarize } from '../result.ts'
import { isCandidate, sigma } from '../sigma.ts'
import type {
  ClassState,
  Engine,
  HardSummary,
  LeafOptions,
  LeafResult,
  StageCounts,
  Unit,
  UnitResult,
  VerifyOptions,
} from '../unit.ts'
import { assertSupported, type Counters, type LeafJob } from './kernel.ts'
import { type Platform, Pool } from './pool.ts'

export interface WasmOptions {
  /** Workers, one a core. Default: all that the machine has. */
  readonly workers?: number | undefined
}

export class WasmEngine implements Engine {
  readonly name = 'wasm'
  readonly #counters: Counters = { nodes: 0, leaves: 0, candidates: 0, wide: 0, exact: 0 }
  readonly #pool: Pool

  /**
   * Its workers start with the first leaf, or when ready() is asked for.
   *
   * @throws {RangeError} when the number of workers is not a whole number from 1
   */
  constructor(platform: Platform, { workers = navigator.hardwareConcurrency }: WasmOptions = {}) {
    if (!Number.isInteger(workers) || workers < 1) {
      throw new RangeError(`The wasm engine takes a whole number of workers from 1, not ${workers}`)
    }
    this.#pool = new Pool(platform, workers)
  }

  /**
   * A running engine: its workers have started and computed their known answers. Close it.
   *
   * @throws {RangeError} when the number of workers is not a whole number from 1
   * @throws {WorkerError} when it cannot start, or a known answer is wrong
   */
  static async open(platform: Platform, options: WasmOptions = {}): Promise<WasmEngine> {
    const engine = new WasmEngine(platform, options)
    await engine.ready()
    return engine
  }

  /** How many were left at each stage, over all leaves of this engine. */
  get counters(): StageCounts & Counters {
    return { ...this.#counters }
  }

  /**
   * Resolves when the workers are ready, so that the engine is known to work before anything is
   * promised.
   *
   * @throws {WorkerError} when it cannot start or a known answer is wrong
   */
  ready(): Promise<void> {
    return this.#pool.ready()
  }

  /**
   * @throws {RangeError} when the unit is not for this engine
   * @throws {WorkerError} when a worker died or computed a known answer wrongly
   */
  async verify(unit: Unit, options: VerifyOptions = {}): Promise<UnitResult> {
    const { signal, onProgress, onLeaf } = options
    assertUnit(unit)
    const test = options.evidence && evidenceTest(unit, options.evidence)
    signal?.throwIfAborted()
    const states = leavesOf(unit.partition, unit.index)
    const weights = states.map((state) => Number(weightOf(state, unit.partition)))
    const total = weights.reduce((a, b) => a + b, 0)
    const leaves: LeafResult[] = []
    const candidates: bigint[] = []
    let leavesDone = 0
    let weightDone = 0
    const record = (i: number, leaf: LeafResult) => {
      leaves[i] = leaf
      weightDone += weights[i]!
      leavesDone++
    }
    const report = () => onProgress?.({ leavesDone, leavesTotal: states.length, fraction: weightDone / total })
    const missing: number[] = []
    for (const i of states.keys()) {
      const leaf = knownLeaf(options, i)
      if (leaf) record(i, leaf)
      else missing.push(i)
    }
    report()
    // When one leaf fails, the others are taken back.
    const failed = new AbortController()
    const stop = signal ? AbortSignal.any([signal, failed.signal]) : failed.signal
    try {
      await Promise.all(
        missing
          .sort((a, b) => weights[b]! - weights[a]!)
          .map(async (i) => {
            const { summary, news } = await this.#leaf(unit, states[i]!, test, stop)
            record(i, summary)
            candidates.push(...news)
            // A record has no room for a candidate: its leaf is computed again after a restart
            // rather than forgotten.
            if (news.length === 0) onLeaf?.(i, summary)
            report()
          }),
      )
    } catch (error) {
      failed.abort(error)
      throw error
    }
    return summarize(leaves, candidates)
  }

  /** As verify(); this leaf goes before all that wait. */
  async verifyLeaf(unit: Unit, leaf: number, { signal, evidence }: LeafOptions = {}): Promise<LeafResult> {
    assertUnit(unit)
    const states = leavesOf(unit.partition, unit.index)
    const state = states[leaf]
    if (!state) throw new RangeError(`There is no leaf ${leaf}: the unit has the leaves 0 to ${states.length - 1}`)
    const test = evidence && evidenceTest(unit, evidence)
    return (await this.#leaf(unit, state, test, signal, true)).summary
  }

  /** Ends the workers. What is under way fails. */
  async close(): Promise<void> {
    this.#pool.close()
  }

  async #leaf(
    { partition, window }: Unit,
    state: ClassState,
    evidence: EvidenceTest | undefined,
    signal: AbortSignal | undefined,
    first = false,
  ): Promise<{ summary: LeafResult; news: bigint[] }> {
    const job: LeafJob = { bits: partition.bits, window, hardSteps: partition.hardSteps, state, evidence }
    const { summary, handedOver, evidence: items, counters } = await this.#pool.run(job, { signal, first })
    for (const key of Object.keys(counters) as (keyof Counters)[]) this.#counters[key] += counters[key]
    const news: bigint[] = []
    const decided: HardSummary[] = []
    const more = new ItemCollector()
    for (const n of handedOver) {
      if (evidence) for (const tier of tiersOfNumber(n, evidence, partition.map)) more.add(tier, n)
      const end = sigma(n)
      if (end.kind === 'open' && isCandidate(end)) news.push(n)
      if (end.kind === 'open') decided.push(hardNumber(n, null, 0n))
      else if (end.step > job.hardSteps) decided.push(hardNumber(n, end.step, end.peak))
    }
    const total = decided.reduce(merge, summary)
    return { summary: items ? { ...total, evidence: mergeItems([items, more.items()]) } : total, news }
  }
}

function assertUnit({ partition, window }: Unit): void {
  assertCan('wasm', partition)
  assertSupported({ bits: partition.bits, window, hardSteps: partition.hardSteps })
}
