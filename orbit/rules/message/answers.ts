/**
 * Answers opened: commits, reveals, declines and audits, from the bytes of a document to what they
 * say. What a commit's tree and a reveal's tree are built over is told in answer/commit-reveal.ts;
 * whether an answer counts, in answer/admissible.ts.
 */

import * as dagCbor from '@ipld/dag-cbor'
import { inclusionProofs, merkleRoot, verifyInclusion } from '../../../kernels/merkle.ts'
import { equalBytes } from '../base/bytes.ts'
import { cidOf } from '../base/cid.ts'
import { createMemory, type Memory } from '../base/memory.ts'
import { open, RuleError, type Statement } from '../base/statement.ts'
import {
  type AuditBody,
  answerBody,
  type CommitBody,
  commitBody,
  type DeclineBody,
  type ResultBody,
  type RevealBody,
  type RevealedItem,
  revealBody,
  revealedItem,
} from './bodies.ts'
import { revealDocument, statementDocument } from './documents.ts'
import { dealtUnitKey, type LeafId } from './unit.ts'

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

/**
 * An item of a reveal that the reveal's root covers. What it says of a commit is not checked yet:
 * isCommitted().
 */
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

/** @throws {RuleError} when a unit comes twice */
export function openCommit(bytes: Uint8Array, memory: Memory = createMemory()): Commit {
  const statement = open(bytes, commitBody, 'the commit', memory)
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
export function openReveal(document: unknown, memory: Memory = createMemory()): Reveal[] {
  const parsed = revealDocument.safeParse(document)
  if (!parsed.success) throw new RuleError('a reveal document of the wrong shape')
  const statement = open(parsed.data.statement, revealBody, 'the reveal', memory)
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

/** An auditor says what a leaf's record is. */
export interface LeafClaim extends LeafId {
  readonly node: string
  /** The epoch of the deal that the audited results were for. */
  readonly epoch: number
  /** 64 bytes. */
  readonly record: Uint8Array
  readonly statement: Statement<AuditBody>
}

/** What an answer document says. */
export type Answer =
  | { readonly type: 'commit'; readonly commit: Commit }
  | { readonly type: 'reveal'; readonly reveals: readonly Reveal[] }
  | { readonly type: 'decline'; readonly decline: Statement<DeclineBody> }
  | { readonly type: 'audit'; readonly claims: readonly LeafClaim[] }

/** By the document, which nobody changes. */
const answers = () => new WeakMap<object, Answer>()

/** @throws {RuleError} */
export function openAnswer(document: unknown, memory: Memory = createMemory()): Answer {
  const known = memory.table(answers).get(document as object)
  if (known) return known
  const answer = read(document, memory)
  memory.table(answers).set(document as object, answer)
  return answer
}

function read(document: unknown, memory: Memory): Answer {
  if (revealDocument.safeParse(document).success) return { type: 'reveal', reveals: openReveal(document, memory) }
  const parsed = statementDocument.safeParse(document)
  if (!parsed.success) throw new RuleError('not a statement document')
  const answer = open(parsed.data.statement, answerBody, 'the answer', memory)
  if (answer.body.type === 'commit') return { type: 'commit', commit: openCommit(answer.bytes, memory) }
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

/**
 * Of the reveals of one node for a unit, which comes first: by the CID of the reveal, then by the
 * place in it.
 */
export const byReveal = (a: Reveal, b: Reveal): number => (a.cid < b.cid ? -1 : a.cid > b.cid ? 1 : a.index - b.index)
