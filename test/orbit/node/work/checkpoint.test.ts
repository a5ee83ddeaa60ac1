/**
 * A node signs what its checkpoint says: one that is not as it was left is not used, and the unit
 * is computed anew.
 */
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cpuEngine } from '../../../../kernels/cpu.ts'
import { hardNumber } from '../../../../kernels/result.ts'
import type { Engine, Unit, VerifyOptions } from '../../../../kernels/unit.ts'
import { found } from '../../../../orbit/node/home/founding.ts'
import { Service } from '../../../../orbit/node/service.ts'
import { sealLeaves, unsealLeaves } from '../../../../orbit/node/work/checkpoint.ts'
import { work } from '../../../../orbit/node/work/worker.ts'

setDefaultTimeout(2_400_000)

const directory = mkdtempSync(join(tmpdir(), 'collatz-checkpoint-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

test('the leaves of a unit open as they were sealed, for that unit, and with no bit changed', () => {
  const leaves = new Map([3, 5].map((i) => [i, hardNumber(2n ** 71n + BigInt(i), 330 + i, 10n ** 30n)]))
  const sealed = sealLeaves('checkpoint/7/1', leaves)
  expect(unsealLeaves('checkpoint/7/1', sealed)).toEqual(leaves)
  expect(unsealLeaves('checkpoint/7/11', sealed)).toBeNull()
  expect(unsealLeaves('checkpoint/7/1', sealed.subarray(0, -1))).toBeNull()
  expect(unsealLeaves('checkpoint/7/1', new Uint8Array())).toBeNull()
  for (let bit = 0; bit < 8 * sealed.length; bit++) {
    const changed = sealed.slice()
    changed[bit >> 3]! ^= 1 << (bit & 7)
    expect(unsealLeaves('checkpoint/7/1', changed)).toBeNull()
  }
})

test('a node begins a unit anew whose checkpoint was damaged, and says so', async () => {
  const listen = ['/ip4/127.0.0.1/tcp/0']
  const home = found({ kind: 'local', network: 'sealed', account: 'founder', bits: 28, listen, directory })
  const engine = cpuEngine(home.genesis.partition, 1)
  const service = await Service.start({ home, capacity: 1, listen })
  const notices: string[] = []
  service.events.on('notice', ({ text }) => notices.push(text))
  /** Stops at its fifth leaf, and tells what it was given. */
  const begun: { unit: Unit; known: number }[] = []
  const run = async () => {
    const stopping = new AbortController()
    const interrupted: Engine = {
      ...{ name: 'wasm', close: () => engine.close() },
      verifyLeaf: (unit, leaf, options) => engine.verifyLeaf(unit, leaf, options),
      verify(unit: Unit, options: VerifyOptions = {}) {
        begun.push({ unit, known: options.done?.size ?? 0 })
        let leaves = 0
        const onLeaf: VerifyOptions['onLeaf'] = (index, leaf) => {
          options.onLeaf?.(index, leaf)
          if (++leaves === 5) stopping.abort()
        }
        return engine.verify(unit, { ...options, onLeaf })
      },
    }
    await work(service, interrupted, { signal: stopping.signal })
  }
  try {
    await run()
    await run()
    const [[key, sealed]] = (await service.node.kv.entries('checkpoint/')) as [[string, Uint8Array]]
    const changed = sealed.slice()
    changed[changed.length - 70]! ^= 1
    await service.node.kv.put(key, changed)
    await run()
    expect(begun.map(({ known }) => known)).toEqual([0, 5, 0])
    const { window, index } = begun[2]!.unit
    expect(notices.filter((text) => text.includes('checkpoint'))).toEqual([
      `The checkpoint of unit ${index} of window ${window} was damaged, or is of another version of collatz: it is not used, and the unit begins anew.`,
    ])
  } finally {
    await service.stop()
    await engine.close()
  }
})
