/** Documents on real nodes: they spread, they agree, and they are what was put in. */
import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { CID } from 'multiformats/cid'
import type { DocumentStore } from '../../../../orbit/node/log/documents.ts'
import { SqliteFile } from '../../../../orbit/node/storage/sqlite.ts'
import { rawCid } from '../../../../orbit/rules/base/cid.ts'
import { Lab, until } from '../nodes.ts'

setDefaultTimeout(2_400_000)

const lab = new Lab()
afterEach(() => lab.dispose())

const agree = (a: DocumentStore, b: DocumentStore) => Bun.deepEquals(a.all(), b.all())

describe('one node', () => {
  test('gives back what was put, bytes and CIDs included', async () => {
    const node = await lab.node()
    const store = await node.open('things')
    const cid = rawCid(Uint8Array.of(1, 2, 3))
    await store.put(`${node.nodeKeyHex}/a`, { bytes: Uint8Array.of(7, 8), cid, text: 'x', list: [1, null, true] })
    const { bytes, cid: back, ...rest } = store.get(`${node.nodeKeyHex}/a`) as Record<string, unknown>
    expect(bytes).toEqual(Uint8Array.of(7, 8))
    expect(CID.asCID(back)?.toString()).toBe(cid.toString())
    expect(rest).toEqual({ text: 'x', list: [1, null, true] })
    expect(store.get(`${node.nodeKeyHex}/b`)).toBeUndefined()
  })

  test('lists by prefix, in the order of the keys', async () => {
    const node = await lab.node()
    const store = await node.open('things')
    for (const key of ['b/2', 'a/1', 'b/1']) await store.put(`${node.nodeKeyHex}/${key}`, key)
    expect(store.all(`${node.nodeKeyHex}/b/`).map(({ value }) => value)).toEqual(['b/1', 'b/2'])
    expect(store.count()).toBe(3)
  })

  test('the last word on a key stands, and its hearers are told of it', async () => {
    const node = await lab.node()
    const store = await node.open('things')
    const heard: unknown[] = []
    const off = store.on('update', (documents) => heard.push(...documents.map(({ value }) => value)))
    for (const value of [1, 2, 3]) await store.put(`${node.nodeKeyHex}/a`, value)
    off()
    await store.put(`${node.nodeKeyHex}/a`, 4)
    expect(heard).toEqual([1, 2, 3])
    expect(store.get(`${node.nodeKeyHex}/a`)).toBe(4)
    expect(store.count()).toBe(1)
  })

  test('refuses its own document where it would refuse it of others, and says why', async () => {
    const node = await lab.node()
    const store = await node.open('things')
    expect(store.put(`${node.nodeKeyHex}/a`, { forbidden: true })).rejects.toThrow('a forbidden document')
    expect(store.put('somebody/a', 1)).rejects.toThrow("a document under another's key")
    await store.put(`${node.nodeKeyHex}/b`, 1)
    expect(store.all().map(({ value }) => value)).toEqual([1])
  })

  test('tells what lies under heads: all that was ever put before them, and nothing since', async () => {
    const node = await lab.node()
    const store = await node.open('things')
    for (const value of [1, 2]) await store.put(`${node.nodeKeyHex}/a`, value)
    const heads = await store.heads()
    await store.put(`${node.nodeKeyHex}/b`, 3)
    const under = async (some: readonly string[]) => ((await store.under(some)) as number[] | null)?.sort() ?? null
    expect(await under(heads)).toEqual([1, 2])
    expect(await under(await store.heads())).toEqual([1, 2, 3])
    // Asked for what was before, after it was asked for more.
    expect(await under(heads)).toEqual([1, 2])
    expect(await under([])).toEqual([])
    expect(await under([...heads, `zdpu${'1'.repeat(45)}`])).toBeNull()
  })

  test('what is closed opens again with what it held; what is dropped is gone, blocks and all', async () => {
    const node = await lab.node()
    const kept = await node.open('kept')
    await kept.put(`${node.nodeKeyHex}/a`, 1)
    await kept.close()
    expect((await node.open('kept')).all()).toEqual([{ key: `${node.nodeKeyHex}/a`, value: 1 }])

    const dropped = await node.open('dropped')
    await dropped.put(`${node.nodeKeyHex}/a`, 1)
    const [head] = await dropped.heads()
    expect(await node.blocks.has(CID.parse(head!))).toBe(true)
    await dropped.drop()
    expect(await node.blocks.has(CID.parse(head!))).toBe(false)
    const again = await node.open('dropped')
    expect(again.count()).toBe(0)
    await again.put(`${node.nodeKeyHex}/b`, 2)
    expect(again.count()).toBe(1)
  })

  test('documents that a crash kept out of the index are back at the next start', async () => {
    const dir = lab.directory()
    const node = await lab.node({ dir })
    const store = await node.open('things')
    for (let i = 0; i < 10; i++) await store.put(`${node.nodeKeyHex}/${i % 7}`, i)
    const [all, heads] = [store.all(), await store.heads()]
    await node.stop()
    const sql = new SqliteFile(dir)
    sql.run('DELETE FROM entries WHERE time > 4')
    sql.run('DELETE FROM documents WHERE time > 4')
    sql.close()
    const again = await (await lab.node({ dir })).open('things')
    expect(again.all()).toEqual(all)
    expect(await again.heads()).toEqual(heads)
  })
})

describe('two nodes', () => {
  test('derive the same address from a name, and another network another', async () => {
    const [a, b, other] = [await lab.node(), await lab.node(), await lab.node({ networkId: 'bafyreianother' })]
    const [one, two, three] = [await a.open('things'), await b.open('things'), await other.open('things')]
    expect(two.address).toBe(one.address)
    expect(three.address).not.toBe(one.address)
    expect((await a.open('others')).address).not.toBe(one.address)
  })

  test('see what each other puts, and agree on it and on the heads', async () => {
    const a = await lab.node()
    const b = await lab.node({ peers: a.addresses() })
    const [ours, theirs] = [await a.open('things'), await b.open('things')]
    await Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        await ours.put(`${a.nodeKeyHex}/${i}`, i)
        await theirs.put(`${b.nodeKeyHex}/${i}`, -i)
      }),
    )
    await until(() => ours.count() === 80 && theirs.count() === 80, 'eighty documents on both sides')
    expect(agree(ours, theirs)).toBe(true)
    await until(
      async () => Bun.deepEquals((await ours.heads()).sort(), (await theirs.heads()).sort()),
      'the same heads',
    )
  })

  test('pass on documents as large as they may be', async () => {
    const a = await lab.node()
    const b = await lab.node({ peers: a.addresses() })
    const [ours, theirs] = [await a.open('things'), await b.open('things')]
    await until(() => a.peers().length > 0, 'a connection')
    for (const size of [60_000, 130_000, 260_000]) {
      const value = { bytes: new Uint8Array(size).map((_, i) => i) }
      await ours.put(`${a.nodeKeyHex}/${size}`, value)
      await until(() => theirs.get(`${a.nodeKeyHex}/${size}`), `${size} bytes`)
      expect(theirs.get(`${a.nodeKeyHex}/${size}`)).toEqual(value)
    }
  })

  test('what was written while they were apart comes together when they meet, in whatever order they opened it', async () => {
    const a = await lab.node()
    const lonely = await a.open('things')
    for (let i = 0; i < 30; i++) await lonely.put(`${a.nodeKeyHex}/${i}`, i)
    const b = await lab.node()
    const other = await b.open('things')
    for (let i = 0; i < 70; i++) await other.put(`${b.nodeKeyHex}/${i}`, i)
    const dir = lab.directory()
    const c = await lab.node({ dir, peers: [...a.addresses(), ...b.addresses()] })
    const middle = await c.open('things')
    await until(() => middle.count() === 100, 'a hundred documents in the middle')
    // a and b know each other only through c: what c has from one, it hands to the other when
    // asked.
    await middle.put(`${c.nodeKeyHex}/met`, true)
    await until(() => lonely.count() === 101 && other.count() === 101, 'all documents on both sides')
    expect(agree(lonely, other)).toBe(true)
  })

  test('a node that was away finds its peer again, and what it missed', async () => {
    const dir = lab.directory()
    const nodeKey = crypto.getRandomValues(new Uint8Array(32))
    const first = await lab.node({ dir, nodeKey })
    const address = first.addresses()[0]!
    const b = await lab.node({ peers: [address] })
    const theirs = await b.open('things')
    await (await first.open('things')).put(`${first.nodeKeyHex}/before`, 1)
    await until(() => theirs.count() === 1, 'the first document')
    await first.stop()
    for (let i = 0; i < 50; i++) await theirs.put(`${b.nodeKeyHex}/${i}`, i)
    const again = await lab.node({ dir, nodeKey, listen: [address.replace(/\/p2p\/.*/, '')] })
    const ours = await again.open('things')
    await until(() => ours.count() === 51, 'what it missed')
    await ours.put(`${again.nodeKeyHex}/after`, 2)
    await until(() => theirs.count() === 52, 'the document after it')
    expect(agree(ours, theirs)).toBe(true)
  })
})
