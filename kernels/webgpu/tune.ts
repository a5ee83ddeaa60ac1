/**
 * Autotune: a short measured choice of table and batch sizes for an adapter.
 *
 * One setting after the other, each value is run for a moment on a piece of a real unit above 2^71,
 * and is taken when it is at least 2 % faster than the best so far. Results do not depend on
 * settings: a bad choice costs time and nothing else. The caller stores the choice under the key,
 * which changes with the chip and the driver.
 */
import { leavesOf } from '../partition.ts'
import { type AdapterDescription, type Device, openDevice } from './device.ts'
import type { WebgpuOptions } from './engine.ts'
import { GpuFault } from './errors.ts'
import { Pipeline } from './pipeline.ts'
import { Runner } from './runner.ts'
import { checkSettings, DEFAULTS, type Settings, SOFTWARE } from './settings.ts'

export interface Trial {
  readonly settings: Settings
  /** Classes of 64 numbers a second; 0 when the adapter has no room for these settings. */
  readonly rate: number
}

export interface Tuning {
  /** What the settings are good for: adapterKey(). */
  readonly key: string
  readonly settings: Settings
  /** In the order in which they were made; the first are the defaults. */
  readonly trials: readonly Trial[]
}

export interface TuneOptions extends Pick<WebgpuOptions, 'allowSoftware'> {
  /** How long each trial runs, in milliseconds. Default 400. */
  readonly trialMs?: number
  /** What is tried, in order. Default: CHOICES. */
  readonly choices?: Choices
  readonly onTrial?: (trial: Trial) => void
  readonly signal?: AbortSignal
}

export type Choices = readonly (readonly [keyof Settings, readonly number[]])[]

/** Some 15 trials: the settings that matter most first. */
export const CHOICES: Choices = [
  ['expandBits', [16, 20]],
  ['threads', [64, 32]],
  ['lookBits', [18, 19]],
  ['patterns', [512, 2048, 8192]],
  ['survivorRoom', [2 ** 21, 2 ** 22, 2 ** 24]],
  ['batchMs', [40, 160]],
]

/** A setting is taken for faster from this factor on: less may be noise. */
const GAIN = 1.02

/**
 * Names an adapter and its driver: `description` holds the driver's version where the platform
 * tells.
 */
export function adapterKey({ vendor, architecture, device, description }: AdapterDescription): string {
  return [vendor, architecture, device, description].join('/')
}

/**
 * @throws {NoGpu} when there is no GPU to use @throws {GpuFault} when no settings run on it @throws
 *   {DeviceLost}
 * @throws the signal's reason
 */
export async function tune(gpu: GPU, options: TuneOptions = {}): Promise<Tuning> {
  const { trialMs = 400, choices = CHOICES, onTrial, signal } = options
  const device = await openDevice(gpu, options)
  try {
    const trials: Trial[] = []
    const measure = async (settings: Settings): Promise<Trial> => {
      signal?.throwIfAborted()
      const trial = { settings, rate: await rateOf(device, settings, trialMs, signal) }
      trials.push(trial)
      onTrial?.(trial)
      return trial
    }
    let best = await measure(device.adapter.software ? SOFTWARE : DEFAULTS)
    for (const [name, values] of choices) {
      for (const value of values) {
        const trial = await measure({ ...best.settings, [name]: value })
        if (trial.rate > GAIN * best.rate) best = trial
      }
    }
    if (best.rate === 0) {
      throw new GpuFault(
        `The GPU ${device.adapter.description} runs with none of the sizes that were tried: use --engine wasm`,
      )
    }
    return { key: adapterKey(device.adapter), settings: best.settings, trials }
  } finally {
    device.close()
  }
}

/**
 * A unit of the size that a large network would have, from 2^71 on; trials end long before it does.
 */
const SAMPLE = { map: '3n+1', bits: 56, units: 1000, leaves: 256, hardSteps: 320 } as const

async function rateOf(device: Device, settings: Settings, ms: number, signal?: AbortSignal): Promise<number> {
  checkSettings(settings)
  let pipeline: Pipeline
  try {
    pipeline = await Pipeline.open(device, settings)
  } catch (error) {
    if (error instanceof GpuFault) return 0
    throw error
  }
  try {
    const runner = new Runner(device, pipeline, settings, 1)
    const jobs = leavesOf(SAMPLE, 500).map((state, leaf) => ({ leaf, state }))
    const task = { bits: SAMPLE.bits, window: 2n ** 15n, hardSteps: SAMPLE.hardSteps, jobs }
    const sink = { number: () => {}, complete: () => {} }
    const run = async (time: number) => {
      const timeout = AbortSignal.timeout(time)
      try {
        await runner.run(task, sink, signal ? AbortSignal.any([timeout, signal]) : timeout)
      } catch (error) {
        signal?.throwIfAborted()
        if (!timeout.aborted) throw error
      }
    }
    // Tables are made and the batches find their size before the clock starts.
    await run(ms / 2)
    const before = runner.counters.classes
    const start = performance.now()
    await run(ms)
    return (1000 * (runner.counters.classes - before)) / (performance.now() - start)
  } finally {
    pipeline.close()
  }
}
