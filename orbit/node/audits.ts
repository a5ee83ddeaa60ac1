/**
 * A node's audits (rules: audit.ts): finds the certified units whose audit names it, computes the leaves, and tells everybody
 * where it finds another record than was certified. Few leaves, on one core, beside the work.
 */
import { leavesOf } from '../../kernels/partition.ts'
import { encodeLeaf } from '../../kernels/result.ts'
import type { Engine } from '../../kernels/unit.ts'
import { seedRound } from '../rules/assignment.ts'
import { auditEpoch, auditOf } from '../rules/audit.ts'
import { dealtUnitKey } from '../rules/batch.ts'
import { type AuditBody, MAX_AUDITED } from '../rules/events.ts'
import { recordAt } from '../rules/leaves.ts'
import { type CertifiedUnit, levelAmong, type State } from '../rules/state.ts'
import { equalBytes } from '../rules/statement.ts'
import type { BeaconRound } from './beacon.ts'

type Claims = AuditBody['claims']

export interface AuditsOptions {
  readonly node: string
  readonly openEngine: () => Engine
  /** A beacon round that is out, or null when it can't be had now. */
  readonly beacon: (round: number) => Promise<BeaconRound | null>
  /** The leaf records that a CID names, or null when nobody hands them out now. */
  readonly leaves: (cid: string) => Promise<Uint8Array | null>
  readonly publish: (claims: Claims) => Promise<void>
}

export class Audits {
  private readonly options: AuditsOptions
  /** Units that were looked at: by dealtUnitKey, with their audit epoch, as a later result draws another audit. */
  private readonly seen = new Set<string>()

  constructor(options: AuditsOptions) {
    this.options = options
  }

  /** Does what is due. @param round the newest beacon round */
  async run(state: State, round: number, signal: AbortSignal): Promise<void> {
    const claims: Claims = []
    let engine: Engine | null = null
    try {
      for (const { certified } of state.windows.values()) {
        for (const unit of certified.values()) {
          if (signal.aborted || claims.length >= MAX_AUDITED) break
          const due = await this.leavesFor(state, unit, round)
          const records = due.length > 0 ? await this.options.leaves(unit.results[0]!.item.result.leaves) : null
          for (const leaf of due) {
            if (claims.length >= MAX_AUDITED || !records) break
            engine ??= this.options.openEngine()
            const { epoch, window, unit: index } = unit.assignment
            const own = await engine.verifyLeaf({ partition: state.genesis.partition, window, index }, leaf, { signal })
            const record = encodeLeaf(own)
            if (equalBytes(record, recordAt(records, leaf))) continue
            claims.push([epoch, window.toString(), index, leaf, record])
          }
        }
      }
    } finally {
      await engine?.close()
    }
    if (claims.length > 0) await this.options.publish(claims)
  }

  /** The leaves that this node is to compute of a unit, once. */
  private async leavesFor(state: State, unit: CertifiedUnit, round: number): Promise<readonly number[]> {
    const { genesis } = state
    const { assignment, results, settlement } = unit
    const epoch = auditEpoch(settlement.counted.map(({ body }) => body.batch))
    const key = dealtUnitKey(assignment)
    const once = `${key} ${epoch}`
    if (this.seen.has(once) || seedRound(genesis, epoch) > round) return []
    const said = state.evidence.units.get(key)?.claims.some(({ node }) => node === this.options.node)
    const draw = state.draws.get(assignment.epoch)
    if (said || !draw) return []
    const beacon = await this.options.beacon(seedRound(genesis, epoch))
    if (!beacon) return []
    this.seen.add(once)
    const signers = results.flatMap(({ node }) => state.nodes.get(node)?.account ?? [])
    const audited = {
      ...{ epoch: assignment.epoch, window: assignment.window, unit: assignment.unit, signers },
      leaves: leavesOf(genesis.partition, assignment.unit).length,
      level: levelAmong(state, signers),
    }
    const audit = auditOf(genesis, audited, draw.draw.body.roster, beacon.randomness)
    return audit?.auditors.includes(this.options.node) ? audit.leaves : []
  }
}
