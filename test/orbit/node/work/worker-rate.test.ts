/** How fast a node is: what a checkpoint had was not computed in the time that is told. */
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cpuEngine } from '../../../../kernels/cpu.ts'
import { leavesOf } from '../../../../kernels/partition.ts'
import { found } from '../../../../orbit/node/home/founding.ts'
import { Service } from '../../../../orbit/node/service.ts'
import { work } from '../../../../orbit/node/work/worker.ts'

setDefaultTimeout(2_400_000)

const directory = mkdtempSync(join(tmpdir(), 'collatz-rate-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

test('a unit that was resumed counts by the share of it that was left', async () => {
  const listen = ['/ip4/127.0.0.1/tcp/0']
  const home = found({ kind: 'local', network: 'rate', account: 'founder', bits: 28, listen, directory })
  const { partition } = home.genesis
  const engine = cpuEngine(partition, 1)
  const service = await Service.start({ home, capacity: 1, listen })
  const resumed: number[] = []
  const shares: number[] = []
  service.events.on('started', (event) => resumed.push(event.resumed))
  service.events.on('finished', ({ share }) => shares.push(share))
  try {
    const stopping = new AbortController()
    const stop = service.events.on('progress', ({ fraction }) => fraction > 0.3 && stopping.abort())
    await work(service, engine, { signal: stopping.signal })
    stop()
    await work(service, engine, { units: 2, signal: new AbortController().signal })
    const [, known, next] = resumed
    expect(known).toBeGreaterThan(0)
    expect(next).toBe(0)
    expect(shares).toEqual([1 - known! / leavesOf(partition, 0).length, 1])
  } finally {
    await service.stop()
    await engine.close()
  }
})
