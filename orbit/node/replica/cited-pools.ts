/**
 * The pools as a draw cites them: so many heads, and the heartbeats under them. Entries have no
 * price, so a writer of a thousand entries that nobody built on could leave a draw no room to cite
 * the others: a coordinator therefore first ties the heads together by entries of its own.
 */

import type { Memory } from '../../rules/base/memory.ts'
import type { CitedPool } from '../../rules/draw/seal.ts'
import { heartbeatIn } from '../../rules/membership/heartbeats.ts'
import { type DrawBody, type HeartbeatBody, MAX_HEADS } from '../../rules/message/bodies.ts'
import { databaseName, spanOf } from '../../rules/message/documents.ts'
import type { Genesis } from '../../rules/network/genesis.ts'
import { epochAt, nextEpoch, seedRound } from '../../rules/network/schedule.ts'
import type { State } from '../../rules/state/state.ts'
import type { DocumentStore } from '../log/documents.ts'
import type { HeadOrder } from '../log/guarded-log.ts'
import { headsInTurn } from './pool.ts'

/**
 * Entries that tie up one pool, at most: with the heads cited beside them, as many heads as a draw
 * has nodes.
 */
const MAX_TIES = 16

export interface CitedPoolsOptions {
  readonly genesis: Genesis
  readonly memory: Memory
  readonly state: () => State
  readonly open: (name: string) => Promise<DocumentStore>
  /** undefined: the database is not open. */
  readonly opened: (name: string) => DocumentStore | undefined
  /** By key: the documents of a database that is open. */
  readonly documents: (name: string) => ReadonlyMap<string, unknown>
}

export class CitedPools {
  private readonly options: CitedPoolsOptions

  constructor(options: CitedPoolsOptions) {
    this.options = options
  }

  /**
   * The spans of the pools behind a draw sealed at `round`: that of now, and the one before if it
   * is still fresh.
   */
  private spansAt(round: number): number[] {
    const { genesis } = this.options
    const { epoch, freshRounds } = genesis.body
    const at = (r: number) => spanOf(epochAt(genesis, Math.max(0, r)), epoch.perDatabase)
    const seed = seedRound(genesis, nextEpoch(genesis, round))
    return at(seed - freshRounds) < at(round) ? [at(round) - 1, at(round)] : [at(round)]
  }

  /** As headsInTurn has them, by the accounts of the state of now. */
  private readonly inTurn = (self: string): HeadOrder => {
    const { nodes } = this.options.state()
    return headsInTurn(self, (node) => nodes.get(node)?.account)
  }

  /**
   * Ties the heads of the pools that a draw sealed at `round` cites, by entries that repeat this
   * node's newest heartbeat in the pool.
   *
   * @param self this node
   * @param beat writes a heartbeat of this node into the pool of now
   */
  async tie(self: string, round: number, beat: () => Promise<void>): Promise<void> {
    const spans = this.spansAt(round)
    for (const span of spans) {
      const name = databaseName('pool', span)
      const store = await this.options.open(name)
      if ((await store.heads()).length < 2) continue
      if (!this.newest(name, self) && span === spans.at(-1)) await beat()
      const heartbeat = this.newest(name, self)
      if (!heartbeat) continue
      for (let ties = 0; ties < MAX_TIES && (await store.heads()).length > 1; ties++) {
        await store.put(...heartbeat, this.inTurn(self))
      }
    }
  }

  /** A node's newest heartbeat in a pool. */
  private newest(name: string, node: string): [key: string, document: unknown] | undefined {
    const heartbeats = [...this.options.documents(name)].filter(([key]) => key.startsWith(`${node}/`))
    const roundOf = (document: unknown) => heartbeatIn(document, this.options.memory).round
    return heartbeats.sort(([, a], [, b]) => roundOf(b) - roundOf(a))[0]
  }

  /** The heads that a draw of this node cites, its own first, and what is under them. */
  async cite(self: string, round: number): Promise<Pick<CitedPool, 'cited' | 'heartbeats'>> {
    const cited: DrawBody['pool'] = []
    for (const span of this.spansAt(round)) {
      const store = await this.options.open(databaseName('pool', span))
      const heads = (await store.heads(this.inTurn(self))).slice(0, MAX_HEADS)
      if (heads.length > 0) cited.push({ span, heads })
    }
    return { cited, heartbeats: (await this.heartbeatsUnder(cited)) ?? [] }
  }

  /** All heartbeats under cited heads; null while one of the heads is not here. */
  async heartbeatsUnder(cited: DrawBody['pool']): Promise<HeartbeatBody[] | null> {
    const heartbeats: HeartbeatBody[] = []
    for (const { span, heads } of cited) {
      const values = await this.options.opened(databaseName('pool', span))?.under(heads)
      if (!values) return null
      for (const value of values) heartbeats.push(heartbeatIn(value, this.options.memory))
    }
    return heartbeats
  }
}
