/**
 * When a unit is certified: N results that count (answer/counts.ts), equal to the bit, of N
 * distinct accounts that the deal named. Unanimity, never majority.
 *
 * Differences. Any two results that differ call two more of the reserve. Who is right is not voted
 * on: the leaf where they part (answer/leaves.ts) is computed by whoever wants to know, and all who
 * signed it wrong are convicted by it. When one result is left that nobody has shown wrong, and N
 * accounts signed it, it is certified.
 *
 * Claims. An auditor (audit.ts) signs what he finds in a leaf. Where that is not what was certified
 * the leaf is computed, and whoever is wrong is convicted by it: he, or they.
 *
 * Where replication is adaptive, the one result of a trusted account counts by itself, and its
 * audit (audit.ts) takes the place of the others.
 *
 * Everything here is a function of signed documents and of facts of mathematics: it comes out the
 * same whatever came first, and a fact that is learned later can only convict who was wrong all
 * along.
 */

import { countResults, type Refusal } from '../answer/counts.ts'
import { type Facts, NO_FACTS, type WantedLeaf } from '../answer/facts.ts'
import type { SignedResult } from '../answer/results.ts'
import type { UnitAnswers } from '../answer/unit-answers.ts'
import { createMemory, type Memory } from '../base/memory.ts'
import { MAX_ESCALATIONS, SEATS_AN_ESCALATION, standsAlone } from '../deal/seats.ts'
import type { LeafClaim } from '../message/answers.ts'
import type { Assignment } from '../message/unit.ts'
import type { Genesis } from '../network/genesis.ts'
import { auditorsOf } from './certifying-audit.ts'
import { type Decision, decide, type Wrong } from './dispute.ts'

/** What would help to settle a unit. */
export interface Wants {
  /** CIDs of blocks of leaves. */
  readonly leaves: readonly string[]
  readonly truths: readonly WantedLeaf[]
  /** Results whose leaves are here, to be judged (answer/judge.ts). */
  readonly judgements: readonly { readonly assignment: Assignment; readonly result: SignedResult }[]
}

export interface Settlement extends Omit<Decision, 'differ' | 'wants'> {
  /** All that count, in the order of the deal: of a node one of each that differs. */
  readonly counted: readonly SignedResult[]
  readonly escalations: number
  /** By node, why none of its results counts. */
  readonly refused: ReadonlyMap<string, Refusal>
  readonly wants: Wants
}

/**
 * How many seats declines have set free: of the quorum, and of those of the reserve whose turn had
 * come by that or by an escalation. Who was not called has no seat to give away.
 */
export function declinesOf({ quorum, reserve }: Assignment, answers: UnitAnswers, escalations: number): number {
  const called = escalations * SEATS_AN_ESCALATION
  let declines = quorum.filter((node) => answers.declines.has(node)).length
  for (const [place, node] of reserve.entries()) {
    if (place < declines + called && answers.declines.has(node)) declines++
  }
  return declines
}

export function settle(
  genesis: Genesis,
  assignment: Assignment,
  answers: UnitAnswers,
  facts: Facts = NO_FACTS,
  isAuditor: (node: string) => boolean = () => false,
  memory: Memory = createMemory(),
): Settlement {
  // Only those that are registered are heard: a false claim costs them their account.
  const claims = answers.claims.filter(({ node }) => isAuditor(node))
  const N = genesis.body.replication
  for (let escalations = 0; ; escalations++) {
    const declines = declinesOf(assignment, answers, escalations)
    const { counted, waiting, faulty, refused } = countResults(
      genesis,
      assignment,
      answers,
      { declines, escalations },
      facts,
    )
    const { differ, ...decision } = decide(genesis, assignment, counted, facts, claims, memory)
    const nodes = new Set(counted.map(({ node }) => node)).size
    const full = escalations === 0 || nodes >= N + escalations * SEATS_AN_ESCALATION
    // An audit that exposes the one result calls others, as a difference does.
    const isOpen = differ || (assignment.audited !== null && decision.wrong.length > 0)
    if (isOpen && decision.status !== 'certified' && full && escalations < MAX_ESCALATIONS) continue
    const isShown = ({ item }: SignedResult) => facts.leaves(item.leaves) !== undefined
    const heldBack = counted.length === 0 && isHeldBack(genesis, assignment, waiting, claims, memory)
    const hidden = heldBack ? [] : waiting.filter((result) => !isShown(result)).map(({ item }) => item.leaves)
    return {
      ...{ ...decision, counted, escalations, refused },
      wrong: [...decision.wrong, ...faulty.flatMap(({ result, judgement }) => wrongBy(result, judgement))],
      wants: {
        ...decision.wants,
        leaves: [...new Set([...decision.wants.leaves, ...hidden])],
        judgements: waiting.filter(isShown).map((result) => ({ assignment, result })),
      },
    }
  }
}

/** Of a result that waits for its audit the leaves are held back until all auditors have spoken. */
function isHeldBack(
  genesis: Genesis,
  assignment: Assignment,
  waiting: readonly SignedResult[],
  claims: readonly LeafClaim[],
  memory: Memory,
): boolean {
  const [first] = waiting
  if (!first || !standsAlone(assignment, first.node)) return false
  return auditorsOf(genesis, assignment, first, claims, null, memory).length === 0
}

/** What convicts the signer of a faulty result, if anything does. */
function wrongBy(
  result: SignedResult,
  { fault, wrongLeaf, falseItem }: NonNullable<ReturnType<Facts['judged']>>,
): Wrong[] {
  const { node } = result
  if (fault === 'sum') return [{ node, result, kind: 'sum', leaf: null, item: null }]
  if (wrongLeaf !== null) return [{ node, result, kind: 'leaf', leaf: wrongLeaf, item: null }]
  return falseItem === null ? [] : [{ node, result, kind: 'evidence', leaf: null, item: falseItem }]
}
