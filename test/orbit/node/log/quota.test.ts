/**
 * A writer that is not registered, or that writes more than the protocol needs, costs the others
 * nothing, and its entries don't make two nodes differ.
 */
import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import type { LogEntry } from '../../../../orbit/node/log/entry.ts'
import { type Quota, quotaOf } from '../../../../orbit/node/log/quota.ts'
import type { OrbitNode } from '../../../../orbit/node/orbit-node.ts'
import { publicKeyOf } from '../../../../orbit/rules/base/statement.ts'
import { documentKey } from '../../../../orbit/rules/message/documents.ts'
import { entry, Lab, type RawEntry, seed, until } from '../nodes.ts'

setDefaultTimeout(2_400_000)

const lab = new Lab()
afterEach(() => lab.dispose())

/** Those who have registered, and how much each may write. */
class Till implements Quota {
  readonly paying = new Set<string>()
  room = 8

  readonly payer = ({ key }: LogEntry) => (this.paying.has(key) ? key : null)
  readonly limit = () => this.room
  readonly entryBytes = 1000
}

async function guarded(till: Till, peers: string[] = []) {
  const node = await lab.node({ peers, quota: () => till })
  /** How many of these entries lie here. */
  const kept = async (entries: readonly RawEntry[]) => {
    const here = await Promise.all(entries.map(({ hash }) => node.blocks.has(CID.parse(hash, base58btc))))
    return here.filter(Boolean).length
  }
  return { node, store: await node.open('things'), kept }
}

/** Entries one on top of the other, oldest first. */
async function chain(writer: Uint8Array, address: string, length: number, parent?: RawEntry): Promise<RawEntry[]> {
  const entries: RawEntry[] = []
  let last = parent
  for (let i = 0; i < length; i++) {
    const time = 1 + ((last?.fields.clock as { time: number } | undefined)?.time ?? 0)
    last = await entry(writer, address, `${publicKeyOf(writer)}/${time}`, time, { next: last ? [last.hash] : [], time })
    entries.push(last)
  }
  return entries
}

const on = (top: RawEntry) => {
  const { time } = top.fields.clock as { time: number }
  return { next: [top.hash], time: time + 1 }
}

describe('by gossip', () => {
  test('what nobody pays for is neither joined nor kept, and comes in with who builds on it', async () => {
    const till = new Till()
    const { node, store, kept } = await guarded(till)
    const stranger = await lab.stranger(node)
    const member = seed()
    till.paying.add(publicKeyOf(member))

    const flood = await chain(stranger.seed, store.address, 300)
    for (const { bytes } of flood) await stranger.gossip(store.address, bytes)
    const first = await entry(member, store.address, `${publicKeyOf(member)}/a`, 1)
    await stranger.gossip(store.address, first.bytes)
    await until(() => store.count() === 1, "the member's document")
    expect(await kept([...flood, first])).toBe(1)
    expect(node.refused()).toEqual({})

    const guest = await entry(stranger.seed, store.address, `${stranger.key}/guest`, 1)
    await stranger.gossip(store.address, guest.bytes)
    const host = await entry(member, store.address, `${publicKeyOf(member)}/b`, 1, on(guest))
    await stranger.gossip(store.address, host.bytes)
    await until(() => store.count() === 3, 'the guest, with the member')
    expect(store.get(`${stranger.key}/guest`)).toBe(1)
  })

  test('who brings guests along pays for them, and who wrote too much waits for room', async () => {
    const till = new Till()
    const { node, store } = await guarded(till)
    const stranger = await lab.stranger(node)
    const [member, other] = [seed(), seed()]
    till.paying.add(publicKeyOf(member)).add(publicKeyOf(other))

    const guests = await chain(stranger.seed, store.address, 8)
    const host = await entry(member, store.address, `${publicKeyOf(member)}/host`, 1, on(guests.at(-1)!))
    for (const { bytes } of [...guests, host]) await stranger.gossip(store.address, bytes)
    const mine = await chain(other, store.address, 20)
    for (const { bytes } of mine) await stranger.gossip(store.address, bytes)
    await until(() => store.count() === 8, 'what there is room for')
    // Nine entries would be the member's; of the other's twenty there is room for eight, and the
    // rest builds on these.
    expect(store.all().map(({ key }) => key.split('/')[0])).toEqual(Array(8).fill(publicKeyOf(other)))

    // Some may still be on their way.
    const grown = async (room: number, count: number) => {
      till.room = room
      await until(async () => {
        await store.reconsider()
        return store.count() >= count
      }, `${count} entries`)
      expect(store.count()).toBe(count)
    }
    await grown(12, 8 + 4 + 9)
    await grown(20, 20 + 9)
  })

  test('a registration that comes late lets in what waits for it', async () => {
    const till = new Till()
    const { node, store } = await guarded(till)
    const stranger = await lab.stranger(node)
    const early = await chain(stranger.seed, store.address, 3)
    for (const { bytes } of early) await stranger.gossip(store.address, bytes)
    const member = seed()
    till.paying.add(publicKeyOf(member))
    const after = await entry(member, store.address, `${publicKeyOf(member)}/after`, 1)
    await stranger.gossip(store.address, after.bytes)
    await until(() => store.count() === 1, 'what came after')
    till.paying.add(stranger.key)
    await until(async () => {
      await store.reconsider()
      return store.count() === 4
    }, 'the early ones')
  })
})

test('room is measured in bytes as well, and what was written is counted when the node starts again', async () => {
  const till = new Till()
  const member = seed()
  till.paying.add(publicKeyOf(member))
  const dir = lab.directory()
  const large = 'x'.repeat(2500)
  const write = async (node: OrbitNode, names: readonly string[]) => {
    const { address } = await node.open('things')
    const stranger = await lab.stranger(node)
    for (const name of names) {
      const { bytes } = await entry(member, address, `${publicKeyOf(member)}/${name}`, large)
      await stranger.gossip(address, bytes)
    }
    // What comes last is small, and all before it has been looked at when it is here.
    const last = await entry(member, address, `${publicKeyOf(member)}/${names.at(-1)} and no more`, 1)
    await stranger.gossip(address, last.bytes)
    const store = await node.open('things')
    await until(() => store.get(`${publicKeyOf(member)}/${names.at(-1)} and no more`), 'the last of them')
    return store.all().filter(({ value }) => value === large).length
  }
  // Of 8,000 bytes in all.
  const first = await lab.node({ dir, quota: () => till })
  expect(await write(first, ['a', 'b', 'c', 'd'])).toBe(2)
  await first.stop()
  const again = await lab.node({ dir, quota: () => till })
  expect(await write(again, ['e', 'f'])).toBe(2)
})

describe('by catching up', () => {
  /** A node that takes everything in, as a malicious one would. */
  async function hoarder(write: (address: string) => Promise<RawEntry[]>): Promise<OrbitNode> {
    const node = await lab.node()
    const store = await node.open('things')
    const stranger = await lab.stranger(node)
    const entries = await write(store.address)
    for (const { bytes } of entries) await stranger.gossip(store.address, bytes)
    await until(() => store.count() === entries.length, 'the hoard')
    return node
  }

  test('nothing of a hoard stays but what somebody has paid for', async () => {
    const till = new Till()
    const [nobody, member] = [seed(), seed()]
    till.paying.add(publicKeyOf(member))
    let honest: RawEntry[] = []
    let flood: RawEntry[] = []
    const peer = await hoarder(async (address) => {
      honest = await chain(member, address, 3)
      flood = await chain(nobody, address, 400, honest.at(-1))
      return [...honest, ...flood]
    })
    const { store, kept } = await guarded(till, peer.addresses())
    await until(() => store.count() === 3, 'what is paid for')
    await until(async () => (await kept(flood)) === 0, 'the rest to be gone')
    expect(await kept(honest)).toBe(3)
    expect(store.all().every(({ key }) => key.startsWith(publicKeyOf(member)))).toBe(true)
  })

  test('two nodes that heard different things of one flood come to the same log', async () => {
    const till = new Till()
    const [greedy, left, right] = [seed(), seed(), seed()]
    for (const writer of [greedy, left, right]) till.paying.add(publicKeyOf(writer))
    // Each sees as much of the greedy one as there is room for, and builds on it: together it is
    // more than that.
    const halves = await Promise.all(
      [left, right].map(async (writer, i) => {
        const dir = lab.directory()
        const node = await lab.node({ dir, nodeKey: writer, quota: () => till })
        const store = await node.open('things')
        const stranger = await lab.stranger(node)
        const key = (n: number) => `${publicKeyOf(greedy)}/${i}-${n}`
        let last: RawEntry | undefined
        for (let n = 0; n < 8; n++) {
          last = await entry(greedy, store.address, key(n), n, last ? on(last) : {})
          await stranger.gossip(store.address, last.bytes)
        }
        await until(() => store.count() === 8, 'its half')
        await store.put(`${publicKeyOf(writer)}/own`, 1)
        return { node, store }
      }),
    )
    const third = await guarded(
      till,
      halves.flatMap(({ node }) => node.addresses()),
    )
    await until(() => third.store.count() === 18, 'both halves')
  })
})

describe('who pays', () => {
  const rule = {
    ...{ rounds: 10, perDatabase: 2, isRegistered: (node: string) => node === 'known', round: () => now },
    isCoordinator: (node: string) => node === 'coordinator',
  }
  let now = 45
  const by = (key: string, documentKey: string) => ({ key, payload: { key: documentKey } }) as unknown as LogEntry

  test('the account for its nodes, a registered node for what it says, nobody for draws', () => {
    expect(quotaOf('accounts', rule).payer(by('n', documentKey.registration('n', 'a')))).toBe('a')
    expect(quotaOf('accounts', rule).payer(by('n', 'n/other/a'))).toBeNull()
    expect(quotaOf('pool-1', rule).payer(by('known', documentKey.heartbeat('known', 4, { witnessed: [] })))).toBe(
      'known',
    )
    expect(quotaOf('results-1', rule).payer(by('unknown', 'unknown/commit/1/2'))).toBeNull()
    expect(quotaOf('pool-1', rule).payer(by('coordinator', 'coordinator/heartbeat/4'))).toBe('coordinator')
    expect(quotaOf('pool-1', rule).limit('coordinator')).toBe(Number.POSITIVE_INFINITY)
    expect(quotaOf('results-1', rule).payer(by('coordinator', 'coordinator/commit/1/2'))).toBeNull()
    expect(quotaOf('draws', rule).limit('known')).toBe(Number.POSITIVE_INFINITY)
  })

  test('room grows as the database grows old, for heartbeats mostly while they may be said', () => {
    const limits = [0, 20, 21, 45, 1000].map((round) => {
      now = round
      return quotaOf('pool-1', rule).limit('known')
    })
    expect(limits).toEqual([64, 64, 68, 64 + 4 * 3 + 2, 64 + 4 * 98 + 2])
  })
})
