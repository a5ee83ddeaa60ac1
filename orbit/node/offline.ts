/** The stored documents without starting a node: no network, nothing written. */
import * as dagCbor from '@ipld/dag-cbor'
import type { DatabaseKind } from '../rules/events.ts'
import { type Knowledge, NO_KNOWLEDGE } from '../rules/quorum.ts'
import type { Home } from './home.ts'
import { storedKnowledge } from './knowledge.ts'
import { hasDatabase, SqliteFile } from './sqlite.ts'

/**
 * @param use is given the documents, and what is known besides, for as long as it runs
 * @throws {DataDirectoryInUse} when a node runs on the directory: ask it instead (control.ts)
 */
export function readStored<T>(
  home: Home,
  use: (documents: Record<DatabaseKind, unknown[]>, knowledge: Knowledge) => T,
): T {
  const documents: Record<DatabaseKind, unknown[]> = { accounts: [], pool: [], draws: [], results: [] }
  if (!hasDatabase(home.directory)) return use(documents, NO_KNOWLEDGE)
  const sql = new SqliteFile(home.directory)
  try {
    const rows = sql.all<{ kind: string; value: Uint8Array }>(
      'SELECT databases.kind AS kind, value FROM documents JOIN databases ON documents.db = databases.address',
    )
    for (const { kind, value } of rows) documents[kind as DatabaseKind].push(dagCbor.decode(new Uint8Array(value)))
    return use(documents, storedKnowledge(sql))
  } finally {
    sql.close()
  }
}
