/**
 * Joining in bulk: a newcomer gets all entries of a database in one stream, instead of one round trip for each level of
 * the log's DAG (80 s for 5,000 entries; so it is 2 s). Blocks are hash-checked here; the entries in them are checked as
 * always, when the heads are joined.
 *
 * Protocol /collatz/<network id>/entries/1: the asker sends one message, dag-cbor [address, how many entries it has]; the
 * answer is one message an entry, the entry's block, oldest clocks first, none if the asker has about as many already.
 */
import type { Database as Sql } from 'bun:sqlite'
import * as dagCbor from '@ipld/dag-cbor'
import type { Connection, Libp2p, PeerId, Stream } from '@libp2p/interface'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import { cidOf } from '../rules/genesis.ts'
import { getBytes } from './sqlite.ts'
import { messages, sendMessage } from './streams.ts'

const MAX_ENTRY = 1 << 20
const MAX_ENTRIES = 10_000_000
/** Who lacks fewer entries than this gets them by the ordinary exchange of heads. */
const WORTH_IT = 32
const ANSWER_MS = 300_000

export class BulkTransfer {
  private readonly libp2p: Libp2p
  private readonly sql: Sql
  private readonly protocol: string
  private readonly addresses = new Set<string>()
  private readonly underway = new Map<string, Promise<void>>()

  constructor(libp2p: Libp2p, sql: Sql, networkId: string) {
    this.libp2p = libp2p
    this.sql = sql
    this.protocol = `/collatz/${networkId}/entries/1`
  }

  async start(): Promise<void> {
    await this.libp2p.handle(this.protocol, (stream: Stream, _connection: Connection) => this.answer(stream))
    this.libp2p.addEventListener('peer:identify', ({ detail }) => {
      if (detail.protocols.includes(this.protocol))
        for (const address of this.addresses) void this.pull(detail.peerId, address)
    })
  }

  /** From now on this database is served, and asked for at every new peer. */
  async add(address: string): Promise<void> {
    this.addresses.add(address)
    for (const peer of this.libp2p.getPeers()) void this.pull(peer, address)
  }

  remove(address: string): void {
    this.addresses.delete(address)
  }

  /** Resolves when no transfer for this database is under way. */
  async settled(address: string): Promise<void> {
    await this.underway.get(address)
  }

  private count(address: string): number {
    return this.sql.query<{ n: number }, [string]>('SELECT count(*) AS n FROM projected WHERE db = ?').get(address)!.n
  }

  private async answer(stream: Stream): Promise<void> {
    try {
      for await (const request of messages(stream, 1024)) {
        const [address, theirs] = dagCbor.decode<[string, number]>(request)
        if (!this.addresses.has(address) || this.count(address) < theirs + WORTH_IT) break
        const rows = this.sql.query<{ hash: string }, [string]>('SELECT hash FROM projected WHERE db = ?').all(address)
        for (const { hash } of rows) {
          const key = CID.parse(hash, base58btc).multihash.bytes
          const block = getBytes(this.sql, 'SELECT v FROM blocks WHERE k = ?', key)
          if (block) await sendMessage(stream, block)
        }
        break
      }
      await stream.close()
    } catch (error) {
      stream.abort(error as Error)
    }
  }

  private pull(peer: PeerId, address: string): Promise<void> {
    const next = (this.underway.get(address) ?? Promise.resolve()).then(() => this.fetch(peer, address).catch(() => {}))
    this.underway.set(address, next)
    return next
  }

  /** A peer that fails here costs nothing but the time: what it did not send comes by the exchange of heads. */
  private async fetch(peer: PeerId, address: string): Promise<void> {
    const signal = AbortSignal.timeout(ANSWER_MS)
    const stream = await this.libp2p.dialProtocol(peer, this.protocol, { signal })
    const insert = this.sql.query('INSERT OR IGNORE INTO blocks VALUES(?, ?)')
    let batch: Uint8Array[] = []
    const flush = () => {
      this.sql.transaction(() => {
        for (const block of batch) insert.run(cidOf(block).multihash.bytes, block)
      })()
      batch = []
    }
    try {
      await sendMessage(stream, dagCbor.encode([address, this.count(address)]))
      let received = 0
      for await (const block of messages(stream, MAX_ENTRY)) {
        if (++received > MAX_ENTRIES || signal.aborted) break
        batch.push(block)
        if (batch.length >= 512) flush()
      }
      flush()
      await stream.close()
    } catch (error) {
      flush()
      stream.abort(error as Error)
      throw error
    }
  }
}
