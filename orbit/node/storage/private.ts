/**
 * The node's private table: what it stores for itself, as bytes by key, beside the documents that
 * all nodes share. All keys are named here, so that no two parts of the node can use the same one,
 * and so that a reader of a stopped node's file knows where to look.
 */
import { prefixRange, type SqliteFile } from './sqlite.ts'

/**
 * Keys and, with a slash at the end, prefixes of keys. They lie in existing files: a new name needs
 * a migration.
 */
export const PRIVATE = {
  /** + leafKey: the record of a leaf that this node has computed. */
  truth: 'truth/',
  /** + CID of a statement and place under it: what this node found in a result. */
  judgement: 'judgement/',
  /** + account: a conviction that a fraud proof has shown. */
  conviction: 'convicted/',
  /** + window: the summary of an archived window. */
  archived: 'settled/',
  /**
   * + window: CIDs of the draws behind a window from a snapshot, until all are known to be
   * published.
   */
  unconfirmed: 'unconfirmed/',
  /** + CID: draws that were published and whose documents were deleted. */
  published: 'published/',
  /**
   * CIDs of blocks and statements that may have to be forgotten: set while the documents that name
   * them are being deleted.
   */
  leaving: 'leaving',
  /** + node/account: when a registration arrived. */
  arrival: 'arrival/',
  /** + CID: what this node made of a draw. */
  verdict: 'verdict/',
  /** + round: the signature of a beacon round that deals a draw. */
  drawRound: 'round/',
  /** + dealtUnitKey: a result that is not yet shown. */
  answer: 'answer/',
  /** + dealtUnitKey: leaves that others are to compute without seeing them. */
  withheld: 'held/',
  /** + dealtUnitKey: the leaves of a unit that is being computed, with their evidence. */
  checkpoint: 'checkpoint/',
  /** + n: a number that was not brought below itself. */
  candidate: 'candidate/',
} as const

export type PrivateRow = readonly [key: string, value: Uint8Array]

/** The private table of a running node. */
export interface KeyValues {
  /** On disk when it resolves. After the node has stopped it does nothing. */
  put(key: string, value: Uint8Array): Promise<void>
  get(key: string): Promise<Uint8Array | undefined>
  delete(key: string): Promise<void>
  /** Those whose key begins with a prefix, in the order of the keys. */
  entries(prefix: string): Promise<PrivateRow[]>
}

/** Rows whose key begins with a prefix, in the order of the keys. */
export const privateRows = (sql: SqliteFile, prefix: string): PrivateRow[] =>
  sql
    .all<{ k: string; v: Uint8Array }>(
      'SELECT k, v FROM private WHERE k >= ? AND k < ? ORDER BY k',
      ...prefixRange(prefix),
    )
    .map(({ k, v }) => [k, new Uint8Array(v)] as const)

export const privateValue = (sql: SqliteFile, key: string): Uint8Array | undefined =>
  sql.bytes('SELECT v FROM private WHERE k = ?', key)

export function putPrivate(sql: SqliteFile, key: string, value: Uint8Array): void {
  sql.run('INSERT OR REPLACE INTO private VALUES(?, ?)', key, value)
}

export const keyValues = (sql: SqliteFile): KeyValues => ({
  put: async (key, value) => {
    // A checkpoint that comes after the stop is not kept.
    if (sql.isOpen) putPrivate(sql, key, value)
  },
  get: async (key) => privateValue(sql, key),
  delete: async (key) => {
    sql.run('DELETE FROM private WHERE k = ?', key)
  },
  entries: async (prefix) => privateRows(sql, prefix),
})
