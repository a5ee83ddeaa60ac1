/** Real nodes as processes: the program itself, a data directory each, on loopback. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Conviction } from '../../orbit/rules/convictions.ts'

const binary = resolve(import.meta.dir, '../../dist/collatz')

export interface Status {
  readonly network: { readonly id: string; readonly unitsPerWindow: number }
  readonly frontier: { readonly below: string; readonly sentence: string; readonly windows: number }
  readonly windows: readonly { readonly window: string; readonly certified: number; readonly complete: boolean }[]
  readonly units: { readonly certified: number; readonly results: number; readonly refused: Record<string, number> }
  readonly accounts: readonly {
    readonly account: string
    readonly name: string
    readonly units: number
    readonly level: string
  }[]
  readonly convictions: readonly Pick<Conviction, 'account' | 'kind'>[]
  readonly running: boolean
  readonly equivocations: readonly { readonly coordinator: string; readonly epoch: number }[]
  readonly draws: { readonly refused: readonly { readonly epoch: number; readonly fault: string }[] } | null
  readonly node: { readonly addresses: readonly string[] } | null
  readonly peers: readonly unknown[]
}

export class Machine {
  readonly home: string
  readonly binary = binary
  private processes: Bun.Subprocess[] = []

  constructor(name: string) {
    this.home = mkdtempSync(join(tmpdir(), `collatz-${name}-`))
  }

  private environment() {
    return { ...process.env, COLLATZ_HOME: this.home }
  }

  /** Runs a command to its end. @throws when it fails */
  async run(...args: string[]): Promise<string> {
    const child = Bun.spawn([binary, ...args], {
      env: this.environment(),
      stdout: 'pipe',
      stderr: 'pipe',
      stdin: 'ignore',
    })
    const [output, errors] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
    const code = await child.exited
    if (code !== 0) throw new Error(`collatz ${args.join(' ')} exited with ${code}: ${errors}`)
    return output
  }

  /** Starts a command and leaves it running. */
  start(...args: string[]): Bun.Subprocess {
    const child = Bun.spawn([binary, ...args], {
      env: this.environment(),
      stdout: 'ignore',
      stderr: 'ignore',
      stdin: 'ignore',
    })
    this.processes.push(child)
    return child
  }

  /** Starts a program of the tests' own, with the Bun that runs them. */
  startScript(script: string, ...args: string[]): Bun.Subprocess {
    const child = Bun.spawn([process.execPath, script, ...args], {
      env: this.environment(),
      stdout: 'ignore',
      stderr: 'inherit',
      stdin: 'ignore',
    })
    this.processes.push(child)
    return child
  }

  async status(): Promise<Status> {
    return JSON.parse(await this.run('status', '--json'))
  }

  /** Asks for the status again and again until it is as wished. */
  async until(wish: (status: Status) => boolean, what: string, seconds = 90): Promise<Status> {
    const end = Date.now() + seconds * 1000
    let last: unknown = 'nothing'
    while (Date.now() < end) {
      try {
        const status = await this.status()
        if (wish(status)) return status
        last = { ...status, network: undefined }
      } catch (error) {
        last = (error as Error).message
      }
      // Each look costs a third of a second of a core.
      await Bun.sleep(1000)
    }
    throw new Error(`waited ${seconds} s for ${what}; last seen: ${JSON.stringify(last)}`)
  }

  async address(): Promise<string> {
    const { node } = await this.until((s) => (s.node?.addresses.length ?? 0) > 0, 'an address')
    return node!.addresses[0]!
  }

  async kill(child: Bun.Subprocess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    child.kill(signal)
    await child.exited
  }

  async dispose(): Promise<void> {
    for (const child of this.processes) child.kill('SIGKILL')
    await Promise.all(this.processes.map((child) => child.exited))
    rmSync(this.home, { recursive: true, force: true })
  }
}
