/**
 * Writing a certificate (format.ts) of what is certified, with all that it rests on and nothing
 * else.
 */

import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import { cidOf, rawCid } from '../base/cid.ts'
import { createMemory, type Memory } from '../base/memory.ts'
import { RuleError, type Statement } from '../base/statement.ts'
import { accountAt } from '../deal/canonical-draws.ts'
import { witnessesNeeded, witnessesOf } from '../deal/witness.ts'
import type { AuditBody } from '../message/bodies.ts'
import { dealtUnitKey } from '../message/unit.ts'
import { certifies } from '../quorum/certifying-audit.ts'
import type { State } from '../state/state.ts'
import type { CertifiedUnit } from '../state/windows.ts'
import { type CertificateFile, type CertificateSources, codecOf, FORMAT_VERSION } from './format.ts'
import { packLeaves } from './packed-leaves.ts'
import { byCid, type ShownUnit, settleShown, withoutIdle } from './shown-unit.ts'

/** The CIDs of the leaves that a certificate of these units needs: of all results that count. */
export const leavesNeeded = (units: Iterable<CertifiedUnit>): string[] => [
  ...new Set([...units].flatMap(({ settlement }) => settlement.counted.map(({ item }) => item.leaves))),
]

/** A unit, and what a file shows of it. */
interface WrittenUnit {
  readonly unit: number
  readonly certified: CertifiedUnit
  readonly shown: ShownUnit
  readonly leaves: Uint8Array
  /** Of results that differ, by their CID. */
  readonly contested: readonly Uint8Array[]
}

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
  memory: Memory = createMemory(),
): Uint8Array {
  const known = state.windows.get(window)
  if (which === 'all' && !known?.complete) throw new RuleError(`window ${window} is not certified yet`)
  const indices = which === 'all' ? [...known!.certified.keys()] : [...new Set(which)]
  const units = indices
    .sort((a, b) => a - b)
    .map((unit) => {
      const certified = known?.certified.get(unit)
      if (!certified) throw new RuleError(`unit ${unit} of window ${window} is not certified yet`)
      return writtenUnit(state, unit, certified, sources, memory)
    })
  const statements = byCid(units.flatMap(({ shown }) => shown.results.map(({ statement }) => statement)))
  const places = new Map(statements.map(({ bytes }, i) => [cidOf(bytes).toString(), i]))
  const epochs = [...new Set(units.map(({ certified }) => certified.assignment.epoch))].sort((a, b) => a - b)
  const draws = epochs.map((epoch) => {
    const { draw, cid, signature } = state.draws.get(epoch)!
    const witnesses = witnessesOf(draw.body, state.witnesses.get(cid)).slice(0, witnessesNeeded(draw.body))
    return { epoch, draw, signature, witnesses }
  })
  const signed = [
    ...units.flatMap(({ certified: { assignment }, shown }) =>
      [...shown.results.map(({ statement }) => statement), ...shown.audits].map(({ signer }) => [
        assignment.epoch,
        signer,
      ]),
    ),
    ...draws.flatMap(({ epoch, witnesses }) => witnesses.map(({ signer }) => [epoch, signer])),
  ] as [number, string][]
  const file: CertificateFile = {
    format: 'collatz-certificate',
    version: FORMAT_VERSION,
    scope: which === 'all' ? 'window' : 'units',
    genesis: state.genesis.bytes,
    window: window.toString(),
    registrations: ownersOf(state, signed).map(([node, account]) => sources.registration(node, account)),
    draws: draws.map(({ draw, signature, witnesses }) => ({
      ...{ draw: draw.bytes, signature, witnesses: witnesses.map(({ bytes }) => bytes) },
    })),
    statements: statements.map(({ bytes }) => bytes),
    units: units.map(({ unit, certified: { assignment }, shown, leaves, contested }) => ({
      ...{ unit, draw: epochs.indexOf(assignment.epoch) },
      results: shown.results.map(({ cid, index, proof, bytes, evidence }) => ({
        ...{ statement: places.get(cid)!, index, proof: [...proof()], item: bytes, evidence },
      })),
      audits: shown.audits.map(({ bytes }) => bytes),
      declines: shown.declines.map(({ bytes }) => bytes),
      leaves: packLeaves(state.genesis, assignment, leaves),
      contested: contested.map((records) => packLeaves(state.genesis, assignment, records)),
    })),
  }
  return dagJson.encode(file)
}

function writtenUnit(
  { genesis, answers }: State,
  unit: number,
  certified: CertifiedUnit,
  sources: CertificateSources,
  memory: Memory,
): WrittenUnit {
  const { assignment, settlement, results } = certified
  const blockOf = (cid: string): Uint8Array => {
    const block = sources.leaves(cid)
    if (!block) throw new RuleError(`the leaves of unit ${unit} of window ${assignment.window} are not here`)
    return block
  }
  const [first, ...others] = [...new Set([results[0]!, ...settlement.counted].map(({ item }) => item.leaves))]
  const leaves = blockOf(first!)
  const contested = others.sort().map(blockOf)
  const said = answers.units.get(dealtUnitKey(assignment))!
  const audits = said.claims.filter(({ node }) => settlement.auditors.includes(node)).map(({ statement }) => statement)
  const all: ShownUnit = {
    results: settlement.counted,
    audits: byCid(audits.filter((audit: Statement<AuditBody>) => certifies(genesis, assignment, audit))),
    declines: [...assignment.quorum, ...assignment.reserve].flatMap((node) => said.declines.get(node) ?? []),
  }
  const blocks = new Map([leaves, ...contested].map((block) => [rawCid(block).toString(), block]))
  const settleBy = (shown: ShownUnit) => settleShown(genesis, assignment, shown, { blocks, certified: leaves }, memory)
  return { unit, certified, shown: withoutIdle(all, settleBy), leaves, contested }
}

/** The accounts that nodes were dealt to as, by the rosters of the draws that name them. Sorted. */
function ownersOf(state: State, signed: readonly [epoch: number, node: string][]): [node: string, account: string][] {
  const owners = new Map<string, [node: string, account: string]>()
  for (const [epoch, node] of signed) {
    const account = accountAt(state, epoch, node)!
    owners.set(`${node} ${account}`, [node, account])
  }
  return [...owners].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, pair]) => pair)
}

/**
 * A certificate of our own as dag-cbor without the leaves that nobody contests and no audit speaks
 * of: a fraction of it, with all signatures and all evidence.
 */
export function withoutLeaves(fileBytes: Uint8Array): Uint8Array {
  const file = codecOf(fileBytes).decode(fileBytes) as CertificateFile
  return dagCbor.encode({
    ...file,
    units: file.units.map((unit) =>
      unit.audits.length + unit.contested.length > 0 ? unit : { ...unit, leaves: null },
    ),
  })
}
