/**
 * A node's plumbing, composed at one place: the SQLite file, libp2p, Helia, OrbitDB. It knows blocks, documents, topics
 * and names, and nothing of the protocol but which documents its caller lets in.
 */
import { withBitswap } from '@helia/bitswap'
import { type HeliaWithLibp2p, withLibp2pLight } from '@helia/libp2p'
import * as dagCbor from '@ipld/dag-cbor'
import { TopicValidatorResult } from '@libp2p/gossipsub'
import type { PeerId, ServiceMap, Stream } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { createOrbitDB } from '@orbitdb/core'
import { createHeliaLight } from 'helia'
import type { CID } from 'multiformats/cid'
import { UserError } from '../rules/base/errors.ts'
import { cidOf, type Genesis, rawCid } from '../rules/network/genesis.ts'
import { type Admit, Judge } from './log/access.ts'
import { CatchUp } from './log/catch-up.ts'
import { DOCUMENTS_TYPE, type DocumentStore, documentsDatabase, type OpenedDatabase } from './log/documents.ts'
import type { PubSub } from './log/gossip.ts'
import { nodeIdentity } from './log/identity.ts'
import { NO_QUOTA, type Quota } from './log/quota.ts'
import { type DrawFiles, drawFiles } from './offline/draw-files.ts'
import { assertFreePort, PortInUse, parseAddress } from './p2p/addresses.ts'
import { Shunned } from './p2p/bans.ts'
import { keepCompany, keepDialling, keepTalking } from './p2p/connections.ts'
import { serveGenesis } from './p2p/genesis-exchange.ts'
import { libp2pOptions } from './p2p/libp2p.ts'
import { Publishing } from './p2p/unixfs-ipns.ts'
import { SqliteBlockstore } from './storage/blockstore.ts'
import { SqliteDatastore } from './storage/datastore.ts'
import { SqliteFile } from './storage/sqlite.ts'

export { AddressError, PortInUse } from './p2p/addresses.ts'

export interface NodeOptions {
  /** The data directory. */
  readonly dir: string
  readonly networkId: string
  /** The genesis block, to hand to newcomers. */
  readonly genesis: Uint8Array
  /** 32-byte Ed25519 seed: peer id and writer of documents. */
  readonly nodeKey: Uint8Array
  /** Multiaddrs. */
  readonly listen: readonly string[]
  readonly peers: readonly string[]
  readonly admit: Admit
  /** Who pays for entries of a database; without it anybody may write any number. */
  readonly quota?: (database: string) => Quota
}

export interface Topic {
  /** Resolves when it is sent to whoever listens now; nobody listening is no error. */
  publish(bytes: Uint8Array): Promise<void>
  /** Hears what others publish. Bytes of anybody: whoever listens checks them, and says what becomes of them. */
  subscribe(handler: (bytes: Uint8Array) => Heard): Promise<void>
}

/** A message is for others as well, for nobody, or such that nobody should have sent it (bans.ts). */
export type Heard = 'pass on' | 'drop' | 'wrong'

export interface OrbitNode {
  readonly peerId: string
  /** The node's Ed25519 public key: writer of its documents. */
  readonly nodeKeyHex: string
  addresses(): string[]
  peers(): { id: string; address: string }[]
  /** The same name gives the same database on every node of the network. */
  open(name: string): Promise<DocumentStore>
  readonly blocks: {
    put(bytes: Uint8Array, codec: 'raw' | 'dag-cbor'): Promise<CID>
    /** From here, else from peers. @throws {BlockUnavailable} */
    get(cid: CID, options: { timeoutMs: number; signal?: AbortSignal }): Promise<Uint8Array>
    /** Whether it lies here. */
    has(cid: CID): Promise<boolean>
    /** Here alone: peers may still have it. */
    delete(cid: CID): Promise<void>
  }
  /** Answers streams of a protocol, from anybody. */
  handle(protocol: string, answer: (stream: Stream) => Promise<void>): Promise<void>
  /** Opens a stream to a peer that is connected. @throws when it does not know the protocol, or the signal says so */
  dial(peer: string, protocol: string, signal: AbortSignal): Promise<Stream>
  /** Gossip among the nodes of the network. */
  topic(name: string): Topic
  /** Private to this node: checkpoints and settings. A checkpoint that comes after the stop is not kept. */
  readonly kv: {
    put(key: string, value: Uint8Array): Promise<void>
    get(key: string): Promise<Uint8Array | undefined>
    delete(key: string): Promise<void>
    /** Those whose key begins with a prefix, in the order of the keys. */
    entries(prefix: string): Promise<(readonly [key: string, value: Uint8Array])[]>
  }
  /** What lies on disk about the draw of an epoch. */
  drawFiles(genesis: Genesis, epoch: number): DrawFiles
  /** Adds a folder as UnixFS. @returns its CID, the same for the same files on every machine */
  publishDirectory(directory: string): Promise<CID>
  /** Points the name that belongs to the key `key`, made at its first use, at a CID. @returns the IPNS name */
  publishName(key: string, cid: CID): Promise<string>
  /** Asks for 30 s, if not told otherwise. @throws {NameError} */
  resolveName(name: string, timeoutMs?: number): Promise<CID>
  /** Writes a published folder to disk. */
  exportDirectory(cid: CID, directory: string): Promise<void>
  /** Entries refused since the start, by reason. */
  refused(): Record<string, number>
  /** What was acknowledged is on disk; everything else is given up. */
  stop(): Promise<void>
}

export class BlockUnavailable extends UserError {
  override readonly name = 'BlockUnavailable'
}

/** @throws {DataDirectoryInUse | DataDirectoryUnreadable | DatabaseDamaged | PortInUse | AddressError} */
export async function openNode(options: NodeOptions): Promise<OrbitNode> {
  const listen = options.listen.map(parseAddress)
  const peers = options.peers.map(parseAddress)
  const sql = new SqliteFile(options.dir)
  // In the reverse order of their start; what did not start is not stopped.
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
    // Between our look and libp2p's the port can have been taken.
    if (/EADDRINUSE|UnsupportedListenAddress/.test(String((error as Error).message))) {
      throw new PortInUse(
        `cannot listen on ${options.listen.join(', ')}: the port is in use. Stop what uses it, or choose another with --listen`,
      )
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
  const shunned = new Shunned()
  const helia = withBitswap(
    withLibp2pLight(
      createHeliaLight({
        blockstore: new SqliteBlockstore(sql),
        datastore: new SqliteDatastore(sql),
        codecs: [dagCbor],
      }),
      libp2pOptions({ ...options, shunned }),
    ),
  ) as HeliaWithLibp2p<ServiceMap>
  stops.push(() => helia.stop())
  await helia.start()
  const { libp2p } = helia
  shunned.hangUp = (peer) => void libp2p.hangUp(peer).catch(() => {})
  const pubsub = libp2p.services.pubsub as unknown as PubSub
  const refusals: Record<string, number> = {}
  const refuse = (reason: string) => {
    refusals[reason] = (refusals[reason] ?? 0) + 1
  }

  await serveGenesis(libp2p, options.genesis)
  const catchUp = new CatchUp(libp2p, sql, networkId)
  await catchUp.start()
  const identity = nodeIdentity(options.nodeKey)
  const orbitdb = await createOrbitDB({
    ipfs: helia,
    id: identity.id,
    identity,
    // Nobody's identity is ever looked up: entries name their key.
    identities: { keystore: { close: async () => {} } },
    directory: options.dir,
  })
  const databases = new OpenDatabases(orbitdb, networkId, catchUp, (name) => {
    const judge = new Judge(name, options.admit, refuse)
    const quota = options.quota?.(name) ?? NO_QUOTA
    const blame = (peer: PeerId) => shunned.blame(peer)
    const meet: CatchUp['meet'] = (address, peer) => catchUp.meet(address, peer)
    return { judge, Database: documentsDatabase({ sql, pubsub, identity, judge, refuse, quota, blame, meet }) }
  })
  stops.push(() => orbitdb.stop())
  stops.push(() => catchUp.stop())
  stops.push(keepDialling(libp2p, peers))
  stops.push(keepCompany(libp2p))
  stops.push(keepTalking(libp2p))
  const publishing = new Publishing(helia as never)
  stops.push(() => publishing.stop())
  return {
    peerId: libp2p.peerId.toString(),
    nodeKeyHex: identity.publicKey,
    addresses: () => libp2p.getMultiaddrs().map(String),
    peers: () =>
      libp2p.getConnections().map((c) => ({ id: c.remotePeer.toString(), address: c.remoteAddr.toString() })),
    open: (name) => databases.open(name),
    blocks: {
      put: async (bytes, codec) => {
        const cid = codec === 'raw' ? rawCid(bytes) : cidOf(bytes)
        await helia.blockstore.put(cid, bytes)
        return cid
      },
      get: async (cid, { timeoutMs, signal }) => {
        try {
          const timeout = AbortSignal.timeout(timeoutMs)
          const parts: Uint8Array[] = []
          const options_ = { signal: signal ? AbortSignal.any([signal, timeout]) : timeout }
          for await (const part of helia.blockstore.get(cid, options_)) parts.push(part)
          return new Uint8Array(Buffer.concat(parts))
        } catch {
          throw new BlockUnavailable(`no peer has the block ${cid} that a result names; it is asked for again later`)
        }
      },
      has: async (cid) => helia.blockstore.has(cid),
      delete: async (cid) => {
        await helia.blockstore.delete(cid)
      },
    },
    handle: (protocol, answer) => libp2p.handle(protocol, answer),
    dial: async (peer, protocol, signal) => {
      const connection = libp2p.getConnections().find(({ remotePeer }) => remotePeer.toString() === peer)
      if (!connection) throw new Error(`not connected to ${peer}`)
      return connection.newStream(protocol, { signal })
    },
    topic: (name) => topicOf(pubsub, `/collatz/${networkId}/${name}`, shunned),
    kv: {
      put: async (key, value) => {
        if (sql.isOpen) sql.run('INSERT OR REPLACE INTO private VALUES(?, ?)', key, value)
      },
      get: async (key) => sql.bytes('SELECT v FROM private WHERE k = ?', key),
      delete: async (key) => {
        sql.run('DELETE FROM private WHERE k = ?', key)
      },
      entries: async (prefix) =>
        sql
          .all<{ k: string; v: Uint8Array }>(
            'SELECT k, v FROM private WHERE k >= ? AND k < ? ORDER BY k',
            prefix,
            after(prefix),
          )
          .map(({ k, v }) => [k, new Uint8Array(v)] as const),
    },
    drawFiles: (genesis, epoch) => drawFiles(sql, genesis, epoch),
    publishDirectory: (directory) => publishing.publishDirectory(directory),
    publishName: (key, cid) => publishing.publishName(key, cid),
    resolveName: (name, timeoutMs) => publishing.resolveName(name, timeoutMs),
    exportDirectory: (cid, directory) => publishing.exportDirectory(cid, directory),
    refused: () => ({ ...refusals }),
  }
}

/** The first string after all that begin with a prefix. */
const after = (prefix: string): string =>
  prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)

const RESULTS = {
  'pass on': TopicValidatorResult.Accept,
  drop: TopicValidatorResult.Ignore,
  wrong: TopicValidatorResult.Reject,
} as const satisfies Record<Heard, TopicValidatorResult>

function topicOf(pubsub: PubSub, topic: string, shunned: Shunned): Topic {
  return {
    publish: async (bytes) => {
      await pubsub.publish(topic, bytes)
    },
    subscribe: async (handler) => {
      pubsub.topicValidators.set(topic, (peer, { data }) => {
        const heard = handler(data)
        if (heard === 'wrong') shunned.blame(peer)
        return RESULTS[heard]
      })
      pubsub.subscribe(topic)
    },
  }
}

type Describe = (name: string) => { judge: Judge; Database: unknown }

/** The databases that are open: one of a name, however often it is asked for. */
class OpenDatabases {
  private readonly orbitdb: Awaited<ReturnType<typeof createOrbitDB>>
  private readonly networkId: string
  private readonly catchUp: CatchUp
  private readonly describe: Describe
  private readonly stores = new Map<string, Promise<DocumentStore>>()

  constructor(orbitdb: OpenDatabases['orbitdb'], networkId: string, catchUp: CatchUp, describe: Describe) {
    this.orbitdb = orbitdb
    this.networkId = networkId
    this.catchUp = catchUp
    this.describe = describe
  }

  open(name: string): Promise<DocumentStore> {
    const known = this.stores.get(name)
    if (known) return known
    const opened = this.openNew(name)
    this.stores.set(name, opened)
    opened.catch(() => this.stores.delete(name))
    return opened
  }

  private async openNew(name: string): Promise<DocumentStore> {
    const { judge, Database } = this.describe(name)
    // The address is the hash of a manifest of name, type and access rules: the same on every node, without a look-up.
    const { store, guarded } = (await this.orbitdb.open(`${this.networkId}/${name}`, {
      type: DOCUMENTS_TYPE,
      Database,
      AccessController: judge.controller(),
    })) as OpenedDatabase
    this.catchUp.add(guarded, (entry) => judge.judge(entry))
    const forget = async () => {
      this.stores.delete(name)
      await this.catchUp.remove(store.address)
    }
    return {
      ...store,
      close: async () => {
        await forget()
        await store.close()
      },
      drop: async () => {
        await forget()
        await store.drop()
      },
    }
  }
}
