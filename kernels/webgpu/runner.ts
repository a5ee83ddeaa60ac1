/**
 * Runs batches one after the other, with two on the way: while the GPU computes one, the CPU walks
 * the tree for the next and finishes the numbers of the last.
 *
 * A batch is planted with a known answer, sized by the measured rate to take batchMs, cut so that
 * survivors fit, and run again in halves where they did not. With a duty below 1 the GPU rests
 * after each batch.
 */
import type { EvidenceTest } from '../evidence/request.ts'
import { type Batch, BatchBuilder, classesAt, type Job, type Origin, SEED_ROOM } from './batch.ts'
import type { Device } from './device.ts'
import { GpuFault } from './errors.ts'
import { type Outcome, type Pipeline, SLICE_ROOM } from './pipeline.ts'
import { type Plant, plant } from './plants.ts'
import type { Settings } from './settings.ts'
import { halve, type Slice, slicesOf } from './slices.ts'
import { LAST_BITS } from './tables.ts'

/** How many seeds, classes or numbers each stage passed on, and the time it took. */
export interface GpuCounters {
  batches: number
  /** Seeds that the CPU walked to. */
  seeds: number
  /** Classes of 64 numbers at depth W - 6. */
  classes: number
  /** Numbers that the look-ahead and rule P left. */
  candidates: number
  /** Numbers alive after the jumps on 64 bits. */
  survivors: number
  /** Numbers that came back to the CPU. */
  returned: number
  /** Batches run again in parts, because something did not fit. */
  overflows: number
  /** On the GPU, where the adapter tells; else 0. */
  gpuMs: number
}

/** What a window's leaves share. */
export interface Task {
  readonly bits: number
  readonly window: bigint
  readonly hardSteps: number
  readonly jobs: readonly Job[]
  /** Left out: no evidence, and the shaders that know of none. */
  readonly evidence?: EvidenceTest | undefined
}

/**
 * Takes what came of each batch, in order: the numbers that came back, then the leaves that are
 * complete with it.
 */
export interface Sink {
  number(leaf: number, n: bigint): void
  complete(leaf: number): void
}

interface Planted {
  readonly plant: Plant
  readonly seed: number
}

/** The leaf number of the plant's seed. */
const PLANT_LEAF = -1
/** Classes of the first batch, before a rate is known. */
const FIRST_CLASSES = 2 ** 12
/**
 * A batch is at most so many times the last one: the rate of a small batch says little about a
 * large one.
 */
const GROWTH = 16
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
/**
 * The least duty. With less, the GPU would do next to nothing, and a rest of hours would look like
 * a fault.
 */
export const LEAST_DUTY = 0.01

/** Waits so many milliseconds, or until the signal fires, and leaves the GPU to others. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const end = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal?.addEventListener('abort', end)
  })
}

/**
 * How many classes the next batch is to have: as many as take batchMs (below 200 ms) at the
 * measured rate, and no more than fit. A batch ends with the seed that reaches this number.
 *
 * @param rate classes a millisecond; 0 before any was measured
 * @param last classes of the last batch
 * @param sliceClasses classes whose survivors fit at once
 */
export function batchClasses(batchMs: number, rate: number, last: number, sliceClasses: number): number {
  const target = rate * batchMs || FIRST_CLASSES
  return Math.max(1, Math.min(target, GROWTH * last, SLICE_ROOM * sliceClasses))
}

export class Runner {
  readonly counters: GpuCounters = {
    batches: 0,
    seeds: 0,
    classes: 0,
    candidates: 0,
    survivors: 0,
    returned: 0,
    overflows: 0,
    gpuMs: 0,
  }
  readonly #device: Device
  readonly #pipeline: Pipeline
  readonly #settings: Settings
  readonly #duty: number
  /** Classes a millisecond, measured; 0 before the first batch. */
  #rate = 0
  #lastClasses = FIRST_CLASSES
  /** Survivors' room to keep for each class, measured with a margin. */
  #roomPerClass = 2
  #turn = 0

  /** @param duty share of the time that the GPU works, LEAST_DUTY to 1 */
  constructor(device: Device, pipeline: Pipeline, settings: Settings, duty: number) {
    this.#device = device
    this.#pipeline = pipeline
    this.#settings = settings
    this.#duty = duty
  }

  /**
   * @throws {DeviceLost} @throws {GpuFault}
   * @throws the signal's reason, once what was submitted has come back
   */
  async run(task: Task, sink: Sink, signal?: AbortSignal): Promise<void> {
    await this.#pipeline.setEvidence(task.evidence)
    const feed = this.#batches(task)
    const mostPending = this.#duty === 1 ? 2 : 1
    const pending: (() => Promise<void>)[] = []
    let turn = 0
    let next = feed.next()
    let free = performance.now()
    while (!next.done || pending.length > 0) {
      if (!next.done && pending.length < mostPending) {
        const { batch, planted } = next.value
        const slot = this.#pipeline.slots[turn++ % 2]!
        this.#device.check()
        this.#pipeline.load(slot, batch)
        const slices = this.#slices(batch)
        const first = slices.slice(0, SLICE_ROOM)
        this.#pipeline.submit(slot, batch, first)
        const submitted = performance.now()
        pending.push(async () => {
          const outcomes = await this.#complete(slot, batch, slices, first, Math.max(submitted, free))
          const busy = performance.now() - Math.max(submitted, free)
          free = performance.now()
          this.#deliver(batch, planted, outcomes, sink)
          if (this.#duty < 1) await this.#device.orLost(pause((busy * (1 - this.#duty)) / this.#duty, signal))
        })
        next = signal?.aborted ? { done: true, value: undefined } : feed.next()
      } else {
        await pending.shift()!()
        if (signal?.aborted) next = { done: true, value: undefined }
      }
    }
    signal?.throwIfAborted()
  }

  *#batches({ bits, window, hardSteps, jobs }: Task): Generator<{ batch: Batch; planted: Planted }, void> {
    if (jobs.length === 0) return
    const start = () => {
      const builder = new BatchBuilder(bits, hardSteps, window << BigInt(bits), this.#pipeline.patterns)
      // A plant's class has 2^4 times fewer members than a seed's, so that it costs little.
      const open = LAST_BITS + Math.max(2, this.#expandBits(bits, jobs[0]!.state.depth) - 4)
      const batchPlant = plant(this.#turn++, bits - open, open)
      builder.plant(PLANT_LEAF, batchPlant.state, batchPlant.base)
      const planted = { plant: batchPlant, seed: 0 }
      return { builder, planted }
    }
    let { builder, planted } = start()
    for (const { leaf, state } of jobs) {
      const depth = bits - LAST_BITS - this.#expandBits(bits, state.depth)
      for (const seed of classesAt(state, depth)) {
        if (builder.seeds === SEED_ROOM || builder.totalClasses >= this.#batchClasses()) {
          yield { batch: builder.build(), planted }
          ;({ builder, planted } = start())
        }
        builder.add(leaf, seed)
      }
      builder.complete(leaf)
    }
    yield { batch: builder.build(), planted }
  }

  /** D for a leaf. */
  #expandBits(bits: number, leafDepth: number): number {
    return Math.min(this.#settings.expandBits, bits - LAST_BITS - leafDepth)
  }

  #batchClasses(): number {
    return batchClasses(this.#settings.batchMs, this.#rate, this.#lastClasses, this.#sliceClasses())
  }

  #sliceClasses(): number {
    return Math.max(1, Math.floor(this.#settings.survivorRoom / this.#roomPerClass))
  }

  #slices(batch: Batch): readonly Slice[] {
    return slicesOf(batch.classes, this.#sliceClasses())
  }

  /** Waits for what was submitted, and runs what is left and what overflowed. */
  async #complete(
    slot: Pipeline['slots'][number],
    batch: Batch,
    slices: readonly Slice[],
    submitted: readonly Slice[],
    since: number,
  ): Promise<Outcome[]> {
    const outcomes: Outcome[] = []
    const finish = async (part: readonly Slice[], start: number): Promise<void> => {
      const outcome = await this.#await(slot, part, start)
      if (!outcome.overflow) {
        outcomes.push(outcome)
        return
      }
      this.counters.overflows++
      for (const half of halve(part, batch.classes)) await again(half)
    }
    const again = async (part: readonly Slice[]): Promise<void> => {
      this.#pipeline.submit(slot, batch, part)
      await finish(part, performance.now())
    }
    await finish(submitted, since)
    for (let i = submitted.length; i < slices.length; i += SLICE_ROOM) await again(slices.slice(i, i + SLICE_ROOM))
    return outcomes
  }

  async #await(slot: Pipeline['slots'][number], slices: readonly Slice[], since: number): Promise<Outcome> {
    const classes = slices.reduce((sum, slice) => sum + slice.classes, 0)
    const expected = this.#rate === 0 ? 0 : (0.9 * classes) / this.#rate - (performance.now() - since)
    if (expected >= 1) await sleep(expected)
    const outcome = await this.#pipeline.read(slot, slices)
    const rate = classes / (outcome.gpuMs ?? performance.now() - since)
    // Up at once, because larger batches run better; down by halves, because one slow batch may be
    // an accident.
    if (Number.isFinite(rate)) this.#rate = Math.max(rate, (this.#rate + rate) / 2)
    this.#lastClasses = classes
    const needed = 1.3 * outcome.survivorsPerClass
    this.#roomPerClass = Math.max(needed, 0.95 * this.#roomPerClass, 0.01)
    return outcome
  }

  /** @throws {GpuFault} when the planted number is missing */
  #deliver(batch: Batch, planted: Planted, outcomes: readonly Outcome[], sink: Sink): void {
    const { counters } = this
    counters.batches++
    counters.seeds += batch.origins.length
    let plantReported = false
    for (const { results, classes, candidates, survivors, gpuMs } of outcomes) {
      counters.classes += classes
      counters.candidates += candidates
      counters.survivors += survivors
      counters.returned += results.length / 2
      counters.gpuMs += gpuMs ?? 0
      for (let i = 0; i < results.length; i += 2) {
        const offset = results[i + 1]!
        if (results[i] === planted.seed) {
          if (offset === planted.plant.offset) plantReported = true
          continue
        }
        const origin: Origin | undefined = batch.origins[results[i]!]
        if (!origin)
          throw new GpuFault(`The GPU reported class ${results[i]} of ${batch.origins.length}: it miscalculates`)
        sink.number(origin.leaf, origin.base + (BigInt(offset) << BigInt(origin.depth)))
      }
    }
    if (!plantReported) {
      throw new GpuFault(
        `The GPU ${this.#device.adapter.description} did not report the planted number ${planted.plant.n}: it miscalculates, and its results cannot be used`,
      )
    }
    for (const leaf of batch.completes) sink.complete(leaf)
  }
}
