/**
 * A node's plumbing, composed at one place: the SQLite file, libp2p, Helia, OrbitDB. It knows blocks, documents, topics
 * and names, and nothing of the protocol but which documents its caller lets in.
 */

import type { Database as Sql } from 'bun:sqlite'
import { createServer } from 'node:net'
import { withBitswap } from '@helia/bitswap'
import { type HeliaWithLibp2p, withLibp2pLight } from '@helia/libp2p'
import * as dagCbor from '@ipld/dag-cbor'
import type { ServiceMap } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { createOrbitDB } from '@orbitdb/core'
import { createHeliaLight } from 'helia'
import type { CID } from 'multiformats/cid'
import { cidOf, rawCid } from '../rules/genesis.ts'
import { type Admit, ownedAccess } from './access.ts'
import { BulkTransfer } from './bulk.ts'
import { type DocumentStore, indexedDocuments } from './documents.ts'
import { entryStorage } from './entries.ts'
import { serveGenesis } from './genesis-exchange.ts'
import { nodeIdentity } from './identity.ts'
import { libp2pOptions } from './libp2p.ts'
import { Publishing } from './publishing.ts'
import { getBytes, openSqlite } from './sqlite.ts'
import { SqliteBlockstore, SqliteDatastore, sqliteStorage } from './stores.ts'

export class PortInUse extends Error {
  override readonly name = 'PortInUse'
}

/** A command line or configuration that names an address that is none. */
export class AddressError extends Error {
  override readonly name = 'AddressError'
}

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
}

export interface Topic {
  publish(bytes: Uint8Array): Promise<void>
  subscribe(handler: (bytes: Uint8Array) => void): Promise<void>
}

export interface OrbitNode {
  readonly peerId: string
  addresses(): string[]
  peers(): { id: string; address: string }[]
  /** The same name gives the same database on every node of the network. */
  open(name: string): Promise<DocumentStore>
  readonly blocks: {
    put(bytes: Uint8Array, codec: 'raw' | 'dag-cbor'): Promise<CID>
    /** From here, else from peers. @throws {BlockUnavailable} */
    get(cid: CID, options: { timeoutMs: number }): Promise<Uint8Array>
  }
  /** Gossip among the nodes of the network. */
  topic(name: string): Topic
  /** Private to this node: checkpoints and settings. */
  readonly kv: {
    put(key: string, value: Uint8Array): Promise<void>
    get(key: string): Promise<Uint8Array | undefined>
    delete(key: string): Promise<void>
  }
  publishDirectory(directory: string): Promise<CID>
  publishName(key: string, cid: CID): Promise<string>
  resolveName(name: string): Promise<CID>
  exportDirectory(cid: CID, directory: string): Promise<void>
  /** Entries refused since the start, by reason. */
  refused(): Record<string, number>
  stop(): Promise<void>
}

export class BlockUnavailable extends Error {
  override readonly name = 'BlockUnavailable'
}

/** @throws {DataDirectoryInUse | DataDirectoryUnreadable | DatabaseDamaged | PortInUse | AddressError} */
export async function openNode(options: NodeOptions): Promise<OrbitNode> {
  const { dir, networkId } = options
  const listen = options.listen.map(parsed)
  const peers = options.peers.map(parsed)
  const sql = openSqlite(dir)
  try {
    for (const address of listen) await assertFreePort(address)
    return await compose(options, sql, peers)
  } catch (error) {
    sql.close()
    if (/EADDRINUSE|UnsupportedListenAddress/.test(String((error as Error).message))) {
      throw new PortInUse(
        `cannot listen on ${options.listen.join(', ')} for network ${networkId}: choose others with --listen`,
      )
    }
    throw error
  }
}

async function compose(options: NodeOptions, sql: Sql, peers: readonly Multiaddr[]): Promise<OrbitNode> {
  const { networkId, admit } = options
  const helia = withBitswap(
    withLibp2pLight(
      createHeliaLight({
        blockstore: new SqliteBlockstore(sql),
        datastore: new SqliteDatastore(sql),
        codecs: [dagCbor],
      }),
      libp2pOptions(options),
    ),
  ) as HeliaWithLibp2p<ServiceMap>
  await helia.start()
  const { libp2p } = helia
  const pubsub = libp2p.services.pubsub as any
  const refusals: Record<string, number> = {}
  const refuse = (reason: string) => {
    refusals[reason] = (refusals[reason] ?? 0) + 1
  }

  await serveGenesis(libp2p, options.genesis)
  const bulk = new BulkTransfer(libp2p, sql, networkId)
  await bulk.start()
  const identity = nodeIdentity(options.nodeKey)
  const orbitdb = await createOrbitDB({
    ipfs: helia as never,
    id: identity.id,
    identity: identity as never,
    // Nobody's identity is ever looked up: entries name their key.
    identities: { keystore: { close: async () => {} } } as never,
    directory: options.dir,
  })
  const Documents = indexedDocuments(sql, { settled: (address) => bulk.settled(address), refuse })
  const stores = new Map<string, Promise<DocumentStore>>()
  const open = async (name: string): Promise<DocumentStore> => {
    const access = ownedAccess(name, admit, refuse)
    const databaseName = `${networkId}/${name}`
    const database = (await orbitdb.open(databaseName, {
      type: Documents.type,
      Database: Documents() as never,
      AccessController: access as never,
      headsStorage: sqliteStorage(sql, `${databaseName}/heads`) as never,
      indexStorage: sqliteStorage(sql, `${databaseName}/index`) as never,
      entryStorage: entryStorage(helia.blockstore) as never,
    })) as unknown as { store: DocumentStore }
    await bulk.add(database.store.address)
    return database.store
  }

  const redial = keepDialling(helia, peers)
  let stopped = false
  const publishing = new Publishing(helia as never)
  return {
    peerId: libp2p.peerId.toString(),
    addresses: () => libp2p.getMultiaddrs().map(String),
    peers: () =>
      libp2p.getConnections().map((c) => ({ id: c.remotePeer.toString(), address: c.remoteAddr.toString() })),
    open: (name) => {
      const known = stores.get(name) ?? open(name)
      stores.set(name, known)
      return known
    },
    blocks: {
      put: async (bytes, codec) => {
        const cid = codec === 'raw' ? rawCid(bytes) : cidOf(bytes)
        await helia.blockstore.put(cid, bytes)
        return cid
      },
      get: async (cid, { timeoutMs }) => {
        try {
          const parts: Uint8Array[] = []
          for await (const part of helia.blockstore.get(cid, { signal: AbortSignal.timeout(timeoutMs) }))
            parts.push(part)
          return new Uint8Array(Buffer.concat(parts))
        } catch {
          throw new BlockUnavailable(`no peer has the block ${cid} that a result names; it is asked for again later`)
        }
      },
    },
    topic: (name) => {
      const topic = `/collatz/${networkId}/${name}`
      return {
        publish: async (bytes) => {
          await pubsub.publish(topic, bytes)
        },
        subscribe: async (handler) => {
          pubsub.addEventListener('message', ({ detail }: { detail: { topic: string; data: Uint8Array } }) => {
            if (detail.topic === topic) handler(detail.data)
          })
          await pubsub.subscribe(topic)
        },
      }
    },
    kv: {
      put: async (key, value) => {
        if (!stopped) sql.query('INSERT OR REPLACE INTO private VALUES(?, ?)').run(key, value)
      },
      get: async (key) => getBytes(sql, 'SELECT v FROM private WHERE k = ?', key),
      delete: async (key) => {
        sql.query('DELETE FROM private WHERE k = ?').run(key)
      },
    },
    publishDirectory: (directory) => publishing.publishDirectory(directory),
    publishName: (key, cid) => publishing.publishName(key, cid),
    resolveName: (name) => publishing.resolveName(name),
    exportDirectory: (cid, directory) => publishing.exportDirectory(cid, directory),
    refused: () => ({ ...refusals }),
    stop: async () => {
      if (stopped) return
      redial.stop()
      await orbitdb.stop()
      await helia.stop()
      stopped = true
      sql.close()
    },
  }
}

function parsed(address: string): Multiaddr {
  try {
    return multiaddr(address)
  } catch {
    throw new AddressError(`"${address}" is not a multiaddr (such as /ip4/127.0.0.1/tcp/4710)`)
  }
}

/** libp2p goes on when one of several addresses is taken; its user would wonder why nobody can connect. */
async function assertFreePort(address: Multiaddr): Promise<void> {
  const parts = address.getComponents()
  const host = parts.find(({ name }) => name === 'ip4' || name === 'ip6')?.value
  const port = Number(parts.find(({ name }) => name === 'tcp')?.value ?? 0)
  if (!host || !port) return
  await new Promise<void>((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new PortInUse(
          `cannot listen on ${address} (${error.code}): stop what uses it, or choose another with --listen`,
        ),
      ),
    )
    server.listen(port, host, () => server.close(() => resolve()))
  })
}

const FIRST_RETRY_MS = 1_000
const LAST_RETRY_MS = 60_000

/** Dials the configured peers, and again whenever a connection to one is gone. */
function keepDialling(helia: HeliaWithLibp2p<ServiceMap>, peers: readonly Multiaddr[]): { stop(): void } {
  const timers = new Set<Timer>()
  let stopped = false
  const again = (peer: Multiaddr, wait: number) => {
    if (stopped) return
    const timer = setTimeout(async () => {
      timers.delete(timer)
      const id = peer.getComponents().findLast(({ name }) => name === 'p2p')?.value
      const connected = helia.libp2p.getConnections().some((c) => c.remotePeer.toString() === id)
      let next = FIRST_RETRY_MS * 5
      if (!connected) {
        try {
          await helia.libp2p.dial(peer, { signal: AbortSignal.timeout(10_000) })
        } catch {
          next = Math.min(LAST_RETRY_MS, wait * 2)
        }
      }
      again(peer, Math.max(FIRST_RETRY_MS, next))
    }, wait)
    timers.add(timer)
  }
  for (const peer of peers) again(peer, 0)
  return {
    stop: () => {
      stopped = true
      for (const timer of timers) clearTimeout(timer)
    },
  }
}
