/** Which engine a command uses. */
import { createExactEngine } from '../kernels/exact.ts'
import type { Engine, Partition } from '../kernels/unit.ts'
import { WasmEngine } from '../kernels/wasm/engine.ts'
import { leastHardSteps } from '../kernels/wasm/kernel.ts'

/** The fastest engine on this machine's CPU that can do the partition. Close it. */
export function cpuEngine(partition: Partition, workers = navigator.hardwareConcurrency): Engine {
  return partition.map === '3n+1' && partition.hardSteps >= leastHardSteps(partition.bits)
    ? new WasmEngine({ workers })
    : createExactEngine()
}
