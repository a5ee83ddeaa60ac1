/**
 * What `npm test` (run.ts) and `npm run check` (check.ts) share: checks and runs of `bun test` are counted, in a scratch folder
 * that is the home and the place for temporary files of all that they start, and what they leave behind there is a fault.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Glob } from 'bun'

const root = resolve(import.meta.dir, '..')
/** Several waits of until.ts. */
const TEST_MS = 2_400_000
/** What Bun and Chromium keep in the folder for temporary files. */
const NOT_OURS = /^(\.?bun-|\.?org\.chromium\.)/

/** Paths of test files, below the project's root, sorted. */
export const testFiles = (): string[] => [...new Glob('test/**/*.test.ts').scanSync({ cwd: root })].sort()

export class Suite {
  private readonly scratch = mkdtempSync(join(tmpdir(), 'collatz-'))
  private readonly temporary = join(this.scratch, 'tmp')
  private readonly home = join(this.scratch, 'home')
  private readonly began = performance.now()
  private passed = 0
  private failed = 0
  private skipped = 0
  /** Seconds of each test. */
  private readonly times: [seconds: number, test: string][] = []

  constructor() {
    mkdirSync(this.temporary)
    mkdirSync(this.home)
  }

  /** Counts as one test. */
  async check(name: string, action: () => unknown): Promise<void> {
    const started = performance.now()
    try {
      await action()
      this.passed++
      console.log(`ok    ${name} (${seconds(started)})`)
    } catch (error) {
      this.failed++
      console.log(`FAIL  ${name}\n${(error as Error).message}`)
    }
  }

  /** Likewise, with a command that fails by its exit code. */
  tool(name: string, ...command: string[]): Promise<void> {
    return this.check(name, async () => {
      const child = Bun.spawn(command, { cwd: root, stdout: 'pipe', stderr: 'pipe' })
      const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
      if ((await child.exited) !== 0) throw new Error(stdout + stderr)
    })
  }

  async typesAndStyle(): Promise<void> {
    await this.tool('the types hold', process.execPath, 'x', '--bun', 'tsc', '-p', '.')
    await this.tool('one style', resolve(root, 'node_modules/.bin/biome'), 'ci', '--colors=off', '.')
  }

  /**
   * Runs `bun test` and counts what it reports.
   *
   * @param name  told from others that run in this suite
   * @param args  of `bun test`: paths of files, begun with ./, and options
   * @param quiet print what it says when it is over, as others run beside it
   * @param nice  at a lower priority. Not the lowest: on a busy machine that would get nothing at all
   */
  async bunTest(name: string, args: readonly string[], { quiet = true, nice = false } = {}): Promise<void> {
    const started = performance.now()
    const file = join(this.scratch, name.replaceAll(/[^\w.]+/g, '-'))
    const [report, log] = [`${file}.xml`, `${file}.log`]
    const options = [`--timeout=${TEST_MS}`, '--reporter=junit', `--reporter-outfile=${report}`]
    const child = Bun.spawn([...(nice ? ['nice', '-n', '5'] : []), process.execPath, 'test', ...options, ...args], {
      cwd: root,
      stdout: quiet ? Bun.file(log) : 'inherit',
      stderr: quiet ? Bun.file(`${log}.err`) : 'inherit',
      env: { ...process.env, HOME: this.home, TMPDIR: this.temporary },
    })
    const exitCode = await child.exited
    if (quiet) console.log(readFileSync(log, 'utf8') + readFileSync(`${log}.err`, 'utf8'))
    console.log(`${name}: ${seconds(started)}`)
    try {
      const xml = readFileSync(report, 'utf8')
      const head = /<testsuites [^>]*>/.exec(xml)![0]
      const count = (what: string) => Number(new RegExp(`\\b${what}="([0-9]+)"`).exec(head)?.[1] ?? 0)
      const failures = count('failures') + count('errors')
      this.skipped += count('skipped')
      this.passed += count('tests') - failures - count('skipped')
      this.failed += failures
      for (const [, test, time, path] of xml.matchAll(/<testcase name="([^"]*)".*? time="([0-9.]+)" file="([^"]*)"/g)) {
        this.times.push([Number(time), `${path}: ${test!.replaceAll('&gt;', '>').replaceAll('&#39;', "'")}`])
      }
      // A file that does not load is no failed test in the report, but bun says so with its exit code.
      if (failures === 0 && exitCode !== 0) this.failed++
    } catch {
      this.failed++
    }
  }

  /** Says what became of all, as the last line `N passed, N failed`, and ends the process. */
  async finish(): Promise<never> {
    await this.check('no test leaves anything behind', () => this.expectNothingLeft())
    rmSync(this.scratch, { recursive: true, force: true })
    if (this.skipped > 0) console.log(`${this.skipped} skipped, each with its reason above`)
    const longest = this.times.sort(([a], [b]) => b - a).slice(0, 10)
    console.log(['The longest tests:', ...longest.map(([time, test]) => `${time.toFixed(1)} s  ${test}`)].join('\n'))
    console.log(`It took ${seconds(this.began)}.`)
    console.log(`${this.passed} passed, ${this.failed} failed`)
    process.exit(this.failed === 0 ? 0 : 1)
  }

  private expectNothingLeft(): void {
    const files = readdirSync(this.temporary).filter((name) => !NOT_OURS.test(name))
    const inHome = readdirSync(this.home).filter((name) => name === '.collatz')
    const left = [...files.map((name) => join('$TMPDIR', name)), ...inHome.map((name) => join('~', name))]
    const processes = processesIn(this.temporary)
    if (left.length + processes.length > 0) throw new Error([...left, ...processes].join('\n'))
  }
}

/** Whose folder for temporary files this is, on systems that tell. @returns number and command of each */
function processesIn(temporary: string): string[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .flatMap((id) => {
      try {
        if (!readFileSync(`/proc/${id}/environ`, 'utf8').split('\0').includes(`TMPDIR=${temporary}`)) return []
        return [`process ${id}: ${readFileSync(`/proc/${id}/cmdline`, 'utf8').replaceAll('\0', ' ')}`]
      } catch {
        // It has ended, or is another user's.
        return []
      }
    })
}

const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`
