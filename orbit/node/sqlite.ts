/**
 * The node's one database file: blocks, datastore, OrbitDB's storages and the projected documents in one bun:sqlite
 * file, one transaction domain, one owner. Write-ahead log with full sync: what was acknowledged survives kill -9 and a
 * power cut.
 */
import { Database, type SQLQueryBindings } from 'bun:sqlite'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'

export const DATABASE_FILE = 'node.sqlite'

export class DataDirectoryInUse extends Error {
  override readonly name = 'DataDirectoryInUse'
  constructor(directory: string) {
    super(
      `the data directory ${directory} is in use by another process: stop it, or name another directory with --data`,
    )
  }
}

export class DataDirectoryUnreadable extends Error {
  override readonly name = 'DataDirectoryUnreadable'
  constructor(directory: string, reason: string) {
    super(
      `cannot open the database in ${directory} (${reason}): check its owner and permissions, and that the disk has room`,
    )
  }
}

export class DatabaseDamaged extends Error {
  override readonly name = 'DatabaseDamaged'
  constructor(file: string, reason: string) {
    super(
      `the database ${file} is damaged (${reason}): nothing was changed. Move it away and start again: ` +
        'signed documents come back from peers; keys and certificates lie beside it and are not affected',
    )
  }
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS blocks(k BLOB PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS datastore(k TEXT PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS storage(s TEXT, k TEXT, v BLOB NOT NULL, PRIMARY KEY(s, k)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS private(k TEXT PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS databases(address TEXT PRIMARY KEY, kind TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS documents(db TEXT, key TEXT, time INTEGER NOT NULL, hash TEXT NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY(db, key)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS projected(db TEXT, hash TEXT, PRIMARY KEY(db, hash)) WITHOUT ROWID;`

/**
 * @throws {DataDirectoryInUse | DataDirectoryUnreadable | DatabaseDamaged}
 */
export function openSqlite(directory: string): Database {
  const file = join(directory, DATABASE_FILE)
  let db: Database | undefined
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    db = new Database(file, { create: true })
    db.run('PRAGMA busy_timeout = 200')
    // With exclusive locking a second process gets SQLITE_BUSY instead of a half-shared state.
    db.run('PRAGMA locking_mode = EXCLUSIVE')
    db.run('PRAGMA journal_mode = WAL')
    db.run('BEGIN EXCLUSIVE; COMMIT')
    db.run('PRAGMA synchronous = FULL')
    db.run(SCHEMA)
    checkPages(db, file)
    return db
  } catch (error) {
    db?.close()
    throw explained(error, directory, file)
  }
}

/** Walks the trees of the small tables in full, and of the large ones as far as a second goes. */
function checkPages(db: Database, file: string): void {
  const pages = (db.query('PRAGMA page_count').get() as { page_count: number }).page_count
  // quick_check reads every page: some 5 ms a MiB. Past 64 MiB the reads that follow find damage where they meet it.
  if (pages > 16_384) return
  const [first] = db.query('PRAGMA quick_check(1)').all() as { quick_check: string }[]
  if (first?.quick_check !== 'ok') throw new DatabaseDamaged(file, first?.quick_check ?? 'no answer')
}

/** What an error of SQLite means to the owner of the file. */
export function explained(error: unknown, directory: string, file = join(directory, DATABASE_FILE)): unknown {
  const { code, message } = error as { code?: string; message?: string }
  if (error instanceof DatabaseDamaged) return error
  if (code?.startsWith('SQLITE_BUSY') || code?.startsWith('SQLITE_LOCKED')) return new DataDirectoryInUse(directory)
  if (code?.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') return new DatabaseDamaged(file, message ?? code)
  if (code?.startsWith('SQLITE_') || code === 'EACCES' || code === 'EPERM' || code === 'ENOTDIR' || code === 'EEXIST') {
    return new DataDirectoryUnreadable(directory, message ?? code)
  }
  return error
}

export const hasDatabase = (directory: string): boolean => existsSync(join(directory, DATABASE_FILE))

/** One row's bytes, copied out of SQLite's memory. */
export function getBytes(db: Database, sql: string, ...bindings: SQLQueryBindings[]): Uint8Array | undefined {
  const row = db.query<{ v: Uint8Array }, SQLQueryBindings[]>(sql).get(...bindings)
  return row === null ? undefined : new Uint8Array(row.v)
}
