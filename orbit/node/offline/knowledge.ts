/**
 * Documents and knowledge of a stopped node, read from its database: no network, nothing written.
 */
import * as dagCbor from '@ipld/dag-cbor'
import type { DatabaseKind } from '../../rules/message/documents.ts'
import { type History, NO_HISTORY } from '../../rules/state/settled-window.ts'
import { archivedIn } from '../archive/archived-windows.ts'
import { drawRoundsIn } from '../epoch/draw-rounds.ts'
import type { Home } from '../home/home.ts'
import { type KnowledgeDump, storedKnowledge, type Wants } from '../replica/knowledge.ts'
import { PRIVATE, privateRows } from '../storage/private.ts'
import { hasDatabase, SqliteFile } from '../storage/sqlite.ts'

/** @throws {DataDirectoryInUse} when a node runs on the directory: ask it instead (control.ts) */
export function readDocuments(home: Home): Record<DatabaseKind, unknown[]> {
  const documents: Record<DatabaseKind, unknown[]> = { accounts: [], pool: [], draws: [], results: [] }
  return reading(home, documents, (sql) => {
    const rows = sql.all<{ kind: string; value: Uint8Array }>(
      'SELECT databases.kind AS kind, value FROM documents JOIN databases ON documents.db = databases.address',
    )
    for (const { kind, value } of rows) documents[kind as DatabaseKind].push(dagCbor.decode(new Uint8Array(value)))
    for (const [round, signature] of drawRoundsIn(privateRows(sql, PRIVATE.drawRound))) {
      documents.draws.push({ round, signature })
    }
    return documents
  })
}

/** Archived windows. @throws {DataDirectoryInUse} */
export const readHistory = (home: Home): History =>
  reading(home, NO_HISTORY, (sql) => archivedIn(privateRows(sql, PRIVATE.archived)))

/** Those of the wanted facts that are here. @throws {DataDirectoryInUse} */
export const readKnowledge = (home: Home, wants: Wants): KnowledgeDump =>
  reading(home, { leaves: [], truths: [], convictions: [] }, (sql) => storedKnowledge(sql, wants))

/**
 * Opens the database for a short time only: a node that starts meanwhile finds the directory in
 * use.
 */
function reading<T>(home: Home, nothing: T, read: (sql: SqliteFile) => T): T {
  if (!hasDatabase(home.directory)) return nothing
  const sql = new SqliteFile(home.directory)
  try {
    return read(sql)
  } finally {
    sql.close()
  }
}
