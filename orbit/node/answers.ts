/**
 * A node's own answers, from a finished unit to a result that is shown: kept on disk with its salt, committed to in a batch,
 * revealed in a batch once the others' commits are there (rules: batch.ts, seats.ts). One commit and one reveal an
 * epoch, as documents are what costs every node.
 *
 * A batch goes out when the node has nothing left to compute, or when something in it is from an earlier epoch. Nothing is
 * ever committed to twice: what a commit names is looked up among the documents, and those are on disk when put()
 * resolves.
 */
import * as dagCbor from '@ipld/dag-cbor'
import { merkleRoot } from '../../kernels/result.ts'
import { seedRound } from '../rules/assignment.ts'
import {
  type Commit,
  commitTo,
  type DealtUnit,
  dealtUnitKey,
  itemsOf,
  openAnswer,
  openCommit,
  type SaltedResult,
} from '../rules/batch.ts'
import { type Revealable, revealable } from '../rules/duties.ts'
import {
  type AuditBody,
  type CommitBody,
  databaseName,
  documentKey,
  MAX_CITES,
  MAX_COMMITTED,
  MAX_PARTS,
  MAX_REVEALED,
  type ResultBody,
  type RevealBody,
  resultBody,
  spanOf,
} from '../rules/events.ts'
import type { Genesis } from '../rules/genesis.ts'
import { lastRound } from '../rules/seats.ts'
import type { State } from '../rules/state.ts'
import { sign } from '../rules/statement.ts'
import type { BeaconRound } from './beacon.ts'
import type { OrbitNode } from './open.ts'

export interface AnswersOptions {
  readonly genesis: Genesis
  readonly node: string
  readonly secret: Uint8Array
  readonly kv: OrbitNode['kv']
  readonly state: () => State
  readonly put: (database: string, key: string, value: unknown) => Promise<void>
}

interface Kept extends SaltedResult {
  /** The epoch in which it was finished. */
  readonly since: number
}

const PREFIX = 'answer/'
const LAST_COMMIT = 'last-commit'
const LAST_REVEAL = 'last-reveal'

export class Answers {
  private readonly options: AnswersOptions
  /** By dealtUnitKey. */
  private readonly kept = new Map<string, Kept>()
  private readonly last: Record<string, number> = { [LAST_COMMIT]: -1, [LAST_REVEAL]: -1 }
  /** By dealtUnitKey, the epoch in which it could first be revealed. */
  private readonly readySince = new Map<string, number>()
  /** Units of which a result has been shown, by dealtUnitKey; and commits that came when one had, by CID and unit. */
  private readonly shown = new Set<string>()
  private readonly late = new Set<string>()

  constructor(options: AnswersOptions) {
    this.options = options
  }

  async start(): Promise<void> {
    const { kv } = this.options
    for (const [, bytes] of await kv.entries(PREFIX)) {
      const [result, salt, since] = dagCbor.decode<[unknown, Uint8Array, number]>(bytes)
      this.remember({ result: resultBody.parse(result), salt, since })
    }
    for (const name of [LAST_COMMIT, LAST_REVEAL]) {
      const bytes = await kv.get(name)
      if (bytes) this.last[name] = dagCbor.decode<number>(bytes)
    }
  }

  private remember(kept: Kept): void {
    this.kept.set(dealtUnitKey(kept.result), kept)
  }

  /** Keeps a result until it can be committed to: acknowledged means it survives a kill. */
  async keep(result: ResultBody, round: number): Promise<void> {
    const salt = crypto.getRandomValues(new Uint8Array(16))
    const kept = { result, salt, since: this.epochOf(round) }
    await this.options.kv.put(PREFIX + dealtUnitKey(result), dagCbor.encode([result, salt, kept.since]))
    this.remember(kept)
  }

  /**
   * Hears of answers in the order in which they come. Whoever commits when a result has been shown may have copied it:
   * such a commit is not cited, unless its node was called only then.
   */
  saw(document: unknown): void {
    const answer = openAnswer(document)
    if (answer.type === 'reveal') for (const { item } of answer.reveals) this.shown.add(dealtUnitKey(item.result))
    if (answer.type !== 'commit') return
    const { cid, body } = answer.commit
    for (const [epoch, window, unit] of body.units) {
      const key = dealtUnitKey({ epoch, window, unit })
      if (this.shown.has(key)) this.late.add(`${cid} ${key}`)
    }
  }

  /** The commits that a reveal of a unit cites. */
  private citesOf({ assignment, others }: Revealable): string[] {
    const key = dealtUnitKey(assignment)
    return others
      .filter(({ cid, node }) => !this.late.has(`${cid} ${key}`) || assignment.reserve.includes(node))
      .map(({ cid }) => cid)
      .slice(0, MAX_CITES)
  }

  /** Whether a result of this unit is here, committed to or not. */
  has(unit: DealtUnit): boolean {
    return this.kept.has(dealtUnitKey(unit))
  }

  /** Whether a result is kept whose leaves a CID names. */
  isKept(cid: string): boolean {
    return [...this.kept.values()].some(({ result }) => result.leaves === cid)
  }

  /** Results that are not shown yet. */
  pending(): number {
    const { units } = this.options.state().evidence
    return [...this.kept.keys()].filter((key) => !units.get(key)?.reveals.has(this.options.node)).length
  }

  private epochOf(round: number): number {
    return Math.floor(round / this.options.genesis.body.epoch.rounds)
  }

  /**
   * Commits and reveals what is due.
   *
   * @param idle nothing is left for this node to compute
   */
  async flush(round: BeaconRound, idle: boolean): Promise<void> {
    await this.commit(round, idle)
    await this.reveal(round, idle)
    await this.forget(round.round)
  }

  private async commit(round: BeaconRound, idle: boolean): Promise<void> {
    const { genesis, node, state } = this.options
    const batch = this.epochOf(round.round)
    if (this.last[LAST_COMMIT]! >= batch) return
    const { units } = state().evidence
    const due = [...this.kept]
      .filter(([key]) => !units.get(key)?.commits.has(node))
      .map(([, kept]) => kept)
      .slice(0, MAX_COMMITTED)
    if (due.length === 0 || !(idle || due.some(({ since }) => since < batch))) return
    const body: CommitBody = {
      ...{ type: 'commit', network: genesis.networkId, batch },
      ...commitTo(node, due),
      ...{ round: round.round, beacon: round.signature },
    }
    await this.mark(LAST_COMMIT, batch)
    const { bytes } = sign(body, this.options.secret)
    await this.put(batch, documentKey.commit(node, batch, bytes), { statement: bytes })
  }

  private async reveal(round: BeaconRound, idle: boolean): Promise<void> {
    const { node, state } = this.options
    const batch = this.epochOf(round.round)
    if (this.last[LAST_REVEAL]! >= batch) return
    const ready = revealable(state(), node, round.round).filter(({ assignment }) => this.has(assignment))
    for (const { assignment } of ready) {
      const key = dealtUnitKey(assignment)
      if (!this.readySince.has(key)) this.readySince.set(key, batch)
    }
    const waited = ready.some(({ assignment }) => this.readySince.get(dealtUnitKey(assignment))! < batch)
    if (ready.length === 0 || !(waited || (idle && ready.length === this.pending()))) return
    const byCommit = new Map<string, Map<string, readonly string[]>>()
    for (const revealed of ready) {
      const units = byCommit.get(revealed.commit) ?? new Map()
      byCommit.set(revealed.commit, units.set(dealtUnitKey(revealed.assignment), this.citesOf(revealed)))
    }
    const items = [...byCommit].flatMap(([cid, cites]) => this.items(cid, cites))
    await this.mark(LAST_REVEAL, batch)
    for (let part = 0; part * MAX_REVEALED < items.length && part < MAX_PARTS; part++) {
      await this.show(round, batch, part, items.slice(part * MAX_REVEALED, (part + 1) * MAX_REVEALED))
    }
  }

  private async show(round: BeaconRound, batch: number, part: number, items: Uint8Array[]): Promise<void> {
    const { genesis, node, secret } = this.options
    const body: RevealBody = {
      ...{ type: 'reveal', network: genesis.networkId, batch, part },
      ...{ size: items.length, root: merkleRoot(items), round: round.round, beacon: round.signature },
    }
    const { bytes } = sign(body, secret)
    await this.put(batch, documentKey.reveal(node, batch, part, bytes), { statement: bytes, items })
  }

  /** @param cites by dealtUnitKey */
  private items(cid: string, cites: ReadonlyMap<string, readonly string[]>): Uint8Array[] {
    const commit = this.commitNamed(cid)
    if (!commit) return []
    const keys = commit.body.units.map(([epoch, window, unit]) => dealtUnitKey({ epoch, window, unit }))
    const results = keys.map((key) => this.kept.get(key))
    // A result that is gone from this disk can't be shown any more, nor can those bound to it.
    if (results.some((result) => !result)) return []
    const which = new Map(keys.flatMap((key, index) => (cites.has(key) ? [[index, cites.get(key)!] as const] : [])))
    return itemsOf(cid, this.options.node, results as Kept[], which)
  }

  private commitNamed(cid: string): Commit | null {
    for (const { commits } of this.options.state().evidence.units.values()) {
      const commit = commits.get(this.options.node)
      if (commit?.cid === cid) return openCommit(commit.statement.bytes)
    }
    return null
  }

  /** Says what records this node has computed for leaves of others' results. @param drawnBy which of them */
  async audit(claims: AuditBody['claims'], drawnBy: BeaconRound, now: number): Promise<void> {
    const { genesis, node, secret } = this.options
    const batch = this.epochOf(now)
    const { round, signature: beacon } = drawnBy
    const body: AuditBody = { type: 'audit', network: genesis.networkId, batch, round, beacon, claims }
    const { bytes } = sign(body, secret)
    await this.put(batch, documentKey.audit(node, batch, bytes), { statement: bytes })
  }

  private put(batch: number, key: string, value: unknown): Promise<void> {
    const { genesis, put } = this.options
    return put(databaseName('results', spanOf(batch, genesis.body.epoch.perDatabase)), key, value)
  }

  private async mark(name: string, batch: number): Promise<void> {
    this.last[name] = batch
    await this.options.kv.put(name, dagCbor.encode(batch))
  }

  /** What nobody waits for any more is deleted: the documents hold it, or its time is over. */
  private async forget(round: number): Promise<void> {
    const { genesis, kv } = this.options
    for (const [key, { result }] of this.kept) {
      // With all that was committed to beside it, since proofs are made of it; hence an epoch as a whole.
      if (lastRound(genesis, result.epoch) + seedRound(genesis, 1) >= round) continue
      this.kept.delete(key)
      this.readySince.delete(key)
      await kv.delete(PREFIX + key)
    }
    const isOver = (key: string) => lastRound(genesis, Number(key.split('/')[0])) < round
    for (const key of this.shown) if (isOver(key)) this.shown.delete(key)
    for (const known of this.late) if (isOver(known.slice(known.indexOf(' ') + 1))) this.late.delete(known)
  }
}
