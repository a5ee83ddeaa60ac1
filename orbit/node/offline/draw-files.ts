/**
 * The files about the draw of an epoch, read from the logs themselves and past everything that a
 * running node has derived from them: a check of a draw believes nothing, not even this machine's
 * own node. The logs of draws and registrations are stored for good, so they are there when the
 * documents of an epoch are deleted; the pools are not.
 */
import * as dagCbor from '@ipld/dag-cbor'
import { cidOf } from '../../rules/base/cid.ts'
import { open } from '../../rules/base/statement.ts'
import type { DrawFault } from '../../rules/draw/check.ts'
import { admit } from '../../rules/message/admit.ts'
import { type DrawBody, drawBody } from '../../rules/message/bodies.ts'
import { statementDocument } from '../../rules/message/documents.ts'
import type { Genesis } from '../../rules/network/genesis.ts'
import { seedRound } from '../../rules/network/schedule.ts'
import type { ArrivalRows } from '../epoch/registration-log.ts'
import { decodeEntry, hashOf, isHash } from '../log/entry.ts'
import { entryBlock } from '../log/entry-store.ts'
import { PRIVATE, privateRows } from '../storage/private.ts'
import { hasDatabase, SqliteFile } from '../storage/sqlite.ts'

/** In a form that goes through dag-cbor. */
export interface DrawFiles {
  /**
   * Documents of draws and beacon rounds: of the epoch, and of earlier ones that its roster may
   * depend on.
   */
  readonly draws: readonly unknown[]
  /** All registrations ever made. */
  readonly accounts: readonly unknown[]
  /**
   * By draw of the epoch: the heartbeats under the pool heads that it cites; null if a head is not
   * here.
   */
  readonly cited: readonly { readonly draw: string; readonly heartbeats: readonly CitedHeartbeat[] | null }[]
  /** This node's verdicts on draws of the epoch, from when they came. */
  readonly verdicts: readonly { readonly draw: string; readonly fault: DrawFault | null }[]
  /** When registrations reached this node. */
  readonly arrivals: ArrivalRows
  /** What was changed on disk since it was taken in, one sentence each. */
  readonly damage: readonly string[]
}

export interface CitedHeartbeat {
  /** Number of the pool database. */
  readonly span: number
  readonly key: string
  readonly document: unknown
}

/**
 * Without starting a node.
 *
 * @throws {DataDirectoryInUse} when a node runs on the directory: ask it instead (control.ts)
 */
export function readDrawFiles(directory: string, genesis: Genesis, epoch: number): DrawFiles {
  if (!hasDatabase(directory)) return { draws: [], accounts: [], cited: [], verdicts: [], arrivals: [], damage: [] }
  const sql = new SqliteFile(directory)
  try {
    return drawFiles(sql, genesis, epoch)
  } finally {
    sql.close()
  }
}

/** Rounds before R(e) in which draws lie that a roster of epoch e may depend on, and then some. */
const lookBack = ({ body }: Genesis): number => Math.max(body.deadlineRounds, body.freshRounds) + 2 * body.epoch.rounds

export function drawFiles(sql: SqliteFile, genesis: Genesis, epoch: number): DrawFiles {
  const damage = new Set<string>()
  const last = seedRound(genesis, epoch)
  const isNear = (key: string) => {
    const [, epochText, roundText] = /^[0-9a-f]{64}\/(?:draw\/(\d+)\/|beacon\/(\d+)$)/.exec(key) ?? []
    const round = epochText === undefined ? Number(roundText) : seedRound(genesis, Number(epochText))
    return round <= last && round >= last - lookBack(genesis)
  }
  const draws = new Map<string, unknown>()
  for (const { key, value } of stored(sql, 'draws', isNear, damage)) {
    const fault = admit(genesis, 'draws', key.split('/')[0]!, key, value)
    if (fault === null) draws.set(key, value)
    else damage.add(`${nameOf(key)}: ${fault}`)
  }
  const registrations = new Map<string, unknown>()
  for (const { key, value } of stored(sql, 'accounts', () => true, damage)) {
    const fault = admit(genesis, 'accounts', key.split('/')[0]!, key, value)
    if (fault === null) registrations.set(cidOf(dagCbor.encode(value)).toString(), value)
    else damage.add(`${nameOf(key)}: ${fault}`)
  }
  const statements = [...draws.values()].flatMap((value) => {
    const { success, data } = statementDocument.safeParse(value)
    return success ? [open(data.statement, drawBody, 'the draw')] : []
  })
  const cited = statements
    .filter(({ body }) => body.epoch === epoch)
    .map(({ body, bytes }) => ({ draw: cidOf(bytes).toString(), heartbeats: heartbeatsUnder(sql, body.pool, damage) }))
  return {
    ...{ draws: [...draws.values()], accounts: [...registrations.values()], cited },
    ...{ verdicts: verdictsOn(sql, epoch), arrivals: privateRows(sql, PRIVATE.arrival), damage: [...damage] },
  }
}

/**
 * The log's entries and the projected documents: if one of the two was changed, the other shows it.
 */
function* stored(
  sql: SqliteFile,
  kind: 'accounts' | 'draws',
  isWanted: (key: string) => boolean,
  damage: Set<string>,
): Iterable<{ key: string; value: unknown }> {
  const rows = sql.all<{ key: string; value: Uint8Array }>(
    'SELECT key, value FROM documents JOIN databases ON documents.db = databases.address WHERE kind = ?',
    kind,
  )
  for (const { key, value } of rows) {
    if (!isWanted(key)) continue
    try {
      yield { key, value: dagCbor.decode(new Uint8Array(value)) }
    } catch {
      damage.add(`${nameOf(key)}: it is not valid dag-cbor`)
    }
  }
  const entries = sql.all<{ hash: string }>(
    'SELECT hash FROM entries JOIN databases ON entries.db = databases.address WHERE kind = ?',
    kind,
  )
  for (const { hash } of entries) {
    const entry = entryAt(sql, hash)
    if (!entry) damage.add(`the log of ${kind} has an entry ${hash} that is missing or was changed`)
    else if (isWanted(entry.payload.key)) yield entry.payload
  }
}

/** null when it is not here, or does not match its hash. */
function entryAt(sql: SqliteFile, hash: string) {
  const block = isHash(hash) ? entryBlock(sql, hash) : undefined
  return block && hashOf(block) === hash ? decodeEntry(block, hash) : null
}

/** As cited-pools.ts has it: all entries under the heads, however old, of one database each. */
function heartbeatsUnder(sql: SqliteFile, pool: DrawBody['pool'], damage: Set<string>): CitedHeartbeat[] | null {
  const found: CitedHeartbeat[] = []
  for (const { span, heads } of pool) {
    const seen = new Set<string>()
    const wave = [...heads]
    while (wave.length > 0) {
      const hash = wave.pop()!
      if (seen.has(hash)) continue
      seen.add(hash)
      if (!isHash(hash) || !entryBlock(sql, hash)) return null
      const entry = entryAt(sql, hash)
      if (!entry) {
        damage.add(`the pool has an entry ${hash} that was changed`)
        continue
      }
      found.push({ span, key: entry.payload.key, document: entry.payload.value })
      wave.push(...entry.next)
    }
  }
  return found
}

function verdictsOn(sql: SqliteFile, epoch: number): DrawFiles['verdicts'] {
  return privateRows(sql, PRIVATE.verdict).flatMap(([key, value]) => {
    const [sealedFor, fault] = dagCbor.decode<[number, DrawFault | null]>(value)
    return sealedFor === epoch ? [{ draw: key.slice(PRIVATE.verdict.length), fault }] : []
  })
}

/** "HEX/draw/7/CID" -> "the draw of epoch 7" */
function nameOf(key: string): string {
  const [writer = '', kind, number] = key.split('/')
  if (kind === 'draw') return `the draw of epoch ${number}`
  if (kind === 'beacon') return `beacon round ${number}`
  return `the registration of node ${writer.slice(0, 12)}`
}
