/**
 * Real nodes on loopback for the tests of storage and networking, and a peer that keeps to no rule.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as dagCbor from '@ipld/dag-cbor'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2p } from 'libp2p'
import { base58btc } from 'multiformats/bases/base58'
import type { Admit } from '../../../orbit/node/log/access.ts'
import { nodeIdentity } from '../../../orbit/node/log/identity.ts'
import type { OrbitNode } from '../../../orbit/node/orbit-node.ts'
import { libp2pOptions } from '../../../orbit/node/p2p/libp2p.ts'
import { openNode } from '../../../orbit/node/plumbing.ts'
import { cidOf } from '../../../orbit/rules/base/cid.ts'
import { publicKeyOf } from '../../../orbit/rules/base/statement.ts'
import { until } from '../../until.ts'

export { until }

export const NETWORK = 'bafyreitestnetwork'
export const GENESIS = dagCbor.encode({ name: 'a network for tests' })

/** What these tests' network lets in: numbers, texts, and objects that do not say `forbidden`. */
export const admitAll: Admit = (_database, _writer, _key, value) =>
  value !== null && typeof value === 'object' && 'forbidden' in value ? 'a forbidden document' : null

export const seed = (): Uint8Array => crypto.getRandomValues(new Uint8Array(32))

export class Lab {
  private readonly nodes: { stop(): unknown }[] = []
  private readonly directories: string[] = []

  directory(): string {
    const directory = mkdtempSync(join(tmpdir(), 'collatz-node-'))
    this.directories.push(directory)
    return directory
  }

  async node(options: Partial<Parameters<typeof openNode>[0]> = {}): Promise<OrbitNode> {
    const node = await openNode({
      dir: options.dir ?? this.directory(),
      networkId: NETWORK,
      genesis: GENESIS,
      nodeKey: seed(),
      listen: ['/ip4/127.0.0.1/tcp/0'],
      peers: [],
      admit: admitAll,
      ...options,
    })
    this.nodes.push(node)
    return node
  }

  /** libp2p alone: what is sent through it is the test's affair. */
  async peer(listen: string[], networkId = NETWORK): Promise<Stranger> {
    const key = seed()
    const stranger = new Stranger(await createLibp2p(libp2pOptions({ networkId, nodeKey: key, listen })), key)
    this.nodes.push(stranger)
    return stranger
  }

  /** A peer that is connected to a node. */
  async stranger(to: OrbitNode): Promise<Stranger> {
    const stranger = await this.peer([])
    await stranger.libp2p.dial(multiaddr(to.addresses()[0]!))
    return stranger
  }

  async dispose(): Promise<void> {
    await Promise.all(this.nodes.splice(0).map((node) => node.stop()))
    for (const directory of this.directories.splice(0)) rmSync(directory, { recursive: true, force: true })
  }
}

export class Stranger {
  readonly libp2p: Libp2p
  readonly seed: Uint8Array
  readonly key: string

  constructor(libp2p: Libp2p, key: Uint8Array) {
    this.libp2p = libp2p
    this.seed = key
    this.key = publicKeyOf(key)
  }

  private get pubsub(): any {
    return this.libp2p.services.pubsub
  }

  /** Gossips bytes to the nodes that have the database open. */
  async gossip(address: string, bytes: Uint8Array): Promise<void> {
    if (!this.pubsub.getTopics().includes(address)) await this.pubsub.subscribe(address)
    await until(() => this.pubsub.getSubscribers(address).length > 0, 'a subscriber')
    await this.pubsub.publish(address, bytes)
  }

  async stop(): Promise<void> {
    await this.libp2p.stop()
  }
}

export interface RawEntry {
  readonly bytes: Uint8Array
  readonly hash: string
  readonly fields: Record<string, unknown>
}

/** An entry as OrbitDB writes it, with whatever is to be wrong about it. */
export async function entry(
  signer: Uint8Array,
  address: string,
  key: string,
  value: unknown,
  { next = [] as string[], time = 1, op = 'PUT', claim = publicKeyOf(signer), extra = {} as object } = {},
): Promise<RawEntry> {
  const signed = {
    id: address,
    payload: { op, key, value },
    next,
    refs: [],
    clock: { id: claim, time },
    v: 2,
  }
  const sig = await nodeIdentity(signer).sign(null, dagCbor.encode(signed))
  return raw({ ...signed, key: claim, identity: claim, sig, ...extra })
}

export function raw(fields: Record<string, unknown>): RawEntry {
  const bytes = dagCbor.encode(fields)
  return { bytes, hash: cidOf(bytes).toString(base58btc), fields }
}
