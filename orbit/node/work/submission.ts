/**
 * A node's own results, from a finished unit to a statement: kept on disk until they are shown,
 * then shown many at a time, since documents are what costs every node.
 *
 * All that is finished goes out in one statement an epoch: when the node has nothing left to
 * compute, at the last round of the epoch, or as soon as it can be when that round was missed. The
 * block is on disk before the statement that names it; the result is deleted once the state has it.
 */
import * as dagCbor from '@ipld/dag-cbor'
import { blockOf, firstThatFit, openItem, type UnsignedResult } from '../../rules/answer/results.ts'
import { sign } from '../../rules/base/statement.ts'
import type { AuditBody, ResultItem, ResultsBody } from '../../rules/message/bodies.ts'
import { databaseName, documentKey, spanOf } from '../../rules/message/documents.ts'
import { type DealtUnit, dealtUnitKey } from '../../rules/message/unit.ts'
import type { Genesis } from '../../rules/network/genesis.ts'
import { epochAt, lastRound, nextEpoch, seedRound } from '../../rules/network/schedule.ts'
import type { State } from '../../rules/state/state.ts'
import type { BeaconRound } from '../beacon/source.ts'
import type { Blocks } from '../orbit-node.ts'
import { type KeyValues, PRIVATE } from '../storage/private.ts'

export interface SubmissionsOptions {
  readonly genesis: Genesis
  readonly node: string
  readonly secret: Uint8Array
  readonly kv: KeyValues
  readonly blocks: Pick<Blocks, 'put'>
  readonly state: () => State
  readonly put: (database: string, key: string, value: unknown) => Promise<void>
}

interface Finished extends UnsignedResult {
  readonly opened: ResultItem
  /** The epoch in which it was finished. */
  readonly since: number
}

export class Submissions {
  private readonly options: SubmissionsOptions
  /** By dealtUnitKey, those that the state does not have yet. */
  private readonly finished = new Map<string, Finished>()
  /** The epoch of the newest statement since the start. */
  private shownIn = -1
  /** The newest round that it has heard of. */
  private now = 0

  constructor(options: SubmissionsOptions) {
    this.options = options
  }

  async load(): Promise<void> {
    for (const [key, bytes] of await this.options.kv.entries(PRIVATE.answer)) {
      const [item, evidence, since] = dagCbor.decode<[Uint8Array, Uint8Array, number]>(bytes)
      this.finished.set(key.slice(PRIVATE.answer.length), { item, evidence, since, opened: openItem(item) })
    }
  }

  /** Keeps a result until it is shown: when it resolves, the result survives a kill. */
  async keep({ item, evidence }: UnsignedResult, round: number): Promise<void> {
    const opened = openItem(item)
    const key = dealtUnitKey(opened)
    const since = this.epochOf(round)
    await this.options.kv.put(PRIVATE.answer + key, dagCbor.encode([item, evidence, since]))
    this.finished.set(key, { item, evidence, since, opened })
  }

  /** Whether a result of this unit is here that is not shown yet. */
  has(unit: DealtUnit): boolean {
    return this.finished.has(dealtUnitKey(unit))
  }

  /** Whether a result is to be shown whose leaves a CID names. */
  isKept(cid: string): boolean {
    return [...this.finished.values()].some(({ opened }) => opened.leaves === cid)
  }

  /**
   * Results that are not shown yet, and may be; and those shown that this node has not judged yet.
   */
  pending(): number {
    const { node, state } = this.options
    const unjudged = state().wants.judgements.filter(({ result }) => result.node === node)
    return this.toShow(this.now).length + unjudged.length
  }

  private toShow(round: number): Finished[] {
    const { genesis, node, state } = this.options
    const { units } = state().answers
    return [...this.finished].flatMap(([key, result]) =>
      lastRound(genesis, result.opened.epoch) < round || units.get(key)?.results.has(node) ? [] : [result],
    )
  }

  private epochOf(round: number): number {
    return epochAt(this.options.genesis, round)
  }

  /**
   * Shows what is due, and deletes what was shown or came too late.
   *
   * @param idle nothing is left for this node to compute
   */
  async flush(round: BeaconRound, idle: boolean): Promise<void> {
    this.now = round.round
    const { genesis, kv } = this.options
    const results = this.toShow(round.round)
    const waiting = new Set(results.map(({ opened }) => dealtUnitKey(opened)))
    for (const key of this.finished.keys()) {
      if (waiting.has(key)) continue
      await kv.delete(PRIVATE.answer + key)
      this.finished.delete(key)
    }
    const epoch = this.epochOf(round.round)
    const isLast = round.round + 1 >= seedRound(genesis, nextEpoch(genesis, round.round))
    const isDue = idle || isLast || results.some(({ since }) => since < epoch)
    if (results.length > 0 && isDue && this.shownIn < epoch) await this.show(results, round)
  }

  private async show(results: readonly Finished[], { round, signature: beacon }: BeaconRound): Promise<void> {
    const { genesis, node, secret, blocks } = this.options
    const batch = this.epochOf(round)
    const { bytes: block, ...covered } = blockOf(firstThatFit(results))
    const body: ResultsBody = { type: 'results', network: genesis.networkId, batch, round, beacon, ...covered }
    const { bytes } = sign(body, secret)
    await blocks.put(block, 'raw')
    await this.put(batch, documentKey.results(node, batch, bytes), { statement: bytes })
    this.shownIn = batch
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
}
