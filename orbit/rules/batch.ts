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
 */
import * as dagCbor from '@ipld/dag-cbor'
import { inclusionProofs, merkleRoot, verifyInclusion } from '../../kernels/result.ts'
import { unitKey } from './assignment.ts'
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
  revealDocument,
  revealedItem,
  statementDocument,
} from './events.ts'
import { cidOf } from './genesis.ts'
import { compareBytes, equalBytes, open, RuleError, type Statement } from './statement.ts'

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
  return items.map((bytes, index) => ({
    ...{ node: statement.signer, statement, body: statement.body },
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

/** All that is said of one unit of a deal. Of each node at most one of a kind stands. */
export interface UnitEvidence {
  /** By node. null: the node committed twice, and so to nothing. */
  readonly commits: Map<string, Commit | null>
  /** By node: items that show what their node committed to. */
  readonly reveals: Map<string, Reveal>
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

/** One node showed two different results for one unit: both are signed, and together they convict it. */
export interface Contradiction {
  readonly node: string
  readonly reveals: readonly [Reveal, Reveal]
}

export interface Evidence {
  /** By dealtUnitKey. */
  readonly units: ReadonlyMap<string, UnitEvidence>
  readonly contradictions: readonly Contradiction[]
  /** Items that show nothing that their node committed to. */
  readonly uncommitted: number
}

/** What an answer document says, opened once: keyed by the document, which nobody changes. */
type Answer =
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

/** Sorts answers by unit. The outcome does not depend on their order, nor on whether one comes twice. */
export function evidenceOf(documents: Iterable<unknown>): Evidence {
  const units = new Map<string, UnitEvidence>()
  const at = (unit: DealtUnit): UnitEvidence => {
    const key = dealtUnitKey(unit)
    let evidence = units.get(key)
    if (!evidence) {
      evidence = { commits: new Map(), reveals: new Map(), declines: new Map(), claims: [] }
      units.set(key, evidence)
    }
    return evidence
  }
  const commits = new Map<string, Commit>()
  const reveals: Reveal[] = []
  for (const document of documents) {
    const answer = openAnswer(document)
    if (answer.type === 'reveal') reveals.push(...answer.reveals)
    else if (answer.type === 'audit') for (const claim of answer.claims) at(claim).claims.push(claim)
    else if (answer.type === 'decline') at(answer.decline.body).declines.set(answer.decline.signer, answer.decline)
    else commits.set(answer.commit.cid, answer.commit)
  }
  for (const commit of commits.values()) {
    for (const [epoch, window, unit] of commit.body.units) {
      const { commits: ofUnit } = at({ epoch, window, unit })
      ofUnit.set(commit.node, ofUnit.has(commit.node) ? null : commit)
    }
  }
  const shown = new Map<string, Reveal[]>()
  const uncommitted = new Set<string>()
  for (const reveal of reveals) {
    const commit = commits.get(reveal.item.commit)
    if (!commit || !committed(commit, reveal)) {
      uncommitted.add(`${reveal.node}/${dealtUnitKey(reveal.item.result)}`)
      continue
    }
    const key = `${reveal.node}/${dealtUnitKey(reveal.item.result)}`
    const known = shown.get(key)
    if (known) known.push(reveal)
    else shown.set(key, [reveal])
  }
  for (const { claims } of units.values()) {
    claims.sort((a, b) => a.leaf - b.leaf || compareBytes(a.statement.bytes, b.statement.bytes))
  }
  const contradictions: Contradiction[] = []
  for (const of of shown.values()) {
    const [first, ...others] = of.length > 1 ? of.sort(compare) : of
    at(first!.item.result).reveals.set(first!.node, first!)
    const key = resultBytes(first!)
    const other = others.find((reveal) => !equalBytes(resultBytes(reveal), key))
    if (other) contradictions.push({ node: first!.node, reveals: [first!, other] })
  }
  contradictions.sort((a, b) => compare(a.reveals[0], b.reveals[0]))
  return { units, contradictions, uncommitted: uncommitted.size }
}

const resultBytes = ({ item }: Reveal): Uint8Array => dagCbor.encode(item.result)

/** Which of two reveals of a node for one unit stands: the same one everywhere. */
const compare = (a: Reveal, b: Reveal): number =>
  compareBytes(a.bytes, b.bytes) || compareBytes(a.statement.bytes, b.statement.bytes)

const checked = new WeakMap<Reveal, Commit>()

function committed(commit: Commit, reveal: Reveal): boolean {
  if (checked.get(reveal) === commit) return true
  if (!isCommitted(commit, reveal)) return false
  checked.set(reveal, commit)
  return true
}
