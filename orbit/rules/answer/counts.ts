/**
 * Which of the results that were shown for a unit count: those of a node whose turn had come at the
 * beacon round that its statement carries (deal/seats.ts), and that arithmetic finds no fault with
 * (judge.ts). What nobody has judged yet waits: its block of leaves may not be here.
 *
 * All of this asks whether something has been said and found sound, never whether nothing else has:
 * more documents can make more results count, and none less. Equal results of one node are one
 * result; different ones of one node are a difference as any.
 */

import { type Calls, mayAnswer } from '../deal/seats.ts'
import { resultKey } from '../message/bodies.ts'
import type { Assignment } from '../message/unit.ts'
import type { Genesis } from '../network/genesis.ts'
import type { Facts } from './facts.ts'
import type { Fault, Judgement } from './judge.ts'
import type { SignedResult } from './results.ts'
import type { UnitAnswers } from './unit-answers.ts'

export type Refusal = 'not-assigned' | Fault

export interface Counts {
  /**
   * In the order of the deal, a node's own as in its answers; of equal ones that of the earliest
   * batch.
   */
  readonly counted: readonly SignedResult[]
  /** Of nodes whose turn had come, not judged yet. */
  readonly waiting: readonly SignedResult[]
  readonly faulty: readonly { readonly result: SignedResult; readonly judgement: Judgement }[]
  /** By node, why none of its results counts. */
  readonly refused: ReadonlyMap<string, Refusal>
}

/** @param calls what has called the reserve */
export function countResults(
  genesis: Genesis,
  assignment: Assignment,
  { results }: UnitAnswers,
  calls: Calls,
  facts: Pick<Facts, 'judged'>,
): Counts {
  const refused = new Map<string, Refusal>()
  for (const node of results.keys()) refused.set(node, 'not-assigned')
  const sound = new Map<string, SignedResult>()
  const waiting: SignedResult[] = []
  const faulty: { result: SignedResult; judgement: Judgement }[] = []
  const seats = [...assignment.quorum, ...assignment.reserve]
  for (const node of seats) {
    for (const result of results.get(node) ?? []) {
      if (!mayAnswer(genesis, assignment, node, result.body.round, calls)) continue
      const judgement = facts.judged(result.cid, result.index)
      if (!judgement) waiting.push(result)
      else if (judgement.fault) {
        faulty.push({ result, judgement })
        refused.set(node, judgement.fault)
      } else {
        const key = `${node} ${resultKey(result.item)}`
        const known = sound.get(key)
        if (!known || result.body.batch < known.body.batch) sound.set(key, result)
      }
    }
  }
  const chosen = new Set(sound.values())
  const counted = seats.flatMap((node) => (results.get(node) ?? []).filter((result) => chosen.has(result)))
  for (const { node } of [...counted, ...waiting]) refused.delete(node)
  return { counted, waiting, faulty, refused }
}
