/**
 * Builds the kernel: `bun kernels/wasm/build.ts` compiles assembly/*.ts to kernel.wasm with the
 * assemblyscript package. It does nothing when the kernel.wasm that is there was made from these
 * sources, flags and compiler.
 */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { version } from 'assemblyscript/package.json'

const HERE = import.meta.dirname
const SOURCES = join(HERE, 'assembly')
const TARGET = join(HERE, 'kernel.wasm')
const STAMP = `${TARGET}.sha256`

/**
 * No runtime (no heap is used), no bounds checks by the compiler, 64 pages = 4 MiB of memory
 * (assembly/layout.ts).
 */
const FLAGS = ['-O3', '--runtime', 'stub', '--noAssert', '--initialMemory', '64']

/** The kernel's source files by name. */
export function kernelSources(): Map<string, string> {
  const names = readdirSync(SOURCES).filter((name) => name.endsWith('.ts'))
  return new Map(names.sort().map((name) => [name, readFileSync(join(SOURCES, name), 'utf8')]))
}

/** @throws {Error} with the compiler's diagnostics */
export async function compileKernel(sources: ReadonlyMap<string, string>): Promise<Uint8Array<ArrayBuffer>> {
  const { default: asc } = await import('assemblyscript/asc') // slow to load, so only when needed
  let binary: Uint8Array | undefined
  const { error, stderr } = await asc.main(['index.ts', ...FLAGS, '--outFile', 'kernel.wasm'], {
    readFile: (name: string) => sources.get(name) ?? null,
    writeFile: (name: string, contents: string | Uint8Array) => {
      if (name === 'kernel.wasm' && typeof contents !== 'string') binary = contents
    },
    listFiles: () => [],
  })
  if (error || !binary) throw new Error(`The kernel does not compile: ${error?.message ?? 'no output'}\n${stderr}`)
  return new Uint8Array(binary)
}

/**
 * Compiles the kernel if it is out of date.
 *
 * @returns the path of kernel.wasm
 * @throws {Error} with the compiler's diagnostics
 */
export async function buildKernel(): Promise<string> {
  const sources = kernelSources()
  const hash = createHash('sha256').update(JSON.stringify([version, FLAGS, [...sources]]))
  const stamp = () => `${hash.copy().update(readFileSync(TARGET)).digest('hex')}\n`
  if (existsSync(STAMP) && existsSync(TARGET) && readFileSync(STAMP, 'utf8') === stamp()) return TARGET

  // A rename, so that a process that starts in the meantime never reads half a file.
  const temporary = `${TARGET}.${process.pid}`
  writeFileSync(temporary, await compileKernel(sources))
  renameSync(temporary, TARGET)
  writeFileSync(STAMP, stamp())
  return TARGET
}

if (import.meta.main) await buildKernel()
