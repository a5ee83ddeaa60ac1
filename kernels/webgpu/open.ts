/**
 * The webgpu engine in Bun: Dawn is loaded when it is first asked for, never by importing this
 * file.
 */
import { bunPlatform } from '../wasm/open.ts'
import { dawn } from './dawn.ts'
import { WebgpuEngine, type WebgpuOptions } from './engine.ts'
import { type TuneOptions, type Tuning, tune } from './tune.ts'

/**
 * @throws {NoGpu} with one clear line when there is no GPU to use: take the wasm engine
 * @throws {GpuFault} when the GPU cannot run the shaders or answers wrongly
 * @throws {RangeError} when an option is out of range
 */
export async function openWebgpuEngine(options: WebgpuOptions = {}): Promise<WebgpuEngine> {
  return WebgpuEngine.open(await dawn(), await bunPlatform.module(), options)
}

/** tune() on the same adapter; throws as it does. */
export async function tuneWebgpu(options: TuneOptions = {}): Promise<Tuning> {
  return tune(await dawn(), options)
}
