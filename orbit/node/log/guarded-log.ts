/**
 * A database's log, on top of OrbitDB's (a Merkle-CRDT, https://arxiv.org/abs/2004.00107): the one
 * door for this node's entries and for those of others. An entry that is joined is admitted
 * (access.ts), its parents are joined, and its Lamport clock is one more than the greatest of its
 * parents: otherwise one entry could push every node's clock to where no number follows. An entry
 * whose parents are not here waits among the orphans, and catch-up.ts is told. An entry that nobody
 * pays for (quota.ts) waits among the unpaid, until it is paid for or a paid entry builds on it.
 */
import { Entry } from '@orbitdb/core'
import { UserError } from '../../rules/base/errors.ts'
import { Serial, yieldToLoop } from '../async/queue.ts'
import type { SqliteFile } from '../storage/sqlite.ts'
import { BoundedBuffer } from './bounded.ts'
import { blockOf, decodeEntry, envelopeFault, type LogEntry, MAX_PARENTS } from './entry.ts'
import { deleteEntries, entryBlock, joinedTime, storeEntries } from './entry-store.ts'
import type { Identity } from './identity.ts'
import { BURST, Past } from './past.ts'
import type { Quota } from './quota.ts'

/** This node's own rules refuse what it was asked to store. */
export class DocumentRefused extends UserError {
  override readonly name = 'DocumentRefused'
}

/** What OrbitDB's log does for us. */
export interface OrbitLog {
  heads(): Promise<(LogEntry | undefined)[]>
  joinEntry(entry: LogEntry): Promise<boolean>
}

/** Sorts heads, which come newest first, so that those that matter most are first. */
export type HeadOrder = (heads: readonly LogEntry[]) => readonly LogEntry[]

export type Outcome = 'joined' | 'known' | 'refused' | 'orphan' | 'unpaid'

/** By payer: for how many entries, and for how many bytes. */
export type Payments = ReadonlyMap<string, { readonly entries: number; readonly bytes: number }>

export interface LogOptions {
  readonly address: string
  readonly sql: SqliteFile
  readonly log: OrbitLog
  readonly identity: Identity
  /** null to let an entry in, else the reason. */
  readonly judge: (entry: LogEntry) => string | null
  /**
   * Takes in entries that have just been joined, children before parents, and who pays for them, in
   * one transaction.
   */
  readonly project: (entries: readonly LogEntry[], payments: Payments) => void
  readonly refuse: (reason: string) => void
  readonly quota: Quota
}

/**
 * Entries that wait for a parent, at most. A later exchange of heads brings those that were pushed
 * out.
 */
const MOST_ORPHANS = { items: 1024, bytes: 32 << 20 }
/** Likewise unpaid entries: unknown writers write them. */
const MOST_UNPAID = { items: 128, bytes: 8 << 20 }

type Walk = { readonly missing: string[] } | { readonly fresh: Map<string, LogEntry> } | { readonly refused: string }

export class GuardedLog {
  readonly address: string
  private readonly options: LogOptions
  private readonly sql: SqliteFile
  private readonly join: (entry: LogEntry) => Promise<boolean>
  /**
   * With OrbitDB's own queues an append can run into a join and lose a head: here one queue has
   * both.
   */
  private readonly serial = new Serial()
  private readonly orphans = new BoundedBuffer<{ entry: LogEntry; missing: readonly string[] }>(MOST_ORPHANS)
  private readonly history: Past
  private readonly wanting = new Set<() => void>()
  private readonly unpaid = new BoundedBuffer<LogEntry>(MOST_UNPAID)

  constructor(options: LogOptions) {
    this.options = options
    this.address = options.address
    this.sql = options.sql
    this.history = new Past(this.sql, (hash) => this.has(hash))
    const { log } = options
    this.join = log.joinEntry
    // OrbitDB's exchange of heads and its gossip end here. `false` tells it that nothing is left to
    // do.
    log.joinEntry = async (entry) => {
      if ((await this.offer(entry)) === 'orphan') for (const want of this.wanting) want()
      return false
    }
  }

  /** Calls back when entries arrive whose parents are not here. */
  onWanting(handler: () => void): void {
    this.wanting.add(handler)
  }

  has(hash: string): boolean {
    return joinedTime(this.sql, this.address, hash) !== undefined
  }

  count(): number {
    return this.sql.get<{ n: number }>('SELECT count(*) AS n FROM entries WHERE db = ?', this.address)!.n
  }

  /** The greatest Lamport time here, 0 for an empty log. */
  time(): number {
    const row = this.sql.get<{ t: number | null }>('SELECT max(time) AS t FROM entries WHERE db = ?', this.address)
    return row?.t ?? 0
  }

  /** All entries under these heads, the heads included; null when one of the heads is not here. */
  past(heads: readonly string[]): Promise<LogEntry[] | null> {
    return this.history.under(heads)
  }

  /** Newest first. */
  async heads(): Promise<LogEntry[]> {
    const heads = (await this.options.log.heads()).filter((head) => head !== undefined)
    return heads.sort((a, b) => b.clock.time - a.clock.time || (a.hash < b.hash ? 1 : -1))
  }

  /**
   * Writes a document. When it resolves, the entry is on disk and joined.
   *
   * @param order which heads become its parents: the first MAX_PARENTS
   * @throws {DocumentRefused}
   */
  async append(key: string, value: unknown, order: HeadOrder = drawn): Promise<LogEntry> {
    return this.serial.run(async () => {
      const { identity, judge, address } = this.options
      const parents = order(await this.heads()).slice(0, MAX_PARENTS)
      const clock = { id: identity.publicKey, time: 1 + Math.max(0, ...parents.map((parent) => parent.clock.time)) }
      const payload = { op: 'PUT' as const, key, value }
      const next = parents.map(({ hash }) => hash)
      const unnamed = await Entry.create(identity, address, payload, undefined, clock, next, [])
      const { hash } = await Entry.encode(unnamed)
      const entry: LogEntry = { ...unnamed, hash }
      const reason = judge(entry)
      if (reason !== null) throw new DocumentRefused(`the document ${key} is refused: ${reason}`)
      await this.join(entry)
      this.options.project([entry], new Map())
      return entry
    })
  }

  /**
   * Joins an entry from wherever, with all its ancestors that are here, or returns why not. Never
   * throws.
   */
  async offer(entry: LogEntry): Promise<Outcome> {
    try {
      return await this.serial.run(() => this.take(entry))
    } catch (error) {
      this.options.refuse(`an entry that could not be joined: ${(error as Error).message}`)
      return 'refused'
    }
  }

  /** Whether one more entry of this writer is paid for. @param entry of the right form */
  isPaid(entry: LogEntry): boolean {
    const payer = this.options.quota.payer(entry)
    return payer !== null && this.hasRoom(payer, { entries: 1, bytes: blockOf(entry).length })
  }

  /** Whether a payer has room for more. */
  private hasRoom(payer: string, more: { entries: number; bytes: number }): boolean {
    const { quota } = this.options
    const limit = quota.limit(payer)
    const paid = this.sql.get<{ entries: number; bytes: number }>(
      'SELECT entries, bytes FROM payments WHERE db = ? AND payer = ?',
      ...[this.address, payer],
    ) ?? { entries: 0, bytes: 0 }
    return paid.entries + more.entries <= limit && paid.bytes + more.bytes <= limit * quota.entryBytes
  }

  /** Puts an entry that is not paid for yet among the unpaid. */
  putUnpaid(entry: LogEntry): void {
    this.unpaid.put(entry.hash, entry, blockOf(entry).length)
  }

  /**
   * A node has registered, or time has passed: takes the unpaid entries that are paid for by now.
   */
  async reconsider(): Promise<void> {
    for (const [, entry] of this.unpaid.entries()) if (this.isPaid(entry)) await this.offer(entry)
  }

  private async take(entry: LogEntry): Promise<Outcome> {
    if (this.has(entry.hash)) return 'known'
    if (envelopeFault(entry) === null && !this.isPaid(entry)) {
      this.putUnpaid(entry)
      return 'unpaid'
    }
    const walk = await this.walk(entry)
    if ('refused' in walk) return 'refused'
    if ('missing' in walk) {
      this.putOrphan(entry, walk.missing)
      return 'orphan'
    }
    const reason = this.clockFault(walk.fresh)
    if (reason !== null) {
      this.options.refuse(reason)
      return 'refused'
    }
    const payments = this.paymentsFor(walk.fresh)
    const payer = this.options.quota.payer(entry)!
    if (!this.hasRoom(payer, payments.get(payer)!)) {
      this.putUnpaid(entry)
      return 'unpaid'
    }
    this.storeUnpaid(walk.fresh)
    await this.join(entry)
    this.options.project([...walk.fresh.values()], payments)
    await this.takeOrphans(walk.fresh)
    return 'joined'
  }

  /** The entry and all its ancestors that are not joined yet, judged. */
  private async walk(entry: LogEntry): Promise<Walk> {
    const { address, judge } = this.options
    const fresh = new Map<string, LogEntry>()
    const missing: string[] = []
    const wave = [entry]
    for (let seen = 1; wave.length > 0; seen++) {
      const child = wave.shift()!
      if (fresh.has(child.hash)) continue
      if (seen % BURST === 0) await yieldToLoop()
      if (child.id !== address) return { refused: 'an entry of another database' }
      const reason = judge(child)
      if (reason !== null) return { refused: reason }
      fresh.set(child.hash, child)
      for (const hash of child.next) {
        if (fresh.has(hash) || this.has(hash)) continue
        const block = entryBlock(this.sql, hash)
        const parent = block ? decodeEntry(block, hash) : this.unpaid.get(hash)
        if (parent) wave.push(parent)
        else missing.push(hash)
      }
    }
    return missing.length > 0 ? { missing } : { fresh }
  }

  /**
   * For how many of these entries each payer pays: each writer for its own, and for an unpaid one
   * the payer of the entry that builds on it. The first entry builds on all others.
   */
  private paymentsFor(fresh: ReadonlyMap<string, LogEntry>): Payments {
    const { payer } = this.options.quota
    const payments = new Map<string, { entries: number; bytes: number }>()
    const hosts = new Map<string, string>()
    for (const [hash, entry] of fresh) {
      const host = payer(entry) ?? hosts.get(hash)!
      const { entries, bytes } = payments.get(host) ?? { entries: 0, bytes: 0 }
      payments.set(host, { entries: entries + 1, bytes: bytes + blockOf(entry).length })
      for (const parent of entry.next) if (!hosts.has(parent)) hosts.set(parent, host)
    }
    return payments
  }

  /** OrbitDB reads an entry's parents from the disk. */
  private storeUnpaid(fresh: ReadonlyMap<string, LogEntry>): void {
    const unpaid = [...fresh.keys()].flatMap((hash) => this.unpaid.get(hash) ?? [])
    storeEntries(
      this.sql,
      unpaid.map((entry) => [entry.hash, blockOf(entry)] as const),
    )
    for (const { hash } of unpaid) this.unpaid.delete(hash)
  }

  private clockFault(fresh: ReadonlyMap<string, LogEntry>): string | null {
    const time = (hash: string) => fresh.get(hash)?.clock.time ?? joinedTime(this.sql, this.address, hash)!
    const jumps = ({ clock, next }: LogEntry) => clock.time !== 1 + Math.max(0, ...next.map(time))
    return [...fresh.values()].some(jumps) ? 'an entry whose clock jumps' : null
  }

  private putOrphan(entry: LogEntry, missing: readonly string[]): void {
    this.orphans.put(entry.hash, { entry, missing }, blockOf(entry).length)
  }

  /** Gossip has no order: takes the orphans whose parents have just been joined. */
  private async takeOrphans(joined: ReadonlyMap<string, LogEntry>): Promise<void> {
    for (const hash of joined.keys()) this.orphans.delete(hash)
    for (const [hash, { entry, missing }] of this.orphans.entries()) {
      if (!missing.some((parent) => joined.has(parent)) || !this.orphans.delete(hash)) continue
      await this.take(entry)
    }
  }

  /**
   * Deletes the blocks of those that are not joined, but not while an entry is being joined that
   * may build on them.
   */
  async discard(hashes: Iterable<string>): Promise<void> {
    await this.serial.run(async () =>
      deleteEntries(
        this.sql,
        [...hashes].filter((hash) => !this.has(hash)),
      ),
    )
  }

  /** Projects what is joined and not projected, as after a crash between the two. */
  async mend(): Promise<void> {
    const fresh = new Map<string, LogEntry>()
    const wave = await this.heads()
    for (let seen = 1; wave.length > 0; seen++) {
      const entry = wave.shift()!
      if (fresh.has(entry.hash) || this.has(entry.hash)) continue
      if (seen % BURST === 0) await yieldToLoop()
      fresh.set(entry.hash, entry)
      for (const hash of entry.next) {
        const block = entryBlock(this.sql, hash)
        if (block) wave.push(decodeEntry(block, hash))
      }
    }
    if (fresh.size > 0) this.options.project([...fresh.values()], new Map())
  }

  /** Takes nothing more. Resolves when nothing is under way. */
  async close(): Promise<void> {
    this.orphans.clear()
    this.unpaid.clear()
    this.wanting.clear()
    await this.serial.close()
  }
}

/**
 * The parents of a new entry: the newest head, whose clock counts, and some of the others, drawn by
 * chance. So a thousand nodes that write at once tie all heads together, and not the same
 * thirty-two.
 */
function drawn(heads: readonly LogEntry[]): LogEntry[] {
  if (heads.length <= MAX_PARENTS) return [...heads]
  const [newest, ...others] = heads
  for (let i = 0; i < MAX_PARENTS - 1; i++) {
    const j = i + Math.floor(Math.random() * (others.length - i))
    ;[others[i], others[j]] = [others[j]!, others[i]!]
  }
  return [newest!, ...others.slice(0, MAX_PARENTS - 1)]
}
