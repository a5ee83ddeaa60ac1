/** Helia's blockstore and datastore and OrbitDB's storage, all in the one SQLite file. */
import type { Database } from 'bun:sqlite'
import { BaseBlockstore } from 'blockstore-core'
import { BaseDatastore } from 'datastore-core'
import { Key, type KeyQuery, type Pair, type Query } from 'interface-datastore'
import { NotFoundError } from 'interface-store'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import * as Digest from 'multiformats/hashes/digest'
import { getBytes } from './sqlite.ts'

type BlockInput = Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>

async function collected(input: BlockInput): Promise<Uint8Array> {
  if (input instanceof Uint8Array) return input
  const parts: Uint8Array[] = []
  for await (const part of input) parts.push(part)
  return parts.length === 1 ? parts[0]! : new Uint8Array(Buffer.concat(parts))
}

/** Blocks by multihash: a block is the same whatever codec names it. */
export class SqliteBlockstore extends BaseBlockstore {
  private readonly db: Database
  constructor(db: Database) {
    super()
    this.db = db
  }

  override async put(cid: CID, block: BlockInput): Promise<CID> {
    this.db.query('INSERT OR IGNORE INTO blocks VALUES(?, ?)').run(cid.multihash.bytes, await collected(block))
    return cid
  }

  override async *get(cid: CID): AsyncGenerator<Uint8Array> {
    const bytes = getBytes(this.db, 'SELECT v FROM blocks WHERE k = ?', cid.multihash.bytes)
    if (!bytes) throw new NotFoundError(`no block ${cid}`)
    yield bytes
  }

  override async has(cid: CID): Promise<boolean> {
    return this.db.query('SELECT 1 FROM blocks WHERE k = ?').get(cid.multihash.bytes) !== null
  }

  override async delete(cid: CID): Promise<void> {
    this.db.query('DELETE FROM blocks WHERE k = ?').run(cid.multihash.bytes)
  }

  override async *getAll(): AsyncGenerator<{ cid: CID; bytes: AsyncGenerator<Uint8Array> }> {
    for (const { k } of this.db.query<{ k: Uint8Array }, []>('SELECT k FROM blocks').all()) {
      const cid = CID.createV1(raw.code, Digest.decode(new Uint8Array(k)))
      yield { cid, bytes: this.get(cid) }
    }
  }
}

export class SqliteDatastore extends BaseDatastore {
  private readonly db: Database
  constructor(db: Database) {
    super()
    this.db = db
  }

  override async put(key: Key, value: Uint8Array): Promise<Key> {
    this.db.query('INSERT OR REPLACE INTO datastore VALUES(?, ?)').run(key.toString(), value)
    return key
  }

  override async get(key: Key): Promise<Uint8Array> {
    const bytes = getBytes(this.db, 'SELECT v FROM datastore WHERE k = ?', key.toString())
    if (!bytes) throw new NotFoundError(`no value for ${key}`)
    return bytes
  }

  override async has(key: Key): Promise<boolean> {
    return this.db.query('SELECT 1 FROM datastore WHERE k = ?').get(key.toString()) !== null
  }

  override async delete(key: Key): Promise<void> {
    this.db.query('DELETE FROM datastore WHERE k = ?').run(key.toString())
  }

  private rows(prefix = '') {
    return this.db
      .query<{ k: string; v: Uint8Array }, [string, string]>('SELECT k, v FROM datastore WHERE k >= ? AND k < ?')
      .all(prefix, `${prefix}\uffff`)
  }

  override async *_all(query: Query): AsyncGenerator<Pair> {
    for (const { k, v } of this.rows(query.prefix)) yield { key: new Key(k), value: new Uint8Array(v) }
  }

  override async *_allKeys(query: KeyQuery): AsyncGenerator<Key> {
    for (const { k } of this.rows(query.prefix)) yield new Key(k)
  }
}

/** OrbitDB's storage interface (heads and index of a log). `true` is stored as one byte. */
export function sqliteStorage(db: Database, name: string) {
  return {
    put: async (key: string, value: Uint8Array | true) => {
      db.query('INSERT OR REPLACE INTO storage VALUES(?, ?, ?)').run(
        name,
        key,
        value === true ? Uint8Array.of(1) : value,
      )
    },
    get: async (key: string) => getBytes(db, 'SELECT v FROM storage WHERE s = ? AND k = ?', name, key),
    del: async (key: string) => {
      db.query('DELETE FROM storage WHERE s = ? AND k = ?').run(name, key)
    },
    async *iterator({ amount = -1, reverse = false }: { amount?: number; reverse?: boolean } = {}) {
      const order = reverse ? 'DESC' : 'ASC'
      const sql = `SELECT k, v FROM storage WHERE s = ? ORDER BY k ${order} LIMIT ?`
      for (const { k, v } of db.query<{ k: string; v: Uint8Array }, [string, number]>(sql).all(name, amount)) {
        yield [k, new Uint8Array(v)] as const
      }
    },
    merge: async () => {},
    clear: async () => {
      db.query('DELETE FROM storage WHERE s = ?').run(name)
    },
    close: async () => {},
  }
}
