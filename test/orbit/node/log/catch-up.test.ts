/**
 * A newcomer gets a long history in one stream, and later the few entries that it lacks without the
 * rest.
 */
import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import * as dagCbor from '@ipld/dag-cbor'
import { multiaddr } from '@multiformats/multiaddr'
import { messages, sendMessage } from '../../../../orbit/node/p2p/streams.ts'
import { entry, Lab, NETWORK, until } from '../nodes.ts'

setDefaultTimeout(2_400_000)

const lab = new Lab()
afterEach(() => lab.dispose())

const ENTRIES = `/collatz/${NETWORK}/entries/1`

test('two thousand entries are there, and the newcomer agrees with who had them', async () => {
  const old = await lab.node()
  const theirs = await old.open('things')
  for (let i = 0; i < 2_000; i++) await theirs.put(`${old.nodeKeyHex}/${i % 1_500}`, { i, bytes: new Uint8Array(200) })
  const newcomer = await lab.node({ peers: old.addresses() })
  const ours = await newcomer.open('things')
  const last = `${old.nodeKeyHex}/499`
  await until(() => (ours.get(last) as { i: number } | undefined)?.i === 1_999, 'the newest document')
  expect(ours.all()).toEqual(theirs.all())
  expect(await ours.heads()).toEqual(await theirs.heads())
  await ours.put(`${newcomer.nodeKeyHex}/a`, 1)
  await until(() => theirs.count() === 1_501, "the newcomer's own document")
})

test('who lacks only the newest entries is sent those, and not the history', async () => {
  const node = await lab.node()
  const store = await node.open('things')
  for (let i = 0; i < 300; i++) await store.put(`${node.nodeKeyHex}/${i}`, i)
  const stranger = await lab.stranger(node)
  const ask = async (after: number, upTo: number) => {
    const stream = await stranger.libp2p.dialProtocol(multiaddr(node.addresses()[0]!), ENTRIES)
    await sendMessage(stream, dagCbor.encode([store.address, after, upTo]))
    const answer: Uint8Array[] = []
    for await (const message of messages(stream, 1 << 20)) answer.push(message)
    return { heads: dagCbor.decode<string[]>(answer[0]!), times: answer.slice(1).map((block) => timeOf(block)) }
  }
  const timeOf = (block: Uint8Array) => dagCbor.decode<{ clock: { time: number } }>(block).clock.time
  expect(await ask(1e9, 1e9)).toEqual({ heads: await store.heads(), times: [] })
  expect((await ask(290, 1e9)).times).toEqual([291, 292, 293, 294, 295, 296, 297, 298, 299, 300])
  expect((await ask(10, 13)).times).toEqual([11, 12, 13])
  expect((await ask(0, 1e9)).times.length).toBe(300)
})

test('only databases of the network that are open are served', async () => {
  const node = await lab.node()
  const store = await node.open('things')
  await store.put(`${node.nodeKeyHex}/a`, 1)
  const { address } = store
  await store.close()
  const stranger = await lab.stranger(node)
  const stream = await stranger.libp2p.dialProtocol(multiaddr(node.addresses()[0]!), ENTRIES)
  await sendMessage(stream, dagCbor.encode([address, 0, 1e9]))
  expect((await messages(stream, 1 << 20).next()).done).toBe(true)
})

test('entries that arrive in the wrong order are joined all the same', async () => {
  const node = await lab.node()
  const store = await node.open('things')
  const stranger = await lab.stranger(node)
  const chain = []
  for (let i = 1, next: string[] = []; i <= 20; i++) {
    const link = await entry(stranger.seed, store.address, `${stranger.key}/${i}`, i, { next, time: i })
    chain.push(link)
    next = [link.hash]
  }
  for (const { bytes } of chain.toReversed()) await stranger.gossip(store.address, bytes)
  await until(() => store.count() === 20, 'the chain')
  expect(await store.heads()).toEqual([chain.at(-1)!.hash])
})

test('a hundred loose ends do not keep a node from writing, and are tied up as it does', async () => {
  const node = await lab.node()
  const store = await node.open('things')
  const stranger = await lab.stranger(node)
  for (let i = 0; i < 100; i++) {
    await stranger.gossip(store.address, (await entry(stranger.seed, store.address, `${stranger.key}/${i}`, i)).bytes)
  }
  await until(() => store.count() === 100, 'the loose ends')
  expect((await store.heads()).length).toBe(100)
  for (let i = 0; i < 4; i++) await store.put(`${node.nodeKeyHex}/${i}`, i)
  expect((await store.heads()).length).toBe(1)
})

test('a peer that sends faster than it is read is made to wait, and nothing is lost', async () => {
  let sent = 0
  const flooder = await lab.peer(['/ip4/127.0.0.1/tcp/0'])
  await flooder.libp2p.handle('/flood', async (stream) => {
    for (; sent < 300; sent++) await sendMessage(stream, new Uint8Array(100_000).fill(sent))
    await stream.close()
  })
  const reader = await lab.peer([])
  const stream = await reader.libp2p.dialProtocol(flooder.libp2p.getMultiaddrs()[0]!, '/flood')
  const flood = messages(stream, 1 << 20)
  await flood.next()
  // Long enough to send it all to who does not make it wait.
  await Bun.sleep(500)
  expect(sent).toBeLessThan(100)
  let received = 1
  for await (const message of flood) {
    expect(message[0]).toBe(received++ % 256)
    // It rests again and again: each time the stream is paused anew, with much held back.
    if (received % 30 === 0) await Bun.sleep(300)
  }
  expect(received).toBe(300)
})
