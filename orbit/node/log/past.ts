/**
 * All entries that lie under heads of a log. Draws cite heads, and the heads that are asked for
 * mostly lie a little above those of the time before, so what was found then is remembered.
 */
import { yieldToLoop } from '../async/queue.ts'
import type { SqliteFile } from '../storage/sqlite.ts'
import { decodeEntry, type LogEntry } from './entry.ts'
import { entryBlock } from './entry-store.ts'

/** Entries looked at before the event loop has its turn. */
export const BURST = 64

export class Past {
  private readonly sql: SqliteFile
  private readonly has: (hash: string) => boolean
  private closure: { heads: readonly string[]; entries: ReadonlyMap<string, LogEntry> } = {
    heads: [],
    entries: new Map(),
  }

  /** @param has whether an entry is joined: then all its ancestors are here */
  constructor(sql: SqliteFile, has: (hash: string) => boolean) {
    this.sql = sql
    this.has = has
  }

  /** The entries under these heads, the heads included; null when one of the heads is not here. */
  async under(heads: readonly string[]): Promise<LogEntry[] | null> {
    if (!heads.every((hash) => this.has(hash))) return null
    const { closure } = this
    // The old closure lies under the new heads if the old heads do.
    const reached = await this.walk(heads, closure.entries)
    const entries = closure.heads.every((hash) => reached.stops.has(hash) || reached.found.has(hash))
      ? new Map([...closure.entries, ...reached.found])
      : (await this.walk(heads, new Map())).found
    this.closure = { heads: [...heads], entries }
    return [...entries.values()]
  }

  /** Entries under `heads` that are not in `known`, and those of `known` at which it stopped. */
  private async walk(
    heads: readonly string[],
    known: ReadonlyMap<string, LogEntry>,
  ): Promise<{ found: Map<string, LogEntry>; stops: Set<string> }> {
    const found = new Map<string, LogEntry>()
    const stops = new Set<string>()
    const wave = [...heads]
    for (let seen = 1; wave.length > 0; seen++) {
      const hash = wave.pop()!
      if (found.has(hash)) continue
      if (known.has(hash)) {
        stops.add(hash)
        continue
      }
      if (seen % BURST === 0) await yieldToLoop()
      const block = entryBlock(this.sql, hash)
      if (!block) continue
      const entry = decodeEntry(block, hash)
      found.set(hash, entry)
      wave.push(...entry.next)
    }
    return { found, stops }
  }
}
