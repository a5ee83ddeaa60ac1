/**
 * A database of documents: an OrbitDB log whose entries are projected into SQL as they arrive, so that reading never
 * walks the log. Of several entries for one key, the one with the highest (clock, hash) stands: the same on every
 * replica, whatever came first.
 */
import type { Database as Sql } from 'bun:sqlite'
import * as dagCbor from '@ipld/dag-cbor'
import { Database as OrbitDatabase } from '@orbitdb/core'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'

export interface Document {
  readonly key: string
  readonly value: unknown
}

export interface DocumentStore {
  readonly name: string
  readonly address: string
  /** Resolves when the document is on disk. @throws when this node's own access rules refuse it */
  put(key: string, value: unknown): Promise<void>
  get(key: string): unknown
  all(prefix?: string): Document[]
  count(): number
  /** Hashes of the log's heads. */
  heads(): Promise<string[]>
  /** Hears of documents that are new or changed, once they are on disk. @returns a function that stops it */
  on(event: 'update', handler: (documents: readonly Document[]) => void): () => void
  close(): Promise<void>
  /** Closes it and deletes its documents and blocks. */
  drop(): Promise<void>
}

interface LogEntry {
  readonly hash: string
  readonly next: readonly string[]
  readonly refs: readonly string[]
  readonly clock: { readonly id: string; readonly time: number }
  readonly payload: { readonly key: string; readonly value: unknown }
}

interface Log {
  heads(): Promise<LogEntry[]>
  get(hash: string): Promise<LogEntry | undefined>
  has(hash: string): Promise<boolean>
  joinEntry(entry: LogEntry): Promise<boolean>
}

export interface Hooks {
  /** Resolves when a bulk transfer for this database, if one is under way, is over. */
  readonly settled: (address: string) => Promise<void>
  /** Told why an entry could not be joined. */
  readonly refuse: (reason: string) => void
}

/** Entries fetched at a time while an unknown part of a log is walked. */
const WAVE = 256

/** An OrbitDB database type. */
export function indexedDocuments(sql: Sql, hooks: Hooks) {
  const type = 'collatz-documents'
  const factory = async (parameters: { address: string; name: string }) => {
    const { address, name } = parameters
    const handlers = new Set<(documents: readonly Document[]) => void>()
    const isProjected = sql.query('SELECT 1 FROM projected WHERE db = ? AND hash = ?')
    const markProjected = sql.query('INSERT OR IGNORE INTO projected VALUES(?, ?)')
    const upsert = sql.query(`INSERT INTO documents VALUES(?1, ?2, ?3, ?4, ?5)
      ON CONFLICT(db, key) DO UPDATE SET time = ?3, hash = ?4, value = ?5 WHERE ?3 > time OR (?3 = time AND ?4 > hash)`)

    /** Takes in a head and all before it that is not in SQL yet. */
    const project = async (log: Log, head: LogEntry) => {
      const found: LogEntry[] = []
      const asked = new Set<string>()
      let wave = [head.hash]
      while (wave.length > 0) {
        const unknown = wave.filter((hash) => !asked.has(hash) && isProjected.get(address, hash) === null)
        for (const hash of unknown) asked.add(hash)
        wave = []
        for (let i = 0; i < unknown.length; i += WAVE) {
          for (const entry of await Promise.all(unknown.slice(i, i + WAVE).map((hash) => log.get(hash)))) {
            if (!entry) continue
            found.push(entry)
            wave.push(...entry.next, ...entry.refs)
          }
        }
      }
      const changed = new Map<string, unknown>()
      sql.transaction(() => {
        for (const { hash, clock, payload } of found) {
          const { changes } = upsert.run(address, payload.key, clock.time, hash, dagCbor.encode(payload.value))
          if (changes > 0) changed.set(payload.key, payload.value)
          markProjected.run(address, hash)
        }
      })()
      if (changed.size === 0) return
      const documents = [...changed].map(([key, value]) => ({ key, value }))
      for (const handler of handlers) handler(documents)
    }

    // accounts, results-12 ...: which kind of documents an address holds, for readers that start no node (offline.ts).
    const kind = name.split('/').at(-1)!.split('-')[0]!
    sql.query('INSERT OR IGNORE INTO databases VALUES(?, ?)').run(address, kind)
    const base = await OrbitDatabase({ ...parameters, onUpdate: project })
    guardJoins(base.log, () => hooks.settled(address), hooks.refuse)
    // A crash between the log and its projection is mended here.
    for (const head of await base.log.heads()) await project(base.log, head)

    const rows = sql.query<{ key: string; value: Uint8Array }, [string, string, string]>(
      'SELECT key, value FROM documents WHERE db = ? AND key >= ? AND key < ? ORDER BY key',
    )
    const store: DocumentStore = {
      name,
      address,
      put: async (key, value) => {
        await base.addOperation({ op: 'PUT', key, value })
      },
      get: (key) => {
        const row = sql
          .query<{ value: Uint8Array }, [string, string]>('SELECT value FROM documents WHERE db = ? AND key = ?')
          .get(address, key)
        return row === null ? undefined : dagCbor.decode(new Uint8Array(row.value))
      },
      all: (prefix = '') =>
        rows
          .all(address, prefix, `${prefix}\uffff`)
          .map(({ key, value }) => ({ key, value: dagCbor.decode(new Uint8Array(value)) })),
      count: () =>
        sql.query<{ n: number }, [string]>('SELECT count(*) AS n FROM documents WHERE db = ?').get(address)!.n,
      heads: async () => (await base.log.heads()).map((entry: LogEntry) => entry.hash),
      on: (_, handler) => {
        handlers.add(handler)
        return () => handlers.delete(handler)
      },
      close: () => base.close(),
      drop: async () => {
        await base.close()
        dropProjection(sql, address)
      },
    }
    return { ...base, type, store }
  }
  return Object.assign(() => factory, { type })
}

function dropProjection(sql: Sql, address: string): void {
  const hashes = sql.query<{ hash: string }, [string]>('SELECT hash FROM projected WHERE db = ?').all(address)
  sql.transaction(() => {
    for (const { hash } of hashes)
      sql.query('DELETE FROM blocks WHERE k = ?').run(CID.parse(hash, base58btc).multihash.bytes)
    for (const table of ['documents', 'projected']) sql.query(`DELETE FROM ${table} WHERE db = ?`).run(address)
    sql.query('DELETE FROM storage WHERE s IN (?, ?)').run(`${address}/heads`, `${address}/index`)
  })()
}

/**
 * Before OrbitDB joins a head, walks what is unknown behind it and checks every clock: an entry's is one more than its
 * parents' greatest. Otherwise one entry could push everybody's clock to where no number follows. An entry whose
 * parents can't be had is refused for now; the next exchange of heads brings it again.
 */
function guardJoins(log: Log, settled: () => Promise<void>, refuse: (reason: string) => void): void {
  const join = log.joinEntry

  const check = async (head: LogEntry): Promise<string | null> => {
    const times = new Map<string, number>()
    const unknown: LogEntry[] = []
    let wave = [head]
    while (wave.length > 0) {
      unknown.push(...wave)
      for (const entry of wave) times.set(entry.hash, entry.clock.time)
      const hashes = new Set(wave.flatMap((entry) => [...entry.next, ...entry.refs]).filter((hash) => !times.has(hash)))
      wave = []
      for (const entry of await Promise.all([...hashes].map((hash) => log.get(hash)))) {
        if (!entry) return 'an entry whose parents nobody has'
        if (await log.has(entry.hash)) times.set(entry.hash, entry.clock.time)
        else wave.push(entry)
      }
    }
    const jumps = ({ clock, next }: LogEntry) => clock.time !== 1 + Math.max(0, ...next.map((hash) => times.get(hash)!))
    return unknown.some(jumps) ? 'an entry whose clock jumps' : null
  }

  log.joinEntry = async (entry) => {
    try {
      await settled()
      const reason = await check(entry)
      if (reason === null) return await join(entry)
      refuse(reason)
    } catch {
      // The access rules said why (access.ts), or the signature is wrong; a peer's bad entry is no news to the user.
    }
    return false
  }
}
