/**
 * The program as its users run it: the binary, a data directory of its own, and what it printed.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

export const binary = resolve(import.meta.dir, '../../dist/collatz')

export interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** A bar shows on what takes longer than a second, which on a busy machine is anything. */
const BAR = /^.*\|[█░]+\| \d+ %.*\n/gm

export class Desk {
  readonly home: string
  readonly binary = binary
  constructor() {
    this.home = mkdtempSync(join(tmpdir(), 'collatz-desk-'))
  }

  path(...parts: string[]): string {
    return join(this.home, ...parts)
  }

  start(...args: string[]) {
    return Bun.spawn([binary, ...args], {
      env: { ...process.env, COLLATZ_HOME: this.path('data') },
      stdout: 'pipe',
      stderr: 'pipe',
      stdin: 'ignore',
    })
  }

  /**
   * Ctrl-C, a second after it first says something.
   * @returns all that it said on stderr, and its exit code
   */
  async interrupt(child: ReturnType<Desk['start']>): Promise<{ code: number; stderr: string }> {
    const decoder = new TextDecoder()
    let stderr = ''
    for await (const chunk of child.stderr) {
      if (stderr === '') setTimeout(() => child.kill('SIGINT'), 1000)
      stderr += decoder.decode(chunk, { stream: true })
    }
    return { code: await child.exited, stderr }
  }

  async run(...args: string[]): Promise<Outcome> {
    const child = this.start(...args)
    const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
    return { code: await child.exited, stdout, stderr: stderr.replace(BAR, '') }
  }

  dispose(): void {
    rmSync(this.home, { recursive: true, force: true })
  }
}
