/**
 * Helia's and libp2p's small values in the SQLite file: known peers, the DHT's records, the keys of
 * IPNS names.
 */
import { BaseDatastore } from 'datastore-core'
import { Key, type KeyQuery, type Pair, type Query } from 'interface-datastore'
import { NotFoundError } from 'interface-store'
import { prefixRange, type SqliteFile } from './sqlite.ts'

export class SqliteDatastore extends BaseDatastore {
  private readonly db: SqliteFile
  constructor(db: SqliteFile) {
    super()
    this.db = db
  }

  override async put(key: Key, value: Uint8Array): Promise<Key> {
    this.db.run('INSERT OR REPLACE INTO datastore VALUES(?, ?)', key.toString(), value)
    return key
  }

  override async get(key: Key): Promise<Uint8Array> {
    const bytes = this.db.bytes('SELECT v FROM datastore WHERE k = ?', key.toString())
    if (!bytes) throw new NotFoundError(`no value for ${key}`)
    return bytes
  }

  override async has(key: Key): Promise<boolean> {
    return this.db.get('SELECT 1 FROM datastore WHERE k = ?', key.toString()) !== null
  }

  override async delete(key: Key): Promise<void> {
    this.db.run('DELETE FROM datastore WHERE k = ?', key.toString())
  }

  private rows(prefix = '') {
    return this.db.all<{ k: string; v: Uint8Array }>(
      'SELECT k, v FROM datastore WHERE k >= ? AND k < ?',
      ...prefixRange(prefix),
    )
  }

  override async *_all(query: Query): AsyncGenerator<Pair> {
    for (const { k, v } of this.rows(query.prefix)) yield { key: new Key(k), value: new Uint8Array(v) }
  }

  override async *_allKeys(query: KeyQuery): AsyncGenerator<Key> {
    for (const { k } of this.rows(query.prefix)) yield new Key(k)
  }
}
