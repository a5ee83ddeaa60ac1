/**
 * The node's one database file (bun:sqlite): blocks, datastore, OrbitDB's heads, the projected
 * documents and the private table, with one process as its owner. Write-ahead log with full sync:
 * what was acknowledged survives kill -9 and a power cut. Every statement goes through SqliteFile,
 * so that damage met years later is named as clearly as damage met at the start.
 */
import { Database, type SQLQueryBindings } from 'bun:sqlite'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '../../rules/base/errors.ts'
import { closeToOthers, privateFile, privateFolder } from './atomic-file.ts'

export const DATABASE_FILE = 'node.sqlite'

export class DataDirectoryInUse extends UserError {
  override readonly name = 'DataDirectoryInUse'
  constructor(directory: string) {
    super(
      `the data directory ${directory} is in use by another process: stop it, or name another directory with --data`,
    )
  }
}

export class DataDirectoryUnreadable extends UserError {
  override readonly name = 'DataDirectoryUnreadable'
  constructor(directory: string, reason: string) {
    super(
      `cannot use the database in ${directory} (${reason}): check its owner and permissions, and that the disk has room`,
    )
  }
}

export class DatabaseDamaged extends UserError {
  override readonly name = 'DatabaseDamaged'
  constructor(file: string, reason: string) {
    super(
      `the database ${file} is damaged (${reason}): nothing was changed. Move it away and start again: ` +
        'signed documents come back from peers; keys and certificates lie beside it and are not affected',
    )
  }
}

/** The node was stopped while something still wanted to read or write. */
export class DatabaseClosed extends UserError {
  override readonly name = 'DatabaseClosed'
  constructor() {
    super('the node is stopped: its database is closed')
  }
}

/**
 * `entries` is the log's index: the entries that have been joined, in the order in which peers ask
 * for them. `payments` has who pays for how many of them, and for how many bytes (quota.ts).
 * `private` is described in private.ts.
 */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS blocks(k BLOB PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS datastore(k TEXT PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS storage(s TEXT, k TEXT, v BLOB NOT NULL, PRIMARY KEY(s, k)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS private(k TEXT PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS databases(address TEXT PRIMARY KEY, kind TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS documents(db TEXT, key TEXT, time INTEGER NOT NULL, hash TEXT NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY(db, key)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS entries(db TEXT, hash TEXT, time INTEGER NOT NULL, PRIMARY KEY(db, hash)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS payments(db TEXT, payer TEXT, entries INTEGER NOT NULL, bytes INTEGER NOT NULL,
    PRIMARY KEY(db, payer)) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS entries_by_time ON entries(db, time, hash);`

/** Small, and needed for everything: checked whole at every start, however large the rest is. */
const SMALL_TABLES = ['private', 'databases', 'storage', 'datastore']

/**
 * quick_check reads every page, some 2 ms a MiB: a file of up to this many bytes is checked whole.
 */
const CHECKED_WHOLE = 64 << 20

export class SqliteFile {
  private readonly db: Database
  private readonly directory: string
  /** False once it is closed: from then on every statement throws DatabaseClosed. */
  isOpen = true

  /** @throws {DataDirectoryInUse | DataDirectoryUnreadable | DatabaseDamaged} */
  constructor(directory: string) {
    this.directory = directory
    let db: Database | undefined
    try {
      const path = join(directory, DATABASE_FILE)
      privateFolder(directory)
      // Before it is opened: SQLite gives -wal and -shm the mode that the database has.
      privateFile(path)
      for (const suffix of ['-wal', '-shm']) closeToOthers(`${path}${suffix}`)
      db = new Database(path)
      db.run('PRAGMA busy_timeout = 200')
      // With exclusive locking a second process gets SQLITE_BUSY instead of a half-shared state.
      db.run('PRAGMA locking_mode = EXCLUSIVE')
      db.run('PRAGMA journal_mode = WAL')
      db.run('BEGIN EXCLUSIVE; COMMIT')
      db.run('PRAGMA synchronous = FULL')
      this.db = db
      this.checkPages()
      db.run(SCHEMA)
    } catch (error) {
      db?.close()
      throw explained(error, directory)
    }
  }

  private checkPages(): void {
    const { page_count: pages } = this.db.query('PRAGMA page_count').get() as { page_count: number }
    const { page_size: size } = this.db.query('PRAGMA page_size').get() as { page_size: number }
    const small = pages * size <= CHECKED_WHOLE
    const existing = this.db.query("SELECT name FROM sqlite_schema WHERE type = 'table'").all() as { name: string }[]
    const names = existing.map(({ name }) => name).filter((name) => SMALL_TABLES.includes(name))
    // The rest of a large file is checked by the reads that meet it: each of them goes through
    // `explained`.
    for (const check of small ? ['quick_check(1)'] : names.map((name) => `quick_check('${name}')`)) {
      const [first] = this.db.query(`PRAGMA ${check}`).all() as { quick_check: string }[]
      if (first?.quick_check !== 'ok') {
        throw new DatabaseDamaged(join(this.directory, DATABASE_FILE), first?.quick_check ?? 'no answer')
      }
    }
  }

  private attempt<T>(action: () => T): T {
    if (!this.isOpen) throw new DatabaseClosed()
    try {
      return action()
    } catch (error) {
      throw explained(error, this.directory)
    }
  }

  /** @returns the number of rows changed */
  run(sql: string, ...bindings: SQLQueryBindings[]): number {
    return this.attempt(() => this.db.query(sql).run(...bindings).changes)
  }

  get<Row>(sql: string, ...bindings: SQLQueryBindings[]): Row | null {
    return this.attempt(() => this.db.query<Row, SQLQueryBindings[]>(sql).get(...bindings))
  }

  all<Row>(sql: string, ...bindings: SQLQueryBindings[]): Row[] {
    return this.attempt(() => this.db.query<Row, SQLQueryBindings[]>(sql).all(...bindings))
  }

  /** The column `v` of one row, copied out of SQLite's memory. */
  bytes(sql: string, ...bindings: SQLQueryBindings[]): Uint8Array | undefined {
    const row = this.get<{ v: Uint8Array }>(sql, ...bindings)
    return row === null ? undefined : new Uint8Array(row.v)
  }

  /** All or nothing, on disk when it returns. `action` is synchronous. */
  transaction<T>(action: () => T): T {
    return this.attempt(() => this.db.transaction(action)())
  }

  close(): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.db.close()
  }
}

/** What the system answers where there can be no database. */
const UNUSABLE = new Set(['EACCES', 'EPERM', 'ENOTDIR', 'EISDIR', 'EEXIST'])

/** What an error of SQLite means to the owner of the file. */
function explained(error: unknown, directory: string): unknown {
  const { code, message } = error as { code?: string; message?: string }
  if (code?.startsWith('SQLITE_BUSY') || code?.startsWith('SQLITE_LOCKED')) return new DataDirectoryInUse(directory)
  if (code?.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') {
    return new DatabaseDamaged(join(directory, DATABASE_FILE), message ?? code)
  }
  if (code?.startsWith('SQLITE_') || (code !== undefined && UNUSABLE.has(code))) {
    return new DataDirectoryUnreadable(directory, message ?? code)
  }
  return error
}

/** The bounds of all texts that begin with a prefix: k >= the first AND k < the second. */
export const prefixRange = (prefix: string): [from: string, before: string] => [prefix, `${prefix}\u{10ffff}`]

export const hasDatabase = (directory: string): boolean => existsSync(join(directory, DATABASE_FILE))
