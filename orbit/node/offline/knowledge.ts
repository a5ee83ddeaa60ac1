/** The stored documents without starting a node: no network, nothing written. */
import * as dagCbor from '@ipld/dag-cbor'
import type { DatabaseKind } from '../../rules/message/bodies.ts'
import { type History, NO_HISTORY } from '../../rules/state/settled-window.ts'
import { historyOf, SETTLED } from '../archive/archived-windows.ts'
import { drawRoundsIn, KEPT_ROUND } from '../epoch/draw-rounds.ts'
import type { Home } from '../home/home.ts'
import { type KnowledgeDump, storedKnowledge, type Wants } from '../replica/knowledge.ts'
import { hasDatabase, SqliteFile } from '../storage/sqlite.ts'

/** @throws {DataDirectoryInUse} when a node runs on the directory: ask it instead (control.ts) */
export function readDocuments(home: Home): Record<DatabaseKind, unknown[]> {
  const documents: Record<DatabaseKind, unknown[]> = { accounts: [], pool: [], draws: [], results: [] }
  return reading(home, documents, (sql) => {
    const rows = sql.all<{ kind: string; value: Uint8Array }>(
      'SELECT databases.kind AS kind, value FROM documents JOIN databases ON documents.db = databases.address',
    )
    for (const { kind, value } of rows) documents[kind as DatabaseKind].push(dagCbor.decode(new Uint8Array(value)))
    for (const [round, signature] of drawRoundsIn(privateRows(sql, KEPT_ROUND))) {
      documents.draws.push({ round, signature })
    }
    return documents
  })
}

/** Settled windows. @throws {DataDirectoryInUse} */
export const readHistory = (home: Home): History =>
  reading(home, NO_HISTORY, (sql) => historyOf(privateRows(sql, SETTLED)))

/** Rows of the node's private table. @param prefix of ASCII */
const privateRows = (sql: SqliteFile, prefix: string) =>
  sql
    .all<{ k: string; v: Uint8Array }>('SELECT k, v FROM private WHERE k >= ? AND k < ?', prefix, `${prefix}\u{7f}`)
    .map(({ k, v }) => [k, new Uint8Array(v)] as const)

/** What of that which is wanted lies here. @throws {DataDirectoryInUse} */
export const readKnowledge = (home: Home, wants: Wants): KnowledgeDump =>
  reading(home, { leaves: [], truths: [], convictions: [] }, (sql) => storedKnowledge(sql, wants))

/** For as short a time as can be: a node that starts meanwhile finds the directory in use. */
function reading<T>(home: Home, nothing: T, read: (sql: SqliteFile) => T): T {
  if (!hasDatabase(home.directory)) return nothing
  const sql = new SqliteFile(home.directory)
  try {
    return read(sql)
  } finally {
    sql.close()
  }
}
