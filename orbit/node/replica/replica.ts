/**
 * The documents of a network as this node has them, and the state that follows from them. The state is computed when
 * asked for and kept until a document changes.
 */
import { classes } from '../../../kernels/partition.ts'
import { open, type Statement } from '../../rules/base/statement.ts'
import { seedRound } from '../../rules/deal/assignment.ts'
import { type Arrivals, LONG_AGO } from '../../rules/draw/registration-age.ts'
import { type CitedPool, nextEpoch } from '../../rules/draw/seal.ts'
import { admit } from '../../rules/message/admit.ts'
import {
  type DatabaseKind,
  type DrawBody,
  databaseName,
  documentKey,
  drawBody,
  type HeartbeatBody,
  MAX_HEADS,
  spanOf,
  statementDocument,
} from '../../rules/message/bodies.ts'
import type { Genesis } from '../../rules/network/genesis.ts'
import { type Knowledge, NO_KNOWLEDGE } from '../../rules/quorum/settle.ts'
import type { SettledWindow } from '../../rules/state/settled-window.ts'
import { type State, stateOf } from '../../rules/state/state.ts'
import { isOverAnswer, leavesIn, type OverUnit, overDraws } from '../archive/archived-windows.ts'
import type { DocumentStore } from '../log/documents.ts'
import type { HeadOrder } from '../log/guarded-log.ts'
import { type Quota, quotaOf } from '../log/quota.ts'
import { headsInTurn, heartbeatIn, ReplacedHeartbeats } from './pool.ts'
import { largestOf, type PublishedDraw, publishedDraw } from './published-draws.ts'
import { UnfinishedDeals } from './unfinished-deals.ts'

/** Documents that nobody needs any more: their keys by database, the draws among them, CIDs of leaves that they name. */
export interface OverDocuments {
  readonly isOver: (unit: OverUnit) => boolean
  readonly keys: ReadonlyMap<string, readonly string[]>
  readonly draws: readonly PublishedDraw[]
  readonly leaves: readonly string[]
}

export type OpenStore = (name: string) => Promise<DocumentStore>

/** Entries by which a coordinator ties up one pool: with those that it cites beside them, as many heads as a draw has nodes. */
const MAX_TIES = 16

export class Replica {
  private readonly stores = new Map<string, DocumentStore>()
  /** Database -> key -> value: the very objects, so that what was verified once need not be again (statement.ts). */
  private readonly documents = new Map<string, Map<string, unknown>>()
  private cached: State | null = null
  private readonly replaced: ReplacedHeartbeats
  /** Hears of each registration that comes in, and whether it is the first of that node to that account. */
  onRegistration: (document: unknown, isNew: boolean) => void = () => {}
  /** When registrations came in. */
  arrivals: Arrivals = LONG_AGO
  /** Hears of each draw that comes in, when it does. */
  onDraw: (draw: Statement<DrawBody>) => void = () => {}
  /** Hears of each answer that is on disk when its database is opened, and then of each that comes in, as they come. */
  onAnswer: (document: unknown, isOld: boolean) => void = () => {}
  /** Set once it can be asked: the state depends on it. */
  knowledge: Knowledge = NO_KNOWLEDGE
  /** Settled windows. */
  readonly history = new Map<bigint, SettledWindow>()
  /** Draws that were published and are forgotten, by CID. */
  readonly forgotten = new Map<string, PublishedDraw>()
  /** Signatures of beacon rounds that deal a draw and that no coordinator has written down yet (draw-rounds.ts). */
  readonly rounds = new Map<number, Uint8Array>()
  readonly unitsPerWindow: number
  private readonly genesis: Genesis
  private readonly openStore: OpenStore
  private readonly changed: () => void
  private readonly deals: UnfinishedDeals

  constructor(genesis: Genesis, openStore: OpenStore, changed: () => void) {
    this.genesis = genesis
    this.openStore = openStore
    this.changed = changed
    this.replaced = new ReplacedHeartbeats(genesis)
    this.deals = new UnfinishedDeals(genesis)
    this.unitsPerWindow = classes(genesis.partition).length
  }

  readonly admit = (database: string, writer: string, key: string, value: unknown): string | null =>
    admit(this.genesis, database, writer, key, value)

  /** The newest beacon round that was told of. */
  private round = 0
  private readonly registered = new Set<string>()

  readonly quota = (database: string): Quota =>
    quotaOf(database, {
      ...this.genesis.body.epoch,
      isRegistered: (node) => this.registered.has(node),
      isCoordinator: (node) => this.genesis.body.coordinators.includes(node),
      round: () => this.round,
    })

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
   * Drops the pools and the results that no deal needs which is not over, log and all: what is going on is all that a node
   * carries. Who was away meanwhile gets the certificates (settled-exchange.ts).
   */
  async dropSpans(round: number): Promise<void> {
    const needed = this.deals.spans(this.state(), this.history, round)
    const now = this.spanAt(round)
    for (const [name, store] of this.stores) {
      const [kind, span] = name.split('-')
      if ((kind !== 'pool' && kind !== 'results') || Number(span) >= now - 1 || needed.has(Number(span))) continue
      // Who had the draw before its epoch began may have said so then, and nothing since.
      if (kind === 'pool' && needed.has(Number(span) + 1)) continue
      this.stores.delete(name)
      this.documents.delete(name)
      await store.drop()
      this.invalidate()
    }
  }

  private spanAt(round: number): number {
    const { rounds, perDatabase } = this.genesis.body.epoch
    return spanOf(Math.floor(round / rounds), perDatabase)
  }

  /** Opens the pools and the results of now, and those that deals need which are not over: witnesses lie in the pools. */
  async openSpans(round: number): Promise<void> {
    this.round = Math.max(this.round, round)
    this.replaced.prune(this.round)
    await this.reconsider()
    const now = this.spanAt(round)
    const needed = this.deals.spans(this.state(), this.history, round)
    for (const span of needed.add(now)) {
      if (span > 0) await this.open(databaseName('pool', span - 1))
      await this.open(databaseName('pool', span))
      await this.open(databaseName('results', span))
    }
  }

  private hearDraw(value: unknown): void {
    const document = statementDocument.safeParse(value)
    if (document.success) this.onDraw(open(document.data.statement, drawBody, 'the draw'))
  }

  private opening: Promise<unknown> = Promise.resolve()

  /** One at a time: two calls for the same database get the same store. */
  private open(name: string): Promise<DocumentStore> {
    const next = this.opening.then(async () => {
      const known = this.stores.get(name)
      if (known) return known
      const store = await this.openStore(name)
      const documents = new Map<string, unknown>()
      this.documents.set(name, documents)
      store.on('update', (updates) => {
        for (const { key, value } of updates) {
          if (name.startsWith('pool')) this.replaced.add(documents.get(key), value)
          if (name === 'accounts') this.onRegistration(value, !documents.has(key))
          documents.set(key, value)
          if (name === 'accounts') this.registered.add(key.split('/')[0]!)
          if (name.startsWith('results')) this.onAnswer(value, false)
          if (name === 'draws') this.hearDraw(value)
        }
        this.invalidate()
        if (name === 'accounts') void this.reconsider()
      })
      for (const { key, value } of store.all()) {
        if (!documents.has(key)) documents.set(key, value)
        if (name === 'accounts') this.registered.add(key.split('/')[0]!)
        if (name.startsWith('results')) this.onAnswer(value, true)
      }
      this.stores.set(name, store)
      this.invalidate()
      return store
    })
    this.opening = next.catch(() => {})
    return next
  }

  /** The documents or what is known besides them changed. */
  invalidate(): void {
    this.cached = null
    this.publishedDraws = null
    this.changed()
  }

  /** Stores a document of our own: acknowledged means it survives a kill. */
  async put(database: string, key: string, value: unknown): Promise<void> {
    const store = await this.open(database)
    await store.put(key, value)
  }

  /** Whether a coordinator has written a beacon round down. */
  hasRound(round: number): boolean {
    const { coordinators } = this.genesis.body
    return coordinators.some((writer) => this.get('draws', documentKey.beacon(writer, round)) !== undefined)
  }

  private publishedDraws: ReadonlySet<string> | null = null

  /** Whether a draw is among those published, and none of that coordinator for that epoch has more accounts on its roster. */
  isPublished(cid: string): boolean {
    this.publishedDraws ??= largestOf(this.allPublished())
    return this.publishedDraws.has(cid)
  }

  /** How many draws of epochs up to this one are known to have been published. */
  publishedUpTo(epoch: number): number {
    return new Set(this.allPublished().flatMap((draw) => (draw.epoch <= epoch ? [draw.cid] : []))).size
  }

  private allPublished(): PublishedDraw[] {
    const here = [...this.of('draws')].flatMap((document) => {
      const { success, data } = statementDocument.safeParse(document)
      return success ? [publishedDraw(open(data.statement, drawBody, 'the draw'))] : []
    })
    return [...here, ...this.forgotten.values()]
  }

  get(database: string, key: string): unknown {
    return this.documents.get(database)?.get(key)
  }

  /** The spans of the pools that a draw sealed at `round` follows from: of now, and of just before if that is still fresh. */
  private citedSpans(round: number): number[] {
    const { epoch, freshRounds } = this.genesis.body
    const at = (r: number) => spanOf(Math.floor(Math.max(0, r) / epoch.rounds), epoch.perDatabase)
    const seed = seedRound(this.genesis, nextEpoch(this.genesis, round))
    return at(seed - freshRounds) < at(round) ? [at(round) - 1, at(round)] : [at(round)]
  }

  /** As headsInTurn has them, whoever's nodes the writers are. */
  private readonly inTurn = (own: string): HeadOrder => {
    const { nodes } = this.state()
    return headsInTurn(own, (node) => nodes.get(node)?.account)
  }

  /**
   * Ties up the heads of the pools that a draw sealed at `round` cites, by entries of this node's own: whoever writes a
   * thousand entries that nobody built on would else leave the draw no room to cite the others. An entry says again what
   * the node's newest heartbeat in the pool says.
   *
   * @param own this node
   * @param say writes a heartbeat of this node's into the pool of now
   */
  async tie(own: string, round: number, say: () => Promise<void>): Promise<void> {
    for (const span of this.citedSpans(round)) {
      const name = databaseName('pool', span)
      const store = await this.open(name)
      if ((await store.heads()).length < 2) continue
      const isOwn = ([key]: readonly [string, unknown]) => key.startsWith(`${own}/`)
      const newest = () =>
        [...this.documents.get(name)!].filter(isOwn).sort(([, a], [, b]) => heartbeatIn(b).round - heartbeatIn(a).round)
      if (newest().length === 0 && span === this.citedSpans(round).at(-1)) await say()
      const [word] = newest()
      if (!word) continue
      for (let ties = 0; ties < MAX_TIES && (await store.heads()).length > 1; ties++) {
        await store.put(...word, this.inTurn(own))
      }
    }
  }

  /** The pool as a coordinator cites it: heads of the databases, its own first, and what is under them. */
  async pool(own: string, round: number): Promise<CitedPool> {
    const cited: DrawBody['pool'] = []
    for (const span of this.citedSpans(round)) {
      const store = await this.open(databaseName('pool', span))
      const heads = (await store.heads(this.inTurn(own))).slice(0, MAX_HEADS)
      if (heads.length > 0) cited.push({ span, heads })
    }
    return { cited, heartbeats: (await this.heartbeatsUnder(cited)) ?? [], arrivals: this.arrivals }
  }

  /** All heartbeats under cited heads; null while one of those is not here. */
  async heartbeatsUnder(cited: DrawBody['pool']): Promise<HeartbeatBody[] | null> {
    const all: HeartbeatBody[] = []
    for (const { span, heads } of cited) {
      const store = this.stores.get(databaseName('pool', span))
      const values = store && (await store.under(heads))
      if (!values) return null
      for (const value of values) all.push(heartbeatIn(value))
    }
    return all
  }

  /** All heartbeats that are here, and those that they replaced of late. */
  heartbeats(): HeartbeatBody[] {
    return [...[...this.of('pool')].map(heartbeatIn), ...this.replaced.all()]
  }

  /** Whether a draw of a coordinator's for an epoch is here. */
  hasDrawBy(coordinator: string, epoch: number): boolean {
    const keys = [...(this.documents.get('draws')?.keys() ?? [])]
    return keys.some((key) => key.startsWith(documentKey.drawsOf(coordinator, epoch)))
  }

  state(): State {
    this.cached ??= stateOf(
      this.genesis,
      this.unitsPerWindow,
      {
        accounts: this.of('accounts'),
        pool: this.of('pool'),
        draws: this.drawsAndRounds(),
        results: this.of('results'),
      },
      this.knowledge,
      this.history,
    )
    return this.cached
  }

  /** All documents, by kind: what the state is computed from. */
  dump(): Record<DatabaseKind, unknown[]> {
    const all = (kind: DatabaseKind) => [...this.of(kind)]
    return { accounts: all('accounts'), pool: all('pool'), draws: [...this.drawsAndRounds()], results: all('results') }
  }

  /** What is over: documents about settled windows, or about deals that are over, alone. */
  over(round: number): OverDocuments {
    const isOver = this.deals.over(this.state(), this.history, round)
    const isOverDraw = overDraws(this.genesis, this.of('draws'), isOver)
    const isOverUnit = ({ epoch, window }: OverUnit) => this.history.has(window) || isOver(epoch)
    const keys = new Map<string, string[]>()
    const draws: PublishedDraw[] = []
    const leaves: string[] = []
    for (const [name, documents] of this.documents) {
      const kind = name.split('-')[0]
      if (kind !== 'draws' && kind !== 'results') continue
      for (const [key, document] of documents) {
        if (!(kind === 'draws' ? isOverDraw(document) : isOverAnswer(document, isOverUnit))) continue
        keys.set(name, [...(keys.get(name) ?? []), key])
        if (kind === 'results') leaves.push(...leavesIn(document))
        const { success, data } = statementDocument.safeParse(document)
        if (kind === 'draws' && success) draws.push(publishedDraw(open(data.statement, drawBody, 'the draw')))
      }
    }
    return { isOver: isOverUnit, keys, draws, leaves }
  }

  /** That the draws among them were published is remembered (published-draws.ts). */
  forget({ keys, draws }: Pick<OverDocuments, 'keys' | 'draws'>): void {
    for (const draw of draws) this.forgotten.set(draw.cid, draw)
    for (const [name, over] of keys) {
      this.stores.get(name)?.forget(over)
      for (const key of over) this.documents.get(name)!.delete(key)
    }
    if (keys.size > 0) this.invalidate()
  }

  private *drawsAndRounds(): Iterable<unknown> {
    yield* this.of('draws')
    for (const [round, signature] of this.rounds) yield { round, signature }
  }

  private *of(kind: DatabaseKind): Iterable<unknown> {
    for (const [name, documents] of this.documents) {
      if (name === kind || name.startsWith(`${kind}-`)) yield* documents.values()
    }
  }
}
