/**
 * The `webgpu` engine: units of 3n+1 windows on a GPU, equal to the bit to the exact engine.
 *
 * The GPU only drops numbers by the rules of rules.ts. The few that are left come back and are
 * decided exactly here (finish.ts), so that nothing else rests on the GPU's answers. The engine
 * runs wherever there is a WebGPU: in Bun through Dawn (open.ts), in a browser through
 * navigator.gpu.
 *
 * Bounds: windows of 2^20 to 2^71 numbers, below 2^128; S0 up to 960.
 */
import { isKnownEvidence, KNOWN_EVIDENCE } from '../evidence/known-answer.ts'
import { evidenceTest } from '../evidence/request.ts'
import { assertCan } from '../limits.ts'
import { leavesOf, weightOf } from '../partition.ts'
import { knownLeaf, sameSummary, summarize } from '../result.ts'
import type { Engine, LeafOptions, LeafResult, StageCounts, Unit, UnitResult, VerifyOptions } from '../unit.ts'
import { Kernel } from '../wasm/kernel.ts'
import { type AdapterDescription, type Device, openDevice } from './device.ts'
import { DeviceLost, firstLine, GpuFault } from './errors.ts'
import { LeafSum } from './finish.ts'
import { knownAnswers } from './known-answers.ts'
import { Pipeline } from './pipeline.ts'
import { type GpuCounters, LEAST_DUTY, Runner, type Task } from './runner.ts'
import { checkSettings, DEFAULTS, type Settings, SOFTWARE } from './settings.ts'

export interface WebgpuOptions {
  /** Take a software adapter too. It is slower than the wasm engine: for tests. Default false. */
  readonly allowSoftware?: boolean
  /** Share of the time that the GPU may work, LEAST_DUTY to 1. Default 1. */
  readonly gpuDuty?: number
  /** Settings other than the defaults; tune.ts measures which are best for an adapter. */
  readonly settings?: Partial<Settings> | ((adapter: AdapterDescription) => Partial<Settings> | undefined)
}

/** A leaf's summary, and the numbers for which its record has no room. */
interface LeafOutcome {
  readonly summary: LeafResult
  readonly candidates: readonly bigint[]
}

export class WebgpuEngine implements Engine {
  readonly name = 'webgpu'
  readonly adapter: AdapterDescription
  readonly settings: Settings
  readonly #device: Device
  readonly #runner: Runner
  readonly #kernel: Kernel
  /** Units take turns: they share the device's buffers. */
  #lastTurn: Promise<unknown> = Promise.resolve()
  #evidenceTested = false
  /** A GPU that was lost or answered wrongly once is not asked again. */
  #failure: Error | undefined

  private constructor(device: Device, runner: Runner, settings: Settings, kernel: Kernel) {
    this.#device = device
    this.#kernel = kernel
    this.#runner = runner
    this.adapter = device.adapter
    this.settings = settings
  }

  /**
   * Opens the GPU and has it compute known answers.
   *
   * @param module the wasm kernel, whose exact stage decides what the GPU leaves
   * @throws {NoGpu} when there is none to use @throws {GpuFault} when it cannot run the shaders or
   *   answers wrongly
   * @throws {RangeError} when an option is out of range
   */
  static async open(gpu: GPU, module: WebAssembly.Module, options: WebgpuOptions = {}): Promise<WebgpuEngine> {
    const { gpuDuty = 1, settings: custom } = options
    if (!(gpuDuty >= LEAST_DUTY && gpuDuty <= 1)) {
      throw new RangeError(`The GPU's duty must be from ${LEAST_DUTY} to 1, not ${gpuDuty}`)
    }
    const device = await openDevice(gpu, options)
    try {
      const { adapter } = device
      const changes = typeof custom === 'function' ? custom(adapter) : custom
      const settings = { ...(adapter.software ? SOFTWARE : DEFAULTS), ...changes }
      checkSettings(settings)
      const pipeline = await Pipeline.open(device, settings)
      const engine = new WebgpuEngine(
        device,
        new Runner(device, pipeline, settings, gpuDuty),
        settings,
        new Kernel(module),
      )
      await engine.#selfTest()
      return engine
    } catch (error) {
      const cause = isExplained(error) ? error : await device.lostOr(faultOf(device.adapter, error))
      device.close()
      throw cause
    }
  }

  get counters(): StageCounts & Omit<GpuCounters, 'gpuMs'> {
    const { gpuMs: _, ...counters } = this.#runner.counters
    return counters
  }

  /** undefined where the adapter does not tell. */
  get gpuMs(): number | undefined {
    return this.adapter.timestamps ? this.#runner.counters.gpuMs : undefined
  }

  /**
   * @throws {RangeError} when the unit is not for this engine
   * @throws {DeviceLost} when the GPU went away: leaves reported by onLeaf stay valid, the others
   *   are for another engine
   * @throws {GpuFault} when the GPU answered wrongly
   */
  async verify(unit: Unit, options: VerifyOptions = {}): Promise<UnitResult> {
    const { partition } = unit
    const { signal, onProgress, onLeaf } = options
    assertUnit(unit)
    const evidence = options.evidence && evidenceTest(unit, options.evidence)
    signal?.throwIfAborted()
    if (evidence) await this.#testEvidence()
    const states = leavesOf(partition, unit.index)
    const weights = states.map((state) => Number(weightOf(state, partition)))
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    const leaves: LeafResult[] = []
    const candidates: bigint[] = []
    let leavesDone = 0
    let weightDone = 0
    const keep = (leaf: number, summary: LeafResult) => {
      leaves[leaf] = summary
      weightDone += weights[leaf]!
      leavesDone++
    }
    const report = () => onProgress?.({ leavesDone, leavesTotal: states.length, fraction: weightDone / total })
    for (const leaf of states.keys()) {
      const summary = knownLeaf(options, leaf)
      if (summary) keep(leaf, summary)
    }
    report()
    const jobs = states.map((state, leaf) => ({ leaf, state })).filter(({ leaf }) => !leaves[leaf])
    const task = { bits: partition.bits, window: unit.window, hardSteps: partition.hardSteps, evidence, jobs }
    await this.#compute(task, signal, (leaf, outcome) => {
      keep(leaf, outcome.summary)
      candidates.push(...outcome.candidates)
      // A record has no room for a candidate: its leaf is computed again after a restart rather
      // than forgotten.
      if (outcome.candidates.length === 0) onLeaf?.(leaf, outcome.summary)
      report()
    })
    return summarize(leaves, candidates)
  }

  /** As verify(), for one leaf. */
  async verifyLeaf(unit: Unit, leaf: number, { signal, evidence }: LeafOptions = {}): Promise<LeafResult> {
    assertUnit(unit)
    const test = evidence && evidenceTest(unit, evidence)
    const { partition, window } = unit
    const states = leavesOf(partition, unit.index)
    const state = states[leaf]
    if (!state) throw new RangeError(`There is no leaf ${leaf}: the unit has the leaves 0 to ${states.length - 1}`)
    signal?.throwIfAborted()
    if (test) await this.#testEvidence()
    const { bits, hardSteps } = partition
    const task = { bits, window, hardSteps, evidence: test, jobs: [{ leaf, state }] }
    let found: LeafOutcome | undefined
    await this.#compute(task, signal, (_, outcome) => {
      found = outcome
    })
    return found!.summary
  }

  /** Gives the GPU back. What is under way fails. */
  async close(): Promise<void> {
    this.#device.close()
  }

  #compute(
    task: Task,
    signal: AbortSignal | undefined,
    onLeaf: (leaf: number, outcome: LeafOutcome) => void,
  ): Promise<void> {
    const sums = new Map<number, LeafSum>()
    const sumOf = (leaf: number) => {
      let sum = sums.get(leaf)
      if (!sum) {
        sum = new LeafSum(this.#kernel, task)
        sums.set(leaf, sum)
      }
      return sum
    }
    const sink = {
      number: (leaf: number, n: bigint) => sumOf(leaf).add(n),
      complete: (leaf: number) => {
        const sum = sumOf(leaf)
        sums.delete(leaf)
        onLeaf(leaf, { summary: sum.summary(), candidates: sum.candidates })
      },
    }
    const turn = this.#lastTurn.then(() => {
      if (this.#failure) throw this.#failure
      return this.#runner.run(task, sink, signal)
    })
    this.#lastTurn = turn.catch((error) => {
      if (error instanceof GpuFault || error instanceof DeviceLost) this.#failure = error
    })
    return turn
  }

  /**
   * Known evidence, before the first request is served: the shaders for it are compiled with it.
   */
  async #testEvidence(): Promise<void> {
    if (this.#evidenceTested) return
    const { state, ...task } = KNOWN_EVIDENCE
    let found: LeafResult | undefined
    await this.#compute({ ...task, jobs: [{ leaf: 0, state }] }, undefined, (_, { summary }) => {
      found = summary
    })
    if (!found?.evidence || !isKnownEvidence(found.evidence)) {
      this.#failure = new GpuFault(
        `The GPU ${this.adapter.description} finds ${found?.evidence?.map(({ length }) => length)} items of known evidence, or wrong ones: it miscalculates, and is not used`,
      )
      throw this.#failure
    }
    this.#evidenceTested = true
  }

  async #selfTest(): Promise<void> {
    for (const { job, answer } of knownAnswers(this.settings)) {
      let found: LeafResult | undefined
      const task = { ...job, jobs: [{ leaf: 0, state: job.state }] }
      await this.#compute(task, undefined, (_, { summary }) => {
        found = summary
      })
      if (!found || !sameSummary(found, answer)) {
        throw new GpuFault(
          `The GPU ${this.adapter.description} computes a class of window ${job.window} of 2^${job.bits} numbers wrongly (count ${found?.count} instead of ${answer.count}): it miscalculates, and is not used`,
        )
      }
    }
  }
}

const isExplained = (error: unknown): boolean =>
  error instanceof GpuFault || error instanceof DeviceLost || error instanceof RangeError

/** Any other error that a driver throws at a shader or a buffer. */
const faultOf = ({ description }: AdapterDescription, error: unknown): GpuFault =>
  new GpuFault(`The GPU ${description} cannot be set up: ${firstLine((error as Error).message)}`)

/** @throws {RangeError} saying what this engine cannot do, and what can */
function assertUnit({ partition, window }: Unit): void {
  assertCan('webgpu', partition)
  if (window < 0n || (window + 1n) << BigInt(partition.bits) > 1n << 128n) {
    throw new RangeError(`window ${window} of 2^${partition.bits} numbers does not lie between 0 and 2^128`)
  }
}
