/**
 * The certificate: one canonical dag-json file (or the same as dag-cbor, in snapshots) with all that a stranger needs to be convinced of units of a window, and
 * nothing else. Format 3 (https://ipld.io/specs/codecs/dag-json/spec/):
 *
 *   format         "collatz-certificate"
 *   version        3
 *   genesis        bytes   the signed genesis block; its CID is the network id
 *   scope          "window" (all classes of the partition) or "units" (some of them)
 *   window         string  w, decimal: the certificate is about [w*2^W, (w+1)*2^W)
 *   registrations  [{ registration, consent }]  of every node whose result, audit or witness is in it, sorted by node key
 *   draws          [{ draw, signature, witnesses }]  the sealed draws, the beacon signature of R(epoch), and heartbeats of
 *                  more than half of the accounts on its roster that witness it, sorted by node; sorted by epoch
 *   commits        [bytes]  every commit that a result rests on or cites, sorted by CID
 *   reveals        [bytes]  the signed reveals, sorted by CID
 *   units          by unit, ascending
 *                  { unit, draw: index into draws,
 *                    results: [{ reveal: index into reveals, index, proof, item }]  all that count, in the deal's order,
 *                    audits: [bytes]  where they certify in place of N results: of all auditors, sorted by CID; or the
 *                    one that exposed a result which an audit was to certify,
 *                    declines: [bytes]  that let the reserve answer before the deadline,
 *                    leaves: 64-byte records of the certified result,
 *                    contested: [bytes]  leaves of results that differ from it, where somebody handed them out }
 *
 * `bytes` are dag-cbor statements (statement.ts) and items (batch.ts). The file must be the canonical encoding of what it
 * says, so every byte of it is either checked or signed.
 */
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import { z } from 'zod'
import { classes } from '../../kernels/partition.ts'
import { verifyInclusion } from '../../kernels/result.ts'
import type { HardSummary } from '../../kernels/unit.ts'
import { openRegistration, type Registration } from './admit.ts'
import { type Assignment, assign, seedRound } from './assignment.ts'
import { certifyingEpoch } from './audit.ts'
import {
  type Commit,
  claimsOf,
  dealtUnitKey,
  isCommitted,
  type LeafClaim,
  type LeafId,
  openCommit,
  openItem,
  type Reveal,
  type UnitEvidence,
} from './batch.ts'
import { verifyRound } from './beacon.ts'
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
  registrationDocument,
  resultKey,
  revealBody,
} from './events.ts'
import { cidOf, type Genesis, rawCid, readGenesis } from './genesis.ts'
import { type SettledConviction, type SettledWindow, settledWindow } from './history.ts'
import { firstDifference, readLeaves, recordAt } from './leaves.ts'
import { type Knowledge, settle, type Wrong } from './quorum.ts'
import type { CertifiedUnit, State } from './state.ts'
import { equalBytes, field, open, RuleError, type Statement } from './statement.ts'
import { witnessesIn, witnessesNeeded, witnessesOf } from './witness.ts'

const index = z.number().int().min(0)

const certificateFile = z.strictObject({
  format: z.literal('collatz-certificate'),
  version: z.literal(3),
  scope: z.enum(['window', 'units']),
  genesis: field.blob,
  window: z.string().regex(/^(0|[1-9][0-9]{0,40})$/),
  registrations: z.array(registrationDocument).min(1),
  draws: z.array(z.strictObject({ draw: field.blob, signature: field.blob, witnesses: z.array(field.blob) })).min(1),
  commits: z.array(field.blob).min(1),
  reveals: z.array(field.blob).min(1),
  units: z
    .array(
      z.strictObject({
        unit: index,
        draw: index,
        results: z
          .array(z.strictObject({ reveal: index, index, proof: z.array(field.bytes(32)).max(12), item: field.blob }))
          .min(1),
        audits: z.array(field.blob),
        declines: z.array(field.blob),
        leaves: field.blob.nullable(),
        contested: z.array(field.blob),
      }),
    )
    .min(1),
})
type CertificateFile = z.infer<typeof certificateFile>

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
  /** Whose results are in it. */
  readonly accounts: readonly Registration[]
  readonly units: ReadonlyMap<number, CertifiedResult>
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
  /** Who is wrong, if the certified leaves are right. */
  readonly wrong: readonly Wrong[]
}

export interface CertificateSources {
  /** The leaf records that a CID names, or undefined. */
  leaves(cid: string): Uint8Array | undefined
  registration(node: string): z.infer<typeof registrationDocument>
}

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
  const known = state.windows.get(window)
  if (which === 'all' && !known?.complete) throw new RuleError(`window ${window} is not certified yet`)
  const indices = which === 'all' ? [...known!.certified.keys()] : [...new Set(which)]
  const units = indices
    .sort((a, b) => a - b)
    .map((unit) => {
      const certified = known?.certified.get(unit)
      if (!certified) throw new RuleError(`unit ${unit} of window ${window} is not certified yet`)
      return { unit, certified, evidence: state.evidence.units.get(dealtUnitKey(certified.assignment))! }
    })
  const counted = units.flatMap(({ certified }) => certified.settlement.counted)
  const commits = sorted(units.flatMap(({ certified, evidence }) => commitsNeeded(certified, evidence)))
  const reveals = sorted(counted.map(({ statement }) => statement.bytes))
  const revealAt = new Map(reveals.map((bytes, i) => [cidOf(bytes).toString(), i]))
  const epochs = [...new Set(units.map(({ certified }) => certified.assignment.epoch))].sort((a, b) => a - b)
  const witnesses = epochs.map((epoch) => {
    const { draw, cid } = state.draws.get(epoch)!
    return witnessesOf(draw.body, state.witnesses.get(cid)).slice(0, witnessesNeeded(draw.body))
  })
  const audits = units.map(({ certified, evidence }) => auditsNeeded(state.genesis, certified, evidence, sources))
  const nodes = [
    ...new Set([
      ...counted.map(({ node }) => node),
      ...witnesses.flat().map(({ signer }) => signer),
      ...audits.flat().map(({ node }) => node),
    ]),
  ].sort()
  const file: CertificateFile = {
    format: 'collatz-certificate',
    version: 3,
    scope: which === 'all' ? 'window' : 'units',
    genesis: state.genesis.bytes,
    window: window.toString(),
    registrations: nodes.map((node) => sources.registration(node)),
    draws: epochs.map((epoch, i) => {
      const { draw, signature } = state.draws.get(epoch)!
      return { draw: draw.bytes, signature, witnesses: witnesses[i]!.map(({ bytes }) => bytes) }
    }),
    commits,
    reveals,
    units: units.map(({ unit, certified, evidence }, i) => {
      const { assignment, settlement, results } = certified
      const own = results[0]!.item.result.leaves
      const leaves = sources.leaves(own)
      if (!leaves) throw new RuleError(`the leaves of unit ${unit} of window ${window} are not here`)
      const others = new Set(settlement.counted.map(({ item }) => item.result.leaves).filter((cid) => cid !== own))
      return {
        unit,
        draw: epochs.indexOf(assignment.epoch),
        results: settlement.counted.map((reveal) => ({
          reveal: revealAt.get(cidOf(reveal.statement.bytes).toString())!,
          index: reveal.index,
          proof: [...reveal.proof()],
          item: reveal.bytes,
        })),
        audits: sorted(audits[i]!.map(({ statement }) => statement.bytes)),
        declines: [...assignment.quorum, ...assignment.reserve].flatMap(
          (node) => evidence.declines.get(node)?.bytes ?? [],
        ),
        leaves,
        contested: [...others].sort().flatMap((cid) => sources.leaves(cid) ?? []),
      }
    }),
  }
  return dagJson.encode(file)
}

/**
 * A certificate of our own as dag-cbor without the leaves that nobody contests and no audit speaks of: a fraction of it, with
 * all signatures.
 */
export function withoutLeaves(fileBytes: Uint8Array): Uint8Array {
  const file = (fileBytes[0] === 0x7b ? dagJson : dagCbor).decode<CertificateFile>(fileBytes)
  const isContested = ({ results, audits }: CertificateFile['units'][number]) =>
    audits.length > 0 || new Set(results.map(({ item }) => resultKey(openItem(item).result))).size > 1
  return dagCbor.encode({
    ...file,
    units: file.units.map((unit) => (isContested(unit) ? unit : { ...unit, leaves: null })),
  })
}

/** What is remembered of the window that a certificate is about (history.ts). @throws {RuleError} if it is of units */
export function settledBy({ genesis, window, complete, units, accounts }: Certified): SettledWindow {
  if (!complete) throw new RuleError('it certifies units, not a window')
  const accountOf = new Map(accounts.map(({ node, account }) => [node, account]))
  const convictions = [...units].flatMap(([unit, { epoch, wrong }]) =>
    wrong.map(
      ({ node, reveal, leaf }): SettledConviction => ({
        ...{ account: accountOf.get(node)!, node, kind: leaf === null ? 'sum' : 'leaf', epoch, window, unit, leaf },
        evidence: [cidOf(reveal.statement.bytes).toString()],
      }),
    ),
  )
  return settledWindow(genesis, window, units.values(), convictions)
}

/** By CID, each once. */
const sorted = (statements: readonly Uint8Array[]): Uint8Array[] =>
  [...new Map(statements.map((bytes) => [cidOf(bytes).toString(), bytes]))]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, bytes]) => bytes)

/**
 * The audits that certify a unit in place of N results; or where one exposed the one result, and so called the others, that
 * audit: of several the one of the lowest CID.
 */
function auditsNeeded(
  genesis: Genesis,
  { settlement, assignment, results }: CertifiedUnit,
  { claims }: UnitEvidence,
  sources: CertificateSources,
): LeafClaim[] {
  const { auditors, escalations } = settlement
  if (auditors.length > 0) {
    return claims.filter(({ node, statement }) => auditors.includes(node) && certifies(genesis, assignment, statement))
  }
  if (!assignment.audited || escalations === 0) return []
  const truth = sources.leaves(results[0]!.item.result.leaves)
  const lie = sources.leaves(settlement.counted[0]!.item.result.leaves)
  if (!truth || !lie) return []
  const isIn = (records: Uint8Array, { leaf, record }: LeafClaim) => equalBytes(recordAt(records, leaf), record)
  const denies = (claim: LeafClaim) => (isIn(lie, claim) ? '1' : '0')
  const order = (claim: LeafClaim) => `${denies(claim)} ${cidOf(claim.statement.bytes)}`
  const isTrue = ({ statement }: LeafClaim) =>
    claims.every((claim) => claim.statement.bytes !== statement.bytes || isIn(truth, claim))
  return claims
    .filter(isTrue)
    .sort((a, b) => (order(a) < order(b) ? -1 : 1))
    .slice(0, 1)
}

const certifies = (genesis: Genesis, { epoch }: Assignment, { body }: Statement<AuditBody>): boolean =>
  body.round === seedRound(genesis, certifyingEpoch(genesis, epoch))

/** The commits behind the results that count, and those that they cite. */
function commitsNeeded({ settlement }: CertifiedUnit, { commits }: UnitEvidence): Uint8Array[] {
  const cids = new Set(settlement.counted.flatMap(({ item }) => [item.commit, ...item.cites]))
  return [...commits.values()].flatMap((commit) => (commit && cids.has(commit.cid) ? commit.statement.bytes : []))
}

/**
 * Checks a certificate from the bytes alone, offline: form, signatures, beacon, deal, commits, Merkle roots, quorum. What
 * is left to trust is that the signers computed what they signed; recompute leaves for that.
 *
 * @throws {RuleError} saying what does not hold
 */
export function readCertificate(fileBytes: Uint8Array): Certified {
  const file = parse(fileBytes)
  const genesis = readGenesis(file.genesis)
  const window = BigInt(file.window)
  if (window < genesis.firstWindow) throw new RuleError('the window lies below the baseline')

  const nodes = new Map<string, Registration>()
  for (const document of file.registrations) {
    const registration = openRegistration(genesis, document)
    const last = [...nodes.keys()].at(-1)
    if (last !== undefined && last >= registration.node) throw new RuleError('the registrations are not sorted')
    nodes.set(registration.node, registration)
  }
  const draws = readDraws(genesis, window, file, nodes)
  const commits = inOrder(file.commits, 'commits').map((bytes) => {
    const commit = openCommit(bytes)
    of(genesis, commit.body)
    verifyRound(genesis.chain, commit.body.round, commit.body.beacon)
    return commit
  })
  const reveals = inOrder(file.reveals, 'reveals').map((bytes) => {
    const reveal = open(bytes, revealBody, 'a reveal')
    of(genesis, reveal.body)
    verifyRound(genesis.chain, reveal.body.round, reveal.body.beacon)
    return reveal
  })

  const commitsTo = new Map<string, Commit[]>()
  for (const commit of commits) {
    for (const [epoch, of, unit] of commit.body.units) {
      const key = dealtUnitKey({ epoch, window: of, unit })
      commitsTo.set(key, [...(commitsTo.get(key) ?? []), commit])
    }
  }
  const used = {
    draws: new Set<number>(),
    nodes: new Set<string>(),
    commits: new Set<string>(),
    reveals: new Set<number>(),
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
    used.draws.add(entry.draw)
    for (const node of draw.witnesses) used.nodes.add(node)
    const shown = entry.results.map((result) => {
      const statement = reveals[result.reveal]
      if (!statement) throw new RuleError(`unit ${unit} has a result without its reveal`)
      used.reveals.add(result.reveal)
      return readItem(statement, result, assignment)
    })
    const bound = commitsTo.get(dealtUnitKey(assignment)) ?? []
    const cited = new Set(shown.flatMap(({ item }) => [item.commit, ...item.cites]))
    for (const { cid } of bound) if (cited.has(cid)) used.commits.add(cid)
    for (const { node } of shown) {
      used.nodes.add(node)
      signers.add(node)
      if (nodes.get(node)?.account !== draw.roster.get(node)) {
        throw new RuleError(`unit ${unit} is signed by a node whose registration is missing or names another account`)
      }
    }
    const audits = inOrder(entry.audits, 'audits').map((bytes) => {
      const audit = open(bytes, auditBody, `an audit of unit ${unit}`)
      of(genesis, audit.body)
      verifyRound(genesis.chain, audit.body.round, audit.body.beacon)
      if (nodes.get(audit.signer)?.account !== draw.roster.get(audit.signer)) {
        throw new RuleError(`unit ${unit} has an auditor whose registration is missing or names another account`)
      }
      used.nodes.add(audit.signer)
      return audit
    })
    const { leaves, differing, results, wrong } = checkUnit(genesis, assignment, entry, shown, bound, audits)
    for (const leaf of differing) contested.push({ window, unit, leaf })
    const { result } = results[0]!.item
    const accounts = results.map(({ node }) => nodes.get(node)!.account)
    units.set(unit, { epoch: assignment.epoch, result, leaves, accounts, wrong })
  }
  if (used.draws.size !== draws.length) throw new RuleError('it carries a draw that none of its units is from')
  if (used.nodes.size !== nodes.size) throw new RuleError('it carries a registration that none of its results needs')
  if (used.reveals.size !== reveals.length) throw new RuleError('it carries a reveal that none of its results needs')
  if (commits.some(({ cid }) => !used.commits.has(cid))) {
    throw new RuleError('it carries a commit that none of its results needs')
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
    accounts: [...nodes.values()].filter(({ node }) => signers.has(node)),
    units,
    contested,
  }
}

function parse(fileBytes: Uint8Array): CertificateFile {
  // A dag-json map begins with a brace, a dag-cbor map never does.
  const codec = fileBytes[0] === 0x7b ? dagJson : dagCbor
  let value: unknown
  try {
    value = codec.decode(fileBytes)
  } catch {
    throw new RuleError('it is neither a dag-json nor a dag-cbor file')
  }
  const parsed = certificateFile.safeParse(value)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new RuleError(`it is not a certificate of format 3: ${issue?.path.join('.') || 'file'}: ${issue?.message}`)
  }
  if (!equalBytes(codec.encode(parsed.data), fileBytes)) throw new RuleError('it is not in canonical form')
  return parsed.data
}

function of(genesis: Genesis, { network }: { network: string }): void {
  if (network !== genesis.networkId) throw new RuleError('it carries a statement for another network')
}

function inOrder(statements: readonly Uint8Array[], what: string): readonly Uint8Array[] {
  const cids = statements.map((bytes) => cidOf(bytes).toString())
  if (cids.some((cid, i) => i > 0 && cids[i - 1]! >= cid)) throw new RuleError(`the ${what} are not sorted`)
  return statements
}

/** More than half of the accounts on the roster of a draw say that they had it before its beacon round. */
function checkWitnesses(
  genesis: Genesis,
  draw: Statement<DrawBody>,
  statements: readonly Uint8Array[],
  nodes: ReadonlyMap<string, Registration>,
): void {
  const cid = cidOf(draw.bytes).toString()
  const { epoch } = draw.body
  const heartbeats = statements.map((bytes) => {
    const heartbeat = open(bytes, heartbeatBody, `a witness of the draw of epoch ${epoch}`)
    of(genesis, heartbeat.body)
    verifyRound(genesis.chain, heartbeat.body.round, heartbeat.body.beacon)
    if (heartbeat.body.node !== heartbeat.signer) throw new RuleError("a heartbeat in another node's name")
    return heartbeat
  })
  const found = witnessesOf(draw.body, witnessesIn(heartbeats, nodes).get(cid))
  if (found.length !== witnessesNeeded(draw.body) || found.some((heartbeat, i) => heartbeat !== heartbeats[i])) {
    throw new RuleError(`the draw of epoch ${epoch} is not witnessed by more than half of its roster, each once`)
  }
}

function readDraws(genesis: Genesis, window: bigint, file: CertificateFile, nodes: ReadonlyMap<string, Registration>) {
  let lastEpoch = 0
  return file.draws.map(({ draw: drawBytes, signature, witnesses }) => {
    const draw = open(drawBytes, drawBody, 'a draw of the certificate')
    if (!genesis.body.coordinators.includes(draw.signer)) throw new RuleError('a draw is not by a coordinator')
    if (draw.body.epoch <= lastEpoch) throw new RuleError('the draws are not sorted')
    lastEpoch = draw.body.epoch
    const assignments = assign(genesis, draw.body, signature)
    checkWitnesses(genesis, draw, witnesses, nodes)
    return {
      epoch: draw.body.epoch,
      roster: new Map(draw.body.roster.map((entry) => [entry.node, entry.account])),
      witnesses: witnesses.map((bytes) => open(bytes, heartbeatBody, 'a witness').signer),
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
  return { node: statement.signer, statement, body: statement.body, item, bytes, index, proof: () => proof }
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
): {
  leaves: readonly HardSummary[] | null
  differing: readonly number[]
  results: readonly Reveal[]
  wrong: readonly Wrong[]
} {
  const claims = audits.flatMap((audit) => {
    const own = claimsOf(audit).filter((claim) => dealtUnitKey(claim) === dealtUnitKey(assignment))
    if (own.length === 0) throw new RuleError(`unit ${unit} has an audit of something else`)
    return own
  })
  const evidence: UnitEvidence = { commits: new Map(), reveals: new Map(), declines: new Map(), claims }
  for (const commit of commits) {
    evidence.commits.set(commit.node, evidence.commits.has(commit.node) ? null : commit)
  }
  for (const reveal of shown) {
    const commit = evidence.commits.get(reveal.node)
    if (!commit || !isCommitted(commit, reveal)) {
      throw new RuleError(`unit ${unit} has a result that its node did not commit to`)
    }
    evidence.reveals.set(reveal.node, reveal)
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
  const blocks = new Map(
    [...(records ? [records] : []), ...contested].map((block) => [rawCid(block).toString(), block]),
  )
  const knowledge: Knowledge = {
    leaves: (cid) => blocks.get(cid),
    // Taken for true here; the caller is told which leaves that concerns.
    truth: ({ leaf }) => (records ? recordAt(records, leaf) : undefined),
  }
  const settlement = settle(genesis, assignment, evidence, knowledge, () => true)
  if (settlement.status !== 'certified') {
    const reasons = [...new Set(settlement.refused.values())].join(', ')
    throw new RuleError(
      `unit ${unit} is not certified by ${genesis.body.replication} equal results${reasons && ` (${reasons})`}`,
    )
  }
  if (settlement.counted.length !== shown.length || settlement.counted.some((reveal, i) => reveal !== shown[i])) {
    throw new RuleError(`unit ${unit} has a result that does not count, or not in the order of the deal`)
  }
  const isNeeded =
    settlement.auditors.length > 0
      ? audits.every((audit) => settlement.auditors.includes(audit.signer) && certifies(genesis, assignment, audit))
      : audits.length <= (assignment.audited && settlement.escalations > 0 ? 1 : 0) &&
        settlement.wrongClaims.length === 0
  if (!isNeeded) throw new RuleError(`unit ${unit} has an audit that it does not need`)
  const { results, counted, wrong } = settlement
  const { result } = results[0]!.item
  if (!records) {
    if (contested.length > 0) throw new RuleError(`unit ${unit} is contested, and its leaves are left out`)
    return { leaves: null, differing: [], results: results.slice(0, genesis.body.replication), wrong }
  }
  const leaves = readLeaves(genesis, unit, result, records)
  if (rawCid(records).toString() !== result.leaves)
    throw new RuleError(`unit ${unit} has leaves that are not those named`)
  const differing = differences(records, contested, counted, result)
  return { leaves, differing, results: results.slice(0, genesis.body.replication), wrong }
}

/** The leaves where others signed something else. Blocks that nobody signed have no place in a certificate. */
function differences(
  records: Uint8Array,
  contested: readonly Uint8Array[],
  counted: readonly Reveal[],
  certified: ResultBody,
): number[] {
  const signed = new Set(
    counted.filter(({ item }) => resultKey(item.result) !== resultKey(certified)).map(({ item }) => item.result.leaves),
  )
  const cids = contested.map((block) => rawCid(block).toString())
  if (cids.some((cid, i) => !signed.has(cid) || (i > 0 && cids[i - 1]! >= cid))) {
    throw new RuleError('it carries leaves that none of its results needs')
  }
  return contested.flatMap((block) =>
    block.length === records.length ? (firstDifference([records, block]) ?? []) : [],
  )
}
