/**
 * Where OrbitDB keeps a log: the blocks of entries in the blockstore, and in the table `entries`
 * which of them have been joined. Neither asks the network. OrbitDB's own storage would, for a
 * block that it lacks, and one entry with an invented parent could hold its queue up for as long as
 * that takes. catch-up.ts brings missing blocks beside the queue.
 */
import type { SqliteFile } from '../storage/sqlite.ts'
import { MAX_ENTRY, multihashOf } from './entry.ts'

const nothing = {
  del: async () => {},
  async *iterator() {},
  merge: async () => {},
  clear: async () => {},
  close: async () => {},
}

export const entryBlock = (sql: SqliteFile, hash: string): Uint8Array | undefined =>
  sql.bytes('SELECT v FROM blocks WHERE k = ?', multihashOf(hash))

export function storeEntries(sql: SqliteFile, blocks: Iterable<readonly [hash: string, block: Uint8Array]>): void {
  sql.transaction(() => {
    for (const [hash, block] of blocks) {
      if (block.length > MAX_ENTRY) throw new RangeError(`an entry of ${block.length} bytes; ${MAX_ENTRY} are the most`)
      sql.run('INSERT OR IGNORE INTO blocks VALUES(?, ?)', multihashOf(hash), block)
    }
  })
}

export function deleteEntries(sql: SqliteFile, hashes: Iterable<string>): void {
  sql.transaction(() => {
    for (const hash of hashes) sql.run('DELETE FROM blocks WHERE k = ?', multihashOf(hash))
  })
}

export const entryStorage = (sql: SqliteFile) => ({
  ...nothing,
  get: async (hash: string) => entryBlock(sql, hash),
  put: async (hash: string, block: Uint8Array) => storeEntries(sql, [[hash, block]]),
})

/** The Lamport time of an entry that has been joined, or undefined. */
export const joinedTime = (sql: SqliteFile, address: string, hash: string): number | undefined =>
  sql.get<{ time: number }>('SELECT time FROM entries WHERE db = ? AND hash = ?', address, hash)?.time

/**
 * OrbitDB's index: a view of the table `entries`, which the projection fills in one transaction
 * with the documents.
 */
export const indexStorage = (sql: SqliteFile, address: string) => ({
  ...nothing,
  get: async (hash: string) => (joinedTime(sql, address, hash) === undefined ? undefined : Uint8Array.of(1)),
  put: async () => {},
})
