/**
 * A node's audits (rules: audit.ts): finds the units whose audit names it and computes the leaves,
 * on one core, beside the work.
 *
 * Of units that N results certify, it publishes each record that is not as certified: their leaves
 * are here, as this node has judged them. Of units that one result and an audit certify, it
 * publishes what it found in any case, without having seen the leaves; but only if the result was
 * here before the beacon round that drew them.
 */
import { leavesOf } from '../../../kernels/partition.ts'
import type { Engine } from '../../../kernels/unit.ts'
import { recordAt } from '../../rules/answer/leaves.ts'
import { equalBytes } from '../../rules/base/bytes.ts'
import type { Memory } from '../../rules/base/memory.ts'
import { leafRecord } from '../../rules/certificate/recompute.ts'
import { accountAt } from '../../rules/deal/canonical-draws.ts'
import { type AuditBody, MAX_AUDITED } from '../../rules/message/bodies.ts'
import { type Assignment, dealtUnitKey } from '../../rules/message/unit.ts'
import { certifyingEpoch, deadlineRound, nextEpoch, seedRound } from '../../rules/network/schedule.ts'
import { auditOf } from '../../rules/quorum/audit.ts'
import { certifyingAudit } from '../../rules/quorum/certifying-audit.ts'
import type { State } from '../../rules/state/state.ts'
import { levelAmong } from '../../rules/state/tally.ts'
import type { CertifiedUnit } from '../../rules/state/windows.ts'
import type { BeaconRound } from '../beacon/source.ts'

type Claims = AuditBody['claims']

export interface AuditsOptions {
  readonly node: string
  /** Remembers what was opened and checked. */
  readonly memory?: Memory
  readonly openEngine: () => Engine
  /** A beacon round that is out; null when it can't be had now. */
  readonly beacon: (round: number) => Promise<BeaconRound | null>
  /** The leaf records that a CID names, or undefined. */
  readonly leaves: (cid: string) => Uint8Array | undefined
  /** @param drawnBy the round that drew the leaves */
  readonly publish: (claims: Claims, drawnBy: BeaconRound) => Promise<void>
}

/** An audit that names this node. */
interface Due {
  /** What is noted as done when it is. */
  readonly key: string
  readonly assignment: Assignment
  readonly leaves: readonly number[]
  readonly drawnBy: BeaconRound
  /** The leaves to compare with; null: there is nothing to compare with yet. */
  readonly against: Uint8Array | null
}

export class Audits {
  private readonly options: AuditsOptions
  /**
   * By dealtUnitKey and number of results, the epoch that draws the audit: the first that begins
   * after they were here.
   */
  private readonly drawnIn = new Map<string, number>()
  /** By the same, audits that are done, or that name other nodes. */
  private readonly seen = new Set<string>()

  constructor(options: AuditsOptions) {
    this.options = options
  }

  /** Notes the results that have come. @param round the newest beacon round */
  hear(state: State, round: number): void {
    const next = nextEpoch(state.genesis, round)
    for (const { certified } of state.windows.values()) {
      for (const unit of certified.values()) this.note(timesOf(unit), next)
    }
    for (const { assignment } of awaiting(state)) this.note(dealtUnitKey(assignment), next)
  }

  private note(key: string, next: number): void {
    if (!this.drawnIn.has(key)) this.drawnIn.set(key, next)
  }

  /**
   * Does the audits that are due. Those that can't be done now are due the next time.
   *
   * @param round the newest beacon round
   * @throws why an engine could not compute a leaf, when all else is done
   */
  async run(state: State, round: number, signal: AbortSignal): Promise<void> {
    const due: Due[] = []
    for (const unit of awaiting(state)) due.push(...(await this.certifying(state, unit.assignment, round)))
    for (const { certified } of state.windows.values()) {
      for (const unit of certified.values()) if (!signal.aborted) due.push(...(await this.doubting(state, unit, round)))
    }
    if (due.length === 0) return
    const engine = this.options.openEngine()
    const byRound = new Map<number, { drawnBy: BeaconRound; claims: Claims }>()
    const done: string[] = []
    let failure: unknown
    try {
      for (const audit of due) {
        try {
          const claims = await this.compute(state, audit, engine, signal)
          const batch = byRound.get(audit.drawnBy.round) ?? { drawnBy: audit.drawnBy, claims: [] }
          byRound.set(audit.drawnBy.round, batch)
          batch.claims.push(...claims)
          done.push(audit.key)
        } catch (error) {
          if (signal.aborted) throw error
          failure = error
        }
      }
    } finally {
      await engine.close()
    }
    for (const { drawnBy, claims } of byRound.values()) {
      for (let at = 0; at < claims.length; at += MAX_AUDITED) {
        await this.options.publish(claims.slice(at, at + MAX_AUDITED), drawnBy)
      }
    }
    for (const key of done) this.seen.add(key)
    this.forget(state)
    if (failure) throw failure
  }

  /** This node's claims: the leaves that are not as they should be, or all of them. */
  private async compute(
    { genesis: { partition } }: State,
    { assignment: { epoch, window, unit }, leaves, against }: Due,
    engine: Engine,
    signal: AbortSignal,
  ): Promise<Claims> {
    const claims: Claims = []
    for (const leaf of leaves) {
      const record = await leafRecord(engine, partition, { window, unit, leaf }, { signal })
      if (against && equalBytes(record, recordAt(against, leaf))) continue
      claims.push([epoch, window.toString(), unit, leaf, record])
    }
    return claims
  }

  /** Units that one result certifies once this node has published its findings, each once. */
  private async certifying(state: State, assignment: Assignment, round: number): Promise<Due[]> {
    const { genesis } = state
    const epoch = certifyingEpoch(genesis, assignment.epoch)
    const key = dealtUnitKey(assignment)
    // A result that came when the round was out could have been made for it.
    const inTime = (this.drawnIn.get(key) ?? Number.POSITIVE_INFINITY) <= epoch
    if (!inTime || seedRound(genesis, epoch) > round || this.isDone(state, key, key)) return []
    if (round >= deadlineRound(genesis, assignment.epoch)) return []
    const drawnBy = await this.options.beacon(seedRound(genesis, epoch))
    if (!drawnBy) return []
    const audit = certifyingAudit(genesis, assignment, drawnBy.signature, this.options.memory)
    if (audit?.auditors.includes(this.options.node)) {
      return [{ key, assignment, leaves: audit.leaves, drawnBy, against: null }]
    }
    this.seen.add(key)
    return []
  }

  /** The leaves that this node is to compute of a certified unit, once. */
  private async doubting(state: State, unit: CertifiedUnit, round: number): Promise<Due[]> {
    const { genesis } = state
    const { assignment, results, settlement } = unit
    // A unit that an audit certified has been audited.
    if (settlement.auditors.length > 0) return []
    const key = timesOf(unit)
    const epoch = this.drawnIn.get(key)
    if (epoch === undefined || seedRound(genesis, epoch) > round) return []
    if (this.isDone(state, dealtUnitKey(assignment), key)) return []
    const draw = state.draws.get(assignment.epoch)
    const against = this.options.leaves(results[0]!.item.leaves)
    const drawnBy = draw && against && (await this.options.beacon(seedRound(genesis, epoch)))
    if (!drawnBy) return []
    const signers = results.flatMap(({ node }) => accountAt(state, assignment.epoch, node) ?? [])
    const audited = {
      ...{ epoch: assignment.epoch, window: assignment.window, unit: assignment.unit, signers },
      leaves: leavesOf(genesis.partition, assignment.unit).length,
      level: levelAmong(state, signers),
    }
    const audit = auditOf(genesis, audited, draw.draw.body.roster, drawnBy.randomness)
    if (audit?.auditors.includes(this.options.node)) {
      return [{ key, assignment, leaves: audit.leaves, drawnBy, against }]
    }
    this.seen.add(key)
    return []
  }

  private isDone(state: State, unit: string, key: string): boolean {
    const hasClaimed = state.answers.units.get(unit)?.claims.some(({ node }) => node === this.options.node)
    return this.seen.has(key) || hasClaimed === true
  }

  /** Forgets units of archived windows. */
  private forget({ answers }: State): void {
    for (const key of this.drawnIn.keys()) {
      if (answers.units.has(key.split(' ')[0]!)) continue
      this.drawnIn.delete(key)
      this.seen.delete(key)
    }
  }
}

/** Changes with the number of results: a unit certified by more results is audited again. */
const timesOf = ({ assignment, settlement }: CertifiedUnit): string =>
  `${dealtUnitKey(assignment)} ${settlement.counted.length}`

/** Units whose one result is here and that an audit would certify. */
function* awaiting(state: State): Iterable<{ assignment: Assignment }> {
  for (const { assignments } of state.draws.values()) {
    for (const assignment of assignments) {
      if (!assignment.audited) continue
      const answers = state.answers.units.get(dealtUnitKey(assignment))
      const isCertified = state.settlements.get(dealtUnitKey(assignment))?.status === 'certified'
      if (!isCertified && answers?.results.has(assignment.quorum[0]!)) yield { assignment }
    }
  }
}
