/**
 * A node's plumbing, composed at one place: the SQLite file, libp2p, Helia, OrbitDB. It knows
 * blocks, documents, topics and names. Of the protocol it knows only which documents its caller
 * admits.
 */

import { withBitswap } from '@helia/bitswap'
import { type HeliaWithLibp2p, withLibp2pLight } from '@helia/libp2p'
import * as dagCbor from '@ipld/dag-cbor'
import type { PeerId, ServiceMap } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { createOrbitDB } from '@orbitdb/core'
import { createHeliaLight } from 'helia'
import { cidOf, rawCid } from '../rules/base/cid.ts'
import { publicKeyOf } from '../rules/base/statement.ts'
import { type Admit, Judge } from './log/access.ts'
import { CatchUp } from './log/catch-up.ts'
import { OpenDatabases } from './log/databases.ts'
import { type DocumentsOptions, documentsDatabase } from './log/documents.ts'
import { nodeIdentity } from './log/identity.ts'
import { NO_QUOTA, type Quota } from './log/quota.ts'
import { type Blocks, BlockUnavailable, type OrbitNode } from './orbit-node.ts'
import { assertFreePort, PortInUse, parseAddress } from './p2p/addresses.ts'
import { Bans } from './p2p/bans.ts'
import { keepCompany, keepDialling, keepTalking } from './p2p/connections.ts'
import { serveGenesis } from './p2p/genesis-exchange.ts'
import { libp2pOptions } from './p2p/libp2p.ts'
import type { PubSub } from './p2p/pubsub.ts'
import { topicOn } from './p2p/topic.ts'
import { Publishing } from './p2p/unixfs-ipns.ts'
import { SqliteBlockstore } from './storage/blockstore.ts'
import { SqliteDatastore } from './storage/datastore.ts'
import { keyValues } from './storage/private.ts'
import { SqliteFile } from './storage/sqlite.ts'

export interface NodeOptions {
  /** The data directory. */
  readonly dir: string
  readonly networkId: string
  /** The genesis block, to hand out to newcomers. */
  readonly genesis: Uint8Array
  /** 32-byte Ed25519 seed: peer id and writer of documents. */
  readonly nodeKey: Uint8Array
  /** Multiaddrs. */
  readonly listen: readonly string[]
  readonly peers: readonly string[]
  readonly admit: Admit
  /** The quota of a database; without it any node may write any number of entries. */
  readonly quota?: (database: string) => Quota
}

/**
 * @throws {DataDirectoryInUse | DataDirectoryUnreadable | DatabaseDamaged | PortInUse |
 * AddressError}
 */
export async function openNode(options: NodeOptions): Promise<OrbitNode> {
  const listen = options.listen.map(parseAddress)
  const peers = options.peers.map(parseAddress)
  const sql = new SqliteFile(options.dir)
  // In the reverse order of the start. A part that did not start is not stopped.
  const stops: (() => unknown)[] = [() => sql.close()]
  let stopping: Promise<void> | undefined
  const stop = () => {
    stopping ??= (async () => {
      for (const part of stops.reverse()) await part()
    })()
    return stopping
  }
  try {
    for (const address of listen) await assertFreePort(address)
    return { ...(await compose(options, sql, peers, stops)), stop }
  } catch (error) {
    await stop()
    // The port may have been taken since we looked.
    if (/EADDRINUSE|UnsupportedListenAddress/.test(String((error as Error).message))) {
      throw new PortInUse(options.listen.join(', '))
    }
    throw error
  }
}

async function compose(
  options: NodeOptions,
  sql: SqliteFile,
  peers: readonly Multiaddr[],
  stops: (() => unknown)[],
): Promise<Omit<OrbitNode, 'stop'>> {
  const { networkId } = options
  const bans = new Bans()
  const helia = heliaOn(sql, options, bans)
  stops.push(() => helia.stop())
  await helia.start()
  const { libp2p } = helia
  bans.hangUp = (peer) => void libp2p.hangUp(peer).catch(() => {})
  const pubsub = libp2p.services.pubsub as unknown as PubSub
  const refusals: Record<string, number> = {}
  const refuse = (reason: string) => {
    refusals[reason] = (refusals[reason] ?? 0) + 1
  }

  await serveGenesis(libp2p, options.genesis)
  const catchUp = new CatchUp(libp2p, sql, networkId)
  await catchUp.start()
  const { databases, orbitdb } = await openDatabases(options, helia, { sql, pubsub, catchUp, bans, refuse })
  stops.push(() => orbitdb.stop())
  stops.push(() => catchUp.stop())
  stops.push(keepDialling(libp2p, peers))
  stops.push(keepCompany(libp2p))
  stops.push(keepTalking(libp2p))
  const publishing = new Publishing(helia as never)
  stops.push(() => publishing.stop())
  return {
    peerId: libp2p.peerId.toString(),
    nodeKeyHex: publicKeyOf(options.nodeKey),
    addresses: () => libp2p.getMultiaddrs().map(String),
    peers: () =>
      libp2p.getConnections().map((c) => ({ id: c.remotePeer.toString(), address: c.remoteAddr.toString() })),
    open: (name) => databases.open(name),
    blocks: blocksIn(helia),
    handle: (protocol, answer) => libp2p.handle(protocol, answer),
    dial: async (peer, protocol, signal) => {
      const connection = libp2p.getConnections().find(({ remotePeer }) => remotePeer.toString() === peer)
      if (!connection) throw new Error(`not connected to ${peer}`)
      return connection.newStream(protocol, { signal })
    },
    topic: (name) => topicOn(pubsub, `/collatz/${networkId}/${name}`, bans),
    kv: keyValues(sql),
    read: (reader) => reader(sql),
    publishDirectory: (directory) => publishing.publishDirectory(directory),
    publishName: (key, cid) => publishing.publishName(key, cid),
    resolveName: (name, timeoutMs) => publishing.resolveName(name, timeoutMs),
    exportDirectory: (cid, directory) => publishing.exportDirectory(cid, directory),
    refused: () => ({ ...refusals }),
  }
}

const heliaOn = (sql: SqliteFile, options: NodeOptions, bans: Bans) =>
  withBitswap(
    withLibp2pLight(
      createHeliaLight({
        blockstore: new SqliteBlockstore(sql),
        datastore: new SqliteDatastore(sql),
        codecs: [dagCbor],
      }),
      libp2pOptions({ ...options, bans }),
    ),
  ) as HeliaWithLibp2p<ServiceMap>

/** OrbitDB with this network's own identities, access rules and document databases. */
async function openDatabases(
  { nodeKey, dir, networkId, admit, quota }: NodeOptions,
  helia: HeliaWithLibp2p<ServiceMap>,
  shared: Pick<DocumentsOptions, 'sql' | 'pubsub' | 'refuse'> & { readonly catchUp: CatchUp; readonly bans: Bans },
) {
  const { sql, pubsub, refuse, catchUp, bans } = shared
  const identity = nodeIdentity(nodeKey)
  const orbitdb = await createOrbitDB({
    ipfs: helia,
    id: identity.id,
    identity,
    // Identities are never looked up: entries name their key.
    identities: { keystore: { close: async () => {} } },
    directory: dir,
  })
  const databases = new OpenDatabases(orbitdb, networkId, catchUp, (name) => {
    const judge = new Judge(name, admit, refuse)
    const blame = (peer: PeerId) => bans.blame(peer)
    const meet: CatchUp['meet'] = (address, peer) => catchUp.meet(address, peer)
    const options = { sql, pubsub, identity, judge, refuse, quota: quota?.(name) ?? NO_QUOTA, blame, meet }
    return { judge, Database: documentsDatabase(options) }
  })
  return { databases, orbitdb }
}

const blocksIn = ({ blockstore }: HeliaWithLibp2p<ServiceMap>): Blocks => ({
  put: async (bytes, codec) => {
    const cid = codec === 'raw' ? rawCid(bytes) : cidOf(bytes)
    await blockstore.put(cid, bytes)
    return cid
  },
  get: async (cid, { timeoutMs, signal }) => {
    try {
      const timeout = AbortSignal.timeout(timeoutMs)
      const parts: Uint8Array[] = []
      const options = { signal: signal ? AbortSignal.any([signal, timeout]) : timeout }
      for await (const part of blockstore.get(cid, options)) parts.push(part)
      return new Uint8Array(Buffer.concat(parts))
    } catch {
      throw new BlockUnavailable(`no peer has the block ${cid} that a result names; it is asked for again later`)
    }
  },
  has: async (cid) => blockstore.has(cid),
  delete: async (cid) => {
    await blockstore.delete(cid)
  },
})
