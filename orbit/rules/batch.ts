/**
 * Commit and reveal, in batches: a node signs one root for all the results that it is bound to, and later one for all
 * that it shows.
 *
 * Record.  What a commit's tree is built over, for each of its units in order, is the canonical dag-cbor of
 *          [node, result, salt]: 64 hex digits, the result (events.ts), 16 bytes that nobody can guess. Naming the node
 *          makes a commit copied from another's worthless.
 * Commit.  The units, and the root of the RFC 9162 tree over their records.
 * Reveal.  A tree likewise over items; an item is the canonical dag-cbor of a result, its salt, where it was committed
 *          (commit, index, inclusion proof) and which commits of other accounts its node had seen for that unit.
 *
 * So one unit's result travels alone, in a certificate or in a proof of fraud: the commit, the item, the reveal, and two
 * inclusion proofs of some hundred bytes.
 *
 * Evidence only grows. A node may commit to a unit more than once, and show more than one result: nothing that it says later
 * takes back what it has said, and each result is judged on the commit that it names.
 */
import * as dagCbor from '@ipld/dag-cbor'
import { inclusionProofs, merkleRoot, verifyInclusion } from '../../kernels/merkle.ts'
import { unitKey } from './assignment.ts'
import {
  type AuditBody,
  answerBody,
  type CommitBody,
  commitBody,
  type DeclineBody,
  MAX_ANSWER_BYTES,
  MAX_REVEALED,
  type ResultBody,
  type RevealBody,
  type RevealedItem,
  revealBody,
  revealDocument,
  revealedItem,
  statementDocument,
} from './events.ts'
import { cidOf } from './genesis.ts'
import { equalBytes, open, RuleError, type Statement } from './statement.ts'

/** A unit of one deal: what is committed to, revealed and declined. */
export interface DealtUnit {
  readonly epoch: number
  readonly window: string | bigint
  readonly unit: number
}

export const dealtUnitKey = ({ epoch, window, unit }: DealtUnit): string =>
  `${epoch}/${unitKey({ window: BigInt(window), unit })}`

/** A result with the salt that hides it until it is revealed. */
export interface SaltedResult {
  readonly result: ResultBody
  /** 16 bytes. */
  readonly salt: Uint8Array
}

export interface Commit {
  readonly node: string
  /** CID of the statement. */
  readonly cid: string
  readonly statement: Statement<CommitBody>
  readonly body: CommitBody
}

/** An item of a reveal that the reveal's root covers. What it says of a commit is not checked yet: isCommitted(). */
export interface Reveal {
  readonly node: string
  /** CID of the statement. */
  readonly cid: string
  readonly statement: Statement<RevealBody>
  readonly body: RevealBody
  readonly item: RevealedItem
  /** The item as it lies under the root. */
  readonly bytes: Uint8Array
  readonly index: number
  /** Its inclusion proof under the root. */
  proof(): readonly Uint8Array[]
}

export const recordOf = (node: string, { result, salt }: SaltedResult): Uint8Array =>
  dagCbor.encode([node, result, salt])

/** The body of a commit to results, but for its beacon round. */
export function commitTo(node: string, results: readonly SaltedResult[]): Pick<CommitBody, 'units' | 'root'> {
  return {
    units: results.map(({ result: { epoch, window, unit } }) => [epoch, window, unit]),
    root: merkleRoot(results.map((result) => recordOf(node, result))),
  }
}

/**
 * Items that reveal results of one commit, in the order of the commit.
 *
 * @param all   what the commit was made of
 * @param which indices to reveal, and the CIDs to cite for each
 */
export function itemsOf(
  commit: string,
  node: string,
  all: readonly SaltedResult[],
  which: ReadonlyMap<number, readonly string[]>,
): Uint8Array[] {
  const proofs = inclusionProofs(all.map((result) => recordOf(node, result)))
  return [...which].map(([index, cites]) => {
    const item: RevealedItem = {
      commit,
      index,
      proof: [...proofs[index]!],
      result: all[index]!.result,
      salt: all[index]!.salt,
      cites: [...cites].sort(),
    }
    return dagCbor.encode(item)
  })
}

/** Of a document, besides its items: the signed statement, and what names and frames it. */
const FRAME_BYTES = 1024
const ITEM_FRAME_BYTES = 5

/** Cuts items into as many as one reveal document takes (admit.ts), by their number and by their size. */
export function partsOf(items: readonly Uint8Array[]): Uint8Array[][] {
  const parts: Uint8Array[][] = []
  let size = 0
  for (const item of items) {
    const part = parts.at(-1)
    size += item.length + ITEM_FRAME_BYTES
    if (part && part.length < MAX_REVEALED && size <= MAX_ANSWER_BYTES - FRAME_BYTES) part.push(item)
    else {
      parts.push([item])
      size = item.length + ITEM_FRAME_BYTES
    }
  }
  return parts
}

/** @throws {RuleError} when a unit comes twice */
export function openCommit(bytes: Uint8Array): Commit {
  const statement = open(bytes, commitBody, 'the commit')
  const { body } = statement
  const keys = body.units.map(([epoch, window, unit]) => dealtUnitKey({ epoch, window, unit }))
  if (new Set(keys).size !== keys.length) throw new RuleError('a commit that names a unit twice')
  return { node: statement.signer, cid: cidOf(bytes).toString(), statement, body }
}

/**
 * Opens one item of a reveal.
 *
 * @throws {RuleError}
 */
export function openItem(bytes: Uint8Array): RevealedItem {
  let value: unknown
  try {
    value = dagCbor.decode(bytes)
  } catch {
    throw new RuleError('an item of a reveal is not valid dag-cbor')
  }
  const parsed = revealedItem.safeParse(value)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new RuleError(`an item of a reveal does not fit its schema: ${issue?.path.join('.')}: ${issue?.message}`)
  }
  if (!equalBytes(dagCbor.encode(parsed.data), bytes)) throw new RuleError('an item of a reveal is not canonical')
  const { cites } = parsed.data
  if (cites.some((cid, i) => i > 0 && cites[i - 1]! >= cid)) throw new RuleError('a reveal whose cites are not sorted')
  return parsed.data
}

/** @throws {RuleError} when an item is ill-formed, or they are not what the signed root covers */
export function openReveal(document: unknown): Reveal[] {
  const parsed = revealDocument.safeParse(document)
  if (!parsed.success) throw new RuleError('a reveal document of the wrong shape')
  const statement = open(parsed.data.statement, revealBody, 'the reveal')
  const { items } = parsed.data
  if (items.length !== statement.body.size || !equalBytes(merkleRoot(items), statement.body.root)) {
    throw new RuleError('a reveal whose items are not those signed')
  }
  let proofs: ReturnType<typeof inclusionProofs> | null = null
  const proofOf = (index: number) => {
    proofs ??= inclusionProofs(items)
    return proofs[index]!
  }
  const cid = cidOf(statement.bytes).toString()
  return items.map((bytes, index) => ({
    ...{ node: statement.signer, cid, statement, body: statement.body },
    ...{ item: openItem(bytes), bytes, index },
    proof: () => proofOf(index),
  }))
}

/** Whether an item shows what its node committed to. */
export function isCommitted(commit: Commit, { node, item }: Pick<Reveal, 'node' | 'item'>): boolean {
  const named = commit.body.units[item.index]
  if (commit.node !== node || commit.cid !== item.commit || !named) return false
  const [epoch, window, unit] = named
  const { result } = item
  if (epoch !== result.epoch || window !== result.window || unit !== result.unit) return false
  return verifyInclusion(recordOf(node, item), item.index, commit.body.units.length, item.proof, commit.body.root)
}

/** All that is said of one unit of a deal. */
export interface UnitEvidence {
  /** By node: one or more, by CID. */
  readonly commits: Map<string, readonly Commit[]>
  /** By node: one or more items that show what their node committed to, in the order of a certificate (byReveal). */
  readonly reveals: Map<string, readonly Reveal[]>
  readonly declines: Map<string, Statement<DeclineBody>>
  /** What auditors say of its leaves, sorted. */
  readonly claims: LeafClaim[]
}

export interface LeafId {
  readonly window: bigint
  readonly unit: number
  readonly leaf: number
}

/** An auditor says what a leaf's record is. */
export interface LeafClaim extends LeafId {
  readonly node: string
  /** The epoch of the deal that the audited results were for. */
  readonly epoch: number
  /** 64 bytes. */
  readonly record: Uint8Array
  readonly statement: Statement<AuditBody>
}

/** What an answer document says, opened once: keyed by the document, which nobody changes. */
export type Answer =
  | { readonly type: 'commit'; readonly commit: Commit }
  | { readonly type: 'reveal'; readonly reveals: readonly Reveal[] }
  | { readonly type: 'decline'; readonly decline: Statement<DeclineBody> }
  | { readonly type: 'audit'; readonly claims: readonly LeafClaim[] }
const answers = new WeakMap<object, Answer>()

/** @throws {RuleError} */
export function openAnswer(document: unknown): Answer {
  const known = answers.get(document as object)
  if (known) return known
  const answer = read(document)
  answers.set(document as object, answer)
  return answer
}

function read(document: unknown): Answer {
  if (revealDocument.safeParse(document).success) return { type: 'reveal', reveals: openReveal(document) }
  const parsed = statementDocument.safeParse(document)
  if (!parsed.success) throw new RuleError('not a statement document')
  const answer = open(parsed.data.statement, answerBody, 'the answer')
  if (answer.body.type === 'commit') return { type: 'commit', commit: openCommit(answer.bytes) }
  if (answer.body.type === 'decline') return { type: 'decline', decline: answer as Statement<DeclineBody> }
  if (answer.body.type === 'audit') return { type: 'audit', claims: claimsOf(answer as Statement<AuditBody>) }
  throw new RuleError('a reveal without its items')
}

/** What an auditor says, leaf by leaf. */
export function claimsOf(statement: Statement<AuditBody>): LeafClaim[] {
  return statement.body.claims.map(([epoch, window, unit, leaf, record]) => ({
    ...{ node: statement.signer, statement },
    ...{ epoch, window: BigInt(window), unit, leaf, record },
  }))
}

/** Of the reveals of one node for a unit, which comes first: by the CID of the reveal, then by the place in it. */
export const byReveal = (a: Reveal, b: Reveal): number => (a.cid < b.cid ? -1 : a.cid > b.cid ? 1 : a.index - b.index)
