/**
 * Catching up: a node asks a peer for the heads of a database, and for the entries that it lacks in
 * one stream. With one round trip for each level of the log's DAG, 5,000 entries would take 80 s;
 * so they take a few. Gossip spreads what is new. This brings what gossip did not: at first
 * contact, when an entry's parents are missing, and once a minute.
 *
 * Protocol /collatz/<network id>/entries/1. The asker sends one message, dag-cbor [address, after,
 * upTo]. The answer is one message with the heads' hashes, dag-cbor, newest first, and then one
 * message with the block of each entry with after < Lamport time <= upTo, parents before children.
 * A node that lacks little lacks the newest, so the asker begins near the top of what it has and
 * goes down in steps that grow fourfold, until all heads are connected.
 *
 * An entry from a peer is stored only after it was judged (access.ts), and stays only if it is
 * joined. Served are joined entries of open databases alone. A peer that is slow, silent or lies
 * costs seconds of waiting, in its own turn.
 */
import * as dagCbor from '@ipld/dag-cbor'
import type { Connection, Libp2p, PeerId, Stream } from '@libp2p/interface'
import { Backoff } from '../async/backoff.ts'
import { Patience } from '../async/patience.ts'
import { Serial, yieldToLoop } from '../async/queue.ts'
import { messages, sendMessage } from '../p2p/streams.ts'
import type { SqliteFile } from '../storage/sqlite.ts'
import { decodeEntry, isHash, type LogEntry, MAX_ENTRY } from './entry.ts'
import { entryBlock, storeEntries } from './entry-store.ts'
import type { GuardedLog } from './guarded-log.ts'

const MAX_REQUEST = 1024
/** Heads named in an answer, and the most bytes that they take. */
const MAX_HEADS = 4096
const MAX_HEADER = 1 << 18
const EVERYTHING = Number.MAX_SAFE_INTEGER
/** Sorts after every hash of one time. */
const LAST_HASH = '~'
/** How far below its own newest entry an asker begins, in Lamport time. */
const FIRST_STEP = 32
/** Rows read at a time while serving; entries or bytes taken at a time while asking. */
const PAGE = 256
const BATCH_BYTES = 4 << 20
/** Entries that a peer may send in one turn and that can't be joined. */
const MAX_LOOSE = 20_000
/**
 * A peer may keep us waiting so long, and a little longer for each entry that it has sent: 50
 * entries a second.
 */
const PATIENCE = { most: 10_000, perAnswer: 20 }
/** A peer that asks nothing, or takes nothing of an answer, for so long is dropped. */
const SERVING_MS = 30_000
/** Streams served at a time, to all and to one peer. */
const MAX_SERVED = 64
const MAX_SERVED_TO_ONE = 8
const AGAIN_MS = 60_000
/**
 * Parents are often on their way by gossip: they are asked for after this long, and then not again
 * for a second.
 */
const WANT_MS = 200
const WANT_AGAIN_MS = 1_000
/** After a turn that failed. */
const AGAIN = { first: WANT_AGAIN_MS, most: AGAIN_MS }
const ASKED_PEERS = 3

interface Database {
  readonly log: GuardedLog
  readonly judge: (entry: LogEntry) => string | null
  /** One peer at a time. */
  readonly turns: Serial
  readonly queued: Set<string>
  readonly closing: AbortController
  timer: { readonly handle: Timer; readonly due: number } | null
  /** When parents were last asked for, by performance.now(). */
  wanted: number
  readonly backoff: Backoff
}

export class CatchUp {
  private readonly libp2p: Libp2p
  private readonly sql: SqliteFile
  private readonly protocol: string
  private readonly databases = new Map<string, Database>()
  /** One database at a time of each peer. */
  private readonly peers = new Map<string, Serial>()
  private readonly stopping = new AbortController()
  private interval: Timer | null = null
  private readonly served = new Map<string, number>()

  constructor(libp2p: Libp2p, sql: SqliteFile, networkId: string) {
    this.libp2p = libp2p
    this.sql = sql
    this.protocol = `/collatz/${networkId}/entries/1`
  }

  async start(): Promise<void> {
    await this.libp2p.handle(this.protocol, (stream, connection) => this.serve(stream, connection))
    this.libp2p.addEventListener('peer:identify', ({ detail }) => {
      if (!detail.protocols.includes(this.protocol)) return
      for (const database of this.databases.values()) this.turn(database, detail.peerId)
    })
    this.libp2p.addEventListener('peer:disconnect', ({ detail }) => this.peers.delete(detail.toString()))
    this.interval = setInterval(() => {
      for (const database of this.databases.values()) void this.ask(database, 1)
    }, AGAIN_MS)
  }

  /** Serves this database from now on, and asks for it. */
  add(log: GuardedLog, judge: (entry: LogEntry) => string | null): void {
    const database: Database = {
      ...{ log, judge, turns: new Serial(), queued: new Set<string>(), closing: new AbortController() },
      ...{ timer: null, wanted: Number.NEGATIVE_INFINITY, backoff: new Backoff(AGAIN) },
    }
    this.databases.set(log.address, database)
    log.onWanting(() => this.want(database))
    void this.ask(database, Number.POSITIVE_INFINITY)
  }

  /** A peer has the database: it may have entries that this node lacks. */
  meet(address: string, peer: PeerId): void {
    const database = this.databases.get(address)
    if (database) this.turn(database, peer)
  }

  private want(database: Database): void {
    const sinceLast = performance.now() - database.wanted
    this.askLater(database, Math.max(WANT_MS, WANT_AGAIN_MS - sinceLast), ASKED_PEERS)
  }

  /** Asks after a wait in milliseconds, unless it asks sooner anyway. */
  private askLater(database: Database, wait: number, peers: number): void {
    const due = performance.now() + wait
    if (database.closing.signal.aborted || (database.timer && database.timer.due <= due)) return
    if (database.timer) clearTimeout(database.timer.handle)
    const handle = setTimeout(() => {
      database.timer = null
      database.wanted = performance.now()
      void this.ask(database, peers)
    }, wait)
    database.timer = { handle, due }
  }

  async remove(address: string): Promise<void> {
    const database = this.databases.get(address)
    if (!database) return
    this.databases.delete(address)
    database.closing.abort(new Error('the database is closed'))
    if (database.timer) clearTimeout(database.timer.handle)
    await database.turns.close()
  }

  async stop(): Promise<void> {
    this.stopping.abort(new Error('the node stops'))
    if (this.interval) clearInterval(this.interval)
    await this.libp2p.unhandle(this.protocol)
    await Promise.all([...this.databases.keys()].map((address) => this.remove(address)))
  }

  /** Asks some of the peers that speak the protocol, in random order. */
  private async ask(database: Database, peers: number): Promise<void> {
    const able: PeerId[] = []
    for (const peer of this.libp2p.getPeers()) {
      const known = await this.libp2p.peerStore.get(peer).catch(() => null)
      if (known?.protocols.includes(this.protocol)) able.push(peer)
    }
    for (let i = able.length - 1; i > 0; i--) {
      const j = Math.floor(Math.random() * (i + 1))
      ;[able[i], able[j]] = [able[j]!, able[i]!]
    }
    for (const peer of able.slice(0, peers)) this.turn(database, peer)
  }

  private turn(database: Database, peer: PeerId): void {
    const id = peer.toString()
    if (database.closing.signal.aborted || database.queued.has(id)) return
    database.queued.add(id)
    const turns = this.peers.get(id) ?? new Serial()
    this.peers.set(id, turns)
    const turn = async () => {
      database.queued.delete(id)
      await this.catchUp(database, peer)
      database.backoff.reset()
    }
    turns
      .run(() => database.turns.run(turn))
      // It or another peer is asked again, later each time.
      .catch(() => this.askLater(database, database.backoff.next(), 1))
  }

  private async catchUp(database: Database, peer: PeerId): Promise<void> {
    const { log } = database
    const loose = new Set<string>()
    try {
      await this.catchUpWith(database, peer, loose)
    } finally {
      await log.discard(loose)
    }
  }

  private async catchUpWith(database: Database, peer: PeerId, loose: Set<string>): Promise<void> {
    const { log } = database
    const missing = (heads: readonly string[]) => heads.some((hash) => !log.has(hash))
    let { heads } = await this.fetch(database, peer, EVERYTHING, EVERYTHING, loose)
    let upTo = EVERYTHING
    let step = FIRST_STEP
    while (!database.closing.signal.aborted && missing(heads) && upTo > 0) {
      const after = Math.max(0, Math.min(upTo, log.time()) - step)
      const answer = await this.fetch(database, peer, after, upTo, loose)
      if (upTo === EVERYTHING) heads = answer.heads
      for (const head of heads) {
        const block = log.has(head) ? undefined : entryBlock(this.sql, head)
        if (block) await log.offer(decodeEntry(block, head))
      }
      upTo = after
      step *= 4
    }
  }

  /** @throws when the peer breaks off, is too slow, or sends what is no entry of this database */
  private async fetch(
    database: Database,
    peer: PeerId,
    after: number,
    upTo: number,
    loose: Set<string>,
  ): Promise<{ heads: string[] }> {
    const stalled = new AbortController()
    const signal = AbortSignal.any([stalled.signal, database.closing.signal])
    const dialling = AbortSignal.any([AbortSignal.timeout(PATIENCE.most), database.closing.signal])
    const stream = await this.libp2p.dialProtocol(peer, this.protocol, { signal: dialling })
    const broken = () => stream.abort(signal.reason)
    signal.addEventListener('abort', broken)
    const patience = new Patience(PATIENCE, () => stalled.abort(new Error('the peer keeps us waiting')))
    try {
      await sendMessage(stream, dagCbor.encode([database.log.address, after, upTo]))
      const answer = messages(stream, Math.max(MAX_ENTRY, MAX_HEADER))[Symbol.asyncIterator]()
      const header = await patience.wait(answer.next())
      if (header.done) return { heads: [] }
      const heads = headsIn(header.value)
      let batch: LogEntry[] = []
      let blocks: [string, Uint8Array][] = []
      let bytes = 0
      let last = { time: after, hash: LAST_HASH }
      const flush = async () => {
        await this.take(database, batch, blocks, loose)
        batch = []
        blocks = []
        bytes = 0
      }
      for (let next = await patience.wait(answer.next()); !next.done; next = await patience.wait(answer.next())) {
        const entry = decodeEntry(next.value)
        const { time } = entry.clock ?? {}
        // In strict order no entry comes twice: a stream is as long as the history that the peer
        // has, and no longer.
        if (!(time > last.time || (time === last.time && entry.hash > last.hash)) || time > upTo) {
          throw new Error('a peer sent entries out of order')
        }
        last = { time, hash: entry.hash }
        const reason = entry.id === database.log.address ? database.judge(entry) : 'an entry of another database'
        if (reason !== null) throw new Error(`a peer sent ${reason}`)
        batch.push(entry)
        blocks.push([entry.hash, next.value])
        bytes += next.value.length
        if (batch.length >= PAGE || bytes >= BATCH_BYTES) await flush()
      }
      await flush()
      await stream.close()
      return { heads }
    } catch (error) {
      stream.abort(error as Error)
      throw error
    } finally {
      patience.end()
      signal.removeEventListener('abort', broken)
    }
  }

  /**
   * Stores judged entries, and joins those that are no parents of others: they bring their parents
   * along.
   */
  private async take(
    { log }: Database,
    batch: readonly LogEntry[],
    blocks: readonly [string, Uint8Array][],
    loose: Set<string>,
  ) {
    if (batch.length === 0) return
    storeEntries(this.sql, blocks)
    const parents = new Set(batch.flatMap(({ next }) => next))
    let unpaid = 0
    for (const entry of batch) {
      if (!parents.has(entry.hash) && (await log.offer(entry)) === 'unpaid') unpaid++
    }
    // An unpaid entry may be a child of a paid one.
    if (unpaid > 0) for (const entry of batch) if (log.isPaid(entry)) await log.offer(entry)
    for (const { hash } of batch) if (!log.has(hash)) loose.add(hash)
    if (loose.size > MAX_LOOSE) throw new Error('a peer sent entries that are connected to nothing')
    await yieldToLoop()
  }

  private async serve(stream: Stream, connection: Connection): Promise<void> {
    const peer = connection.remotePeer.toString()
    const toOne = this.served.get(peer) ?? 0
    const toAll = [...this.served.values()].reduce((sum, streams) => sum + streams, 0)
    if (toOne >= MAX_SERVED_TO_ONE || toAll >= MAX_SERVED) return stream.abort(new Error('busy'))
    this.served.set(peer, toOne + 1)
    const signal = () => AbortSignal.any([this.stopping.signal, AbortSignal.timeout(SERVING_MS)])
    const asking = signal()
    const unasked = () => stream.abort(new Error('nothing was asked'))
    asking.addEventListener('abort', unasked)
    try {
      const request = await messages(stream, MAX_REQUEST).next()
      asking.removeEventListener('abort', unasked)
      if (!request.done) await this.answer(stream, request.value, signal)
      await stream.close({ signal: signal() })
    } catch (error) {
      stream.abort(error as Error)
    } finally {
      asking.removeEventListener('abort', unasked)
      const left = this.served.get(peer)! - 1
      if (left > 0) this.served.set(peer, left)
      else this.served.delete(peer)
    }
  }

  private async answer(stream: Stream, request: Uint8Array, signal: () => AbortSignal): Promise<void> {
    const [address, after, upTo] = requestIn(request)
    const database = this.databases.get(address)
    if (!database) return
    const heads = (await database.log.heads()).slice(0, MAX_HEADS).map(({ hash }) => hash)
    await sendMessage(stream, dagCbor.encode(heads), signal())
    for (const hash of this.between(address, after, upTo)) {
      const block = entryBlock(this.sql, hash)
      if (block) await sendMessage(stream, block, signal())
    }
  }

  /**
   * Hashes of joined entries by Lamport time, read a page at a time, so that they are never all in
   * memory.
   */
  private *between(address: string, after: number, upTo: number): Generator<string> {
    let [time, hash] = [after, LAST_HASH]
    while (true) {
      const rows = this.sql.all<{ time: number; hash: string }>(
        `SELECT time, hash FROM entries WHERE db = ? AND (time, hash) > (?, ?) AND time <= ?
          ORDER BY time, hash LIMIT ${PAGE}`,
        ...[address, time, hash, upTo],
      )
      for (const row of rows) yield row.hash
      if (rows.length < PAGE) return
      ;({ time, hash } = rows.at(-1)!)
    }
  }
}

function headsIn(bytes: Uint8Array): string[] {
  const heads = dagCbor.decode<unknown>(bytes)
  if (!Array.isArray(heads) || heads.length > MAX_HEADS || !heads.every(isHash)) {
    throw new Error('a peer sent heads that are none')
  }
  return heads
}

function requestIn(bytes: Uint8Array): [address: string, after: number, upTo: number] {
  const request = dagCbor.decode<unknown[]>(bytes)
  if (!Array.isArray(request) || typeof request[0] !== 'string' || !request.slice(1).every(Number.isSafeInteger)) {
    throw new Error('a peer asked for nothing we know')
  }
  return request as [string, number, number]
}
