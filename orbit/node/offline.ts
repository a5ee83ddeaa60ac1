/** The stored documents without starting a node: no network, nothing written. */
import * as dagCbor from '@ipld/dag-cbor'
import type { DatabaseKind } from '../rules/events.ts'
import type { Home } from './home.ts'
import { hasDatabase, SqliteFile } from './sqlite.ts'

/** @throws {DataDirectoryInUse} when a node runs on the directory: ask it instead (control.ts) */
export function readDocuments(home: Home): Record<DatabaseKind, unknown[]> {
  const documents: Record<DatabaseKind, unknown[]> = { accounts: [], pool: [], draws: [], results: [] }
  if (!hasDatabase(home.directory)) return documents
  const sql = new SqliteFile(home.directory)
  try {
    const rows = sql.all<{ kind: string; value: Uint8Array }>(
      'SELECT databases.kind AS kind, value FROM documents JOIN databases ON documents.db = databases.address',
    )
    for (const { kind, value } of rows) documents[kind as DatabaseKind].push(dagCbor.decode(new Uint8Array(value)))
    return documents
  } finally {
    sql.close()
  }
}
