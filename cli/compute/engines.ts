/** Which engine a command uses, and what happens when it fails. */
import { createExactEngine } from '../../kernels/exact.ts'
import { whyNot } from '../../kernels/limits.ts'
import type { Engine, Partition, StageCounts, Unit, UnitResult, VerifyOptions } from '../../kernels/unit.ts'
import { openWasmEngine } from '../../kernels/wasm/open.ts'
import { DeviceLost, GpuFault, NoGpu } from '../../kernels/webgpu/errors.ts'
import { openWebgpuEngine } from '../../kernels/webgpu/open.ts'
import { LEAST_DUTY } from '../../kernels/webgpu/runner.ts'
import { adapterKey } from '../../kernels/webgpu/tune.ts'
import { wholeNumber } from '../shell/command.ts'
import { EXIT, UserError } from '../shell/errors.ts'
import { lateBar, note } from '../shell/print.ts'
import { rememberedSettings } from './gpu-settings.ts'

export type EngineChoice = 'auto' | Engine['name']

export const engineArgs = {
  engine: {
    type: 'string',
    description: 'auto (the GPU if there is one, else wasm), wasm, webgpu or exact',
    valueHint: 'ENGINE',
  },
  cpu: { type: 'string', description: 'cores to use (default: all)', valueHint: 'N' },
  'gpu-duty': {
    type: 'string',
    description: 'share of the time that the GPU may be busy, 0.01 to 1 (default 1)',
    valueHint: 'SHARE',
  },
} as const

export interface EngineOptions {
  readonly engine: EngineChoice
  readonly workers: number
  readonly gpuDuty: number
  /** Data directory: the sizes tuned for the GPU are there. */
  readonly data?: string | undefined
}

/** @throws {UserError} */
export function engineOptions(args: {
  engine?: string
  cpu?: string
  'gpu-duty'?: string
  data?: string
}): EngineOptions {
  const engine = args.engine ?? 'auto'
  if (!['auto', 'wasm', 'webgpu', 'exact'].includes(engine)) {
    throw new UserError(`--engine is "${engine}": give auto, wasm, webgpu or exact`, EXIT.usage)
  }
  const gpuDuty = Number(args['gpu-duty'] ?? 1)
  if (!(gpuDuty >= LEAST_DUTY && gpuDuty <= 1)) {
    throw new UserError(`--gpu-duty is "${args['gpu-duty']}": give a share from ${LEAST_DUTY} to 1`, EXIT.usage)
  }
  return { engine: engine as EngineChoice, workers: coresOf(args.cpu), gpuDuty, data: args.data }
}

/** More workers than cores would only take memory. @throws {UserError} */
function coresOf(flag: string | undefined): number {
  const cores = navigator.hardwareConcurrency
  const wanted = flag === undefined ? cores : wholeNumber('--cpu', flag, 1, 1024)
  if (wanted > cores)
    note(`--cpu ${wanted}: this program may use ${cores} ${cores === 1 ? 'core' : 'cores'}, and does.`)
  return Math.min(wanted, cores)
}

/**
 * The engine asked for. `auto` takes the fastest that can do it and starts: the GPU where there is
 * a real one, else wasm, else exact. A GPU that is there but cannot be used, and the slow engine,
 * are worth a line to `notice`. Asked for by name, an engine that cannot do it is an error. A GPU
 * that is lost on the way is replaced by wasm, with one line.
 *
 * @throws {UserError} saying what to use instead
 * @throws {WorkerError} when the wasm engine cannot start or computes a known answer wrongly
 */
export async function openEngine(
  { engine, workers, gpuDuty, data }: EngineOptions,
  partition: Partition,
  notice: (line: string) => void,
): Promise<Engine> {
  if (engine === 'exact') return createExactEngine()
  if (engine === 'auto') {
    const refusal = whyNot('wasm', partition)
    if (refusal) {
      notice(`${refusal.reason}: going on with the exact engine, which is slow.`)
      return createExactEngine()
    }
  } else {
    const refusal = whyNot(engine, partition)
    if (refusal) throw new UserError(`${refusal.reason}; ${refusal.instead}`, EXIT.usage)
  }
  if (engine !== 'wasm' && whyNot('webgpu', partition) === null) {
    try {
      return new Replaceable(await openGpu(gpuDuty, data), () => openWasmEngine({ workers }), notice)
    } catch (error) {
      if (!(error instanceof NoGpu || error instanceof GpuFault || error instanceof DeviceLost)) throw error
      if (engine === 'webgpu') throw new UserError(`${error.message}; use --engine wasm`)
      if (!(error instanceof NoGpu) || error.refused) notice(`${error.message}: going on with the CPU (wasm engine).`)
    }
  }
  return openWasmEngine({ workers })
}

/**
 * As openEngine(), with a bar where that takes long, as a GPU's first start may. Notices go to
 * stderr.
 */
export async function openShown(options: EngineOptions, partition: Partition): Promise<Engine> {
  const bar = lateBar('starting')
  const notice = (line: string) => {
    bar.hide()
    note(line)
  }
  try {
    return await openEngine(options, partition, notice)
  } finally {
    bar.stop()
  }
}

/** With the sizes that were tuned for this adapter and driver, if any were. */
function openGpu(gpuDuty: number, data: string | undefined): Promise<Engine> {
  return openWebgpuEngine({
    gpuDuty,
    allowSoftware: process.env.COLLATZ_SOFTWARE_GPU === '1',
    settings: (adapter) => rememberedSettings(data)[adapterKey(adapter)],
  })
}

/** A GPU engine that is replaced when its device is lost: the unit goes on where it was. */
export class Replaceable implements Engine {
  private engine: Engine
  private readonly substitute: () => Promise<Engine>
  private readonly notice: (line: string) => void
  /**
   * Begun by the first unit that finds the device lost; all that were under way wait for the same
   * one.
   */
  private replacement: Promise<void> | undefined
  /** What the lost engine had counted. */
  private before: StageCounts = {}

  constructor(engine: Engine, substitute: () => Promise<Engine>, notice: (line: string) => void) {
    this.engine = engine
    this.substitute = substitute
    this.notice = notice
  }

  get name(): Engine['name'] {
    return this.engine.name
  }

  /** Of both engines, once one has replaced the other. */
  get counters(): StageCounts {
    const counters: Record<string, number> = { ...this.before }
    for (const [stage, left] of Object.entries(this.engine.counters ?? {})) {
      counters[stage] = (counters[stage] ?? 0) + left
    }
    return counters
  }

  /** Of the GPU; undefined once it is lost, as what it did is then no share of the time. */
  get gpuMs(): number | undefined {
    return this.engine.gpuMs
  }

  async verify(unit: Unit, options: VerifyOptions = {}): Promise<UnitResult> {
    const done = new Map(options.done)
    const onLeaf: VerifyOptions['onLeaf'] = (index, leaf) => {
      done.set(index, leaf)
      options.onLeaf?.(index, leaf)
    }
    try {
      return await this.engine.verify(unit, { ...options, onLeaf })
    } catch (error) {
      await this.replace(error)
      return this.engine.verify(unit, { ...options, done })
    }
  }

  async verifyLeaf(unit: Unit, leaf: number, options?: { signal?: AbortSignal }) {
    try {
      return await this.engine.verifyLeaf(unit, leaf, options)
    } catch (error) {
      await this.replace(error)
      return this.engine.verifyLeaf(unit, leaf, options)
    }
  }

  private replace(error: unknown): Promise<void> {
    if ((error as Error).name !== 'DeviceLost') return Promise.reject(error)
    this.replacement ??= (async () => {
      this.notice('The GPU was lost: going on with the CPU (wasm engine).')
      const lost = this.engine
      await lost.close().catch(() => {})
      this.engine = await this.substitute()
      this.before = lost.counters ?? {}
    })()
    return this.replacement
  }

  /** Also of a substitute that is still being opened. */
  async close(): Promise<void> {
    await this.replacement?.catch(() => {})
    await this.engine.close()
  }
}
