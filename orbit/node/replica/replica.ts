/**
 * The documents of a network as this node has them, and the state that follows from them. The state
 * is computed when it is asked for and kept until a document changes. What else the node does
 * follows the replica's events.
 */

import { classes } from '../../../kernels/partition.ts'
import { createMemory, type Memory } from '../../rules/base/memory.ts'
import { open, type Statement } from '../../rules/base/statement.ts'
import { type Arrivals, LONG_AGO } from '../../rules/draw/registration-age.ts'
import type { CitedPool } from '../../rules/draw/seal.ts'
import { heartbeatIn } from '../../rules/membership/heartbeats.ts'
import { type DrawBody, drawBody, type HeartbeatBody } from '../../rules/message/bodies.ts'
import {
  type DatabaseKind,
  databaseName,
  documentKey,
  spanOf,
  statementDocument,
} from '../../rules/message/documents.ts'
import type { Genesis } from '../../rules/network/genesis.ts'
import { epochAt } from '../../rules/network/schedule.ts'
import type { SettledWindow } from '../../rules/state/settled-window.ts'
import { type Knowledge, NO_KNOWLEDGE, type State, stateOf } from '../../rules/state/state.ts'
import { Emitter } from '../async/emitter.ts'
import { Serial } from '../async/queue.ts'
import type { Document, DocumentStore } from '../log/documents.ts'
import { Payers } from '../log/quota.ts'
import { CitedPools } from './cited-pools.ts'
import { type OverDocuments, overDocuments } from './over.ts'
import { ReplacedHeartbeats } from './pool.ts'
import { largestOf, type PublishedDraw, publishedDraw } from './published-draws.ts'
import { UnfinishedDeals } from './unfinished-deals.ts'

export interface ReplicaEvents {
  /** A registration came in. isNew: it is the first of that node to that account. */
  registration: { document: unknown; isNew: boolean }
  /** A draw came in. */
  draw: Statement<DrawBody>
  /** The documents, or what is known besides them, changed: the state may be another. */
  change: undefined
}

export interface ReplicaOptions {
  readonly genesis: Genesis
  /** Remembers what was opened and checked: that of whoever admits the documents. */
  readonly memory?: Memory
  readonly openStore: (name: string) => Promise<DocumentStore>
  /** Is told who is registered, and of each round. */
  readonly payers?: Payers
  /** What the state depends on besides the documents. */
  readonly knowledge?: Knowledge
  /** When registrations came in. */
  readonly arrivals?: Arrivals
}

export class Replica {
  readonly events = new Emitter<ReplicaEvents>()
  readonly unitsPerWindow: number
  /** Archived windows. */
  readonly history = new Map<bigint, SettledWindow>()
  /** Draws that were published and are forgotten, by CID. */
  readonly forgotten = new Map<string, PublishedDraw>()
  /**
   * Signatures of beacon rounds that deal a draw and that no coordinator has written down yet
   * (draw-rounds.ts).
   */
  readonly rounds = new Map<number, Uint8Array>()
  readonly pools: CitedPools
  private readonly options: ReplicaOptions
  /** What was opened and checked. */
  readonly memory: Memory
  private readonly payers: Payers
  private readonly stores = new Map<string, DocumentStore>()
  /**
   * Database -> key -> value: the very objects, so that what was verified once need not be again
   * (statement.ts).
   */
  private readonly documents = new Map<string, Map<string, unknown>>()
  private readonly replaced: ReplacedHeartbeats
  private readonly deals: UnfinishedDeals
  /** One at a time: two calls for the same database get the same store. */
  private readonly opening = new Serial()
  private cached: State | null = null
  private publishedDraws: ReadonlySet<string> | null = null

  constructor(options: ReplicaOptions) {
    const { genesis } = options
    this.options = options
    this.memory = options.memory ?? createMemory()
    this.payers = options.payers ?? new Payers(genesis)
    this.replaced = new ReplacedHeartbeats(genesis, this.memory)
    this.deals = new UnfinishedDeals(genesis)
    this.unitsPerWindow = classes(genesis.partition).length
    this.pools = new CitedPools({
      ...{ genesis, memory: this.memory },
      state: () => this.state(),
      open: (name) => this.open(name),
      opened: (name) => this.stores.get(name),
      documents: (name) => this.documents.get(name)!,
    })
  }

  /** Takes in what waits for its writer to be registered, or to have room again. */
  private async reconsider(): Promise<void> {
    for (const store of [...this.stores.values()]) await store.reconsider()
  }

  async start(round: number): Promise<void> {
    await this.open('accounts')
    await this.open('draws')
    await this.openSpans(round)
  }

  /**
   * Drops the pools and the results that no unfinished deal needs, log and all: what is going on is
   * all that a node carries. A node that was away meanwhile gets the certificates
   * (archive-exchange.ts).
   */
  async dropSpans(round: number): Promise<void> {
    const needed = this.deals.spans(this.state(), this.history, round)
    const now = this.spanAt(round)
    for (const [name, store] of this.stores) {
      const [kind, span] = name.split('-')
      if ((kind !== 'pool' && kind !== 'results') || Number(span) >= now - 1 || needed.has(Number(span))) continue
      // A node that had the draw before its epoch began may have witnessed it then, and never
      // since.
      if (kind === 'pool' && needed.has(Number(span) + 1)) continue
      this.stores.delete(name)
      this.documents.delete(name)
      await store.drop()
      this.invalidate()
    }
  }

  private spanAt(round: number): number {
    const { genesis } = this.options
    return spanOf(epochAt(genesis, round), genesis.body.epoch.perDatabase)
  }

  /**
   * Opens the pools and results of now and of unfinished deals, whose witnesses lie in the pools.
   */
  async openSpans(round: number): Promise<void> {
    this.payers.round = Math.max(this.payers.round, round)
    this.replaced.prune(this.payers.round)
    await this.reconsider()
    const now = this.spanAt(round)
    const needed = this.deals.spans(this.state(), this.history, round)
    for (const span of needed.add(now)) {
      if (span > 0) await this.open(databaseName('pool', span - 1))
      await this.open(databaseName('pool', span))
      await this.open(databaseName('results', span))
    }
  }

  private open(name: string): Promise<DocumentStore> {
    return this.opening.run(async () => {
      const known = this.stores.get(name)
      if (known) return known
      const store = await this.options.openStore(name)
      const documents = new Map<string, unknown>()
      this.documents.set(name, documents)
      store.on('update', (updates) => this.take(name, documents, updates))
      for (const { key, value } of store.all()) {
        if (!documents.has(key)) documents.set(key, value)
        if (name === 'accounts') this.payers.registered.add(key.split('/')[0]!)
      }
      this.stores.set(name, store)
      this.invalidate()
      return store
    })
  }

  /** Documents of a database are new or changed. */
  private take(name: string, documents: Map<string, unknown>, updates: readonly Document[]): void {
    for (const { key, value } of updates) {
      if (name.startsWith('pool')) this.replaced.add(documents.get(key), value)
      if (name === 'accounts') this.events.emit('registration', { document: value, isNew: !documents.has(key) })
      documents.set(key, value)
      if (name === 'accounts') this.payers.registered.add(key.split('/')[0]!)
      if (name === 'draws') for (const draw of drawsIn([value], this.memory)) this.events.emit('draw', draw)
    }
    this.invalidate()
    if (name === 'accounts') void this.reconsider()
  }

  /** The documents or what is known besides them changed. */
  invalidate(): void {
    this.cached = null
    this.publishedDraws = null
    this.events.emit('change')
  }

  /** Stores a document of this node: acknowledged means that it survives a kill. */
  async put(database: string, key: string, value: unknown): Promise<void> {
    const store = await this.open(database)
    await store.put(key, value)
  }

  /** Whether a coordinator has written a beacon round down. */
  hasRound(round: number): boolean {
    const { coordinators } = this.options.genesis.body
    return coordinators.some((writer) => this.get('draws', documentKey.beacon(writer, round)) !== undefined)
  }

  /**
   * Whether a draw is among those published, and none of that coordinator for that epoch has more
   * accounts on its roster.
   */
  isPublished(cid: string): boolean {
    this.publishedDraws ??= largestOf(this.allPublished())
    return this.publishedDraws.has(cid)
  }

  /** How many draws of epochs up to this one are known to have been published. */
  publishedUpTo(epoch: number): number {
    return new Set(this.allPublished().flatMap((draw) => (draw.epoch <= epoch ? [draw.cid] : []))).size
  }

  private allPublished(): PublishedDraw[] {
    return [...drawsIn(this.all('draws'), this.memory).map(publishedDraw), ...this.forgotten.values()]
  }

  get(database: string, key: string): unknown {
    return this.documents.get(database)?.get(key)
  }

  /** What a draw of this node sealed at `round` follows from. */
  async citedPool(self: string, round: number): Promise<CitedPool> {
    return { ...(await this.pools.cite(self, round)), arrivals: this.options.arrivals ?? LONG_AGO }
  }

  /** All heartbeats that are here, and those that they replaced of late. */
  heartbeats(): HeartbeatBody[] {
    return [...[...this.all('pool')].map((document) => heartbeatIn(document, this.memory)), ...this.replaced.all()]
  }

  /** Whether a draw by a coordinator for an epoch is here. */
  hasDrawBy(coordinator: string, epoch: number): boolean {
    const keys = [...(this.documents.get('draws')?.keys() ?? [])]
    return keys.some((key) => key.startsWith(documentKey.drawsOf(coordinator, epoch)))
  }

  state(): State {
    this.cached ??= stateOf(
      this.options.genesis,
      this.unitsPerWindow,
      {
        accounts: this.all('accounts'),
        pool: this.all('pool'),
        draws: this.drawsAndRounds(),
        results: this.all('results'),
      },
      this.options.knowledge ?? NO_KNOWLEDGE,
      this.history,
      this.memory,
    )
    return this.cached
  }

  /** All documents, by kind: what the state is computed from. */
  dump(): Record<DatabaseKind, unknown[]> {
    const list = (kind: DatabaseKind) => [...this.all(kind)]
    return {
      accounts: list('accounts'),
      pool: list('pool'),
      draws: [...this.drawsAndRounds()],
      results: list('results'),
    }
  }

  /** The documents that are over as of a round. */
  over(round: number): OverDocuments {
    const isOverDeal = this.deals.over(this.state(), this.history, round)
    const isArchived = (window: bigint) => this.history.has(window)
    const { genesis, knowledge = NO_KNOWLEDGE } = this.options
    const isOver = { isArchived, isOverDeal }
    return overDocuments(genesis, this.documents, isOver, knowledge, this.memory)
  }

  /**
   * Deletes documents. That the draws among them were published is remembered (published-draws.ts).
   */
  forget({ keys, draws }: Pick<OverDocuments, 'keys' | 'draws'>): void {
    for (const draw of draws) this.forgotten.set(draw.cid, draw)
    for (const [name, over] of keys) {
      this.stores.get(name)?.forget(over)
      for (const key of over) this.documents.get(name)!.delete(key)
    }
    if (keys.size > 0) this.invalidate()
  }

  private *drawsAndRounds(): Iterable<unknown> {
    yield* this.all('draws')
    for (const [round, signature] of this.rounds) yield { round, signature }
  }

  private *all(kind: DatabaseKind): Iterable<unknown> {
    for (const [name, documents] of this.documents) {
      if (name === kind || name.startsWith(`${kind}-`)) yield* documents.values()
    }
  }
}

/** Without the beacon rounds that lie among them. */
const drawsIn = (documents: Iterable<unknown>, memory: Memory): Statement<DrawBody>[] =>
  [...documents].flatMap((document) => {
    const { success, data } = statementDocument.safeParse(document)
    return success ? [open(data.statement, drawBody, 'the draw', memory)] : []
  })
