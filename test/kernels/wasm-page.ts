/**
 * The wasm engine in a page, as a site would use it: the worker's script and the kernel come over
 * HTTP.
 */
import { WasmEngine } from '../../kernels/wasm/engine.ts'

const platform = {
  spawn: () => new Worker('/worker.js', { type: 'module' }),
  module: async () => WebAssembly.compile(await (await fetch('/kernel.wasm')).arrayBuffer()),
}
const engine = await WasmEngine.open(platform, { workers: 2 })
const partition = { map: '3n+1', bits: 30, units: 1, leaves: 64, hardSteps: 128 } as const
const { count, checksum } = await engine.verify({ partition, window: 2n ** 41n, index: 0 })
document.title = `${count} ${checksum.toString(16)}`
