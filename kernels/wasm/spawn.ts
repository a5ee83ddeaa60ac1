/**
 * Where the worker and the kernel are: run from source, and inside a binary of `bun build --compile`.
 *
 * Measured with Bun 1.4.5, with the source tree moved away: in a binary built from the entry points cli/main.ts and
 * kernels/wasm/worker.ts, `import.meta.url` of every module is that of the main entry (file:///$bunfs/root/NAME), and
 * a second entry point lies at its path from the repository's root (file:///$bunfs/root/kernels/wasm/worker.js). From
 * source, `import.meta.url` is this file's. Neither URL works in the other mode. `with { type: 'file' }` gives a path
 * that Bun.file reads in both.
 */
import kernel from './kernel.wasm' with { type: 'file' }

const compiled = !import.meta.url.endsWith('/kernels/wasm/spawn.ts')

/** A new worker, which waits for its first message. */
export function spawnWorker(): Worker {
  return new Worker(new URL(compiled ? './kernels/wasm/worker.js' : './worker.ts', import.meta.url))
}

/** The kernel, compiled once for all workers. */
export async function loadKernel(): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await Bun.file(kernel).arrayBuffer())
}
