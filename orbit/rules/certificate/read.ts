/** Reading a certificate (format.ts): whether it holds, from its bytes alone, and what it says. */

import { verifyInclusion } from '../../../kernels/merkle.ts'
import { classes } from '../../../kernels/partition.ts'
import type { HardSummary } from '../../../kernels/unit.ts'
import type { UnitEvidence } from '../answer/evidence.ts'
import { firstDifference, readLeaves, recordAt } from '../answer/leaves.ts'
import { cidOf, rawCid } from '../base/cid.ts'
import { createMemory, type Memory } from '../base/memory.ts'
import { open, RuleError, type Statement } from '../base/statement.ts'
import { assign, offeredUnits } from '../deal/assignment.ts'
import type { DealtDraw } from '../deal/canonical-draws.ts'
import { dealtDraw } from '../deal/canonical-draws.ts'
import { accountsOn, isWitnessed, witnessesIn } from '../deal/witness.ts'
import { byReveal, type Commit, claimsOf, isCommitted, openCommit, openItem, type Reveal } from '../message/answers.ts'
import {
  type AuditBody,
  auditBody,
  type DrawBody,
  declineBody,
  drawBody,
  heartbeatBody,
  MAX_REVEALED,
  type ResultBody,
  type RevealBody,
  resultKey,
  revealBody,
} from '../message/bodies.ts'
import { openRegistration, type Registration } from '../message/registration.ts'
import { type Assignment, type DealtUnit, dealtUnitKey, type LeafId } from '../message/unit.ts'
import { verifyRound } from '../network/beacon.ts'
import { type Genesis, readGenesis } from '../network/genesis.ts'
import { auditorsOf } from '../quorum/certifying-audit.ts'
import type { Wrong } from '../quorum/dispute.ts'
import type { Facts } from '../quorum/facts.ts'
import { settle } from '../quorum/settle.ts'
import { type SettledConviction, type SettledWindow, settledWindow } from '../state/settled-window.ts'
import { type CertificateFile, parseCertificate } from './format.ts'
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
  /** The draws that dealt its units: who sealed them, and how many accounts were on their rosters. */
  readonly draws: readonly {
    readonly epoch: number
    readonly cid: string
    readonly coordinator: string
    readonly accounts: number
  }[]
  /** Leaves on which somebody signed something else: whoever is not sure computes these. */
  readonly contested: readonly LeafId[]
}

export interface CertifiedResult {
  readonly epoch: number
  readonly result: ResultBody
  /** The leaves as signed; null where the file leaves them out. */
  readonly leaves: readonly HardSummary[] | null
  /** Accounts whose results certify it. */
  readonly accounts: readonly string[]
  /** Accounts whose audit certifies it with the one result. */
  readonly auditors: readonly string[]
  /**
   * Nodes whose turn came before that of the last one in the file, and who are in it with neither a result nor a decline. They
   * may have said nothing, or something that whoever made the file left out: it can't show which.
   */
  readonly silent: readonly string[]
  /** Who is wrong, if the certified leaves are right. */
  readonly wrong: readonly (Wrong & { readonly account: string })[]
}

/** What is remembered of the window that a certificate is about (settled-window.ts). @throws {RuleError} if it is of units */
export function settledBy({ genesis, window, complete, units }: Certified): SettledWindow {
  if (!complete) throw new RuleError('it certifies units, not a window')
  const convictions = [...units].flatMap(([unit, { epoch, wrong }]) =>
    wrong.map(
      ({ node, account, reveal, leaf }): SettledConviction => ({
        ...{ account, node, kind: leaf === null ? 'sum' : 'leaf', epoch, window, unit, leaf },
        evidence: [cidOf(reveal.statement.bytes).toString()],
      }),
    ),
  )
  return settledWindow(genesis, window, units.values(), convictions)
}

/**
 * Checks a certificate from the bytes alone, offline: form, signatures, beacon, deal, commits, Merkle roots, quorum. What
 * is left to trust is that the signers computed what they signed; recompute leaves for that.
 *
 * @throws {RuleError} saying what does not hold
 */
export function readCertificate(fileBytes: Uint8Array, memory: Memory = createMemory()): Certified {
  const file = parseCertificate(fileBytes)
  const genesis = readGenesis(file.genesis)
  const window = BigInt(file.window)
  if (window < genesis.firstWindow) throw new RuleError('the window lies below the baseline')

  const registered = readRegistrations(genesis, file, memory)
  const draws = readDraws(genesis, file, registered, memory)
  const commits = file.commits.map((bytes) => {
    const commit = openCommit(bytes, memory)
    of(genesis, commit.body)
    verifyRound(genesis.chain, commit.body.round, commit.body.beacon, memory)
    return commit
  })
  const reveals = file.reveals.map((bytes) => {
    const reveal = open(bytes, revealBody, 'a reveal')
    of(genesis, reveal.body)
    verifyRound(genesis.chain, reveal.body.round, reveal.body.beacon, memory)
    return reveal
  })

  const commitsTo = new Map<string, Commit[]>()
  for (const commit of commits) {
    for (const [epoch, of, unit] of commit.body.units) {
      const key = dealtUnitKey({ epoch, window: of, unit })
      commitsTo.set(key, [...(commitsTo.get(key) ?? []), commit])
    }
  }
  const signers = new Set<string>()
  const contested: LeafId[] = []
  const units = new Map<number, CertifiedResult>()
  let last = -1
  for (const entry of file.units) {
    const { unit } = entry
    if (unit <= last) throw new RuleError('the units are not sorted')
    last = unit
    const draw = draws[entry.draw]
    const assignment = draw?.units.get(unit)
    if (!draw || !assignment) throw new RuleError(`unit ${unit} was not on offer in the draw that it names`)
    const owner = (node: string) => draw.dealt.owners.get(node)!
    const isRegistered = (node: string) => registered.has(pairOf(node, owner(node)))
    const shown = entry.results.map((result) => {
      const statement = reveals[result.reveal]
      if (!statement) throw new RuleError(`unit ${unit} has a result without its reveal`)
      return readItem(statement, result, assignment)
    })
    const bound = commitsTo.get(dealtUnitKey(assignment)) ?? []
    if (shown.some(({ node }) => !isRegistered(node))) {
      throw new RuleError(`unit ${unit} is signed by a node whose registration is missing or names another account`)
    }
    const audits = entry.audits.map((bytes) => {
      const audit = open(bytes, auditBody, `an audit of unit ${unit}`)
      of(genesis, audit.body)
      verifyRound(genesis.chain, audit.body.round, audit.body.beacon, memory)
      return audit
    })
    const { leaves, differing, results, auditors, declines, wrong } = checkUnit(
      genesis,
      assignment,
      entry,
      shown,
      bound,
      audits,
      isRegistered,
    )
    for (const { node } of results) signers.add(pairOf(node, owner(node)))
    for (const leaf of differing) contested.push({ window, unit, leaf })
    const { result } = results[0]!.item
    units.set(unit, {
      ...{ epoch: assignment.epoch, result, leaves },
      accounts: results.map(({ node }) => owner(node)),
      auditors: auditors.map(owner),
      silent: silentSeats(assignment, shown, declines),
      wrong: wrong.map((one) => ({ ...one, account: owner(one.node) })),
    })
  }
  const wanted = classes(genesis.partition).length
  if (file.scope === 'window' && units.size !== wanted) {
    throw new RuleError(`it has ${units.size} units, but the classes of the partition are ${wanted}`)
  }
  const total = settledWindow(genesis, window, units.values(), [])
  return {
    genesis,
    window,
    complete: file.scope === 'window',
    count: total.count,
    checksum: total.checksum,
    peak: total.peak,
    accounts: [...registered].flatMap(([pair, registration]) => (signers.has(pair) ? [registration] : [])),
    units,
    draws: draws.map(({ epoch, dealt }) => ({
      ...{ epoch, cid: dealt.cid, coordinator: dealt.draw.signer, accounts: accountsOn(dealt.draw.body) },
    })),
    contested,
  }
}

/** The draws that a certificate rests on, dealt anew from its bytes and their beacon rounds. @throws {RuleError} */
export function readDealtDraws(fileBytes: Uint8Array, memory: Memory = createMemory()): readonly DealtDraw[] {
  const file = parseCertificate(fileBytes)
  const genesis = readGenesis(file.genesis)
  return readDraws(genesis, file, readRegistrations(genesis, file, memory), memory).map(({ dealt }) => dealt)
}

/** By pairOf: a node that changed hands between two draws is registered to both accounts. */
type Registered = ReadonlyMap<string, Registration>

const pairOf = (node: string, account: string): string => `${node} ${account}`

function readRegistrations(genesis: Genesis, file: CertificateFile, memory: Memory): Registered {
  const registrations = file.registrations.map((document) => openRegistration(genesis, document, memory))
  return new Map(registrations.map((registration) => [pairOf(registration.node, registration.account), registration]))
}

function of(genesis: Genesis, { network }: { network: string }): void {
  if (network !== genesis.networkId) throw new RuleError('it carries a statement for another network')
}

/** More than half of the accounts on the roster of a draw say that they had it before its beacon round. */
function checkWitnesses(
  genesis: Genesis,
  draw: Statement<DrawBody>,
  statements: readonly Uint8Array[],
  registered: Registered,
  memory: Memory,
): void {
  const cid = cidOf(draw.bytes).toString()
  const { epoch } = draw.body
  const accounts = new Map(draw.body.roster.map(({ node, account }) => [node, account]))
  const heartbeats = statements.map((bytes) => {
    const heartbeat = open(bytes, heartbeatBody, `a witness of the draw of epoch ${epoch}`)
    const { body, signer } = heartbeat
    of(genesis, body)
    verifyRound(genesis.chain, body.round, body.beacon, memory)
    if (body.node !== signer) throw new RuleError("a heartbeat in another node's name")
    if (!body.witnessed.some((witnessed) => witnessed.draw === cid)) {
      throw new RuleError(`the draw of epoch ${epoch} has a witness that does not name it`)
    }
    if (!registered.has(pairOf(signer, accounts.get(signer) ?? ''))) {
      throw new RuleError(
        `the draw of epoch ${epoch} has a witness that is not on its roster, or not registered as there`,
      )
    }
    return heartbeat
  })
  const nodes = new Set(heartbeats.map(({ signer }) => signer))
  if (!isWitnessed(draw.body, witnessesIn(heartbeats, nodes).get(cid))) {
    throw new RuleError(`the draw of epoch ${epoch} is not witnessed by more than half of its roster`)
  }
}

function readDraws(genesis: Genesis, file: CertificateFile, registered: Registered, memory: Memory) {
  const window = BigInt(file.window)
  let lastEpoch = 0
  return file.draws.map(({ draw: drawBytes, signature, witnesses }) => {
    const draw = open(drawBytes, drawBody, 'a draw of the certificate')
    if (!genesis.body.coordinators.includes(draw.signer)) throw new RuleError('a draw is not by a coordinator')
    if (draw.body.epoch <= lastEpoch) throw new RuleError('the draws are not sorted')
    lastEpoch = draw.body.epoch
    const assignments = assign(genesis, draw.body, signature, offeredUnits(genesis, draw.body), memory)
    const dealt = dealtDraw(draw, signature, assignments)
    checkWitnesses(genesis, draw, witnesses, registered, memory)
    return {
      dealt,
      epoch: draw.body.epoch,
      units: new Map(assignments.filter((a) => a.window === window).map((a) => [a.unit, a])),
    }
  })
}

/** One result out of a reveal, with the proof that the reveal's signature covers it. */
function readItem(
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

/**
 * N equal results of nodes whose turn it was, committed before they were shown, or one and its audit; and whatever differed
 * from them.
 */
function checkUnit(
  genesis: Genesis,
  assignment: Assignment,
  { leaves: records, contested, declines, unit }: CertificateFile['units'][number],
  shown: readonly Reveal[],
  /** That name this unit. */
  commits: readonly Commit[],
  audits: readonly Statement<AuditBody>[],
  isRegistered: (node: string) => boolean,
): {
  leaves: readonly HardSummary[] | null
  differing: readonly number[]
  results: readonly Reveal[]
  auditors: readonly string[]
  declines: UnitEvidence['declines']
  wrong: readonly Wrong[]
} {
  const isOf = (claim: DealtUnit) => dealtUnitKey(claim) === dealtUnitKey(assignment)
  const claims = audits.filter(({ signer }) => isRegistered(signer)).flatMap((audit) => claimsOf(audit).filter(isOf))
  const by = <T extends { node: string }>(of: readonly T[]) => Map.groupBy(of, ({ node }) => node)
  const reveals = by(shown.toSorted(byReveal))
  const evidence: UnitEvidence = { commits: by(commits), reveals, declines: new Map(), claims }
  for (const reveal of shown) {
    const commit = commits.find(({ cid }) => cid === reveal.item.commit)
    if (!commit || !isCommitted(commit, reveal)) {
      throw new RuleError(`unit ${unit} has a result that its node did not commit to`)
    }
  }
  const seats = [...assignment.quorum, ...assignment.reserve]
  let seat = -1
  for (const bytes of declines) {
    const decline = open(bytes, declineBody, `a decline of unit ${unit}`)
    of(genesis, decline.body)
    const { body, signer } = decline
    if (body.epoch !== assignment.epoch || body.unit !== unit || body.window !== assignment.window.toString()) {
      throw new RuleError(`unit ${unit} has a decline of another unit`)
    }
    if (seats.indexOf(signer) <= seat) throw new RuleError(`unit ${unit} has declines that are not in the deal's order`)
    seat = seats.indexOf(signer)
    evidence.declines.set(signer, decline)
  }
  const keys = new Set(shown.map(({ item }) => resultKey(item.result)))
  if (keys.size > 1 && (!records || audits.length > 0)) {
    throw new RuleError(`unit ${unit} has results that differ, and leaves are missing that tell which one is certified`)
  }
  if (!records && contested.length > 0) throw new RuleError(`unit ${unit} is contested, and its leaves are left out`)
  const blocks = new Map(
    [...(records ? [records] : []), ...contested].map((block) => [rawCid(block).toString(), block]),
  )
  const facts: Facts = {
    leaves: (cid) => blocks.get(cid),
    // Taken for true here; the caller is told which leaves that concerns.
    truth: ({ leaf }) => (records ? recordAt(records, leaf) : undefined),
    certified: records,
  }
  const settlement = settle(genesis, assignment, evidence, facts, () => true)
  if (settlement.status !== 'certified') {
    const reasons = [...new Set(settlement.refused.values())].join(', ')
    throw new RuleError(
      `unit ${unit} is not certified by ${genesis.body.replication} equal results${reasons && ` (${reasons})`}`,
    )
  }
  const { results, counted } = settlement
  // What does not count convicts nobody, or whoever hands the file on could choose who is remembered as wrong.
  const wrong = settlement.wrong.filter(({ reveal }) => counted.includes(reveal))
  const certifies = (reveal: Reveal) =>
    records !== null && auditorsOf(genesis, assignment, reveal, claims, records).length > 0
  if (audits.length > 0 && !counted.some(certifies)) throw new RuleError(`unit ${unit} has audits that certify nothing`)
  const { result } = results[0]!.item
  const { declines: declined } = evidence
  const said = { results, auditors: settlement.auditors, declines: declined, wrong }
  if (!records) return { leaves: null, differing: [], ...said }
  const leaves = readLeaves(genesis, unit, result, records)
  if (rawCid(records).toString() !== result.leaves)
    throw new RuleError(`unit ${unit} has leaves that are not those named`)
  const differing = differences(records, contested, shown, result)
  return { leaves, differing, ...said }
}

function silentSeats(
  { quorum, reserve }: Assignment,
  shown: readonly Reveal[],
  declines: UnitEvidence['declines'],
): string[] {
  const seats = [...quorum, ...reserve]
  const last = Math.max(quorum.length - 1, ...shown.map(({ node }) => seats.indexOf(node)))
  const spoke = new Set([...shown.map(({ node }) => node), ...declines.keys()])
  return seats.slice(0, last + 1).filter((node) => !spoke.has(node))
}

/** The leaves where others signed something else. Blocks that nobody signed have no place in a certificate. */
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
