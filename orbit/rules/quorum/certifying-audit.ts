/**
 * The audit that certifies a unit with one result (audit.ts): who has to say what, and whether they
 * have.
 */

import { leavesOf } from '../../../kernels/partition.ts'
import { recordAt } from '../answer/leaves.ts'
import type { SignedResult } from '../answer/results.ts'
import { equalBytes } from '../base/bytes.ts'
import { createMemory, type Memory } from '../base/memory.ts'
import type { Statement } from '../base/statement.ts'
import { standsAlone } from '../deal/seats.ts'
import type { LeafClaim } from '../message/answers.ts'
import type { AuditBody } from '../message/bodies.ts'
import type { Assignment } from '../message/unit.ts'
import { randomnessOf } from '../network/beacon.ts'
import type { Genesis } from '../network/genesis.ts'
import { certifyingEpoch, seedRound } from '../network/schedule.ts'
import { type Audit, auditOf } from './audit.ts'

/** An assignment has one audit: its epoch's R(a) is one. */
const audits = () => new WeakMap<Assignment, Audit | null>()

/**
 * The audit that certifies a unit with one result.
 *
 * @param signature of R(certifyingEpoch), checked
 * @returns null where N results are wanted, or the roster has too few accounts
 */
export function certifyingAudit(
  genesis: Genesis,
  assignment: Assignment,
  signature: Uint8Array,
  memory: Memory = createMemory(),
): Audit | null {
  const known = memory.table(audits).get(assignment)
  if (known !== undefined) return known
  const { audited, quorum, epoch, window, unit } = assignment
  const signers = (audited ?? []).flatMap(({ node, account }) => (node === quorum[0] ? [account] : []))
  const leaves = leavesOf(genesis.partition, unit).length
  const about = { epoch, window, unit, leaves, signers, level: 'UNTRUSTED' } as const
  const audit = audited && auditOf(genesis, about, audited, randomnessOf(signature))
  const whole = audit?.auditors.length === genesis.body.audit.auditors ? audit : null
  memory.table(audits).set(assignment, whole)
  return whole
}

/**
 * Who has certified a result by an audit: all auditors, or nobody.
 *
 * @param claims  of registered nodes, their beacon rounds checked
 * @param records the leaves of the result; null to ask whether the auditors have spoken, whatever
 *   they say
 */
export function auditorsOf(
  genesis: Genesis,
  assignment: Assignment,
  { node, body }: Pick<SignedResult, 'node' | 'body'>,
  claims: readonly LeafClaim[],
  records: Uint8Array | null,
  memory: Memory = createMemory(),
): readonly string[] {
  const a = certifyingEpoch(genesis, assignment.epoch)
  if (!standsAlone(assignment, node) || body.batch >= a) return []
  const timely = claims.filter(({ statement }) => statement.body.round === seedRound(genesis, a))
  const first = timely[0]
  const audit = first && certifyingAudit(genesis, assignment, first.statement.body.beacon, memory)
  if (!audit) return []
  const holds = (claim: LeafClaim) => !records || equalBytes(recordAt(records, claim.leaf), claim.record)
  const has = (auditor: string, leaf: number) =>
    timely.some((claim) => claim.node === auditor && claim.leaf === leaf && holds(claim))
  return audit.auditors.every((auditor) => audit.leaves.every((leaf) => has(auditor, leaf))) ? audit.auditors : []
}

/** Whether an audit was drawn by the round that certifies units of a deal. */
export const certifies = (genesis: Genesis, { epoch }: Assignment, { body }: Statement<AuditBody>): boolean =>
  body.round === seedRound(genesis, certifyingEpoch(genesis, epoch))
