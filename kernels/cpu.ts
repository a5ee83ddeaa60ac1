/** The fastest engine on this machine's CPU that can do a partition. */
import { createExactEngine } from './exact.ts'
import type { Engine, Partition } from './unit.ts'
import { WasmEngine } from './wasm/engine.ts'
import { leastHardSteps } from './wasm/kernel.ts'

/** Whether the fast engines can do it: 3n+1, and enough steps for what their tables skip. */
export const isFast = ({ map, hardSteps, bits }: Partition): boolean =>
  map === '3n+1' && hardSteps >= leastHardSteps(bits)

/** Close it. */
export function cpuEngine(partition: Partition, workers = navigator.hardwareConcurrency): Engine {
  return isFast(partition) ? new WasmEngine({ workers }) : createExactEngine()
}
