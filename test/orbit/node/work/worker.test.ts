/**
 * The worker on a node that is a few lines of memory, with the real engine: all that it needs is a
 * WorkHost.
 */
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cpuEngine } from '../../../../kernels/cpu.ts'
import { encodeLeaf } from '../../../../kernels/result.ts'
import { Emitter } from '../../../../orbit/node/async/emitter.ts'
import { found } from '../../../../orbit/node/home/founding.ts'
import type { PrivateRow } from '../../../../orbit/node/storage/private.ts'
import type { WorkEvents, WorkHost } from '../../../../orbit/node/work/work-host.ts'
import { work } from '../../../../orbit/node/work/worker.ts'
import { checksumHex, peakText } from '../../../../orbit/rules/message/bodies.ts'
import type { Assignment } from '../../../../orbit/rules/message/unit.ts'

setDefaultTimeout(2_400_000)

const directory = mkdtempSync(join(tmpdir(), 'collatz-worker-'))
const { genesis } = found({
  ...{ kind: 'local', network: 'memory', account: 'founder', bits: 28, replication: 3, listen: [], directory },
})
const engine = cpuEngine(genesis.partition, 1)
afterAll(async () => {
  await engine.close()
  rmSync(directory, { recursive: true, force: true })
})

/** The one unit of a window, by its distance from the first. */
const assignment = (distance: number): Assignment => ({
  ...{
    epoch: 2,
    window: genesis.firstWindow + BigInt(distance),
    unit: 0,
    quorum: ['self'],
    reserve: [],
    audited: null,
  },
})

class MemoryHost implements WorkHost {
  readonly genesis = genesis
  readonly events = new Emitter<WorkEvents>()
  readonly rows = new Map<string, Uint8Array>()
  readonly submitted: { result: Parameters<WorkHost['submit']>[0]; leaves: Uint8Array }[] = []
  readonly declined: Assignment[] = []
  readonly limits: number[] = []
  readonly started: number[] = []
  readonly finished: number[] = []
  readonly notices: string[] = []
  units: Assignment[]
  current: number | null = 7
  waiting = 0
  readonly kv = {
    put: async (key: string, value: Uint8Array) => void this.rows.set(key, value),
    get: async (key: string) => this.rows.get(key),
    delete: async (key: string) => void this.rows.delete(key),
    entries: async (prefix: string): Promise<PrivateRow[]> => [...this.rows].filter(([key]) => key.startsWith(prefix)),
  }

  constructor(...distances: number[]) {
    this.units = distances.map(assignment)
    this.events.on('started', ({ resumed }) => this.started.push(resumed))
    this.events.on('finished', ({ share }) => this.finished.push(share))
    this.events.on('notice', ({ text }) => this.notices.push(text))
  }

  round = () => this.current
  owed = () => this.units
  pending = () => this.waiting
  limitCapacity = (units: number) => void this.limits.push(units)
  hasPeers = () => false
  idle = async () => {}

  async submit(result: Parameters<WorkHost['submit']>[0], leaves: Uint8Array): Promise<void> {
    this.submitted.push({ result, leaves })
    this.units = this.units.filter(({ window }) => window.toString() !== result.window)
  }

  async decline(assignments: readonly Assignment[]): Promise<void> {
    this.declined.push(...assignments)
    this.units = this.units.filter((owed) => !assignments.includes(owed))
  }
}

/** What the engine says of a unit, as it is to be submitted. */
async function truth(distance: number) {
  const { window, unit } = assignment(distance)
  const { partition } = genesis
  const { count, checksum, peak, root, leaves } = await engine.verify({ partition, window, index: unit })
  return {
    result: {
      ...{ epoch: 2, window: window.toString(), unit, count, root },
      ...{ checksum: checksumHex(checksum), peak: peakText(peak) },
    },
    leaves: new Uint8Array(Buffer.concat(leaves.map(encodeLeaf))),
  }
}

const { signal: forever } = new AbortController()

test('units are computed in the order in which they are owed, and no checkpoint is left', async () => {
  const host = new MemoryHost(1, 0)
  expect(await work(host, engine, { units: 2, signal: forever })).toBe(2)
  expect(host.submitted).toEqual([await truth(1), await truth(0)])
  expect([host.started, host.finished, host.limits]).toEqual([
    [0, 0],
    [1, 1],
    [1, 0],
  ])
  expect([host.rows.size, host.declined, host.notices]).toEqual([0, [], []])
})

test('without a round, or with nothing owed, it waits for one or the other', async () => {
  const host = new MemoryHost(0)
  host.current = null
  const working = work(host, engine, { units: 1, signal: forever })
  host.events.emit('change')
  await Bun.sleep(0)
  expect(host.started).toEqual([])
  host.current = 8
  host.events.emit('round', { round: 8 })
  expect(await working).toBe(1)
})

test('a unit that was broken off is resumed, and comes to the same result', async () => {
  const host = new MemoryHost(0)
  const stopping = new AbortController()
  const off = host.events.on('progress', ({ fraction }) => fraction > 0.3 && stopping.abort())
  expect(await work(host, engine, { signal: stopping.signal })).toBe(0)
  off()
  expect([...host.rows.keys()]).toEqual([`checkpoint/${genesis.firstWindow}/0`])
  expect(await work(host, engine, { units: 1, signal: forever })).toBe(1)
  expect(host.started[0]).toBe(0)
  expect(host.started[1]).toBeGreaterThan(0)
  expect(host.submitted).toEqual([await truth(0)])
  expect(host.finished[0]).toBeGreaterThan(0)
  expect(host.finished[0]).toBeLessThan(1)
  expect(host.rows.size).toBe(0)
})

test('it stays until what it did is shown, and says once what it waits for', async () => {
  const host = new MemoryHost()
  host.waiting = 1
  const working = work(host, engine, { units: 0, signal: forever })
  host.events.emit('change')
  await Bun.sleep(0)
  host.waiting = 0
  host.events.emit('change')
  expect(await working).toBe(0)
  expect(host.notices).toEqual([expect.stringContaining('waiting to show it')])
})

test('a unit with a candidate is given back, and the number is kept', async () => {
  const host = new MemoryHost(0)
  const n = genesis.firstWindow * 2n ** 28n + 7n
  const finder: typeof engine = {
    ...{ name: engine.name, close: () => engine.close() },
    verifyLeaf: (unit, leaf, options) => engine.verifyLeaf(unit, leaf, options),
    verify: async (unit, options) => ({ ...(await engine.verify(unit, options)), candidates: [n] }),
  }
  expect(await work(host, finder, { units: 1, signal: forever })).toBe(1)
  expect([host.submitted, host.declined]).toEqual([[], [assignment(0)]])
  expect([...host.rows.keys()]).toEqual([`candidate/${n}`])
  expect(host.notices.join()).toContain(`CANDIDATE: n = ${n} `)
})
