/**
 * The wasm engine in Bun, run from source or inside a binary of `bun build --compile`: where worker
 * and kernel are.
 *
 * It is apart from engine.ts because a browser bundles that file, and this one asks for Bun.
 *
 * Measured with Bun 1.4.5, with the source tree moved away: in a binary of the entry points
 * cli/main.ts and kernels/wasm/worker.ts, `import.meta.url` of every module is that of the main
 * entry (file:///$bunfs/root/NAME). A second entry point lies at its path from the repository's
 * root (file:///$bunfs/root/kernels/wasm/worker.js). From source, `import.meta.url` is this file's.
 * Neither URL works in the other mode. `with { type: 'file' }` gives a path that Bun.file reads in
 * both.
 */
import { WasmEngine, type WasmOptions } from './engine.ts'
import kernel from './kernel.wasm' with { type: 'file' }
import type { Platform } from './pool.ts'

const compiled = !import.meta.url.endsWith('/kernels/wasm/open.ts')

export const bunPlatform: Platform = {
  spawn: () => new Worker(new URL(compiled ? './kernels/wasm/worker.js' : './worker.ts', import.meta.url)),
  module: async () => WebAssembly.compile(await Bun.file(kernel).arrayBuffer()),
}

/** WasmEngine.open() in Bun; throws as it does. Close the engine. */
export function openWasmEngine(options: WasmOptions = {}): Promise<WasmEngine> {
  return WasmEngine.open(bunPlatform, options)
}
