/** The program as its users run it: the binary, a data directory of its own, and what it printed. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

export const binary = resolve(import.meta.dir, '../../dist/collatz')

export interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

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

  async run(...args: string[]): Promise<Outcome> {
    const child = this.start(...args)
    const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
    return { code: await child.exited, stdout, stderr }
  }

  dispose(): void {
    rmSync(this.home, { recursive: true, force: true })
  }
}
