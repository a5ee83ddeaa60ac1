/**
 * What a page needs to compute and to check bundles for a browser, and nothing of Bun or Node is in
 * it.
 */
import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const KERNELS = join(import.meta.dirname, '../../kernels')

/** What a page could not load or run: imports of Bun's or Node's own modules, and their globals. */
const FOREIGN = /(?:from|import|require)\s*\(?\s*["'](?:bun|node)(?::|["'])|\bBun\.|\bprocess\.|\bBuffer\./g

/**
 * @returns the bundle, with what it left to be imported at run time.
 *
 * @throws {AggregateError} when it does not build
 */
async function bundle(entry: string) {
  const { outputs } = await Bun.build({ entrypoints: [entry], target: 'browser', external: ['bun', 'bun:*', 'node:*'] })
  const text = await outputs.find(({ kind }) => kind === 'entry-point')!.text()
  return { text, left: new Bun.Transpiler({ loader: 'js' }).scanImports(text), foreign: text.match(FOREIGN) ?? [] }
}

test.each(['wasm/engine.ts', 'wasm/worker.ts', 'webgpu/engine.ts', 'exact.ts', 'merkle.ts', 'expected.ts'])(
  'kernels/%s is free of Bun and Node',
  async (file) => {
    const { text, left, foreign } = await bundle(join(KERNELS, file))
    expect(text.length).toBeGreaterThan(1000)
    expect({ left, foreign }).toEqual({ left: [], foreign: [] })
  },
)

test.each([
  ['the engine opened in Bun', `export { bunPlatform } from '${join(KERNELS, 'wasm/open.ts')}'`],
  ['a file of Node', `import { readFileSync } from 'node:fs'; readFileSync('x')`],
  ["a module of Bun's", `import { Database } from 'bun:sqlite'; new Database()`],
])('%s would be noticed', async (_, source) => {
  const folder = mkdtempSync(join(tmpdir(), 'bundle-'))
  try {
    const entry = join(folder, 'entry.ts')
    writeFileSync(entry, source)
    const { left, foreign } = await bundle(entry)
    expect(left.length + foreign.length).toBeGreaterThan(0)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
