/**
 * The documents of a network as this node has them, and the state that follows from them. The state is computed when
 * asked for and kept until a document changes.
 */
import { classes } from '../../kernels/partition.ts'
import { admit } from '../rules/admit.ts'
import type { CitedPool } from '../rules/draw.ts'
import {
  type DatabaseKind,
  type DrawBody,
  databaseName,
  documentKey,
  drawBody,
  type HeartbeatBody,
  heartbeatBody,
  spanOf,
  statementDocument,
} from '../rules/events.ts'
import { cidOf, type Genesis } from '../rules/genesis.ts'
import { type SettledWindow, settledAfter } from '../rules/history.ts'
import { type Knowledge, NO_KNOWLEDGE } from '../rules/quorum.ts'
import { type State, stateOf } from '../rules/state.ts'
import { open, type Statement } from '../rules/statement.ts'
import { accountsOn } from '../rules/witness.ts'
import type { DocumentStore } from './documents.ts'
import { isOverAnswer, overDraws } from './settled.ts'

export type OpenStore = (name: string) => Promise<DocumentStore>

const heartbeatIn = (document: unknown): HeartbeatBody =>
  open(statementDocument.parse(document).statement, heartbeatBody, 'the heartbeat').body

export class Ledger {
  private readonly stores = new Map<string, DocumentStore>()
  /** Database -> key -> value: the very objects, so that what was verified once need not be again (statement.ts). */
  private readonly documents = new Map<string, Map<string, unknown>>()
  private cached: State | null = null
  /** Hears of each draw that comes in, when it does. */
  onDraw: (draw: Statement<DrawBody>) => void = () => {}
  /** Hears of each answer that comes in, in the order in which they come. */
  onAnswer: (document: unknown) => void = () => {}
  /** Set once it can be asked: the state depends on it. */
  knowledge: Knowledge = NO_KNOWLEDGE
  /** Settled windows. */
  readonly history = new Map<bigint, SettledWindow>()
  /** Signatures of beacon rounds that deal a draw and that no coordinator has written down yet (kept-rounds.ts). */
  readonly rounds = new Map<number, Uint8Array>()
  readonly unitsPerWindow: number
  private readonly genesis: Genesis
  private readonly openStore: OpenStore
  private readonly changed: () => void

  constructor(genesis: Genesis, openStore: OpenStore, changed: () => void) {
    this.genesis = genesis
    this.openStore = openStore
    this.changed = changed
    this.unitsPerWindow = classes(genesis.partition).length
  }

  readonly admit = (database: string, writer: string, key: string, value: unknown): string | null =>
    admit(this.genesis, database, writer, key, value)

  async start(round: number): Promise<void> {
    await this.open('accounts')
    await this.open('draws')
    await this.openSpans(round)
  }

  /**
   * Drops the pools and the results from before the first draw that is not settled, log and all: what is going on is all
   * that a node carries. Who was away meanwhile gets the certificates (settled-exchange.ts).
   */
  async dropSpans(round: number): Promise<void> {
    const { rounds, perDatabase } = this.genesis.body.epoch
    const now = spanOf(Math.floor(round / rounds), perDatabase)
    const first = Math.min(now - 1, spanOf(this.firstEpoch(round), perDatabase))
    for (const [name, store] of this.stores) {
      const [kind, span] = name.split('-')
      if ((kind !== 'pool' && kind !== 'results') || Number(span) >= first) continue
      this.stores.delete(name)
      this.documents.delete(name)
      await store.drop()
      this.invalidate()
    }
  }

  /** The epoch of the first draw that is not over, or that offered a window which is not settled. */
  private firstEpoch(round: number): number {
    const { draws, sealed } = this.state()
    const isOpen = ({ epoch, offers }: DrawBody) =>
      settledAfter(this.genesis, epoch) >= round || offers.some(({ window }) => !this.history.has(BigInt(window)))
    let first = Number.POSITIVE_INFINITY
    for (const { draw } of draws.values()) if (isOpen(draw.body)) first = Math.min(first, draw.body.epoch)
    for (const { body } of sealed.values()) if (isOpen(body)) first = Math.min(first, body.epoch)
    return first
  }

  /** Opens the pools and the results since the first draw that is not settled: witnesses lie in the pools. */
  async openSpans(round: number): Promise<void> {
    const { rounds, perDatabase } = this.genesis.body.epoch
    const now = spanOf(Math.floor(round / rounds), perDatabase)
    await this.open(databaseName('pool', now))
    if (now > 0) await this.open(databaseName('pool', now - 1))
    for (let span = spanOf(Math.min(this.firstEpoch(round), now * perDatabase), perDatabase); span <= now; span++) {
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
          documents.set(key, value)
          if (name.startsWith('results')) this.onAnswer(value)
          if (name === 'draws') this.hearDraw(value)
        }
        this.invalidate()
      })
      for (const { key, value } of await store.all()) if (!documents.has(key)) documents.set(key, value)
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

  /** Whether a draw was published, and none of that coordinator for that epoch has more accounts on its roster. */
  isPublished(cid: string): boolean {
    this.publishedDraws ??= this.computePublished()
    return this.publishedDraws.has(cid)
  }

  private computePublished(): ReadonlySet<string> {
    const largest = new Map<string, { accounts: number; cids: string[] }>()
    for (const document of this.of('draws')) {
      const { success, data } = statementDocument.safeParse(document)
      if (!success) continue
      const { signer, body, bytes } = open(data.statement, drawBody, 'the draw')
      const key = `${signer}/${body.epoch}`
      const [accounts, cid] = [accountsOn(body), cidOf(bytes).toString()]
      const known = largest.get(key)
      if (!known || accounts > known.accounts) largest.set(key, { accounts, cids: [cid] })
      else if (accounts === known.accounts) known.cids.push(cid)
    }
    return new Set([...largest.values()].flatMap(({ cids }) => cids))
  }

  get(database: string, key: string): unknown {
    return this.documents.get(database)?.get(key)
  }

  /** The pool as a coordinator cites it: the heads of the databases of now and of just before, and what is under them. */
  async pool(round: number): Promise<CitedPool> {
    const { rounds, perDatabase } = this.genesis.body.epoch
    const now = spanOf(Math.floor(round / rounds), perDatabase)
    const cited: DrawBody['pool'] = []
    for (const span of [now - 1, now]) {
      if (span < 0) continue
      const heads = (await (await this.open(databaseName('pool', span))).heads()).sort().slice(0, 64)
      if (heads.length > 0) cited.push({ span, heads })
    }
    return { cited, heartbeats: (await this.heartbeatsUnder(cited)) ?? [] }
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

  /** All heartbeats that are here. */
  heartbeats(): HeartbeatBody[] {
    return [...this.of('pool')].map(heartbeatIn)
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

  /** Windows are settled: documents about them alone are forgotten. */
  settle(windows: readonly SettledWindow[], round: number): void {
    for (const settled of windows) this.history.set(settled.window, settled)
    const isOverDraw = overDraws(this.genesis, this.of('draws'), this.history, round)
    for (const [name, documents] of this.documents) {
      const kind = name.split('-')[0]
      if (kind !== 'draws' && kind !== 'results') continue
      const isOver = kind === 'draws' ? isOverDraw : (document: unknown) => isOverAnswer(document, this.history)
      const keys = [...documents].flatMap(([key, document]) => (isOver(document) ? [key] : []))
      if (keys.length === 0) continue
      this.stores.get(name)?.forget(keys)
      for (const key of keys) documents.delete(key)
    }
    this.invalidate()
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
