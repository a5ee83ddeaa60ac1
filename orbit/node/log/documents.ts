/**
 * A database of documents: an OrbitDB log whose entries are projected into SQL as they are joined,
 * so that reading never walks the log. Of several entries for one key, the one with the highest
 * (clock, hash) counts, which is the same on every replica, in whatever order they came. Values lie
 * as dag-cbor, so that bytes and CIDs come back as such.
 */
import * as dagCbor from '@ipld/dag-cbor'
import type { PeerId } from '@libp2p/interface'
import { Database as OrbitDatabase } from '@orbitdb/core'
import { yieldToLoop } from '../async/queue.ts'
import type { PubSub } from '../p2p/pubsub.ts'
import { sqliteStorage } from '../storage/log-heads.ts'
import { prefixRange, type SqliteFile } from '../storage/sqlite.ts'
import type { Judge } from './access.ts'
import type { LogEntry } from './entry.ts'
import { deleteEntries, entryBlock, entryStorage, indexStorage } from './entry-store.ts'
import { gossipEntries } from './gossip.ts'
import { GuardedLog, type HeadOrder, type OrbitLog, type Payments } from './guarded-log.ts'
import type { Identity } from './identity.ts'
import type { Quota } from './quota.ts'

export interface Document {
  readonly key: string
  readonly value: unknown
}

export interface DocumentStore {
  readonly name: string
  readonly address: string
  /**
   * Resolves when the document is on disk.
   *
   * @param order which heads of the log become its parents; without it, by chance
   * @throws {DocumentRefused} when this node's own access rules refuse it
   */
  put(key: string, value: unknown, order?: HeadOrder): Promise<void>
  get(key: string): unknown
  /** In the order of the keys. */
  all(prefix?: string): Document[]
  count(): number
  /** Hashes of the log's heads; without an order, newest first. */
  heads(order?: HeadOrder): Promise<string[]>
  /**
   * The values of all entries under these heads, replaced ones included; null when a head is not
   * here yet.
   */
  under(heads: readonly string[]): Promise<unknown[] | null>
  /**
   * Calls back with documents that are new or changed, once they are on disk.
   *
   * @returns a function that stops it
   */
  on(event: 'update', handler: (documents: readonly Document[]) => void): () => void
  /** Deletes documents. Their entries stay in the log, so the documents do not come back. */
  forget(keys: readonly string[]): void
  /** More entries may be paid for than before (quota.ts): takes in those that waited for that. */
  reconsider(): Promise<void>
  /** Finishes what was begun, and takes nothing more in. Opened again, it has what it had. */
  close(): Promise<void>
  /** Closes it and deletes its documents and its entries' blocks. */
  drop(): Promise<void>
}

export interface OpenedDatabase {
  readonly store: DocumentStore
  readonly guarded: GuardedLog
}

export interface DocumentsOptions {
  readonly sql: SqliteFile
  readonly pubsub: PubSub
  readonly identity: Identity
  readonly judge: Judge
  readonly refuse: (reason: string) => void
  readonly quota: Quota
  /** A peer has sent what is wrong. */
  readonly blame: (peer: PeerId) => void
  /** A peer has this database too. */
  readonly meet: (address: string, peer: PeerId) => void
}

export const DOCUMENTS_TYPE = 'collatz-documents'

/** An OrbitDB database type: what orbitdb.open calls with the address that belongs to the name. */
export function documentsDatabase(options: DocumentsOptions) {
  return async (parameters: { address: string; name: string }) => {
    const { sql, judge, identity, refuse, quota, blame, meet } = options
    const { address, name } = parameters
    const projection = new Projection(sql, address, name)
    const base = await OrbitDatabase({
      ...parameters,
      headsStorage: sqliteStorage(sql, `${name}/heads`),
      indexStorage: indexStorage(sql, address),
      entryStorage: entryStorage(sql),
      // A joined entry was judged when it was joined, and OrbitDB asks about an entry's parents
      // again and again.
      access: { canAppend: async (entry: LogEntry) => log.has(entry.hash) || judge.judge(entry) === null },
      // OrbitDB's own exchange of heads takes in whatever is sent, and fails on two messages in one
      // chunk.
      syncAutomatically: false,
    })
    const log: GuardedLog = new GuardedLog({
      ...{ address, sql, identity, refuse, quota, log: base.log as OrbitLog },
      judge: (entry) => judge.judge(entry),
      project: (entries, payments) => projection.take(entries, payments),
    })
    await log.mend()
    const gossip = gossipEntries(options.pubsub, {
      log,
      judge: (entry) => judge.judge(entry),
      blame,
      meet: (peer) => meet(address, peer),
    })
    const close = async () => {
      gossip.stop()
      await log.close()
      await base.close()
    }
    const store: DocumentStore = {
      name,
      address,
      put: async (key, value, order) => {
        const { hash } = await log.append(key, value, order)
        await gossip.publish(entryBlock(sql, hash)!)
        await yieldToLoop()
      },
      get: (key) => projection.get(key),
      all: (prefix) => projection.all(prefix),
      count: () => projection.count(),
      forget: (keys) => projection.forget(keys),
      under: async (heads) => (await log.past(heads))?.map(({ payload }) => payload.value) ?? null,
      heads: async (order = (heads) => heads) => order(await log.heads()).map(({ hash }) => hash),
      on: (_, handler) => projection.on(handler),
      reconsider: () => log.reconsider(),
      close,
      drop: async () => {
        await close()
        projection.drop()
      },
    }
    return { ...base, type: DOCUMENTS_TYPE, close, store, guarded: log }
  }
}

/** The documents of a log's entries, in SQL. */
class Projection {
  private readonly sql: SqliteFile
  private readonly address: string
  private readonly name: string
  private readonly handlers = new Set<(documents: readonly Document[]) => void>()

  constructor(sql: SqliteFile, address: string, name: string) {
    this.sql = sql
    this.address = address
    this.name = name
    // The kind of documents at an address (accounts, results ...), for readers that start no node
    // (offline/).
    sql.run('INSERT OR IGNORE INTO databases VALUES(?, ?)', address, name.split('/').at(-1)!.split('-')[0]!)
  }

  take(entries: readonly LogEntry[], payments: Payments): void {
    const { sql, address } = this
    const changed = new Map<string, unknown>()
    sql.transaction(() => {
      for (const { hash, clock, payload } of entries) {
        const changes = sql.run(
          `INSERT INTO documents VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(db, key) DO UPDATE
            SET time = ?3, hash = ?4, value = ?5 WHERE ?3 > time OR (?3 = time AND ?4 > hash)`,
          ...[address, payload.key, clock.time, hash, dagCbor.encode(payload.value)],
        )
        if (changes > 0) changed.set(payload.key, payload.value)
        sql.run('INSERT OR IGNORE INTO entries VALUES(?, ?, ?)', address, hash, clock.time)
      }
      for (const [payer, { entries: count, bytes }] of payments) {
        sql.run(
          `INSERT INTO payments VALUES(?1, ?2, ?3, ?4) ON CONFLICT(db, payer) DO UPDATE
            SET entries = entries + ?3, bytes = bytes + ?4`,
          ...[address, payer, count, bytes],
        )
      }
    })
    if (changed.size === 0) return
    const documents = [...changed].map(([key, value]) => ({ key, value }))
    for (const handler of this.handlers) handler(documents)
  }

  get(key: string): unknown {
    const value = this.sql.bytes('SELECT value AS v FROM documents WHERE db = ? AND key = ?', this.address, key)
    return value && dagCbor.decode(value)
  }

  all(prefix = ''): Document[] {
    return this.sql
      .all<{ key: string; value: Uint8Array }>(
        'SELECT key, value FROM documents WHERE db = ? AND key >= ? AND key < ? ORDER BY key',
        ...[this.address, ...prefixRange(prefix)],
      )
      .map(({ key, value }) => ({ key, value: dagCbor.decode(new Uint8Array(value)) }))
  }

  count(): number {
    return this.sql.get<{ n: number }>('SELECT count(*) AS n FROM documents WHERE db = ?', this.address)!.n
  }

  forget(keys: readonly string[]): void {
    const { sql, address } = this
    sql.transaction(() => {
      for (const key of keys) sql.run('DELETE FROM documents WHERE db = ? AND key = ?', address, key)
    })
  }

  on(handler: (documents: readonly Document[]) => void): () => void {
    this.handlers.add(handler)
    return () => this.handlers.delete(handler)
  }

  drop(): void {
    const { sql, address } = this
    sql.transaction(() => {
      const entries = sql.all<{ hash: string }>('SELECT hash FROM entries WHERE db = ?', address)
      deleteEntries(
        sql,
        entries.map(({ hash }) => hash),
      )
      for (const table of ['documents', 'entries', 'payments']) sql.run(`DELETE FROM ${table} WHERE db = ?`, address)
      sql.run('DELETE FROM databases WHERE address = ?', address)
      sql.run('DELETE FROM storage WHERE s = ?', `${this.name}/heads`)
    })
  }
}
