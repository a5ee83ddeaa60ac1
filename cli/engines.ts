/** Which engine a command uses, and what happens when it fails. */
import { isFast } from '../kernels/cpu.ts'
import { createExactEngine } from '../kernels/exact.ts'
import type { Engine, Partition, Unit, UnitResult, VerifyOptions } from '../kernels/unit.ts'
import { openWasmEngine } from '../kernels/wasm/engine.ts'
import { leastHardSteps } from '../kernels/wasm/kernel.ts'
import { openWebgpuEngine } from '../kernels/webgpu/open.ts'
import { adapterKey } from '../kernels/webgpu/tune.ts'
import { EXIT, UserError } from './command.ts'
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
    description: 'share of the time that the GPU may be busy, 0 to 1 (default 1)',
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
  if (!(gpuDuty > 0 && gpuDuty <= 1)) {
    throw new UserError(`--gpu-duty is "${args['gpu-duty']}": give a share above 0 and up to 1`, EXIT.usage)
  }
  const workers = args.cpu === undefined ? navigator.hardwareConcurrency : Number(args.cpu)
  if (!Number.isInteger(workers) || workers < 1 || workers > 1024) {
    throw new UserError(`--cpu is "${args.cpu}": give a whole number from 1 to 1024`, EXIT.usage)
  }
  return { engine: engine as EngineChoice, workers, gpuDuty, data: args.data }
}

/**
 * The engine asked for. `auto` takes the GPU where there is a real one and falls back to the CPU with no word; asked for
 * by name, a missing GPU is an error. A GPU that is lost on the way is replaced by wasm, with one line.
 *
 * @throws {UserError | NoGpu | GpuFault}
 */
export async function openEngine(
  { engine, workers, gpuDuty, data }: EngineOptions,
  partition: Partition,
  notice: (line: string) => void,
): Promise<Engine> {
  if (engine === 'exact') return createExactEngine()
  if (!isFast(partition)) {
    if (engine === 'auto') return createExactEngine()
    throw new UserError(
      `the ${engine} engine does the map 3n+1 with at least ${leastHardSteps(partition.bits)} hard steps for windows of ` +
        `2^${partition.bits}: use --engine exact for others`,
      EXIT.usage,
    )
  }
  if (engine === 'wasm') return openWasmEngine({ workers })
  try {
    const gpu = await openGpu(gpuDuty, data)
    return new Replaceable(gpu, () => openWasmEngine({ workers }), notice)
  } catch (error) {
    if (engine === 'webgpu' || (error as Error).name !== 'NoGpu') throw error
    return openWasmEngine({ workers })
  }
}

/** With the sizes that were tuned for this adapter and driver, if any were. */
async function openGpu(gpuDuty: number, data: string | undefined): Promise<Engine> {
  const options = { gpuDuty, allowSoftware: process.env.COLLATZ_SOFTWARE_GPU === '1' }
  const gpu = await openWebgpuEngine(options)
  const settings = rememberedSettings(data)[adapterKey(gpu.adapter)]
  if (!settings) return gpu
  await gpu.close()
  return openWebgpuEngine({ ...options, settings })
}

/** A GPU engine that is replaced when its device is lost: the unit goes on where it was. */
export class Replaceable implements Engine {
  private engine: Engine
  private readonly substitute: () => Promise<Engine>
  private readonly notice: (line: string) => void

  constructor(engine: Engine, substitute: () => Promise<Engine>, notice: (line: string) => void) {
    this.engine = engine
    this.substitute = substitute
    this.notice = notice
  }

  get name(): Engine['name'] {
    return this.engine.name
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

  private async replace(error: unknown): Promise<void> {
    if ((error as Error).name !== 'DeviceLost') throw error
    this.notice('The GPU was lost: going on with the CPU (wasm engine).')
    await this.engine.close().catch(() => {})
    this.engine = await this.substitute()
  }

  close(): Promise<void> {
    return this.engine.close()
  }
}
