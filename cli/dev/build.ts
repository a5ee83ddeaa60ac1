/**
 * `bun run build [--target linux-x64] [--out FILE]`: the program as one file. Targets are linux,
 * darwin and windows on x64 and arm64, as Bun names them, with the GPU library where there is one
 * for the target.
 */
import { existsSync, mkdirSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parseArgs } from 'node:util'

const root = resolve(import.meta.dir, '../..')
const TARGETS = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64', 'windows-x64', 'windows-arm64']

export function hostTarget(): string {
  return `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
}

/** @returns the path of the binary */
export async function buildBinary(target = hostTarget(), out?: string): Promise<string> {
  if (!TARGETS.includes(target)) throw new Error(`unknown target ${target}: give one of ${TARGETS.join(', ')}`)
  const name = target === hostTarget() ? 'collatz' : `collatz-${target}`
  const outfile = out ? resolve(out) : resolve(root, 'dist', target.startsWith('windows') ? `${name}.exe` : name)
  mkdirSync(dirname(outfile), { recursive: true })
  const [os, arch] = target.split('-') as [string, string]
  const isHost = target === hostTarget()
  const result = await Bun.build({
    // The worker is an entry point of its own: see kernels/wasm/open.ts.
    entrypoints: [resolve(root, 'cli/main.ts'), resolve(root, 'kernels/wasm/worker.ts')],
    root,
    target: 'bun',
    minify: { whitespace: true, syntax: true, identifiers: false },
    sourcemap: 'none',
    // Lets the bundler drop the other platforms' native libraries.
    define: {
      'process.platform': JSON.stringify(os === 'windows' ? 'win32' : os),
      'process.arch': JSON.stringify(arch),
      'process.env.NODE_ENV': '"production"',
    },
    compile: {
      outfile,
      // The folder that the program is started in is a stranger's: its code and its settings are
      // not the program's.
      autoloadBunfig: false,
      autoloadDotenv: false,
      autoloadTsconfig: false,
      autoloadPackageJson: false,
      ...(isHost ? {} : { target: `bun-${target}` as never }),
    },
    // Parsed beforehand, which halves the start; for other platforms it could not be tried here.
    ...(isHost ? { bytecode: true, format: 'esm' } : {}),
  })
  if (!result.success) throw new AggregateError(result.logs, `building for ${target} failed`)
  if (!existsSync(outfile)) throw new Error(`building for ${target} left no file at ${outfile}`)
  return outfile
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { target: { type: 'string' }, out: { type: 'string' } },
    allowPositionals: false,
  })
  try {
    const file = await buildBinary(values.target, values.out)
    console.log(`${file} (${(Bun.file(file).size / 2 ** 20).toFixed(0)} MiB)`)
  } catch (error) {
    console.error((error as Error).message)
    for (const log of error instanceof AggregateError ? error.errors : []) console.error(String(log))
    process.exit(1)
  }
}
