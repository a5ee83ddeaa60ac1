/** A program that is compiled by wasm.test.ts: prints the count and checksum of a known window. */
import { openWasmEngine } from '../../kernels/wasm/open.ts'

const engine = await openWasmEngine({ workers: 2 })
const partition = { map: '3n+1', bits: 28, units: 1, leaves: 16, hardSteps: 128 } as const
const { count, checksum } = await engine.verify({ partition, window: 5n, index: 0 })
console.log(count, checksum.toString(16))
await engine.close()
