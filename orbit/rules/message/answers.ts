/**
 * Answers opened: results, declines and audits, from the bytes of a document to what they say. What
 * a statement of results covers lies in a block of its own (answer/results.ts); whether a result
 * counts is told in answer/counts.ts.
 */
import { cidOf } from '../base/cid.ts'
import { createMemory, type Memory } from '../base/memory.ts'
import { open, RuleError, type Statement } from '../base/statement.ts'
import { type AuditBody, answerBody, type DeclineBody, type ResultsBody } from './bodies.ts'
import { statementDocument } from './documents.ts'
import type { LeafId } from './unit.ts'

/** An auditor says what a leaf's record is. */
export interface LeafClaim extends LeafId {
  readonly node: string
  /** The epoch of the deal that the audited results were for. */
  readonly epoch: number
  /** 64 bytes. */
  readonly record: Uint8Array
  readonly statement: Statement<AuditBody>
}

/** What an answer document says, with the CID of its statement. */
export type Answer = { readonly cid: string } & (
  | { readonly type: 'results'; readonly statement: Statement<ResultsBody> }
  | { readonly type: 'decline'; readonly statement: Statement<DeclineBody> }
  | { readonly type: 'audit'; readonly statement: Statement<AuditBody>; readonly claims: readonly LeafClaim[] }
)

/** By the document, which nobody changes. */
const answers = () => new WeakMap<object, Answer>()

/** @throws {RuleError} */
export function openAnswer(document: unknown, memory: Memory = createMemory()): Answer {
  const known = memory.table(answers).get(document as object)
  if (known) return known
  const parsed = statementDocument.safeParse(document)
  if (!parsed.success) throw new RuleError('not a statement document')
  const statement = open(parsed.data.statement, answerBody, 'the answer', memory)
  const { type } = statement.body
  const claims = type === 'audit' ? claimsOf(statement as Statement<AuditBody>) : []
  const answer = { cid: cidOf(statement.bytes).toString(), type, statement, claims } as Answer
  memory.table(answers).set(document as object, answer)
  return answer
}

/** What an auditor says, leaf by leaf. */
export function claimsOf(statement: Statement<AuditBody>): LeafClaim[] {
  return statement.body.claims.map(([epoch, window, unit, leaf, record]) => ({
    ...{ node: statement.signer, statement },
    ...{ epoch, window: BigInt(window), unit, leaf, record },
  }))
}
