/** Real nodes as processes: the program itself, a data directory each, on loopback. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { askNode, ControlError } from '../../orbit/node/home/control.ts'
import type { Level } from '../../orbit/rules/membership/levels.ts'
import type { Conviction } from '../../orbit/rules/quorum/convictions.ts'
import { until } from '../until.ts'

const binary = resolve(import.meta.dir, '../../dist/collatz')

export interface Status {
  readonly network: { readonly id: string; readonly unitsPerWindow: number; readonly beaconRound: number | null }
  readonly frontier: { readonly below: string; readonly sentence: string; readonly windows: number }
  readonly windows: readonly { readonly window: string; readonly certified: number; readonly complete: boolean }[]
  readonly units: { readonly certified: number; readonly results: number; readonly refused: Record<string, number> }
  readonly accounts: readonly {
    readonly account: string
    readonly name: string
    readonly units: number
    readonly level: Level
  }[]
  readonly convictions: readonly (Pick<Conviction, 'account' | 'node' | 'kind' | 'epoch'> & {
    readonly window: string
  })[]
  readonly running: boolean
  readonly equivocations: readonly { readonly coordinator: string; readonly epoch: number }[]
  readonly draws: {
    readonly witnessed: number
    readonly refused: readonly { readonly epoch: number; readonly fault: string }[]
  } | null
  readonly node: { readonly addresses: readonly string[] } | null
  readonly peers: readonly unknown[]
}

export interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export class Machine {
  readonly name: string
  readonly home: string
  readonly binary = binary
  private processes: Bun.Subprocess[] = []

  constructor(name: string) {
    this.name = name
    this.home = mkdtempSync(join(tmpdir(), `collatz-${name}-`))
  }

  private environment() {
    return { ...process.env, COLLATZ_HOME: this.home }
  }

  /** Runs a command to its end. @throws when it fails */
  async run(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.outcome(...args)
    if (code !== 0) throw new Error(`collatz ${args.join(' ')} exited with ${code}: ${stderr}`)
    return stdout
  }

  /** Runs a command to its end, however that is. */
  async outcome(...args: string[]): Promise<Outcome> {
    const child = Bun.spawn([binary, ...args], {
      env: this.environment(),
      stdout: 'pipe',
      stderr: 'pipe',
      stdin: 'ignore',
    })
    const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
    return { code: await child.exited, stdout, stderr }
  }

  /** Starts a command and leaves it running. */
  start(...args: string[]): Bun.Subprocess {
    return this.startWriting('ignore', ...args)
  }

  /** Likewise. @param stdout where to */
  startWriting(stdout: Bun.BunFile | 'ignore', ...args: string[]): Bun.Subprocess {
    const child = Bun.spawn([binary, ...args], {
      env: this.environment(),
      stdout,
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

  /** Of a running node it is asked for as the program asks for it, without starting the program each time. */
  async status(): Promise<Status> {
    try {
      return JSON.parse(await askNode<string>(this.home, 'status'))
    } catch (error) {
      if (!(error instanceof ControlError)) throw error
      return JSON.parse(await this.run('status', '--json'))
    }
  }

  /** Asks for the status again and again until it is as wished. */
  async until(wish: (status: Status) => boolean, what: string): Promise<Status> {
    let last: unknown = 'nothing'
    const look = async () => {
      try {
        const status = await this.status()
        last = { ...status, network: undefined }
        return wish(status) && status
      } catch (error) {
        last = (error as Error).message
        return false
      }
    }
    return until(look, `${what} (${this.name})`, { every: 200, seen: () => last })
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
