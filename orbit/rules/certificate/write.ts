/**
 * Writing a certificate (format.ts) of what is certified, with all that it rests on and nothing
 * else.
 */

import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import type { UnitEvidence } from '../answer/evidence.ts'
import { cidOf } from '../base/cid.ts'
import { RuleError } from '../base/statement.ts'
import { accountAt } from '../deal/canonical-draws.ts'
import { witnessesNeeded, witnessesOf } from '../deal/witness.ts'
import { type LeafClaim, openItem } from '../message/answers.ts'
import { resultKey } from '../message/bodies.ts'
import { dealtUnitKey } from '../message/unit.ts'
import type { Genesis } from '../network/genesis.ts'
import { certifies } from '../quorum/certifying-audit.ts'
import type { State } from '../state/state.ts'
import type { CertifiedUnit } from '../state/windows.ts'
import { type CertificateFile, type CertificateSources, codecOf, FORMAT_VERSION } from './format.ts'
/** The CIDs of the leaves that a certificate of these units needs. */
export const leavesNeeded = (units: Iterable<CertifiedUnit>): string[] => [
  ...new Set([...units].map(({ results }) => results[0]!.item.result.leaves)),
]

/**
 * Writes the certificate of a window, or of some of its units.
 *
 * @throws {RuleError} when they are not all certified, or leaves are missing
 */
export function writeCertificate(
  state: State,
  window: bigint,
  sources: CertificateSources,
  which: readonly number[] | 'all' = 'all',
): Uint8Array {
  const units = unitsOf(state, window, which)
  const needed = units.flatMap(({ certified }) => certified.settlement.needed)
  const commits = sorted(units.flatMap(({ certified, evidence }) => commitsNeeded(certified, evidence)))
  const reveals = sorted(needed.map(({ statement }) => statement.bytes))
  const revealAt = new Map(reveals.map((bytes, i) => [cidOf(bytes).toString(), i]))
  const epochs = [...new Set(units.map(({ certified }) => certified.assignment.epoch))].sort((a, b) => a - b)
  const witnesses = epochs.map((epoch) => {
    const { draw, cid } = state.draws.get(epoch)!
    return witnessesOf(draw.body, state.witnesses.get(cid)).slice(0, witnessesNeeded(draw.body))
  })
  const audits = units.map(({ certified, evidence }) => auditsNeeded(state.genesis, certified, evidence))
  const owners = ownersOf(state, [
    ...units.flatMap(({ certified: { assignment, settlement } }, i) =>
      [...settlement.needed, ...audits[i]!].map(({ node }) => ({ epoch: assignment.epoch, node })),
    ),
    ...epochs.flatMap((epoch, i) => witnesses[i]!.map(({ signer }) => ({ epoch, node: signer }))),
  ])
  const file: CertificateFile = {
    format: 'collatz-certificate',
    version: FORMAT_VERSION,
    scope: which === 'all' ? 'window' : 'units',
    genesis: state.genesis.bytes,
    window: window.toString(),
    registrations: owners.map(([node, account]) => sources.registration(node, account)),
    draws: epochs.map((epoch, i) => {
      const { draw, signature } = state.draws.get(epoch)!
      return { draw: draw.bytes, signature, witnesses: witnesses[i]!.map(({ bytes }) => bytes) }
    }),
    commits,
    reveals,
    units: units.map(({ unit, certified, evidence }, i) => {
      const { assignment, settlement } = certified
      const results = settlement.needed.map((reveal) => ({
        ...{ reveal: revealAt.get(reveal.cid)!, index: reveal.index, proof: [...reveal.proof()], item: reveal.bytes },
      }))
      const declines = [...assignment.quorum, ...assignment.reserve].flatMap(
        (node) => evidence.declines.get(node)?.bytes ?? [],
      )
      return {
        ...{ unit, draw: epochs.indexOf(assignment.epoch), results },
        audits: sorted(audits[i]!.map(({ statement }) => statement.bytes)),
        ...{ declines, ...leavesOf(unit, certified, sources) },
      }
    }),
  }
  return dagJson.encode(file)
}

/**
 * The units to write, ascending, each with what was said of it.
 *
 * @throws {RuleError} when one is not certified
 */
function unitsOf(state: State, window: bigint, which: readonly number[] | 'all') {
  const known = state.windows.get(window)
  if (which === 'all' && !known?.complete) throw new RuleError(`window ${window} is not certified yet`)
  const indices = which === 'all' ? [...known!.certified.keys()] : [...new Set(which)]
  return indices
    .sort((a, b) => a - b)
    .map((unit) => {
      const certified = known?.certified.get(unit)
      if (!certified) throw new RuleError(`unit ${unit} of window ${window} is not certified yet`)
      return { unit, certified, evidence: state.evidence.units.get(dealtUnitKey(certified.assignment))! }
    })
}

/**
 * The certified leaves of a unit, and those of results that differ from it where they can be had.
 */
function leavesOf(unit: number, { assignment, settlement, results }: CertifiedUnit, sources: CertificateSources) {
  const certified = results[0]!.item.result.leaves
  const leaves = sources.leaves(certified)
  if (!leaves) throw new RuleError(`the leaves of unit ${unit} of window ${assignment.window} are not here`)
  const others = new Set(settlement.needed.map(({ item }) => item.result.leaves).filter((cid) => cid !== certified))
  return { leaves, contested: [...others].sort().flatMap((cid) => sources.leaves(cid) ?? []) }
}

/**
 * Of nodes that are needed for what a draw dealt: the accounts that they were dealt it as, by its
 * roster. Sorted.
 */
function ownersOf(state: State, needed: readonly { epoch: number; node: string }[]): [node: string, account: string][] {
  const owners = new Map<string, [node: string, account: string]>()
  for (const { epoch, node } of needed) {
    const account = accountAt(state, epoch, node)!
    owners.set(`${node} ${account}`, [node, account])
  }
  return [...owners].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, pair]) => pair)
}

/**
 * A certificate of our own as dag-cbor without the leaves that nobody contests and no audit speaks
 * of: a fraction of it, with all signatures.
 */
export function withoutLeaves(fileBytes: Uint8Array): Uint8Array {
  const file = codecOf(fileBytes).decode<CertificateFile>(fileBytes)
  const isContested = ({ results, audits }: CertificateFile['units'][number]) =>
    audits.length > 0 || new Set(results.map(({ item }) => resultKey(openItem(item).result))).size > 1
  return dagCbor.encode({
    ...file,
    units: file.units.map((unit) => (isContested(unit) ? unit : { ...unit, leaves: null })),
  })
}

/** By CID, each once. */
const sorted = (statements: readonly Uint8Array[]): Uint8Array[] =>
  [...new Map(statements.map((bytes) => [cidOf(bytes).toString(), bytes]))]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, bytes]) => bytes)

/** The audits that certify a unit in place of N results. */
function auditsNeeded(
  genesis: Genesis,
  { settlement, assignment }: CertifiedUnit,
  { claims }: UnitEvidence,
): LeafClaim[] {
  const { auditors } = settlement
  return claims.filter(({ node, statement }) => auditors.includes(node) && certifies(genesis, assignment, statement))
}

/** The commits behind the results, and those that they cite. */
function commitsNeeded({ settlement }: CertifiedUnit, { commits }: UnitEvidence): Uint8Array[] {
  const cids = new Set(settlement.needed.flatMap(({ item }) => [item.commit, ...item.cites]))
  return [...commits.values()].flat().flatMap(({ cid, statement }) => (cids.has(cid) ? statement.bytes : []))
}
