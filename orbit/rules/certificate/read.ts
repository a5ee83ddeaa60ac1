/**
 * Reading a certificate (format.ts): whether it holds by its form, signatures, beacon, deal and
 * quorum, from its bytes alone, and what it says. Whether arithmetic finds fault with its results
 * is for recompute.ts.
 */

import { verifyInclusion } from '../../../kernels/merkle.ts'
import { classes } from '../../../kernels/partition.ts'
import type { HardSummary } from '../../../kernels/unit.ts'
import { signedEvidence, talliesOf } from '../answer/judge.ts'
import { firstDifference, readLeaves } from '../answer/leaves.ts'
import { openItem, type SignedResult } from '../answer/results.ts'
import { cidOf, rawCid } from '../base/cid.ts'
import { createMemory, type Memory } from '../base/memory.ts'
import { open, RuleError, type Statement } from '../base/statement.ts'
import type { DealtDraw } from '../deal/canonical-draws.ts'
import { accountsOn } from '../deal/witness.ts'
import {
  type AuditBody,
  auditBody,
  type DeclineBody,
  declineBody,
  type ResultItem,
  type ResultsBody,
} from '../message/bodies.ts'
import type { Registration } from '../message/registration.ts'
import { type Assignment, dealtUnitKey, type LeafId } from '../message/unit.ts'
import { randomnessOf } from '../network/beacon.ts'
import { type Genesis, readGenesis } from '../network/genesis.ts'
import type { Wrong } from '../quorum/dispute.ts'
import type { Settlement } from '../quorum/settle.ts'
import { type CountedUnit, type SettledConviction, type SettledWindow, settledWindow } from '../state/settled-window.ts'
import { type CertificateFile, parseCertificate } from './format.ts'
import { unpackLeaves } from './packed-leaves.ts'
import { byCid, type ShownLeaves, type ShownUnit, settleShown, withoutIdle } from './shown-unit.ts'
import {
  checkMessage,
  pairOf,
  type Registered,
  readDraws,
  readRegistrations,
  readStatements,
  type UsedList,
} from './signed-lists.ts'

/** What a certificate that holds up says. */
export interface Certified {
  readonly genesis: Genesis
  readonly window: bigint
  /** Whether it certifies the whole window, or only the units that it has. */
  readonly complete: boolean
  /** Hard numbers of the units. */
  readonly count: number
  /** mod 2^64 */
  readonly checksum: bigint
  readonly peak: HardSummary['peak']
  /** Whose results certify its units. */
  readonly accounts: readonly Registration[]
  readonly units: ReadonlyMap<number, CertifiedResult>
  /**
   * The draws that dealt its units: who sealed them, and how many accounts of their rosters it
   * shows as witnesses.
   */
  readonly draws: readonly {
    readonly epoch: number
    readonly cid: string
    readonly coordinator: string
    readonly accounts: number
    readonly witnesses: number
  }[]
  /** Leaves on which somebody signed something else: whoever is not sure computes these. */
  readonly contested: readonly LeafId[]
}

export interface CertifiedResult extends CountedUnit {
  readonly assignment: Assignment
  /** Randomness of R(e), 32 bytes: what the evidence hangs on. */
  readonly seed: Uint8Array
  /** The leaves as signed; null where the file leaves them out. */
  readonly leaves: readonly HardSummary[] | null
  /**
   * All that count, those that differ with them; with the records of their leaves, null where the
   * file leaves them out.
   */
  readonly shown: readonly { readonly result: SignedResult; readonly records: Uint8Array | null }[]
  /**
   * Nodes whose turn came before that of the last one in the file, and who are in it with neither a
   * result nor a decline. They may have said nothing, or something that whoever made the file left
   * out: it can't show which.
   */
  readonly silent: readonly string[]
  /** Who is wrong, if the certified leaves are right. */
  readonly wrong: readonly (Wrong & { readonly account: string })[]
}

/**
 * What is remembered of the window that a certificate is about (settled-window.ts). @throws
 * {RuleError} if it is of units
 */
export function settledBy({ genesis, window, complete, units }: Certified): SettledWindow {
  if (!complete) throw new RuleError('it certifies units, not a window')
  const convictions = [...units].flatMap(([unit, { epoch, wrong }]) =>
    wrong.map(
      ({ node, account, result, kind, leaf, item }): SettledConviction => ({
        ...{ account, node, kind, epoch, window, unit, leaf, item },
        statements: [result.cid],
      }),
    ),
  )
  return settledWindow(genesis, window, units.values(), convictions)
}

/** Reads all of it. @throws {RuleError} saying what does not hold */
export function readCertificate(fileBytes: Uint8Array, memory: Memory = createMemory()): Certified {
  const steps = readingCertificate(fileBytes, memory)
  for (let step = steps.next(); ; step = steps.next()) if (step.done) return step.value
}

/**
 * Likewise step by step, so that whoever reads a long one can do something else in between: some 30
 * ms a unit.
 *
 * @yields how many units have been read
 */
export function* readingCertificate(
  fileBytes: Uint8Array,
  memory: Memory = createMemory(),
): Generator<{ readonly done: number; readonly total: number }, Certified> {
  const file = parseCertificate(fileBytes)
  const genesis = readGenesis(file.genesis)
  const window = BigInt(file.window)
  if (window < genesis.firstWindow) throw new RuleError('the window lies below the baseline')
  const registered = readRegistrations(genesis, file, memory)
  const draws = readDraws(genesis, file, registered, memory)
  const statements = readStatements(genesis, file, memory)
  const units = new Map<number, CertifiedResult>()
  const contested: LeafId[] = []
  const signers = new Set<string>()
  const dealtIn = new Map(draws.all.map((draw) => [draw, unitsOf(draw, window)]))
  let last = -1
  for (const entry of file.units) {
    yield { done: units.size, total: file.units.length }
    const { unit } = entry
    if (unit <= last) throw new RuleError('the units are not sorted')
    last = unit
    const draw = draws.use(entry.draw)
    const assignment = draw && dealtIn.get(draw)!.get(unit)
    if (!draw || !assignment) throw new RuleError(`unit ${unit} was not on offer in the draw that it names`)
    const { differing, signedBy, ...read } = readUnit({
      genesis,
      draw,
      assignment,
      entry,
      registered,
      statements,
      memory,
    })
    units.set(unit, read)
    for (const leaf of differing) contested.push({ window, unit, leaf })
    for (const { node } of signedBy) signers.add(pairOf(node, draw.owners.get(node)!))
  }
  for (const list of [registered, draws, statements]) list.mustBeUsed()
  const wanted = classes(genesis.partition).length
  if (file.scope === 'window' && units.size !== wanted) {
    throw new RuleError(`it has ${units.size} units, but the classes of the partition are ${wanted}`)
  }
  const { count, checksum, peak } = settledWindow(genesis, window, units.values(), [])
  return {
    ...{ genesis, window, complete: file.scope === 'window', count, checksum, peak, units, contested },
    accounts: registered.all.filter(({ node, account }) => signers.has(pairOf(node, account))),
    draws: draws.all.map(({ cid, draw: { body, signer } }, i) => ({
      ...{ epoch: body.epoch, cid, coordinator: signer },
      ...{ accounts: accountsOn(body), witnesses: file.draws[i]!.witnesses.length },
    })),
  }
}

/** The units of a window that a draw dealt. */
const unitsOf = ({ assignments }: DealtDraw, window: bigint): ReadonlyMap<number, Assignment> =>
  new Map(assignments.filter((a) => a.window === window).map((a) => [a.unit, a]))

type UnitEntry = CertificateFile['units'][number]

/** What it takes to read a unit. */
interface UnitPapers {
  readonly genesis: Genesis
  readonly draw: DealtDraw
  readonly assignment: Assignment
  readonly entry: UnitEntry
  readonly registered: Registered
  readonly statements: UsedList<Statement<ResultsBody>>
  readonly memory: Memory
}

/**
 * N equal results of nodes whose turn it was, or one and its audit; and whatever differed from
 * them.
 */
function readUnit(
  papers: UnitPapers,
): CertifiedResult & { readonly differing: readonly number[]; readonly signedBy: Settlement['results'] } {
  const { genesis, draw, assignment, entry, registered, memory } = papers
  const { unit } = entry
  const owner = (node: string) => draw.owners.get(node) ?? ''
  const results = entry.results.map((result) => readResult(papers, result))
  const audits = entry.audits.map((bytes) => readAudit(papers, bytes))
  const declines = entry.declines.map((bytes) => readDecline(papers, bytes))
  for (const node of [...results.map((result) => result.node), ...audits.map(({ signer }) => signer)]) {
    if (!registered.use(pairOf(node, owner(node)))) {
      throw new RuleError(`unit ${unit} is signed by a node whose registration is missing or names another account`)
    }
  }
  const unpack = (bytes: Uint8Array) => unpackLeaves(genesis, assignment, bytes)
  const records = entry.leaves && unpack(entry.leaves)
  const blocks = new Map(
    [...(records ? [records] : []), ...entry.contested.map(unpack)].map((b) => [rawCid(b).toString(), b]),
  )
  const settlement = settleAs(papers, { results, audits, declines }, { blocks, certified: records })
  const certified = settlement.results[0]!.item
  if (records && rawCid(records).toString() !== certified.leaves) {
    throw new RuleError(`unit ${unit} has leaves that are not those named`)
  }
  checkContested(entry, settlement, certified, [...blocks.keys()])
  return {
    ...{ assignment, epoch: assignment.epoch, seed: randomnessOf(draw.signature), result: certified },
    leaves: records && readLeaves(genesis, unit, certified, records),
    shown: results.map((result) => ({ result, records: blocks.get(result.item.leaves) ?? null })),
    accounts: settlement.results.map(({ node }) => owner(node)),
    tallies: settlement.results.map((result) => talliesOf(genesis, assignment, result, memory)),
    auditors: settlement.auditors.map(owner),
    silent: silentSeats(assignment, results, declines),
    wrong: settlement.wrong.map((wrong) => ({ ...wrong, account: owner(wrong.node) })),
    signedBy: settlement.results,
    differing: [...blocks.values()].flatMap((block) => (records && firstDifference([records, block])) ?? []),
  }
}

/** One result from under a statement, with the proof that the signature covers it. */
function readResult(
  { genesis, assignment, statements }: UnitPapers,
  { statement: place, index, proof, item: bytes, evidence }: UnitEntry['results'][number],
): SignedResult {
  const { epoch, window, unit } = assignment
  const statement = statements.use(place)
  if (!statement) throw new RuleError(`unit ${unit} has a result without its statement`)
  const { body, signer } = statement
  if (!verifyInclusion(bytes, index, body.size, proof, body.root)) {
    throw new RuleError(`unit ${unit} has a result that the signature of its statement does not cover`)
  }
  const item = openItem(bytes)
  if (item.epoch !== epoch || item.unit !== unit || item.window !== window.toString()) {
    throw new RuleError(`unit ${unit} has a result of another unit`)
  }
  const cid = cidOf(statement.bytes).toString()
  if (!signedEvidence(genesis, item, evidence)) throw new RuleError(`unit ${unit} has evidence that was not signed`)
  return { node: signer, cid, statement, body, item, bytes, evidence, index, proof: () => proof }
}

function readAudit({ genesis, assignment: { unit }, memory }: UnitPapers, bytes: Uint8Array): Statement<AuditBody> {
  const audit = open(bytes, auditBody, `an audit of unit ${unit}`, memory)
  checkMessage(genesis, audit, memory)
  return audit
}

function readDecline({ genesis, assignment, memory }: UnitPapers, bytes: Uint8Array): Statement<DeclineBody> {
  const decline = open(bytes, declineBody, `a decline of unit ${assignment.unit}`, memory)
  checkMessage(genesis, decline, memory)
  if (dealtUnitKey(decline.body) !== dealtUnitKey(assignment))
    throw new RuleError(`unit ${assignment.unit} has a decline of another unit`)
  return decline
}

/**
 * Settles the unit by what the file shows. @throws {RuleError} when it is not certified, or
 * something could be left out
 */
function settleAs({ genesis, assignment, memory }: UnitPapers, shown: ShownUnit, leaves: ShownLeaves): Settlement {
  const { unit, quorum, reserve } = assignment
  const settleBy = (by: ShownUnit) => settleShown(genesis, assignment, by, leaves, memory)
  const settlement = settleBy(shown)
  if (settlement.status !== 'certified') {
    const reasons = [...new Set(settlement.refused.values())].join(', ')
    throw new RuleError(
      `unit ${unit} is not certified by ${genesis.body.replication} equal results${reasons && ` (${reasons})`}`,
    )
  }
  const { results, audits, declines } = shown
  const { counted } = settlement
  if (counted.length !== results.length || counted.some((result, i) => result !== results[i])) {
    throw new RuleError(`unit ${unit} has results that do not count, or not in the deal's order`)
  }
  const seats = [...quorum, ...reserve]
  const places = declines.map(({ signer }) => seats.indexOf(signer))
  const isOrdered =
    places.every((place, i) => i === 0 || places[i - 1]! < place) &&
    byCid(audits).every((audit, i) => audit === audits[i])
  if (!isOrdered || byCid(audits).length < audits.length || withoutIdle(shown, settleBy) !== shown) {
    throw new RuleError(`unit ${unit} has declines or audits that it could do without, or not in order`)
  }
  return settlement
}

/**
 * Of each result that differs its leaves are there, and no others. @param blocks CIDs, those of the
 * certified one first
 */
function checkContested(
  { unit, leaves, audits, contested }: UnitEntry,
  { counted }: Settlement,
  certified: ResultItem,
  blocks: readonly string[],
): void {
  const signed = new Set(counted.map(({ item }) => item.leaves))
  signed.delete(certified.leaves)
  if (!leaves && (signed.size > 0 || audits.length > 0 || contested.length > 0)) {
    throw new RuleError(`unit ${unit} has results that differ, or an audit, and its leaves are left out`)
  }
  const others = blocks.slice(leaves ? 1 : 0)
  if (others.length !== contested.length || others.join() !== [...signed].sort().join()) {
    throw new RuleError(
      `unit ${unit} lacks the leaves of a result that differs, has some that nobody signed, or not in order`,
    )
  }
}

function silentSeats(
  { quorum, reserve }: Assignment,
  results: readonly SignedResult[],
  declines: readonly Statement<DeclineBody>[],
): string[] {
  const seats = [...quorum, ...reserve]
  const last = Math.max(quorum.length - 1, ...results.map(({ node }) => seats.indexOf(node)))
  const spoke = new Set([...results.map(({ node }) => node), ...declines.map(({ signer }) => signer)])
  return seats.slice(0, last + 1).filter((node) => !spoke.has(node))
}
