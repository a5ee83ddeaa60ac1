/**
 * The `wasm` engine: units of 3n+1 windows on all cores, one leaf at a time on each.
 *
 * Equal to the bit to the exact engine; some 10^11 numbers a second and core. Windows of 2^20 to 2^71 numbers below
 * 2^96.
 */
import { assertCan } from '../limits.ts'
import { leavesOf, weightOf } from '../partition.ts'
import { hardNumber, merge, summarize } from '../result.ts'
import { isCandidate, sigma } from '../sigma.ts'
import type { ClassState, Engine, HardSummary, StageCounts, Unit, UnitResult, VerifyOptions } from '../unit.ts'
import { assertSupported, type Counters, type LeafJob } from './kernel.ts'
import { type Platform, Pool } from './pool.ts'
import { loadKernel, spawnWorker } from './spawn.ts'

export interface WasmOptions {
  /** Workers, one a core. Default: all that the machine has. */
  readonly workers?: number | undefined
  /** Where workers and the kernel come from. Default: Bun, from source or from a compiled binary. */
  readonly platform?: Platform
}

export class WasmEngine implements Engine {
  readonly name = 'wasm'
  readonly #counters: Counters = { nodes: 0, leaves: 0, candidates: 0, wide: 0, exact: 0 }
  readonly #pool: Pool

  /** @throws {RangeError} when the number of workers is not a whole number from 1 */
  constructor({ workers = navigator.hardwareConcurrency, platform }: WasmOptions = {}) {
    if (!Number.isInteger(workers) || workers < 1) {
      throw new RangeError(`The wasm engine takes a whole number of workers from 1, not ${workers}`)
    }
    this.#pool = new Pool(platform ?? { spawn: spawnWorker, module: loadKernel }, workers)
  }

  /** How many were left at each stage, over all leaves of this engine. */
  get counters(): StageCounts & Counters {
    return { ...this.#counters }
  }

  /**
   * Resolves when the workers are ready, so that the engine is known to work before anything is promised.
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
    const { signal, onProgress, done, onLeaf } = options
    assertUnit(unit)
    signal?.throwIfAborted()
    const states = leavesOf(unit.partition, unit.index)
    const weights = states.map((state) => Number(weightOf(state, unit.partition)))
    const total = weights.reduce((a, b) => a + b, 0)
    const leaves: HardSummary[] = []
    const candidates: bigint[] = []
    let leavesDone = 0
    let known = 0
    const keep = (i: number, leaf: HardSummary) => {
      leaves[i] = leaf
      known += weights[i]!
      leavesDone++
    }
    const report = () => onProgress?.({ leavesDone, leavesTotal: states.length, fraction: known / total })
    const missing: number[] = []
    for (const i of states.keys()) {
      const leaf = done?.get(i)
      if (leaf) keep(i, leaf)
      else missing.push(i)
    }
    report()
    // When one leaf fails, the others are taken back.
    const failed = new AbortController()
    const either = signal ? AbortSignal.any([signal, failed.signal]) : failed.signal
    try {
      await Promise.all(
        missing
          .sort((a, b) => weights[b]! - weights[a]!)
          .map(async (i) => {
            const { summary, news } = await this.#leaf(unit, states[i]!, either)
            keep(i, summary)
            candidates.push(...news)
            // A record has no room for a candidate: its leaf is computed again after a restart rather than forgotten.
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
  async verifyLeaf(unit: Unit, leaf: number, { signal }: { signal?: AbortSignal } = {}): Promise<HardSummary> {
    assertUnit(unit)
    const states = leavesOf(unit.partition, unit.index)
    const state = states[leaf]
    if (!state) throw new RangeError(`There is no leaf ${leaf}: the unit has the leaves 0 to ${states.length - 1}`)
    return (await this.#leaf(unit, state, signal, true)).summary
  }

  /** Ends the workers. What is under way fails. */
  async close(): Promise<void> {
    this.#pool.close()
  }

  async #leaf(
    { partition, window }: Unit,
    state: ClassState,
    signal: AbortSignal | undefined,
    first = false,
  ): Promise<{ summary: HardSummary; news: bigint[] }> {
    const job: LeafJob = { bits: partition.bits, window, hardSteps: partition.hardSteps, state }
    const { summary, handedOver, counters } = await this.#pool.run(job, { signal, first })
    for (const key of Object.keys(counters) as (keyof Counters)[]) this.#counters[key] += counters[key]
    const news: bigint[] = []
    const decided: HardSummary[] = []
    for (const n of handedOver) {
      const end = sigma(n)
      if (end.kind === 'open' && isCandidate(end)) news.push(n)
      if (end.kind === 'open') decided.push(hardNumber(n, null, 0n))
      else if (end.step > job.hardSteps) decided.push(hardNumber(n, end.step, end.peak))
    }
    return { summary: decided.reduce(merge, summary), news }
  }
}

/**
 * A running engine: its workers have started and computed their known answers. Close it.
 *
 * @throws {RangeError} when the number of workers is not a whole number from 1
 * @throws {WorkerError} when it cannot start, or a known answer is wrong
 */
export async function openWasmEngine(options: WasmOptions = {}): Promise<WasmEngine> {
  const engine = new WasmEngine(options)
  await engine.ready()
  return engine
}

function assertUnit({ partition, window }: Unit): void {
  assertCan('wasm', partition)
  assertSupported({ bits: partition.bits, window, hardSteps: partition.hardSteps })
}
