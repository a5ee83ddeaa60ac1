/**
 * What the rest of the program needs of a node's plumbing: blocks, documents, streams, topics,
 * names, and a table of its own. The interface alone: plumbing.ts implements it with SQLite,
 * libp2p, Helia and OrbitDB, tests also otherwise.
 */
import type { Stream } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import { UserError } from '../rules/base/errors.ts'
import type { DocumentStore } from './log/documents.ts'
import type { Topic } from './p2p/topic.ts'
import type { KeyValues } from './storage/private.ts'
import type { SqliteFile } from './storage/sqlite.ts'

/** No peer has a block, or none gave it in time. */
export class BlockUnavailable extends UserError {
  override readonly name = 'BlockUnavailable'
}

export interface Blocks {
  put(bytes: Uint8Array, codec: 'raw' | 'dag-cbor'): Promise<CID>
  /** From the disk, else from peers. @throws {BlockUnavailable} */
  get(cid: CID, options: { timeoutMs: number; signal?: AbortSignal }): Promise<Uint8Array>
  /** Whether it is on the disk. */
  has(cid: CID): Promise<boolean>
  /** From the disk alone: peers may still have it. */
  delete(cid: CID): Promise<void>
}

export interface OrbitNode {
  readonly peerId: string
  /** The node's Ed25519 public key: writer of its documents. */
  readonly nodeKeyHex: string
  addresses(): string[]
  peers(): { id: string; address: string }[]
  /** The same name gives the same database on every node of the network. */
  open(name: string): Promise<DocumentStore>
  readonly blocks: Blocks
  /** Answers streams of a protocol, from any peer. */
  handle(protocol: string, answer: (stream: Stream) => Promise<void>): Promise<void>
  /**
   * Opens a stream to a peer that is connected.
   *
   * @throws when it does not know the protocol, or the signal says so
   */
  dial(peer: string, protocol: string, signal: AbortSignal): Promise<Stream>
  /** Gossip among the nodes of the network. */
  topic(name: string): Topic
  /** Private to this node: checkpoints and settings. */
  readonly kv: KeyValues
  /**
   * Reads the node's file itself, for what no other part of the interface tells. `reader` only
   * reads.
   */
  read<T>(reader: (sql: SqliteFile) => T): T
  /** Adds a folder as UnixFS. @returns its CID, the same for the same files on every machine */
  publishDirectory(directory: string): Promise<CID>
  /**
   * Points the name that belongs to the key `key`, made at its first use, at a CID.
   *
   * @returns the IPNS name
   */
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
