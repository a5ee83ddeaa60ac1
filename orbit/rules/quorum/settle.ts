/**
 * When a unit is certified: N results, equal to the bit, of N distinct accounts that the deal named, each committed to
 * before it was shown. Unanimity, never majority.
 *
 * What counts is in admissible.ts: more documents can only make more results count.
 *
 * Differences. Any two results that differ call two more of the reserve. Who is right is not voted on: the leaf where they
 * part (leaves.ts) is computed by whoever wants to know, and all who signed it wrong are convicted by it. When one result
 * is left that nobody has shown wrong, and N accounts signed it, it is certified. Results whose leaves nobody hands out
 * can't be shown wrong, and decide nothing while there is a difference.
 *
 * Doubts. An auditor (audit.ts) signs what he finds in a leaf. Where that is not what was certified the leaf is computed, and
 * whoever is wrong is convicted by it: he, or they. Results whose leaves nobody hands out can't be compared with it: if
 * the auditor turns out to say the truth, they certify nothing until their leaves are shown.
 *
 * Where replication is adaptive, the one result of a trusted account counts by itself, and its audit (audit.ts) takes the
 * place of the others.
 *
 * Everything here is a function of signed documents and of facts of mathematics: it comes out the same whatever came
 * first, and a fact that is learned later can only convict who was wrong all along.
 */

import { hear, type Refusal } from '../answer/admissible.ts'
import type { UnitEvidence } from '../answer/evidence.ts'
import { createMemory, type Memory } from '../base/memory.ts'
import { MAX_ESCALATIONS, SEATS_AN_ESCALATION } from '../deal/seats.ts'
import type { Reveal } from '../message/answers.ts'
import type { Assignment } from '../message/unit.ts'
import type { Genesis } from '../network/genesis.ts'
import { type Decision, decide, doubt } from './dispute.ts'
import { type Facts, NO_FACTS } from './facts.ts'

export interface Settlement extends Omit<Decision, 'differ'> {
  /** All that count, in the order of the deal: of a node one of each that differs. */
  readonly counted: readonly Reveal[]
  /** What it takes to come to this: those that count, and those that cite their commits, in the order of the deal. */
  readonly needed: readonly Reveal[]
  readonly escalations: number
  /** By node, why none of its results counts. */
  readonly refused: ReadonlyMap<string, Refusal>
}

/**
 * How many seats declines have set free: of the quorum, and of those of the reserve whose turn had come by that or by an
 * escalation. Who was not called has no seat to give away.
 */
export function declinesOf({ quorum, reserve }: Assignment, evidence: UnitEvidence, escalations: number): number {
  const called = escalations * SEATS_AN_ESCALATION
  let declines = quorum.filter((node) => evidence.declines.has(node)).length
  for (const [place, node] of reserve.entries()) {
    if (place < declines + called && evidence.declines.has(node)) declines++
  }
  return declines
}

export function settle(
  genesis: Genesis,
  assignment: Assignment,
  evidence: UnitEvidence,
  facts: Facts = NO_FACTS,
  isAuditor: (node: string) => boolean = () => false,
  memory: Memory = createMemory(),
): Settlement {
  // Only those that are registered are heard: a false claim costs them their account.
  const claims = evidence.claims.filter(({ node }) => isAuditor(node))
  const N = genesis.body.replication
  const needed = new Set<Reveal>()
  for (let escalations = 0; ; escalations++) {
    const declines = declinesOf(assignment, evidence, escalations)
    const heard = hear(genesis, assignment, evidence, { declines, escalations })
    const { counted, refused } = heard
    for (const reveal of heard.needed) needed.add(reveal)
    const decision = decide(genesis, assignment, counted, facts, claims, memory)
    const nodes = new Set(counted.map(({ node }) => node)).size
    const full = escalations === 0 || nodes >= N + escalations * SEATS_AN_ESCALATION
    // An audit that exposes the one result calls others, as a difference does.
    const isOpen = decision.differ || (assignment.audited !== null && decision.wrong.length > 0)
    if (isOpen && decision.status !== 'certified' && full && escalations < MAX_ESCALATIONS) continue
    const { differ: _, ...rest } = doubt(genesis, assignment, decision, heard.uncited, facts, memory)
    // Whoever shows first is not refused for it: others may still cite him.
    if (rest.status === 'waiting') for (const [node, why] of refused) if (why === 'not-cited') refused.delete(node)
    return { ...rest, counted, needed: heard.sound.filter((reveal) => needed.has(reveal)), refused, escalations }
  }
}
