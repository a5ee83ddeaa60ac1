/**
 * A database's log, on top of OrbitDB's (a Merkle-CRDT, https://arxiv.org/abs/2004.00107): one door for entries of our
 * own and of others. What comes through it is admitted (access.ts), connected, since its parents are here, and has the
 * Lamport clock that its parents give it, one more than their greatest; otherwise one entry could push everybody's clock
 * to where no number follows. Nobody is waited for: an entry whose parents are not here yet is put aside, and
 * catch-up.ts is told that something is missing. Nor is one joined by itself that nobody pays for (quota.ts): it is a
 * guest, which somebody else may bring along.
 */
import { Entry } from '@orbitdb/core'
import { UserError } from '../../rules/base/errors.ts'
import { breathe, Serial } from '../async/queue.ts'
import type { SqliteFile } from '../storage/sqlite.ts'
import { Aside } from './bounded.ts'
import { blockOf, decodeEntry, envelopeFault, type LogEntry, MAX_PARENTS } from './entry.ts'
import { deleteEntries, entryBlock, joinedTime, storeEntries } from './entry-store.ts'
import type { Identity } from './identity.ts'
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

/** Of heads, newest first: those that matter most first. */
export type HeadOrder = (heads: readonly LogEntry[]) => readonly LogEntry[]

export type Outcome = 'joined' | 'known' | 'refused' | 'incomplete' | 'guest'

/** By who pays: for how many entries, and for how many bytes. */
export type Payments = ReadonlyMap<string, { readonly entries: number; readonly bytes: number }>

export interface LogOptions {
  readonly address: string
  readonly sql: SqliteFile
  readonly log: OrbitLog
  readonly identity: Identity
  /** null to let an entry in, else the reason. */
  readonly judge: (entry: LogEntry) => string | null
  /** Takes in entries that have just been joined, children before parents, and who pays for them, in one transaction. */
  readonly project: (entries: readonly LogEntry[], payments: Payments) => void
  readonly refuse: (reason: string) => void
  readonly quota: Quota
}

/** Entries put aside because a parent is missing. A later exchange of heads brings those that were pushed out. */
const MOST_ASIDE = { items: 1024, bytes: 32 << 20 }
/** Likewise entries that nobody pays for: they are of the unknown. */
const MOST_GUESTS = { items: 128, bytes: 8 << 20 }
/** Entries looked at between two rests, so that the rest of the node keeps breathing. */
const BREATH = 64

type Walk = { readonly missing: string[] } | { readonly fresh: Map<string, LogEntry> } | { readonly refused: string }

export class GuardedLog {
  readonly address: string
  private readonly options: LogOptions
  private readonly sql: SqliteFile
  private readonly join: (entry: LogEntry) => Promise<boolean>
  /** OrbitDB's own queues let an append run into a join and lose a head: here both stand in one. */
  private readonly serial = new Serial()
  private readonly aside = new Aside<{ entry: LogEntry; missing: readonly string[] }>(MOST_ASIDE)
  private readonly wanting = new Set<() => void>()
  private readonly guests = new Aside<LogEntry>(MOST_GUESTS)

  constructor(options: LogOptions) {
    this.options = options
    this.address = options.address
    this.sql = options.sql
    const { log } = options
    this.join = log.joinEntry
    // OrbitDB's exchange of heads and its gossip end here. `false`: there is nothing left for it to do.
    log.joinEntry = async (entry) => {
      if ((await this.offer(entry)) === 'incomplete') for (const want of this.wanting) want()
      return false
    }
  }

  /** Hears when entries arrive whose parents are not here. */
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

  /** The heads that were asked for last, and all that lies under them: the next ones are mostly these and a little. */
  private closure: { heads: readonly string[]; entries: Map<string, LogEntry> } = { heads: [], entries: new Map() }

  /** All entries that are under these heads, the heads included; null when one of the heads is not here yet. */
  async past(heads: readonly string[]): Promise<LogEntry[] | null> {
    if (!heads.every((hash) => this.has(hash))) return null
    const { closure } = this
    // What was under the old heads is under the new ones if those are.
    const reached = await this.walkBack(heads, new Map(), closure.entries)
    const all = closure.heads.every((hash) => reached.stops.has(hash) || reached.found.has(hash))
      ? new Map([...closure.entries, ...reached.found])
      : (await this.walkBack(heads, new Map(), new Map())).found
    this.closure = { heads: [...heads], entries: all }
    return [...all.values()]
  }

  /** Entries under `heads` that are not in `known`, and which of those it stopped at. What is joined has its parents. */
  private async walkBack(
    heads: readonly string[],
    found: Map<string, LogEntry>,
    known: ReadonlyMap<string, LogEntry>,
  ): Promise<{ found: Map<string, LogEntry>; stops: Set<string> }> {
    const stops = new Set<string>()
    const wave = [...heads]
    for (let seen = 1; wave.length > 0; seen++) {
      const hash = wave.pop()!
      if (found.has(hash)) continue
      if (known.has(hash)) {
        stops.add(hash)
        continue
      }
      if (seen % BREATH === 0) await breathe()
      const block = entryBlock(this.sql, hash)
      if (!block) continue
      const entry = decodeEntry(block, hash)
      found.set(hash, entry)
      wave.push(...entry.next)
    }
    return { found, stops }
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
  async append(key: string, value: unknown, order: HeadOrder = chosen): Promise<LogEntry> {
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

  /** Joins an entry that came from somewhere, and all before it that is here, or says why not. Never throws. */
  async offer(entry: LogEntry): Promise<Outcome> {
    try {
      return await this.serial.run(() => this.take(entry))
    } catch (error) {
      this.options.refuse(`an entry that could not be joined: ${(error as Error).message}`)
      return 'refused'
    }
  }

  /** Whether somebody pays for one more entry of this writer. Of an entry whose form is right. */
  isPaid(entry: LogEntry): boolean {
    const by = this.options.quota.payer(entry)
    return by !== null && this.hasRoom(by, { entries: 1, bytes: blockOf(entry).length })
  }

  /** Whether there is room for more of somebody's. */
  private hasRoom(payer: string, more: { entries: number; bytes: number }): boolean {
    const { quota } = this.options
    const limit = quota.limit(payer)
    const paid = this.sql.get<{ entries: number; bytes: number }>(
      'SELECT entries, bytes FROM payments WHERE db = ? AND payer = ?',
      ...[this.address, payer],
    ) ?? { entries: 0, bytes: 0 }
    return paid.entries + more.entries <= limit && paid.bytes + more.bytes <= limit * quota.entryBytes
  }

  /** Puts an entry by that nobody pays for yet. */
  invite(entry: LogEntry): void {
    this.guests.put(entry.hash, entry, blockOf(entry).length)
  }

  /** Somebody has registered, or time has passed: takes the guests that are paid for by now. */
  async reconsider(): Promise<void> {
    for (const [, entry] of this.guests.entries()) if (this.isPaid(entry)) await this.offer(entry)
  }

  private async take(entry: LogEntry): Promise<Outcome> {
    if (this.has(entry.hash)) return 'known'
    if (envelopeFault(entry) === null && !this.isPaid(entry)) {
      this.invite(entry)
      return 'guest'
    }
    const walk = await this.walk(entry)
    if ('refused' in walk) return 'refused'
    if ('missing' in walk) {
      this.putAside(entry, walk.missing)
      return 'incomplete'
    }
    const reason = this.clockFault(walk.fresh)
    if (reason !== null) {
      this.options.refuse(reason)
      return 'refused'
    }
    const payments = this.paymentsFor(walk.fresh)
    const by = this.options.quota.payer(entry)!
    if (!this.hasRoom(by, payments.get(by)!)) {
      this.invite(entry)
      return 'guest'
    }
    this.admitGuests(walk.fresh)
    await this.join(entry)
    this.options.project([...walk.fresh.values()], payments)
    await this.takeUp(walk.fresh)
    return 'joined'
  }

  /** The entry and all that is behind it and not joined yet, judged. */
  private async walk(entry: LogEntry): Promise<Walk> {
    const { address, judge } = this.options
    const fresh = new Map<string, LogEntry>()
    const missing: string[] = []
    const wave = [entry]
    for (let seen = 1; wave.length > 0; seen++) {
      const child = wave.shift()!
      if (fresh.has(child.hash)) continue
      if (seen % BREATH === 0) await breathe()
      if (child.id !== address) return { refused: 'an entry of another database' }
      const reason = judge(child)
      if (reason !== null) return { refused: reason }
      fresh.set(child.hash, child)
      for (const hash of child.next) {
        if (fresh.has(hash) || this.has(hash)) continue
        const block = entryBlock(this.sql, hash)
        const parent = block ? decodeEntry(block, hash) : this.guests.get(hash)
        if (parent) wave.push(parent)
        else missing.push(hash)
      }
    }
    return missing.length > 0 ? { missing } : { fresh }
  }

  /**
   * Who pays for so many of these entries, the first of which builds on all others: each writer for its own, and for those
   * of nobody whoever built on them.
   */
  private paymentsFor(fresh: ReadonlyMap<string, LogEntry>): Payments {
    const { payer } = this.options.quota
    const payments = new Map<string, { entries: number; bytes: number }>()
    const hosts = new Map<string, string>()
    for (const [hash, entry] of fresh) {
      const by = payer(entry) ?? hosts.get(hash)!
      const { entries, bytes } = payments.get(by) ?? { entries: 0, bytes: 0 }
      payments.set(by, { entries: entries + 1, bytes: bytes + blockOf(entry).length })
      for (const parent of entry.next) if (!hosts.has(parent)) hosts.set(parent, by)
    }
    return payments
  }

  /** OrbitDB reads an entry's parents from the disk. */
  private admitGuests(fresh: ReadonlyMap<string, LogEntry>): void {
    const guests = [...fresh.keys()].flatMap((hash) => this.guests.get(hash) ?? [])
    storeEntries(
      this.sql,
      guests.map((guest) => [guest.hash, blockOf(guest)] as const),
    )
    for (const { hash } of guests) this.guests.delete(hash)
  }

  private clockFault(fresh: ReadonlyMap<string, LogEntry>): string | null {
    const time = (hash: string) => fresh.get(hash)?.clock.time ?? joinedTime(this.sql, this.address, hash)!
    const jumps = ({ clock, next }: LogEntry) => clock.time !== 1 + Math.max(0, ...next.map(time))
    return [...fresh.values()].some(jumps) ? 'an entry whose clock jumps' : null
  }

  private putAside(entry: LogEntry, missing: readonly string[]): void {
    this.aside.put(entry.hash, { entry, missing }, blockOf(entry).length)
  }

  /** Gossip knows no order: what waited for the entries just joined is taken now. */
  private async takeUp(joined: ReadonlyMap<string, LogEntry>): Promise<void> {
    for (const hash of joined.keys()) this.aside.delete(hash)
    for (const [hash, { entry, missing }] of this.aside.entries()) {
      if (!missing.some((parent) => joined.has(parent)) || !this.aside.delete(hash)) continue
      await this.take(entry)
    }
  }

  /** Deletes the blocks of those that have not been joined: not while something is being joined that may build on them. */
  async discard(hashes: Iterable<string>): Promise<void> {
    await this.serial.run(async () =>
      deleteEntries(
        this.sql,
        [...hashes].filter((hash) => !this.has(hash)),
      ),
    )
  }

  /** After a crash between the log and its projection: takes in what is joined and not projected. */
  async mend(): Promise<void> {
    const fresh = new Map<string, LogEntry>()
    const wave = await this.heads()
    for (let seen = 1; wave.length > 0; seen++) {
      const entry = wave.shift()!
      if (fresh.has(entry.hash) || this.has(entry.hash)) continue
      if (seen % BREATH === 0) await breathe()
      fresh.set(entry.hash, entry)
      for (const hash of entry.next) {
        const block = entryBlock(this.sql, hash)
        if (block) wave.push(decodeEntry(block, hash))
      }
    }
    if (fresh.size > 0) this.options.project([...fresh.values()], new Map())
  }

  /** Nothing is under way when it resolves, and nothing is taken afterwards. */
  async close(): Promise<void> {
    this.aside.clear()
    this.guests.clear()
    this.wanting.clear()
    await this.serial.close()
  }
}

/**
 * The parents of a new entry: the newest head, whose clock counts, and so many of the others. Which ones is chance, so
 * that a thousand nodes writing at once tie up all loose ends together, and not the same thirty-two.
 */
function chosen(heads: readonly LogEntry[]): LogEntry[] {
  if (heads.length <= MAX_PARENTS) return [...heads]
  const [newest, ...others] = heads
  for (let i = 0; i < MAX_PARENTS - 1; i++) {
    const j = i + Math.floor(Math.random() * (others.length - i))
    ;[others[i], others[j]] = [others[j]!, others[i]!]
  }
  return [newest!, ...others.slice(0, MAX_PARENTS - 1)]
}
