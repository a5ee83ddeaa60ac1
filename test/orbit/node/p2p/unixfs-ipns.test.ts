/** Blocks, folders, names and gossip between real nodes. */
import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { CID } from 'multiformats/cid'
import { BlockUnavailable } from '../../../../orbit/node/orbit-node.ts'
import { NameError } from '../../../../orbit/node/p2p/unixfs-ipns.ts'
import { rawCid } from '../../../../orbit/rules/base/cid.ts'
import { Lab, seed, until } from '../nodes.ts'

setDefaultTimeout(2_400_000)

const lab = new Lab()
afterEach(() => lab.dispose())

const random = (size: number) => {
  const bytes = new Uint8Array(size)
  for (let i = 0; i < size; i += 65_536) crypto.getRandomValues(bytes.subarray(i, Math.min(size, i + 65_536)))
  return bytes
}

function folder(files: Record<string, string | Uint8Array>): string {
  const directory = lab.directory()
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), content)
  }
  return directory
}

const contents = (directory: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [relative(directory, path), readFileSync(path).toString('base64')]),
  )

const PAGE = { 'index.html': '<h1>1</h1>', 'a/b/c.css': 'body {}', 'a/big.bin': random(700_000), empty: '' }

describe('blocks', () => {
  test('travel from the node that has them to the one that asks, small and large', async () => {
    const a = await lab.node()
    const b = await lab.node({ peers: a.addresses() })
    await until(() => b.peers().length > 0, 'a connection')
    for (const size of [0, 1, 70_000, 1_000_000]) {
      const bytes = random(size)
      const cid = await a.blocks.put(bytes, 'raw')
      expect(await b.blocks.has(cid)).toBe(false)
      expect(await b.blocks.get(cid, { timeoutMs: 120_000 })).toEqual(bytes)
      expect(await b.blocks.has(cid)).toBe(true)
    }
  })

  test('that nobody has are given up in time, or at once when the asker no longer cares', async () => {
    const node = await lab.node()
    const cid = rawCid(random(10))
    const started = performance.now()
    await expect(node.blocks.get(cid, { timeoutMs: 300 })).rejects.toThrow(BlockUnavailable)
    const asker = new AbortController()
    setTimeout(() => asker.abort(), 100)
    await expect(node.blocks.get(cid, { timeoutMs: 60_000, signal: asker.signal })).rejects.toThrow(BlockUnavailable)
    expect(performance.now() - started).toBeLessThan(30_000)
  })
})

describe('folders and names', () => {
  test('a folder has the same CID everywhere, and another file another', async () => {
    const [a, b] = [await lab.node(), await lab.node()]
    const cid = await a.publishDirectory(folder(PAGE))
    expect((await b.publishDirectory(folder(PAGE))).toString()).toBe(cid.toString())
    expect((await b.publishDirectory(folder({ ...PAGE, empty: 'x' }))).toString()).not.toBe(cid.toString())
    await expect(a.publishDirectory(lab.directory())).rejects.toThrow(NameError)
  })

  test('a name published by one node gives another node the same bytes, and again after it moved on', async () => {
    const a = await lab.node()
    const b = await lab.node({ peers: a.addresses() })
    await until(() => b.peers().length > 0 && a.peers().length > 0, 'a connection')
    const name = await a.publishName('page', await a.publishDirectory(folder(PAGE)))
    const out = lab.directory()
    await b.exportDirectory(await b.resolveName(name), out)
    const source = folder(PAGE)
    expect(contents(out)).toEqual(contents(source))

    const next = await a.publishDirectory(folder({ ...PAGE, 'index.html': '<h1>2</h1>' }))
    expect(await a.publishName('page', next)).toBe(name)
    await until(async () => (await b.resolveName(name)).equals(next), 'the newer value')
  })

  test('a name outlives the node that published it, and its key a restart', async () => {
    const dir = lab.directory()
    const nodeKey = seed()
    const a = await lab.node({ dir, nodeKey })
    const b = await lab.node({ peers: a.addresses() })
    const c = await lab.node({ peers: b.addresses() })
    await until(() => a.peers().length > 0 && c.peers().length > 0, 'connections')
    const cid = await a.publishDirectory(folder(PAGE))
    const name = await a.publishName('page', cid)
    await b.exportDirectory(await b.resolveName(name), lab.directory())
    await a.stop()
    const value = await c.resolveName(name)
    expect(value.equals(cid)).toBe(true)
    const again = await lab.node({ dir, nodeKey, peers: b.addresses() })
    await until(() => again.peers().length > 0, 'a connection')
    expect(await again.publishName('page', cid)).toBe(name)
    expect(await again.publishName('other', cid)).not.toBe(name)
  })

  test('a name published when nobody had joined yet is known to who joins', async () => {
    const founder = await lab.node()
    const cid = await founder.publishDirectory(folder(PAGE))
    const name = await founder.publishName('page', cid)
    const guest = await lab.node({ peers: founder.addresses() })
    expect((await guest.resolveName(name)).equals(cid)).toBe(true)
  })

  test('what is no name, or nobody knows, is said so', async () => {
    const node = await lab.node()
    await expect(node.resolveName('example.com')).rejects.toThrow(NameError)
    const unknown = await (await lab.node()).publishName('page', rawCid(random(4)))
    await expect(node.resolveName(unknown, 500)).rejects.toThrow(`no peer knows what /ipns/${unknown} points at`)
  })

  test('a folder from a peer cannot write beside the place it is exported to', async () => {
    const node = await lab.node()
    const file = await node.blocks.put(Uint8Array.of(1), 'raw')
    for (const bad of ['../evil', 'a/b', '..', '.', '', '/evil', 'a\\b', 'nul\0']) {
      // dag-pb of a UnixFS folder with one link: Links is field 2 (Hash 1, Name 2, Tsize 3), Data
      // field 1.
      const name = new TextEncoder().encode(bad)
      const link = [0x0a, file.bytes.length, ...file.bytes, 0x12, name.length, ...name, 0x18, 1]
      const stored = await node.blocks.put(Uint8Array.from([0x12, link.length, ...link, 0x0a, 2, 8, 1]), 'raw')
      const out = join(lab.directory(), 'out')
      const cid = CID.createV1(0x70, stored.multihash)
      await expect(node.exportDirectory(cid, out)).rejects.toThrow(NameError)
      expect(existsSync(join(out, '../evil'))).toBe(false)
      expect(contents(out)).toEqual({})
    }
  })
})

test('gossip reaches the listeners of a topic on the same network, and no other', async () => {
  const a = await lab.node()
  const b = await lab.node({ peers: a.addresses() })
  const other = await lab.node({ peers: a.addresses(), networkId: 'bafyreianother' })
  const heard: string[] = []
  for (const [who, node] of Object.entries({ b, other })) {
    await node.topic('beacon').subscribe((bytes) => {
      heard.push(`${who} ${new TextDecoder().decode(bytes)}`)
      return 'pass on'
    })
    await node.topic('else').subscribe(() => {
      heard.push('another topic')
      return 'drop'
    })
  }
  const topic = a.topic('beacon')
  await until(async () => {
    await topic.publish(new TextEncoder().encode('hello'))
    return heard.length > 0
  }, 'a message')
  // Long enough for what should not come.
  await Bun.sleep(200)
  expect(new Set(heard)).toEqual(new Set(['b hello']))
})

test('private values stay, and go', async () => {
  const dir = lab.directory()
  const node = await lab.node({ dir })
  await node.kv.put('a', Uint8Array.of(1, 2))
  await node.kv.put('a', Uint8Array.of(3))
  await node.kv.put('b', new Uint8Array(0))
  await node.stop()
  const again = await lab.node({ dir })
  expect(await again.kv.get('a')).toEqual(Uint8Array.of(3))
  expect(await again.kv.get('b')).toEqual(new Uint8Array(0))
  await again.kv.delete('a')
  expect(await again.kv.get('a')).toBeUndefined()
})
