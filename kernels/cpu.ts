/** The fastest engine on this machine's CPU that can do a partition, in Bun. */
import { createExactEngine } from './exact.ts'
import { whyNot } from './limits.ts'
import type { Engine, Partition } from './unit.ts'
import { WasmEngine } from './wasm/engine.ts'
import { bunPlatform } from './wasm/open.ts'

/** Close the engine. */
export function cpuEngine(partition: Partition, workers = navigator.hardwareConcurrency): Engine {
  return whyNot('wasm', partition) === null ? new WasmEngine(bunPlatform, { workers }) : createExactEngine()
}
