/**
 * Who may add to a log, and how much. An entry costs every node some milliseconds, so room for entries is for who has
 * registered, which has its price (rules/puzzle.ts), and as much of it as the protocol has use for.
 *
 * Whether an entry is let in at all is a pure function of it and the same on every node (access.ts). This is not: it hangs on
 * what a node has heard so far. Therefore nothing is refused by it. An entry that nobody pays for waits (guarded-log.ts), until its
 * writer is registered and has room, or until an entry of somebody who has builds on it and brings it along: so nodes
 * that have heard different things still come to the same log.
 */
import { documentKey } from '../../rules/message/bodies.ts'
import type { Genesis } from '../../rules/network/genesis.ts'
import type { LogEntry } from './entry.ts'

/** Who pays for entries of one database, for how many, and of what size. */
export interface Quota {
  /** null: nobody yet. The entry's form has been checked, not its signature. */
  payer(entry: LogEntry): string | null
  /** Entries that a payer may have in the database by now. */
  limit(payer: string): number
  /** Bytes that they may come to, each: a payer with room for ten may also write one that is ten times as large. */
  readonly entryBytes: number
}

export const NO_QUOTA: Quota = {
  payer: ({ key }) => key,
  limit: () => Number.POSITIVE_INFINITY,
  entryBytes: Number.POSITIVE_INFINITY,
}

/** Registrations of one account: nodes, and what they renew. */
const ACCOUNT_ENTRIES = 256
/**
 * Of one node: at the start of a database, each epoch since, and each round that the database is of. It never ends growing, so
 * that what one replica has joined the others do in time.
 */
const NODE_ENTRIES = { pool: [64, 4, 1 / 8], results: [512, 128, 0] } as const
/**
 * A registration has some 1,200 bytes, a heartbeat that witnesses as much as it can 5,000; a node that computes 4,096 units an
 * epoch shows them in 33 documents of 4 MB.
 */
const ENTRY_BYTES = { accounts: 4096, pool: 8192, results: 8192 } as const

/** What the quotas hang on, as far as this node has heard: the replica tells it. */
export class Payers {
  /** Keys of the nodes that are registered. */
  readonly registered = new Set<string>()
  /** The newest beacon round. */
  round = 0
  private readonly genesis: Pick<Genesis, 'body'>

  constructor(genesis: Pick<Genesis, 'body'>) {
    this.genesis = genesis
  }

  readonly quota = (database: string): Quota =>
    quotaOf(database, {
      ...this.genesis.body.epoch,
      isRegistered: (node) => this.registered.has(node),
      isCoordinator: (node) => this.genesis.body.coordinators.includes(node),
      round: () => this.round,
    })
}

export interface QuotaOptions {
  readonly rounds: number
  readonly perDatabase: number
  /** Whether a node is registered, as far as is known here. */
  readonly isRegistered: (node: string) => boolean
  /** Whether the genesis names a node as a coordinator: it ties up the pool before it seals a draw (replica.ts). */
  readonly isCoordinator: (node: string) => boolean
  /** The newest beacon round. */
  readonly round: () => number
}

/** @param database e.g. 'accounts' or 'results-12' */
export function quotaOf(database: string, options: QuotaOptions): Quota {
  const { rounds, perDatabase, isRegistered, isCoordinator, round } = options
  const [kind, span] = database.split('-')
  if (kind === 'accounts') {
    // One puzzle serves all nodes of an account: the account pays.
    const prefix = (node: string) => documentKey.registration(node, '')
    return {
      payer: ({ key, payload }) => (payload.key.startsWith(prefix(key)) ? payload.key.slice(prefix(key).length) : null),
      limit: () => ACCOUNT_ENTRIES,
      entryBytes: ENTRY_BYTES.accounts,
    }
  }
  // Draws are the coordinators', whom the genesis names.
  if (kind !== 'pool' && kind !== 'results') return NO_QUOTA
  const [first, perEpoch, perRound] = NODE_ENTRIES[kind]
  const since = Number(span) * perDatabase * rounds
  return {
    payer: ({ key }) => (isRegistered(key) || (kind === 'pool' && isCoordinator(key)) ? key : null),
    limit: (payer) => {
      if (kind === 'pool' && isCoordinator(payer)) return Number.POSITIVE_INFINITY
      const age = Math.max(0, round() - since)
      return Math.floor(first + perEpoch * Math.ceil(age / rounds) + perRound * Math.min(age, perDatabase * rounds))
    },
    entryBytes: ENTRY_BYTES[kind],
  }
}
