/** What a peer that keeps to no rule can do to a replica: nothing. */
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import * as dagCbor from '@ipld/dag-cbor'
import { multiaddr } from '@multiformats/multiaddr'
import type { DocumentStore } from '../../../../orbit/node/log/documents.ts'
import type { OrbitNode } from '../../../../orbit/node/orbit-node.ts'
import { messages, sendMessage } from '../../../../orbit/node/p2p/streams.ts'
import { publicKeyOf } from '../../../../orbit/rules/base/statement.ts'
import { entry, Lab, NETWORK, type RawEntry, raw, type Stranger, seed, until } from '../nodes.ts'

setDefaultTimeout(2_400_000)

const lab = new Lab()
let node: OrbitNode
let store: DocumentStore
let stranger: Stranger
let honest = 0
const ENTRIES = `/collatz/${NETWORK}/entries/1`
const INVENTED = 'zdpuAzTestTestTestTestTestTestTestTestTestTestTes'

beforeEach(async () => {
  node = await lab.node()
  store = await node.open('things')
  stranger = await lab.stranger(node)
})
afterEach(() => lab.dispose())

/**
 * All that is sent is sent before this entry, so what has not changed when it is here does not
 * change.
 */
async function afterwards(): Promise<void> {
  const key = `${stranger.key}/honest/${++honest}`
  await stranger.gossip(store.address, (await entry(stranger.seed, store.address, key, 1)).bytes)
  await until(() => store.get(key), 'the honest entry')
}

const refusedFor = async (bad: RawEntry): Promise<Record<string, number>> => {
  await stranger.gossip(store.address, bad.bytes)
  await afterwards()
  expect(store.all().every(({ key }) => key.startsWith(`${stranger.key}/honest/`))).toBe(true)
  return node.refused()
}

describe('an entry is refused when', () => {
  test("it is filed under another's key", async () => {
    const bad = await entry(stranger.seed, store.address, `${node.nodeKeyHex}/x`, 1)
    expect(await refusedFor(bad)).toEqual({ "a document under another's key": 1 })
  })

  test("it claims another's key, signed with one's own", async () => {
    const bad = await entry(stranger.seed, store.address, `${node.nodeKeyHex}/x`, 1, { claim: node.nodeKeyHex })
    expect(await refusedFor(bad)).toEqual({ 'an entry with a wrong signature': 1 })
  })

  test("it names another's identity beside its own key", async () => {
    const bad = await entry(stranger.seed, store.address, `${stranger.key}/x`, 1, {
      extra: { identity: node.nodeKeyHex },
    })
    expect(await refusedFor(bad)).toEqual({ 'an entry whose identity is not its key': 1 })
  })

  test('it is nested so deep that it can be read and not be written again', async () => {
    const { bytes } = await entry(stranger.seed, store.address, `${stranger.key}/x`, 1)
    const value = Buffer.concat([Buffer.from('evalue'), Buffer.of(1)])
    const at = Buffer.from(bytes).indexOf(value) + value.length - 1
    const nested = Buffer.concat([bytes.slice(0, at), Buffer.alloc(20_000, 0x81), bytes.slice(at)])
    expect(() => dagCbor.encode(dagCbor.decode(nested))).toThrow(RangeError)
    await stranger.gossip(store.address, new Uint8Array(nested))
    await afterwards()
    expect(Object.keys(node.refused()).join()).toMatch(/^(|a document that could not be checked[^,]*)$/)
    expect(store.all().length).toBe(1)
  })

  test('it carries a signed payload in one field and shows another', async () => {
    const good = await entry(stranger.seed, store.address, `${stranger.key}/x`, 1)
    const bad = raw({
      ...good.fields,
      payload: { op: 'PUT', key: `${stranger.key}/x`, value: 2 },
      _payload: good.fields.payload,
    })
    expect(await refusedFor(bad)).toEqual({ 'an entry of the wrong form': 1 })
  })

  test('it has a field too many, which other nodes would store under another hash', async () => {
    for (const extra of [{ more: 1 }, { hash: INVENTED }]) {
      const bad = await entry(stranger.seed, store.address, `${stranger.key}/x`, 1, { extra })
      await refusedFor(bad)
    }
    expect(node.refused()).toEqual({ 'an entry of the wrong form': 1, 'an entry that is not canonical': 1 })
    expect((await store.heads()).length).toBe(2)
  })

  test('its bytes are another encoding of the same', async () => {
    const { fields } = await entry(stranger.seed, store.address, `${stranger.key}/x`, 1)
    const canonical = dagCbor.encode(fields)
    // The same map with its first two entries exchanged: lengths first, so `v` and `id` lead.
    const v = [0x61, 0x76, 0x02]
    expect([...canonical.slice(1, 4)]).toEqual(v)
    const id = canonical.slice(4, 4 + 3 + 2 + store.address.length)
    const swapped = Uint8Array.of(canonical[0]!, ...id, ...v, ...canonical.slice(4 + id.length))
    expect(dagCbor.decode<object>(swapped)).toEqual(fields)
    await stranger.gossip(store.address, swapped)
    await afterwards()
    expect(node.refused()).toEqual({ 'an entry that is not canonical': 1 })
    expect((await store.heads()).length).toBe(1)
  })

  test('it deletes', async () => {
    const bad = await entry(stranger.seed, store.address, `${stranger.key}/x`, null, { op: 'DEL' })
    expect(await refusedFor(bad)).toEqual({ 'an operation other than PUT': 1 })
  })

  test('the rules do not admit its document', async () => {
    const bad = await entry(stranger.seed, store.address, `${stranger.key}/x`, { forbidden: 1 })
    expect(await refusedFor(bad)).toEqual({ 'a forbidden document': 1 })
  })

  test('it was signed for another database', async () => {
    const other = await node.open('others')
    const bad = await entry(stranger.seed, other.address, `${stranger.key}/x`, 1)
    await refusedFor(bad)
    expect(other.count()).toBe(0)
  })

  test('its clock is not one more than its parents', async () => {
    await store.put(`${node.nodeKeyHex}/a`, 1)
    const [head] = await store.heads()
    for (const time of [1, 3, Number.MAX_SAFE_INTEGER]) {
      const bad = await entry(stranger.seed, store.address, `${stranger.key}/x`, 1, { next: [head!], time })
      await stranger.gossip(store.address, bad.bytes)
    }
    await afterwards()
    expect(store.get(`${stranger.key}/x`)).toBeUndefined()
    expect(node.refused()).toEqual({ 'an entry whose clock jumps': 3 })
  })

  test('it is too large to travel', async () => {
    const bad = await entry(stranger.seed, store.address, `${stranger.key}/x`, new Uint8Array(300_000))
    await stranger.gossip(store.address, bad.bytes)
    await afterwards()
    expect(store.count()).toBe(1)
    expect(store.put(`${node.nodeKeyHex}/x`, new Uint8Array(300_000))).rejects.toThrow('an entry that is too large')
  })
})

test('bytes that are nothing at all do no harm', async () => {
  const junk = [[], [0xff, 1, 2], [0x80], [0xf6], [0xa0], [0x01], [0xa1, 0x61, 0x76, 0xf7]]
  for (const bytes of junk) await stranger.gossip(store.address, Uint8Array.from(bytes))
  await afterwards()
  expect(store.count()).toBe(1)
})

test('junk is not passed on: a third node never hears of it', async () => {
  const third = await lab.node({ peers: node.addresses() })
  const theirs = await third.open('things')
  await until(() => third.peers().length > 0, 'a connection')
  const bad = await entry(stranger.seed, store.address, `${stranger.key}/x`, { forbidden: 1 })
  await stranger.gossip(store.address, bad.bytes)
  await afterwards()
  await until(() => theirs.count() === 1, 'the good entry')
  expect(node.refused()).toEqual({ 'a forbidden document': 1 })
  expect(third.refused()).toEqual({})
})

describe('nobody is made to wait', () => {
  test('by entries whose parents nobody has: a put and an honest entry take what they always take', async () => {
    for (let i = 0; i < 50; i++) {
      const invented = INVENTED.slice(0, -2) + ['A', 'B', 'C', 'D', 'E'][i % 5]! + ['v', 'w', 'x', 'y', 'z'][i % 5]!
      const bad = await entry(seed(), store.address, '', 1, { next: [invented], time: 2 })
      await stranger.gossip(store.address, bad.bytes)
    }
    for (let i = 0; i < 50; i++) {
      const signer = seed()
      const bad = await entry(signer, store.address, `${publicKeyOf(signer)}/x`, i, { next: [INVENTED], time: 2 })
      await stranger.gossip(store.address, bad.bytes)
    }
    // What waits for an answer waits ten seconds (catch-up.ts).
    const started = performance.now()
    await store.put(`${node.nodeKeyHex}/x`, 1)
    await afterwards()
    expect(performance.now() - started).toBeLessThan(8_000)
    expect(store.count()).toBe(2)
  })

  test('by a peer that takes questions and gives no answer', async () => {
    let asked = 0
    const { libp2p } = stranger
    let givenUp = 0
    await libp2p.handle(ENTRIES, (stream) => {
      asked++
      stream.addEventListener('close', () => void givenUp++)
    })
    const silent = await lab.node({ peers: [] })
    const theirs = await silent.open('things')
    await libp2p.dial(multiaddr(silent.addresses()[0]!))
    await until(() => asked > 0, 'a question')
    await theirs.put(`${silent.nodeKeyHex}/x`, 1)
    // Done, and the question is still open.
    expect(givenUp).toBe(0)
    await theirs.close()
    await silent.open('others')
    await until(() => asked > 1, 'another question')
    // It is given up after ten seconds (catch-up.ts), which stopping does not wait for.
    const stopping = performance.now()
    await silent.stop()
    expect(performance.now() - stopping).toBeLessThan(9_000)
  })
})

describe('a peer that answers', () => {
  /** A second node meets the stranger, who answers its questions as told. */
  async function meets(
    answer: (ask: [string, number, number]) => Uint8Array[],
  ): Promise<{ b: OrbitNode; theirs: DocumentStore; asked: () => number }> {
    let asked = 0
    await stranger.libp2p.handle(ENTRIES, async (stream) => {
      const { value } = await messages(stream, 1024).next()
      asked++
      for (const message of answer(dagCbor.decode(value as Uint8Array))) await sendMessage(stream, message)
      await stream.close()
    })
    const b = await lab.node()
    const theirs = await b.open('things')
    await stranger.libp2p.dial(multiaddr(b.addresses()[0]!))
    await until(() => asked > 0, 'a question')
    return { b, theirs, asked: () => asked }
  }

  test('with what it has is believed as far as it can be checked', async () => {
    const first = await entry(stranger.seed, store.address, `${stranger.key}/a`, 1)
    const second = await entry(stranger.seed, store.address, `${stranger.key}/b`, 2, { next: [first.hash], time: 2 })
    const { theirs } = await meets(([, after]) =>
      after > 2 ? [dagCbor.encode([second.hash])] : [dagCbor.encode([second.hash]), first.bytes, second.bytes],
    )
    await until(() => theirs.count() === 2, 'both entries')
    expect(await theirs.heads()).toEqual([second.hash])
  })

  test('with junk among the entries is left, and nothing of the junk is kept', async () => {
    const first = await entry(stranger.seed, store.address, `${stranger.key}/a`, 1)
    const bad = await entry(stranger.seed, store.address, `${node.nodeKeyHex}/b`, 2, { next: [first.hash], time: 2 })
    const { b, theirs } = await meets(([, after]) =>
      after > 2 ? [dagCbor.encode([bad.hash])] : [dagCbor.encode([bad.hash]), first.bytes, bad.bytes],
    )
    await until(() => Object.keys(b.refused()).length > 0, 'a refusal')
    // Long enough for what should not come.
    await Bun.sleep(200)
    expect(theirs.all()).toEqual([])
    expect(b.refused()).toEqual({ "a document under another's key": 1 })
  })

  test('with heads that are none, or without end, is left', async () => {
    const first = await entry(stranger.seed, store.address, `${stranger.key}/a`, 1)
    const { theirs, asked } = await meets(([, after]) =>
      after > 2 ? [dagCbor.encode([INVENTED])] : [dagCbor.encode([INVENTED]), ...Array(1000).fill(first.bytes)],
    )
    await until(() => asked() >= 2, 'the second question')
    // Long enough for questions that should not come.
    await Bun.sleep(300)
    // For its heads and for its entries, once or twice as they get to know each other; and that is
    // that.
    expect(asked()).toBeLessThanOrEqual(4)
    expect(theirs.count()).toBe(0)
  })
})
