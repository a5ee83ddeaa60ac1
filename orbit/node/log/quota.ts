/**
 * Quotas: how many entries a writer may add to a log. An entry costs every node some milliseconds,
 * so only registered nodes have room for entries, as much as the protocol needs. A registration has
 * a price (rules: puzzle.ts).
 *
 * Whether an entry is admitted is a pure function of it and the same on every node (access.ts). A
 * quota depends on what the node has heard so far, so it never refuses an entry. An unpaid entry
 * waits (guarded-log.ts) until its writer is registered and has room, or until a paid entry builds
 * on it and brings it along. So nodes that have heard different things still come to the same log.
 */
import { documentKey } from '../../rules/message/documents.ts'
import type { Genesis } from '../../rules/network/genesis.ts'
import type { LogEntry } from './entry.ts'

/** The payers of entries of one database: for how many each pays, and of what size. */
export interface Quota {
  /** null: there is none yet. The entry's form has been checked, not its signature. */
  payer(entry: LogEntry): string | null
  /** Most entries that a payer may have in the database by now. */
  limit(payer: string): number
  /**
   * Mean bytes of an entry, at most: a payer with room for ten may write one that is ten times as
   * large.
   */
  readonly entryBytes: number
}

export const NO_QUOTA: Quota = {
  payer: ({ key }) => key,
  limit: () => Number.POSITIVE_INFINITY,
  entryBytes: Number.POSITIVE_INFINITY,
}

/**
 * Entries of one account in the accounts database: registrations of its nodes, and their renewals.
 */
const ACCOUNT_ENTRIES = 256
/**
 * Entries of one node: at the start of a database, more for each epoch since, and more for each
 * round that the database is for. It never stops growing, so that an entry that one replica has
 * joined the others join in time.
 */
const NODE_ENTRIES = { pool: [64, 4, 1 / 8], results: [512, 128, 0] } as const
/**
 * A registration has some 1,200 bytes, a heartbeat with all that it can witness 5,000. A node that
 * computes 4,096 units an epoch shows them in 33 documents of 4 MB together.
 */
const ENTRY_BYTES = { accounts: 4096, pool: 8192, results: 8192 } as const

/** What the quotas depend on, as far as this node knows: the replica tells it. */
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
  /**
   * Whether the genesis names a node as a coordinator: it ties the pool's heads before it seals a
   * draw (cited-pools.ts).
   */
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
  // Only coordinators, whom the genesis names, write draws.
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
