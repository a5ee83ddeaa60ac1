/**
 * The documents of a network as this node has them, and the state that follows from them. The state is computed when
 * asked for and kept until a document changes.
 */
import { classes } from '../../kernels/partition.ts'
import { admit } from '../rules/admit.ts'
import { type DatabaseKind, databaseName, spanOf } from '../rules/events.ts'
import type { Genesis } from '../rules/genesis.ts'
import type { SettledWindow } from '../rules/history.ts'
import { type Knowledge, NO_KNOWLEDGE } from '../rules/quorum.ts'
import { type State, stateOf } from '../rules/state.ts'
import type { DocumentStore } from './documents.ts'
import { isOverAnswer, overDraws } from './settled.ts'

export type OpenStore = (name: string) => Promise<DocumentStore>

export class Ledger {
  private readonly stores = new Map<string, DocumentStore>()
  /** Database -> key -> value: the very objects, so that what was verified once need not be again (statement.ts). */
  private readonly documents = new Map<string, Map<string, unknown>>()
  private cached: State | null = null
  /** Hears of each answer that comes in, in the order in which they come. */
  onAnswer: (document: unknown) => void = () => {}
  /** Set once it can be asked: the state depends on it. */
  knowledge: Knowledge = NO_KNOWLEDGE
  /** Settled windows. */
  readonly history = new Map<bigint, SettledWindow>()
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

  /** Opens the pool of now and of just before, and the results since the first draw. */
  async openSpans(round: number): Promise<void> {
    const { rounds, perDatabase } = this.genesis.body.epoch
    const now = spanOf(Math.floor(round / rounds), perDatabase)
    for (const span of [now - 1, now]) if (span >= 0) await this.open(databaseName('pool', span))
    const { draws, sealed } = this.state()
    const first = spanOf(Math.min(now * perDatabase, ...draws.keys(), ...sealed.keys()), perDatabase)
    for (let span = first; span <= now; span++) await this.open(databaseName('results', span))
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
    this.changed()
  }

  /** Stores a document of our own: acknowledged means it survives a kill. */
  async put(database: string, key: string, value: unknown): Promise<void> {
    const store = await this.open(database)
    await store.put(key, value)
  }

  get(database: string, key: string): unknown {
    return this.documents.get(database)?.get(key)
  }

  async poolHeads(round: number): Promise<string[]> {
    const { rounds, perDatabase } = this.genesis.body.epoch
    const name = databaseName('pool', spanOf(Math.floor(round / rounds), perDatabase))
    return (await this.open(name)).heads()
  }

  state(): State {
    this.cached ??= stateOf(
      this.genesis,
      this.unitsPerWindow,
      {
        accounts: this.of('accounts'),
        pool: this.of('pool'),
        draws: this.of('draws'),
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
    return { accounts: all('accounts'), pool: all('pool'), draws: all('draws'), results: all('results') }
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

  private *of(kind: DatabaseKind): Iterable<unknown> {
    for (const [name, documents] of this.documents) {
      if (name === kind || name.startsWith(`${kind}-`)) yield* documents.values()
    }
  }
}
