/**
 * `npm test`: types, style, the binary, and every test; closes with `N passed, N failed` alone on a line.
 * Arguments are passed to `bun test`, for example a path: `npm test -- test/kernels`.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { buildBinary } from '../cli/dev/build.ts'
import { ensureChromium } from './chromium.ts'

const root = resolve(import.meta.dir, '..')
let passed = 0
let failed = 0

async function check(name: string, action: () => Promise<unknown>): Promise<void> {
  const started = performance.now()
  try {
    await action()
    passed++
    console.log(`ok    ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)`)
  } catch (error) {
    failed++
    console.log(`FAIL  ${name}\n${(error as Error).message}`)
  }
}

async function tool(...command: string[]): Promise<void> {
  const child = Bun.spawn(command, { cwd: root, stdout: 'pipe', stderr: 'pipe' })
  const output = (await new Response(child.stdout).text()) + (await new Response(child.stderr).text())
  if ((await child.exited) !== 0) throw new Error(output)
}

console.log(await ensureChromium())
await check('the types hold', () => tool(process.execPath, 'x', '--bun', 'tsc', '-p', '.'))
await check('one style', () => tool(resolve(root, 'node_modules/.bin/biome'), 'ci', '--colors=off', '.'))
await check('the binary builds', () => buildBinary())

const scratch = mkdtempSync(join(tmpdir(), 'collatz-test-'))
const report = join(scratch, 'junit.xml')
const tests = Bun.spawn(
  [
    process.execPath,
    'test',
    '--timeout=120000',
    '--reporter=junit',
    `--reporter-outfile=${report}`,
    ...process.argv.slice(2),
  ],
  { cwd: root, stdout: 'inherit', stderr: 'inherit', env: { ...process.env, COLLATZ_HOME: join(scratch, 'home') } },
)
const exitCode = await tests.exited
let skipped = 0
try {
  const head = /<testsuites [^>]*>/.exec(readFileSync(report, 'utf8'))![0]
  const count = (name: string) => Number(new RegExp(`\\b${name}="([0-9]+)"`).exec(head)?.[1] ?? 0)
  skipped = count('skipped')
  const failures = count('failures') + count('errors')
  passed += count('tests') - failures - skipped
  failed += failures
  // A file that does not load is no failed test in the report, but bun says so with its exit code.
  if (failures === 0 && exitCode !== 0) failed++
} catch {
  failed++
}
rmSync(scratch, { recursive: true, force: true })
if (skipped > 0) console.log(`${skipped} skipped, each with its reason above`)
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
