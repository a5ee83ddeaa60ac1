/**
 * Helia's blocks in the SQLite file, by multihash: the codec in a CID does not change the block.
 */
import { BaseBlockstore } from 'blockstore-core'
import { NotFoundError } from 'interface-store'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import * as Digest from 'multiformats/hashes/digest'
import type { SqliteFile } from './sqlite.ts'

type BlockInput = Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>

async function bytesOf(input: BlockInput): Promise<Uint8Array> {
  if (input instanceof Uint8Array) return input
  const parts: Uint8Array[] = []
  for await (const part of input) parts.push(part)
  return parts.length === 1 ? parts[0]! : new Uint8Array(Buffer.concat(parts))
}

export class SqliteBlockstore extends BaseBlockstore {
  private readonly db: SqliteFile
  constructor(db: SqliteFile) {
    super()
    this.db = db
  }

  override async put(cid: CID, block: BlockInput): Promise<CID> {
    this.db.run('INSERT OR IGNORE INTO blocks VALUES(?, ?)', cid.multihash.bytes, await bytesOf(block))
    return cid
  }

  override async *get(cid: CID): AsyncGenerator<Uint8Array> {
    const bytes = this.db.bytes('SELECT v FROM blocks WHERE k = ?', cid.multihash.bytes)
    if (!bytes) throw new NotFoundError(`no block ${cid}`)
    yield bytes
  }

  override async has(cid: CID): Promise<boolean> {
    return this.db.get('SELECT 1 FROM blocks WHERE k = ?', cid.multihash.bytes) !== null
  }

  override async delete(cid: CID): Promise<void> {
    this.db.run('DELETE FROM blocks WHERE k = ?', cid.multihash.bytes)
  }

  override async *getAll(): AsyncGenerator<{ cid: CID; bytes: AsyncGenerator<Uint8Array> }> {
    for (const { k } of this.db.all<{ k: Uint8Array }>('SELECT k FROM blocks')) {
      const cid = CID.createV1(raw.code, Digest.decode(new Uint8Array(k)))
      yield { cid, bytes: this.get(cid) }
    }
  }
}
