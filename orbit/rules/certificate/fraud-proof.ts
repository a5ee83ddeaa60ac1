/**
 * The fraud proof: one canonical dag-json file that convicts an account by what its own node
 * signed, and by nothing that anyone else says. Format 2
 * (https://ipld.io/specs/codecs/dag-json/spec/):
 *
 *   format        "collatz-fraud-proof"
 *   version       2
 *   kind          as a conviction's (convictions.ts)
 *   genesis       bytes   the signed genesis block; its CID is the network id
 *   registration  { registration, consent }  the account took the node for its own, and the node
 *                 agreed
 * and by kind
 *   leaf           shown: what was shown; leaf; record: its 64 bytes; recordProof: under the root
 *                  of the result
 *   sum            shown; leaves: the block that the result names, which does not make that result
 *   contradiction  shown: two results of one unit of one deal that differ, the lower item first
 *   evidence       shown; signature: the beacon's of R(epoch), which the evidence hangs on; place,
 *                  record: one of its records; recordProof: under the root of the evidence
 *   claim          audit: the signed audit; claim: which of its claims
 *
 * Each of `shown` is { statement, index, proof, item }: the signed statement, and one item under
 * its root (answer/results.ts).
 *
 * `sum`, `contradiction` and `evidence` hold from these bytes alone. `leaf` and `claim` hold if
 * computing that one leaf gives another record than was signed, and only then: a result that is
 * right can't be made to convict anybody.
 */
import * as dagJson from '@ipld/dag-json'
import { z } from 'zod'
import { refusalOf } from '../../../kernels/evidence/item.ts'
import { inclusionProof, verifyInclusion } from '../../../kernels/merkle.ts'
import { leavesOf } from '../../../kernels/partition.ts'
import { LEAF_BYTES } from '../../../kernels/result.ts'
import { widestTest } from '../answer/judge.ts'
import { isSumOf, recordAt } from '../answer/leaves.ts'
import {
  evidenceRecords,
  openItem,
  RECORD_BYTES,
  readEvidence,
  readEvidenceRecord,
  type SignedResult,
} from '../answer/results.ts'
import { compareBytes, equalBytes } from '../base/bytes.ts'
import { cidOf, rawCid } from '../base/cid.ts'
import { field } from '../base/fields.ts'
import { decodeAs, open, RuleError, type Statement } from '../base/statement.ts'
import { auditBody, MAX_AUDITED, MAX_RESULTS, type ResultItem, resultKey, resultsBody } from '../message/bodies.ts'
import { registrationDocument } from '../message/documents.ts'
import { openRegistration } from '../message/registration.ts'
import { dealtUnitKey } from '../message/unit.ts'
import { verifyRound } from '../network/beacon.ts'
import { type Genesis, readGenesis } from '../network/genesis.ts'
import { seedRound } from '../network/schedule.ts'
import type { Conviction } from '../quorum/convictions.ts'
import type { State } from '../state/state.ts'
import { type CertificateSources, MAX_PROOF } from './format.ts'

const shown = z.strictObject({
  statement: field.blob,
  index: z
    .number()
    .int()
    .min(0)
    .max(MAX_RESULTS - 1),
  proof: z.array(field.bytes(32)).max(MAX_PROOF),
  item: field.blob,
})
type Shown = z.infer<typeof shown>

/** Of the file's format. */
const FORMAT_VERSION = 2

const common = {
  format: z.literal('collatz-fraud-proof'),
  version: z.literal(FORMAT_VERSION),
  genesis: field.blob,
  registration: registrationDocument,
}
const leafIndex = z.number().int().min(0).max(131071)
/** Three tiers of 65,535 records each. */
const recordIndex = z.number().int().min(0).max(196_604)

const fraudProofFile = z.discriminatedUnion('kind', [
  z.strictObject({
    ...common,
    kind: z.literal('leaf'),
    shown: z.tuple([shown]),
    leaf: leafIndex,
    record: field.bytes(LEAF_BYTES),
    recordProof: z.array(field.bytes(32)).max(17),
  }),
  z.strictObject({ ...common, kind: z.literal('sum'), shown: z.tuple([shown]), leaves: field.blob }),
  z.strictObject({ ...common, kind: z.literal('contradiction'), shown: z.tuple([shown, shown]) }),
  z.strictObject({
    ...common,
    kind: z.literal('evidence'),
    shown: z.tuple([shown]),
    signature: field.bytes(48),
    place: recordIndex,
    record: field.bytes(RECORD_BYTES),
    recordProof: z.array(field.bytes(32)).max(18),
  }),
  z.strictObject({
    ...common,
    kind: z.literal('claim'),
    audit: field.blob,
    claim: z
      .number()
      .int()
      .min(0)
      .max(MAX_AUDITED - 1),
  }),
])
type FraudProofFile = z.infer<typeof fraudProofFile>

/**
 * What a fraud proof says. With a leaf, it holds if computing that leaf gives another record;
 * without, it holds.
 */
export interface FraudProof {
  readonly genesis: Genesis
  readonly account: string
  /** The account's name, as it registered the node. */
  readonly name: string
  readonly node: string
  readonly kind: Conviction['kind']
  /** The epoch of the deal. */
  readonly epoch: number
  readonly window: bigint
  readonly unit: number
  /** The leaf that decides. */
  readonly leaf: number | null
  /** What was signed for it: 64 bytes. */
  readonly record: Uint8Array | null
  /** The number that is no item of its evidence. */
  readonly falseItem: bigint | null
  /** CIDs of the statements that convict. */
  readonly statements: readonly string[]
}

/**
 * @param sources registrations, and for `leaf` and `sum` the leaves behind the result
 * @throws {RuleError} when something that it takes is not here
 */
export function writeFraudProof(state: State, conviction: Conviction, sources: CertificateSources): Uint8Array {
  const { kind, account, node, epoch, window, unit, leaf, item, results, claim } = conviction
  const [first, second] = results
  const missing = (what: string) => new RuleError(`${what} of unit ${unit} of window ${window} is not here`)
  if (!first && !claim) throw missing('what was signed')
  const about: Pick<FraudProofFile, 'format' | 'version' | 'genesis' | 'registration'> = {
    format: 'collatz-fraud-proof',
    version: FORMAT_VERSION,
    genesis: state.genesis.bytes,
    registration: sources.registration(node, account),
  }
  if (kind === 'claim') {
    if (!claim) throw missing('the audit')
    const at = claim.statement.body.claims.findIndex(
      ([epoch, w, u, l, record]) =>
        dealtUnitKey({ epoch, window: w, unit: u }) === dealtUnitKey(claim) &&
        l === claim.leaf &&
        equalBytes(record, claim.record),
    )
    return encode({ ...about, kind, audit: claim.statement.bytes, claim: at })
  }
  if (!first) throw missing('the result')
  if (kind === 'contradiction') {
    if (!second) throw missing('the other result')
    return encode({ ...about, kind, shown: [shownBy(first), shownBy(second)] })
  }
  if (kind === 'evidence') {
    const signature = state.draws.get(epoch)?.signature
    if (!signature) throw missing('the draw')
    const records = evidenceRecords(readEvidence(state.genesis, window, unit, first.evidence))
    return encode({
      ...{ ...about, kind, shown: [shownBy(first)], signature, place: item!, record: records[item!]! },
      recordProof: [...inclusionProof(records, item!)],
    })
  }
  const leaves = sources.leaves(first.item.leaves)
  if (!leaves) throw missing('the block of leaves')
  if (kind === 'sum') return encode({ ...about, kind, shown: [shownBy(first)], leaves })
  const records = Array.from({ length: leaves.length / LEAF_BYTES }, (_, i) => recordAt(leaves, i))
  return encode({
    ...{ ...about, kind, shown: [shownBy(first)], leaf: leaf!, record: records[leaf!]! },
    recordProof: [...inclusionProof(records, leaf!)],
  })
}

const encode = (file: FraudProofFile): Uint8Array => dagJson.encode(file)

const shownBy = ({ statement, index, proof, bytes }: SignedResult): Shown => ({
  ...{ statement: statement.bytes, index, proof: [...proof()], item: bytes },
})

/**
 * Checks a fraud proof from its bytes alone: form, signatures, registration, Merkle proofs. With a
 * leaf, what is left is to compute it. One function, as the kinds of proof share what they check.
 *
 * @throws {RuleError} saying what does not hold
 */
export function readFraudProof(fileBytes: Uint8Array): FraudProof {
  const mismatch = `it is not a fraud proof of format ${FORMAT_VERSION}`
  const file = decodeAs(fileBytes, fraudProofFile, 'it', { codec: dagJson, mismatch })
  const genesis = readGenesis(file.genesis)
  const { account, node, name } = openRegistration(genesis, file.registration)
  const signed = <Body extends { network: string }>({ body, signer }: Statement<Body>): void => {
    if (body.network !== genesis.networkId) throw new RuleError('it carries a statement for another network')
    if (signer !== node) throw new RuleError('it carries a statement that the node of the registration did not sign')
  }
  const says = (
    at: { epoch: number; window: string; unit: number },
    statements: readonly Uint8Array[],
    decides: { leaf: number; record: Uint8Array } | null = null,
  ): FraudProof => {
    const window = BigInt(at.window)
    const leaves = leafCount(genesis, window, at.unit)
    if (decides && decides.leaf >= leaves) throw new RuleError(`unit ${at.unit} has no leaf ${decides.leaf}`)
    return {
      ...{ genesis, account, name, node, kind: file.kind, epoch: at.epoch, window, unit: at.unit },
      ...{ leaf: decides?.leaf ?? null, record: decides?.record ?? null, falseItem: null },
      statements: [...new Set(statements.map((bytes) => cidOf(bytes).toString()))],
    }
  }
  if (file.kind === 'claim') {
    const audit = open(file.audit, auditBody, 'the audit')
    signed(audit)
    const claim = audit.body.claims[file.claim]
    if (!claim) throw new RuleError(`the audit has no claim ${file.claim}`)
    const [epoch, window, unit, leaf, record] = claim
    return says({ epoch, window, unit }, [file.audit], { leaf, record })
  }
  const items = file.shown.map((entry) => {
    const statement = open(entry.statement, resultsBody, 'the statement of results')
    signed(statement)
    const { size, root } = statement.body
    if (!verifyInclusion(entry.item, entry.index, size, entry.proof, root)) {
      throw new RuleError('it carries a result that the signature of the statement does not cover')
    }
    return openItem(entry.item)
  }) as [ResultItem, ResultItem?]
  const [result, other] = items
  const statements = file.shown.map(({ statement }) => statement)
  if (file.kind === 'contradiction') {
    if (dealtUnitKey(result) !== dealtUnitKey(other!)) throw new RuleError('its two results are not of the same unit')
    if (resultKey(result) === resultKey(other!)) throw new RuleError('its two results are the same')
    if (compareBytes(file.shown[0].item, file.shown[1]!.item) >= 0) throw new RuleError('its results are not sorted')
    return says(result, statements)
  }
  const proof = says(result, statements, file.kind === 'leaf' ? file : null)
  if (file.kind === 'sum') {
    if (rawCid(file.leaves).toString() !== result.leaves) throw new RuleError('it carries leaves that were not signed')
    if (isSumOf(genesis, result.unit, result, file.leaves)) throw new RuleError('its result is the sum of its leaves')
    return proof
  }
  if (file.kind === 'evidence') return { ...proof, falseItem: falseItemOf(genesis, node, result, file) }
  const size = leafCount(genesis, proof.window, proof.unit)
  if (!verifyInclusion(file.record, file.leaf, size, file.recordProof, result.root)) {
    throw new RuleError('it carries a leaf that was not signed')
  }
  return proof
}

/**
 * The number that a proof shows to be no item. @throws {RuleError} when it was not signed, or is
 * one
 */
function falseItemOf(
  genesis: Genesis,
  signer: string,
  { epoch, window: windowText, unit: index, items, evidence }: ResultItem,
  { signature, place, record, recordProof }: Extract<FraudProofFile, { kind: 'evidence' }>,
): bigint {
  if (!verifyInclusion(record, place, items, recordProof, evidence)) {
    throw new RuleError('it carries a record of evidence that was not signed')
  }
  const seed = verifyRound(genesis.chain, seedRound(genesis, epoch), signature)
  const read = readEvidenceRecord(record)
  if (!read) throw new RuleError('its record of evidence is ill-formed')
  const window = BigInt(windowText)
  const test = widestTest(genesis, { window, index, signer }, seed)
  if (refusalOf(read.n, read.tier, { partition: genesis.partition, window, index }, test) === null) {
    throw new RuleError(`${read.n} is an item of the evidence: nobody is convicted by it`)
  }
  return read.n
}

/**
 * Nobody can be asked to compute what is no unit of the network, nor what lies beyond the engines
 * (kernels/wasm).
 */
function leafCount({ partition, firstWindow }: Genesis, window: bigint, unit: number): number {
  if (window < firstWindow || (window + 1n) << BigInt(partition.bits) > 1n << 96n) {
    throw new RuleError(`window ${window} is out of range`)
  }
  try {
    return leavesOf(partition, unit).length
  } catch {
    throw new RuleError(`the partition has no unit ${unit}`)
  }
}
