/**
 * A node's own answers, from a finished unit to a result that is shown: kept on disk with its salt,
 * committed to in a batch, revealed in a batch once the others' commits are there (rules:
 * commit-reveal.ts, seats.ts). One commit and one reveal an epoch, as documents are what costs
 * every node.
 *
 * A batch goes out when the node has nothing left to compute, or when something in it is from an
 * earlier epoch. Nothing is ever committed to twice: what a commit names is looked up among the
 * documents, and those are on disk when put() resolves.
 *
 * Whoever commits when a result has been shown may have copied it: such a commit is not cited. What
 * came when is known to this node alone, so it is kept on disk: a restart makes no copy look
 * honest.
 */
import * as dagCbor from '@ipld/dag-cbor'
import { merkleRoot } from '../../../kernels/merkle.ts'
import { commitTo, itemsOf, partsOf } from '../../rules/answer/commit-reveal.ts'
import { equalBytes } from '../../rules/base/bytes.ts'
import type { Memory } from '../../rules/base/memory.ts'
import { sign } from '../../rules/base/statement.ts'
import { mayReveal } from '../../rules/deal/seats.ts'
import { type Commit, openAnswer, recordOf, type SaltedResult } from '../../rules/message/answers.ts'
import {
  type AuditBody,
  type CommitBody,
  MAX_CITES,
  MAX_COMMITTED,
  MAX_PARTS,
  type ResultBody,
  type RevealBody,
  resultBody,
} from '../../rules/message/bodies.ts'
import { databaseName, documentKey, spanOf } from '../../rules/message/documents.ts'
import { type DealtUnit, dealtUnitKey } from '../../rules/message/unit.ts'
import type { Genesis } from '../../rules/network/genesis.ts'
import { epochAt, lastRound, seedRound } from '../../rules/network/schedule.ts'
import { type Revealable, revealable } from '../../rules/state/duties.ts'
import type { State } from '../../rules/state/state.ts'
import type { BeaconRound } from '../beacon/source.ts'
import { type KeyValues, PRIVATE } from '../storage/private.ts'

export interface SubmissionsOptions {
  readonly genesis: Genesis
  /** Remembers what was opened and checked. */
  readonly memory?: Memory
  readonly node: string
  readonly secret: Uint8Array
  readonly kv: KeyValues
  readonly state: () => State
  readonly put: (database: string, key: string, value: unknown) => Promise<void>
}

interface Pending extends SaltedResult {
  /** The epoch in which it was finished. */
  readonly since: number
}

export class Submissions {
  private readonly options: SubmissionsOptions
  /** By dealtUnitKey. */
  private readonly results = new Map<string, Pending>()
  private readonly last: Record<string, number> = { [PRIVATE.lastCommit]: -1, [PRIVATE.lastReveal]: -1 }
  /** By dealtUnitKey, the epoch in which it could first be revealed. */
  private readonly readySince = new Map<string, number>()
  /** By dealtUnitKey, CIDs of the reveals that have come. */
  private readonly shown = new Map<string, Set<string>>()
  /**
   * By dealtUnitKey and CID, of commits that came after reveals of that unit: the CIDs of those.
   */
  private readonly late = new Map<string, readonly string[]>()
  /** The newest round that it has heard of. */
  private now = 0
  /** Resolves when all of `late` is on disk. */
  private written: Promise<unknown> = Promise.resolve()

  constructor(options: SubmissionsOptions) {
    this.options = options
  }

  async load(): Promise<void> {
    const { kv } = this.options
    for (const [, bytes] of await kv.entries(PRIVATE.answer)) {
      const [result, salt, since] = dagCbor.decode<[unknown, Uint8Array, number]>(bytes)
      this.remember({ result: resultBody.parse(result), salt, since })
    }
    for (const [key, bytes] of await kv.entries(PRIVATE.late)) {
      this.late.set(key.slice(PRIVATE.late.length), dagCbor.decode<string[]>(bytes))
    }
    for (const name of [PRIVATE.lastCommit, PRIVATE.lastReveal]) {
      const bytes = await kv.get(name)
      if (bytes) this.last[name] = dagCbor.decode<number>(bytes)
    }
  }

  private remember(pending: Pending): void {
    this.results.set(dealtUnitKey(pending.result), pending)
  }

  /** Keeps a result until it can be committed to: acknowledged means it survives a kill. */
  async keep(result: ResultBody, round: number): Promise<void> {
    const salt = crypto.getRandomValues(new Uint8Array(16))
    const pending = { result, salt, since: this.epochOf(round) }
    await this.options.kv.put(PRIVATE.answer + dealtUnitKey(result), dagCbor.encode([result, salt, pending.since]))
    this.remember(pending)
  }

  /**
   * Hears of answers in the order in which they come.
   *
   * @param isOld it was on disk when the node started: what came before it is known since then
   */
  hear(document: unknown, isOld: boolean): void {
    const answer = openAnswer(document, this.options.memory)
    if (answer.type === 'reveal') {
      for (const { cid, item } of answer.reveals) {
        const key = dealtUnitKey(item.result)
        this.shown.set(key, (this.shown.get(key) ?? new Set()).add(cid))
      }
    }
    if (answer.type !== 'commit' || isOld) return
    const { cid, body } = answer.commit
    for (const [epoch, window, unit] of body.units) {
      const key = dealtUnitKey({ epoch, window, unit })
      const before = this.shown.get(key)
      if (!before || this.late.has(`${key} ${cid}`)) continue
      this.late.set(`${key} ${cid}`, [...before])
      // A disk that refuses says so of what matters more; until a restart this is known all the
      // same.
      const written = this.options.kv.put(`${PRIVATE.late}${key} ${cid}`, dagCbor.encode([...before])).catch(() => {})
      this.written = Promise.all([this.written, written])
    }
  }

  /**
   * The commits that a reveal of a unit cites: none that came when a result had been shown, but for
   * the first of a node of the reserve, which may have been called only then. A node's only one
   * that such a result cites itself was there before it: news came to this node in another order.
   * Of each node one before any of a second, so that nobody crowds others out.
   */
  private citesOf({ assignment, others, shown, cited }: Revealable): Commit[] {
    const key = dealtUnitKey(assignment)
    const isOnly = ({ node }: Commit) => others.filter((commit) => commit.node === node).length === 1
    const isLate = (commit: Commit) =>
      (this.late.get(`${key} ${commit.cid}`)?.some((before) => shown.has(before)) ?? false) &&
      !(cited.has(commit.cid) && isOnly(commit))
    const inTime = others.filter((commit) => !isLate(commit))
    const isCalled = ({ node }: Commit) =>
      assignment.reserve.includes(node) && !inTime.some((commit) => commit.node === node)
    const byNode = Map.groupBy([...inTime, ...others.filter((c) => isLate(c) && isCalled(c))], ({ node }) => node)
    const most = Math.max(0, ...[...byNode.values()].map(({ length }) => length))
    const turns = Array.from({ length: most }, (_, i) => [...byNode.values()].flatMap((commits) => commits[i] ?? []))
    return turns.flat().slice(0, MAX_CITES)
  }

  /** Whether a result of this unit is here, committed to or not. */
  has(unit: DealtUnit): boolean {
    return this.results.has(dealtUnitKey(unit))
  }

  /** Whether a result is kept whose leaves a CID names, and whose time is not over. */
  isKept(cid: string): boolean {
    const { genesis } = this.options
    const isOver = (epoch: number) => lastRound(genesis, epoch) + seedRound(genesis, 1) < this.now
    return [...this.results.values()].some(({ result }) => result.leaves === cid && !isOver(result.epoch))
  }

  /** Results that are not shown yet, and may be. */
  pending(): number {
    const { genesis, node, state } = this.options
    const { units } = state().evidence
    return [...this.results].filter(
      ([key, { result }]) => lastRound(genesis, result.epoch) >= this.now && !units.get(key)?.reveals.has(node),
    ).length
  }

  private epochOf(round: number): number {
    return epochAt(this.options.genesis, round)
  }

  /**
   * Commits and reveals what is due.
   *
   * @param idle nothing is left for this node to compute
   */
  async flush(round: BeaconRound, idle: boolean): Promise<void> {
    this.now = round.round
    await this.commit(round, idle)
    await this.reveal(round, idle)
    await this.forget(round.round)
  }

  private async commit(round: BeaconRound, idle: boolean): Promise<void> {
    const { genesis, node, state } = this.options
    const batch = this.epochOf(round.round)
    if (this.last[PRIVATE.lastCommit]! >= batch) return
    const { units } = state().evidence
    const due = [...this.results]
      .filter(([key]) => !units.get(key)?.commits.has(node))
      .map(([, pending]) => pending)
      .slice(0, MAX_COMMITTED)
    if (due.length === 0 || !(idle || due.some(({ since }) => since < batch))) return
    const body: CommitBody = {
      ...{ type: 'commit', network: genesis.networkId, batch },
      ...commitTo(node, due),
      ...{ round: round.round, beacon: round.signature },
    }
    await this.mark(PRIVATE.lastCommit, batch)
    const { bytes } = sign(body, this.options.secret)
    await this.put(batch, documentKey.commit(node, batch, bytes), { statement: bytes })
  }

  private async reveal(round: BeaconRound, idle: boolean): Promise<void> {
    const { node, state } = this.options
    const batch = this.epochOf(round.round)
    if (this.last[PRIVATE.lastReveal]! >= batch) return
    const ready = revealable(state(), node, round.round)
      .filter(({ assignment }) => this.has(assignment))
      .map((unit) => ({ ...unit, cites: this.citesOf(unit) }))
      .filter((unit) => this.isSound(unit, unit.cites, round.round))
    for (const { assignment } of ready) {
      const key = dealtUnitKey(assignment)
      if (!this.readySince.has(key)) this.readySince.set(key, batch)
    }
    const waited = ready.some(({ assignment }) => this.readySince.get(dealtUnitKey(assignment))! < batch)
    if (ready.length === 0 || !(waited || (idle && ready.length === this.pending()))) return
    const byCommit = new Map<string, Map<string, readonly string[]>>()
    for (const { assignment, commits, cites } of ready) {
      for (const cid of commits) {
        const units = byCommit.get(cid) ?? new Map()
        const cited = cites.map((commit) => commit.cid)
        byCommit.set(cid, units.set(dealtUnitKey(assignment), cited))
      }
    }
    const items = [...byCommit].flatMap(([cid, cites]) => this.items(cid, cites))
    await this.mark(PRIVATE.lastReveal, batch)
    for (const [part, shown] of partsOf(items).slice(0, MAX_PARTS).entries()) await this.show(round, batch, part, shown)
  }

  /**
   * Whether a reveal that cites these commits would count (admissible.ts): if not yet, it waits.
   */
  private isSound({ assignment }: Revealable, cites: readonly Commit[], round: number): boolean {
    const { genesis, node } = this.options
    const cited = new Set(cites.map((commit) => commit.node)).size
    return mayReveal(genesis, assignment, node, { cited, round })
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
    const results = keys.map((key) => this.results.get(key))
    // A result that is gone from this disk can't be shown any more, nor can those bound to it.
    if (results.some((result) => !result)) return []
    const records = (results as Pending[]).map((result) => recordOf(this.options.node, result))
    if (!equalBytes(merkleRoot(records), commit.body.root)) return []
    const which = new Map(keys.flatMap((key, index) => (cites.has(key) ? [[index, cites.get(key)!] as const] : [])))
    return itemsOf(cid, this.options.node, results as Pending[], which)
  }

  private commitNamed(cid: string): Commit | null {
    for (const { commits } of this.options.state().evidence.units.values()) {
      const commit = commits.get(this.options.node)?.find((candidate) => candidate.cid === cid)
      if (commit) return commit
    }
    return null
  }

  /**
   * Says what records this node has computed for leaves of others' results.
   *
   * @param drawnBy which of them
   */
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
    for (const [key, { result }] of this.results) {
      // Only when all is over that was committed to beside it, since proofs are made of it: that
      // may have been dealt as late as this one's time ended.
      const over = lastRound(genesis, result.epoch) + lastRound(genesis, 0) + 2 * seedRound(genesis, 1)
      if (over >= round) continue
      this.results.delete(key)
      this.readySince.delete(key)
      await kv.delete(PRIVATE.answer + key)
    }
    const isOver = (key: string) => lastRound(genesis, Number(key.split('/')[0])) < round
    for (const key of this.shown.keys()) if (isOver(key)) this.shown.delete(key)
    await this.written
    for (const known of this.late.keys()) {
      if (!isOver(known)) continue
      this.late.delete(known)
      await kv.delete(PRIVATE.late + known)
    }
  }
}
