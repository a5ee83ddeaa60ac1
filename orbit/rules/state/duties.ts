/**
 * What the deals ask of a node now, what is still awaited from whom, and who has been missing. Pure
 * functions of the state and of the newest beacon round: each node applies them to its own view to
 * decide what to do; what counts as done is decided by the documents alone (state.ts).
 */

import type { UnitAnswers } from '../answer/unit-answers.ts'
import { mayStand } from '../deal/canonical-draws.ts'
import { type Calls, mayAnswer, SEATS_AN_ESCALATION } from '../deal/seats.ts'
import { type Assignment, dealtUnitKey, unitKey } from '../message/unit.ts'
import { deadlineRound, lastRound, seedRound } from '../network/schedule.ts'
import { declinesOf } from '../quorum/settle.ts'
import type { State } from './state.ts'
import { isUnitCertified } from './windows.ts'

const NOTHING_SAID: UnitAnswers = { results: new Map(), declines: new Map(), claims: [] }

export const answersFor = (state: State, assignment: Assignment): UnitAnswers =>
  state.answers.units.get(dealtUnitKey(assignment)) ?? NOTHING_SAID

/** A node has answered when a block of results that has the unit is here, or it has declined. */
const answered = ({ results, declines }: UnitAnswers, node: string): boolean => results.has(node) || declines.has(node)

const isCertified = (state: State, { window, unit }: Assignment): boolean =>
  isUnitCertified(state.windows.get(window), unit)

function* awaited(state: State, round: number): Iterable<Assignment> {
  for (const dealt of state.draws.values()) {
    if (lastRound(state.genesis, dealt.draw.body.epoch) < round || !mayStand(state, dealt, round)) continue
    for (const assignment of dealt.assignments) if (!isCertified(state, assignment)) yield assignment
  }
}

const inOrder = (a: Assignment, b: Assignment): number =>
  a.epoch - b.epoch || (a.window < b.window ? -1 : a.window > b.window ? 1 : a.unit - b.unit)

/**
 * The units that a node should compute, oldest first: its seats, and those of the reserve that have
 * come to it.
 */
export function duties(state: State, node: string, round: number): Assignment[] {
  const list: Assignment[] = []
  for (const assignment of awaited(state, round)) {
    if (answered(answersFor(state, assignment), node)) continue
    if (assignment.quorum.includes(node) || isCalled(state, assignment, node, round)) list.push(assignment)
  }
  return list.sort(inOrder)
}

/**
 * Of the reserve, as many are called as answers are missing, in order, passing over those that
 * declined. A result that is refused is missing. From the deadline on one that nobody could judge
 * is missing too, since its leaves are kept from all; and one more is called, since who has missed
 * it may not be the only one that is gone, and nobody waits for two deadlines.
 */
function isCalled(state: State, assignment: Assignment, node: string, round: number): boolean {
  const { genesis } = state
  const N = genesis.body.replication
  const answers = answersFor(state, assignment)
  const settlement = state.settlements.get(dealtUnitKey(assignment))
  const escalations = settlement?.escalations ?? 0
  const calls: Calls = { declines: declinesOf(assignment, answers, escalations), escalations }
  const may = (n: string) => mayAnswer(genesis, assignment, n, round, calls)
  if (!may(node)) return false
  const { epoch, quorum, reserve } = assignment
  const overdue = round >= deadlineRound(genesis, epoch)
  const isCounted = (n: string) => settlement?.counted.some((result) => result.node === n) ?? false
  const isShown = (n: string) => answers.results.has(n) && !settlement?.refused.has(n)
  const there = [...quorum, ...reserve].filter(overdue ? isCounted : isShown).length
  const missing = N + escalations * SEATS_AN_ESCALATION - there
  const called = overdue && missing > 0 ? missing + 1 : missing
  const waiting = reserve.filter((n) => !answered(answers, n) && may(n))
  // Those called in an earlier period had their time: the ones whose turn came with this one are
  // called as well.
  const late = Math.max(0, Math.floor((round - seedRound(genesis, epoch)) / genesis.body.deadlineRounds) - 1)
  const place = waiting.indexOf(node)
  return place !== -1 && place < called + late * N
}

/** Units on which somebody is at work, as keys; and how many each node owes before its deadline. */
export function outstanding(state: State, round: number): { owed: Map<string, number>; units: Set<string> } {
  const owed = new Map<string, number>()
  const units = new Set<string>()
  for (const assignment of awaited(state, round)) {
    units.add(unitKey(assignment))
    if (deadlineRound(state.genesis, assignment.epoch) < round) continue
    const answers = answersFor(state, assignment)
    for (const node of assignment.quorum) {
      if (!answered(answers, node)) owed.set(node, (owed.get(node) ?? 0) + 1)
    }
  }
  return { owed, units }
}
