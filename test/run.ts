/**
 * `npm test`: types, style, the binary, and every test; closes with `N passed, N failed` alone on a line.
 * Arguments are passed to `bun test`, for example a path: `npm test -- test/kernels`.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Glob } from 'bun'
import { buildBinary } from '../cli/dev/build.ts'
import { ensureChromium } from './chromium.ts'

const root = resolve(import.meta.dir, '..')
let passed = 0
let failed = 0
let skipped = 0

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

const scratch = mkdtempSync(join(tmpdir(), 'collatz-test-'))

/**
 * Runs `bun test` and counts what it reports.
 *
 * @param quiet  print what it says when it is over, as others run beside it
 * @param before a command that runs it
 */
async function bunTest(
  name: string,
  args: readonly string[],
  { quiet = true, before = [] as readonly string[] } = {},
): Promise<void> {
  const report = join(scratch, `${name}.xml`)
  const log = join(scratch, `${name}.log`)
  const options = ['--timeout=300000', '--reporter=junit', `--reporter-outfile=${report}`]
  const child = Bun.spawn([...before, process.execPath, 'test', ...options, ...args], {
    cwd: root,
    stdout: quiet ? Bun.file(log) : 'inherit',
    stderr: quiet ? Bun.file(`${log}.err`) : 'inherit',
    env: { ...process.env, COLLATZ_HOME: join(scratch, `${name}-home`) },
  })
  const exitCode = await child.exited
  if (quiet) console.log(readFileSync(log, 'utf8') + readFileSync(`${log}.err`, 'utf8'))
  try {
    const head = /<testsuites [^>]*>/.exec(readFileSync(report, 'utf8'))![0]
    const count = (what: string) => Number(new RegExp(`\\b${what}="([0-9]+)"`).exec(head)?.[1] ?? 0)
    const failures = count('failures') + count('errors')
    skipped += count('skipped')
    passed += count('tests') - failures - count('skipped')
    failed += failures
    // A file that does not load is no failed test in the report, but bun says so with its exit code.
    if (failures === 0 && exitCode !== 0) failed++
  } catch {
    failed++
  }
}

console.log(await ensureChromium())
await check('the types hold', () => tool(process.execPath, 'x', '--bun', 'tsc', '-p', '.'))
await check('one style', () => tool(resolve(root, 'node_modules/.bin/biome'), 'ci', '--colors=off', '.'))
await check('the binary builds', () => buildBinary())

const wanted = process.argv.slice(2)
if (wanted.length > 0) {
  await bunTest('tests', wanted, { quiet: false })
} else {
  // Networks, of processes or within one, mostly wait for the next beacon round, so two lanes of them run side by side. The
  // tests that compute use what those leave of the processor, at the lowest priority, so that no node misses a deadline.
  const files = [...new Glob('test/**/*.test.ts').scanSync({ cwd: root })].sort().map((file) => `./${file}`)
  const inFolder = (folder: string) => files.filter((file) => file.startsWith(`./test/${folder}/`))
  const [networks, nodes] = [inFolder('network'), inFolder('orbit/node')]
  const rest = files.filter((file) => !networks.includes(file) && !nodes.includes(file))
  const ofLiars = networks.filter((file) => /\/(liars|two-nodes)\./.test(file))
  await Promise.all([
    bunTest(
      'networks',
      networks.filter((file) => !ofLiars.includes(file)),
      { quiet: false },
    ),
    bunTest('nodes', nodes).then(() => bunTest('liars', ofLiars)),
    bunTest('rest', ['--parallel=2', ...rest], { before: ['nice', '-n', '19'] }),
  ])
}
rmSync(scratch, { recursive: true, force: true })
if (skipped > 0) console.log(`${skipped} skipped, each with its reason above`)
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
