/**
 * A snapshot travels whole, however large it is and however slowly it is written down: two windows
 * of the main network make one of some hundred megabytes.
 */
import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { createReadStream, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fetchSnapshot, SnapshotShelf, snapshotPath } from '../../../../orbit/node/archive/snapshot-exchange.ts'
import { Party } from '../../rules/party.ts'
import { Lab } from '../nodes.ts'

setDefaultTimeout(1_200_000)

const lab = new Lab()
afterEach(() => lab.dispose())

const { genesis } = new Party({ accounts: 1 })

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  return hash.digest('hex')
}

/** A node that hands out a file of so many bytes, which are no snapshot: the exchange does not look at them. */
async function serving(size: number): Promise<{ address: string; path: string }> {
  const directory = lab.directory()
  const path = snapshotPath(directory)
  const bytes = new Uint8Array(size)
  for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(bytes.subarray(at, Math.min(size, at + 65_536)))
  writeFileSync(path, bytes)
  const node = await lab.node()
  await new SnapshotShelf(directory, genesis).serve(node)
  return { address: node.addresses()[0]!, path }
}

const signal = AbortSignal.timeout(600_000)

test.each([
  ['a byte', 1],
  ['40 MB', 40_000_000],
])('a snapshot of %s arrives to the byte', async (_, size) => {
  const { address, path } = await serving(size)
  const to = join(lab.directory(), 'came.car')
  const told: [number, number][] = []
  expect(await fetchSnapshot(address, to, { signal, onBytes: (...bytes) => told.push(bytes) })).toBe(true)
  expect(await digestOf(to)).toBe(await digestOf(path))
  expect(told.at(-1)).toEqual([size, size])
})

test('40 MB arrive where the disk of the asker is slow', async () => {
  const { address, path } = await serving(40_000_000)
  // A pipe that is read as slowly as such a disk writes.
  const to = join(lab.directory(), 'slow')
  expect(await Bun.spawn(['mkfifo', to]).exited).toBe(0)
  const hash = createHash('sha256')
  const reading = (async () => {
    let bytes = 0
    let next = 0
    for await (const chunk of createReadStream(to)) {
      hash.update(chunk)
      bytes += chunk.length
      if (bytes < next) continue
      next = bytes + 2_000_000
      await Bun.sleep(250)
    }
  })()
  expect(await fetchSnapshot(address, to, { signal, onBytes: () => {} })).toBe(true)
  await reading
  expect(hash.digest('hex')).toBe(await digestOf(path))
})

test('where there is none, that is the answer, and no file is left', async () => {
  const node = await lab.node()
  await new SnapshotShelf(lab.directory(), genesis).serve(node)
  const to = join(lab.directory(), 'came.car')
  expect(await fetchSnapshot(node.addresses()[0]!, to, { signal, onBytes: () => {} })).toBe(false)
  expect(existsSync(to)).toBe(false)
})
