/**
 * One unit of a certificate: its results, declines and audits, and whether they certify it by the
 * rule of settle.ts.
 */

import { verifyInclusion } from '../../../kernels/merkle.ts'
import type { HardSummary } from '../../../kernels/unit.ts'
import type { UnitEvidence } from '../answer/evidence.ts'
import { firstDifference, readLeaves, recordAt } from '../answer/leaves.ts'
import { cidOf, rawCid } from '../base/cid.ts'
import type { Memory } from '../base/memory.ts'
import { open, RuleError, type Statement } from '../base/statement.ts'
import { byReveal, type Commit, claimsOf, isCommitted, openItem, type Reveal } from '../message/answers.ts'
import {
  type AuditBody,
  declineBody,
  MAX_REVEALED,
  type ResultBody,
  type RevealBody,
  resultKey,
} from '../message/bodies.ts'
import { type Assignment, type DealtUnit, dealtUnitKey } from '../message/unit.ts'
import type { Genesis } from '../network/genesis.ts'
import { auditorsOf } from '../quorum/certifying-audit.ts'
import type { Wrong } from '../quorum/dispute.ts'
import type { Facts } from '../quorum/facts.ts'
import { settle } from '../quorum/settle.ts'
import type { CertificateFile } from './format.ts'
import { checkCarried } from './read-draws.ts'

/** One result out of a reveal, with the proof that the reveal's signature covers it. */
export function readItem(
  statement: Statement<RevealBody>,
  { index, proof, item: bytes }: CertificateFile['units'][number]['results'][number],
  { epoch, window, unit }: Assignment,
): Reveal {
  const { size, root } = statement.body
  if (size > MAX_REVEALED || !verifyInclusion(bytes, index, size, proof, root)) {
    throw new RuleError(`unit ${unit} has a result that the signature of its reveal does not cover`)
  }
  const item = openItem(bytes)
  const { result } = item
  if (result.epoch !== epoch || result.unit !== unit || result.window !== window.toString()) {
    throw new RuleError(`unit ${unit} has a result of another unit`)
  }
  const cid = cidOf(statement.bytes).toString()
  return { node: statement.signer, cid, statement, body: statement.body, item, bytes, index, proof: () => proof }
}

/** What is certified of a unit, and by whom. */
export interface ReadUnit {
  /** null where the file leaves them out. */
  readonly leaves: readonly HardSummary[] | null
  /** The leaves where others signed something else. */
  readonly differing: readonly number[]
  readonly results: readonly Reveal[]
  readonly auditors: readonly string[]
  readonly declines: UnitEvidence['declines']
  readonly wrong: readonly Wrong[]
}

export interface UnitInputs {
  readonly genesis: Genesis
  readonly assignment: Assignment
  readonly entry: CertificateFile['units'][number]
  readonly shown: readonly Reveal[]
  /** Those that name this unit. */
  readonly commits: readonly Commit[]
  readonly audits: readonly Statement<AuditBody>[]
  readonly isRegistered: (node: string) => boolean
  readonly memory: Memory
}

/**
 * N equal results of nodes whose turn it was, committed before they were shown, or one and its
 * audit; and whatever differed from them.
 *
 * @throws {RuleError} saying what does not hold
 */
export function readUnit(inputs: UnitInputs): ReadUnit {
  const { genesis, assignment, entry, shown, audits, memory } = inputs
  const { leaves: records, contested, unit } = entry
  const evidence = evidenceIn(inputs)
  const keys = new Set(shown.map(({ item }) => resultKey(item.result)))
  if (keys.size > 1 && (!records || audits.length > 0)) {
    throw new RuleError(`unit ${unit} has results that differ, and leaves are missing that tell which one is certified`)
  }
  if (!records && contested.length > 0) throw new RuleError(`unit ${unit} is contested, and its leaves are left out`)
  const settlement = settle(genesis, assignment, evidence, factsIn(entry), () => true, memory)
  if (settlement.status !== 'certified') {
    const reasons = [...new Set(settlement.refused.values())].join(', ')
    throw new RuleError(
      `unit ${unit} is not certified by ${genesis.body.replication} equal results${reasons && ` (${reasons})`}`,
    )
  }
  const { results, counted, auditors } = settlement
  // What does not count convicts nobody, or those who hand the file on could choose who is
  // remembered as wrong.
  const wrong = settlement.wrong.filter(({ reveal }) => counted.includes(reveal))
  const certifies = (reveal: Reveal) =>
    records !== null && auditorsOf(genesis, assignment, reveal, evidence.claims, records, memory).length > 0
  if (audits.length > 0 && !counted.some(certifies)) throw new RuleError(`unit ${unit} has audits that certify nothing`)
  const { result } = results[0]!.item
  const certified = { results, auditors, declines: evidence.declines, wrong }
  if (!records) return { leaves: null, differing: [], ...certified }
  const leaves = readLeaves(genesis, unit, result, records)
  if (rawCid(records).toString() !== result.leaves) {
    throw new RuleError(`unit ${unit} has leaves that are not those named`)
  }
  return { leaves, differing: differences(records, contested, shown, result), ...certified }
}

/** All that the file says of a unit, as settle() takes it. */
function evidenceIn({ genesis, assignment, entry, shown, commits, audits, isRegistered, memory }: UnitInputs) {
  const { unit } = entry
  const isAbout = (claim: DealtUnit) => dealtUnitKey(claim) === dealtUnitKey(assignment)
  const heard = audits.filter(({ signer }) => isRegistered(signer))
  const byNode = <T extends { node: string }>(list: readonly T[]) => Map.groupBy(list, ({ node }) => node)
  const evidence: UnitEvidence = {
    commits: byNode(commits),
    reveals: byNode(shown.toSorted(byReveal)),
    declines: new Map(),
    claims: heard.flatMap((audit) => claimsOf(audit).filter(isAbout)),
  }
  for (const reveal of shown) {
    const commit = commits.find(({ cid }) => cid === reveal.item.commit)
    if (!commit || !isCommitted(commit, reveal)) {
      throw new RuleError(`unit ${unit} has a result that its node did not commit to`)
    }
  }
  const seats = [...assignment.quorum, ...assignment.reserve]
  let seat = -1
  for (const bytes of entry.declines) {
    const decline = open(bytes, declineBody, `a decline of unit ${unit}`)
    const { body, signer } = decline
    checkCarried(genesis, { network: body.network }, memory)
    if (body.epoch !== assignment.epoch || body.unit !== unit || body.window !== assignment.window.toString()) {
      throw new RuleError(`unit ${unit} has a decline of another unit`)
    }
    if (seats.indexOf(signer) <= seat) throw new RuleError(`unit ${unit} has declines that are not in the deal's order`)
    seat = seats.indexOf(signer)
    evidence.declines.set(signer, decline)
  }
  return evidence
}

/**
 * The leaves of the file are taken for the true ones here; a caller is told which of them others
 * signed differently.
 */
function factsIn({ leaves: records, contested }: CertificateFile['units'][number]): Facts {
  const blocks = new Map(
    [...(records ? [records] : []), ...contested].map((block) => [rawCid(block).toString(), block]),
  )
  return {
    leaves: (cid) => blocks.get(cid),
    truth: ({ leaf }) => (records ? recordAt(records, leaf) : undefined),
    certified: records,
  }
}

/**
 * Nodes of a unit whose turn came before that of the last one in the file, with neither a result
 * nor a decline in it.
 */
export function silentSeats(
  { quorum, reserve }: Assignment,
  shown: readonly Reveal[],
  declines: UnitEvidence['declines'],
): string[] {
  const seats = [...quorum, ...reserve]
  const last = Math.max(quorum.length - 1, ...shown.map(({ node }) => seats.indexOf(node)))
  const spoke = new Set([...shown.map(({ node }) => node), ...declines.keys()])
  return seats.slice(0, last + 1).filter((node) => !spoke.has(node))
}

/**
 * The leaves where others signed something else. Blocks that nobody signed have no place in a
 * certificate.
 */
function differences(
  records: Uint8Array,
  contested: readonly Uint8Array[],
  shown: readonly Reveal[],
  certified: ResultBody,
): number[] {
  const signed = new Set(shown.map(({ item }) => item.result.leaves))
  signed.delete(certified.leaves)
  const cids = contested.map((block) => rawCid(block).toString())
  if (cids.some((cid, i) => !signed.has(cid) || (i > 0 && cids[i - 1]! >= cid))) {
    throw new RuleError('it carries leaves that nobody signed who differs from what it certifies, or not in order')
  }
  return contested.flatMap((block) =>
    block.length === records.length ? (firstDifference([records, block]) ?? []) : [],
  )
}
