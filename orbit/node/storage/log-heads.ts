/** The heads of a log in the SQLite file, by OrbitDB's storage interface. */
import type { SqliteFile } from './sqlite.ts'

export const sqliteStorage = (db: SqliteFile, name: string) => ({
  put: async (key: string, value: Uint8Array) => {
    db.run('INSERT OR REPLACE INTO storage VALUES(?, ?, ?)', name, key, value)
  },
  get: async (key: string) => db.bytes('SELECT v FROM storage WHERE s = ? AND k = ?', name, key),
  del: async (key: string) => {
    db.run('DELETE FROM storage WHERE s = ? AND k = ?', name, key)
  },
  async *iterator() {
    for (const { k, v } of db.all<{ k: string; v: Uint8Array }>('SELECT k, v FROM storage WHERE s = ?', name)) {
      yield [k, new Uint8Array(v)] as const
    }
  },
  merge: async () => {},
  clear: async () => {
    db.run('DELETE FROM storage WHERE s = ?', name)
  },
  close: async () => {},
})
