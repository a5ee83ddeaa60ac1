/**
 * A number that no rule drops and that the exact engine does not bring down: nothing that holds it
 * is certified.
 */
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cpuEngine } from '../../../../kernels/cpu.ts'
import type { Engine } from '../../../../kernels/unit.ts'
import { found } from '../../../../orbit/node/home/founding.ts'
import { Service } from '../../../../orbit/node/service.ts'
import { work } from '../../../../orbit/node/work/worker.ts'
import { until } from '../nodes.ts'

setDefaultTimeout(2_400_000)

const LISTEN = ['/ip4/127.0.0.1/tcp/0']
const directory = mkdtempSync(join(tmpdir(), 'collatz-candidate-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

test('its unit is given back, its owner told, and the frontier stays below', async () => {
  const kind = { kind: 'local', network: 'candidate', account: 'founder', bits: 28, listen: LISTEN } as const
  const home = found({ ...kind, directory })
  const { firstWindow, partition } = home.genesis
  const engine = cpuEngine(partition, 1)
  const n = (firstWindow << 28n) + 7n
  const finder: Engine = {
    ...{ name: 'wasm', close: () => engine.close() },
    verifyLeaf: (unit, leaf, options) => engine.verifyLeaf(unit, leaf, options),
    async verify(unit, options) {
      const result = await engine.verify(unit, options)
      return unit.window === firstWindow && unit.index === 0 ? { ...result, candidates: [n] } : result
    },
  }
  const service = await Service.start({ home, capacity: 3, listen: LISTEN })
  const notices: string[] = []
  service.events.on('notice', ({ text }) => notices.push(text))
  const stopping = new AbortController()
  const working = work(service, finder, { signal: stopping.signal })
  try {
    await until(() => service.state().windows.get(firstWindow + 1n)?.complete ?? false, 'the next window')
    const first = service.state().windows.get(firstWindow)
    expect(first?.certified.has(0) ?? false).toBe(false)
    expect(service.state().frontier.windows).toBe(0)
    expect(notices.join()).toContain(`CANDIDATE: n = ${n} `)
    expect((await service.node.kv.entries('candidate/')).map(([key]) => key)).toEqual([`candidate/${n}`])
  } finally {
    stopping.abort()
    await working
    await service.stop()
    await engine.close()
  }
})
