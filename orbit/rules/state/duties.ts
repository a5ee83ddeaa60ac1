/**
 * What the deals ask of a node now, what is still awaited from whom, and who has been missing. Pure functions of the
 * state and of the newest beacon round: each node applies them to its own view to decide what to do; what counts as done
 * is decided by the documents alone (state.ts).
 */

import { selectAdmissible } from '../answer/admissible.ts'
import type { UnitEvidence } from '../answer/evidence.ts'
import { mayStand } from '../deal/canonical-draws.ts'
import { type Calls, mayAnswer, mayReveal, SEATS_AN_ESCALATION } from '../deal/seats.ts'
import type { Commit, Reveal } from '../message/answers.ts'
import { type Assignment, dealtUnitKey, unitKey } from '../message/unit.ts'
import type { Genesis } from '../network/genesis.ts'
import { deadlineRound, lastRound, seedRound } from '../network/schedule.ts'
import { declinesOf } from '../quorum/settle.ts'
import type { State } from './state.ts'
import { isUnitCertified } from './windows.ts'

const NOTHING_SAID: UnitEvidence = { commits: new Map(), reveals: new Map(), declines: new Map(), claims: [] }

export const evidenceFor = (state: State, assignment: Assignment): UnitEvidence =>
  state.evidence.units.get(dealtUnitKey(assignment)) ?? NOTHING_SAID

function callsOf(state: State, assignment: Assignment): Calls {
  const escalations = state.settlements.get(dealtUnitKey(assignment))?.escalations ?? 0
  return { declines: declinesOf(assignment, evidenceFor(state, assignment), escalations), escalations }
}

/** A node has answered when it is bound to a result, or has declined. */
const answered = ({ commits, declines }: UnitEvidence, node: string): boolean => commits.has(node) || declines.has(node)

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

/** The units that a node should compute, oldest first: its seats, and those of the reserve that have come to it. */
export function duties(state: State, node: string, round: number): Assignment[] {
  const list: Assignment[] = []
  for (const assignment of awaited(state, round)) {
    if (answered(evidenceFor(state, assignment), node)) continue
    if (assignment.quorum.includes(node) || isCalled(state, assignment, node, round)) list.push(assignment)
  }
  return list.sort(inOrder)
}

/**
 * Of the reserve, as many are called as answers are missing, in order, passing over those that declined; from the deadline
 * on one more, since who has missed it may not be the only one that is gone, and nobody waits for two deadlines. Once a
 * result is shown, what is missing are reveals, and then it takes two: each needs another to cite its commit. One that
 * others have shown theirs without citing, as a copy, is missing as well.
 */
function isCalled(state: State, assignment: Assignment, node: string, round: number): boolean {
  const { genesis } = state
  const N = genesis.body.replication
  const evidence = evidenceFor(state, assignment)
  const calls = callsOf(state, assignment)
  const may = (n: string) => mayAnswer(genesis, assignment, n, round, calls)
  if (!may(node)) return false
  const { epoch, quorum, reserve } = assignment
  const seats = [...quorum, ...reserve]
  const overdue = round >= deadlineRound(genesis, epoch)
  const shown = overdue && evidence.reveals.size > 0
  const isShown = (n: string) => evidence.reveals.has(n)
  const isBound = (n: string) => evidence.commits.has(n)
  const { sound, counted } = selectAdmissible(genesis, assignment, evidence, calls)
  const isHopeful = (n: string) =>
    counted.some((reveal) => reveal.node === n) ||
    (isShown(n) && seats.some((other) => isBound(other) && !isShown(other))) ||
    (quorum.includes(n) && isCitedByAll(sound, quorum, n))
  const bound = seats.filter(shown ? isHopeful : isBound).length
  const missing = N + calls.escalations * SEATS_AN_ESCALATION - bound
  const called = overdue && missing > 0 ? missing + 1 : missing
  const waiting = reserve.filter((n) => !answered(evidence, n) && may(n))
  // Those called in an earlier period had their time: the ones whose turn came with this one are called as well.
  const late = Math.max(0, Math.floor((round - seedRound(genesis, epoch)) / genesis.body.deadlineRounds) - 1)
  const place = waiting.indexOf(node)
  return place !== -1 && place < called + late * N
}

/** Whether all others of the quorum that have shown theirs cite a node's result: then who is called will cite it as well. */
function isCitedByAll(sound: readonly Reveal[], quorum: readonly string[], node: string): boolean {
  const others = quorum.filter((other) => other !== node && sound.some((reveal) => reveal.node === other))
  const isCitedBy = (other: string, commit: string) =>
    sound.some((reveal) => reveal.node === other && reveal.item.cites.includes(commit))
  return sound.some((reveal) => reveal.node === node && others.every((other) => isCitedBy(other, reveal.item.commit)))
}

export interface Revealable {
  readonly assignment: Assignment
  /** CIDs of the node's own commits: one, unless two machines run with its key. */
  readonly commits: readonly string[]
  /** Commits of others that may be cited. */
  readonly others: readonly Commit[]
  /** CIDs of the reveals that have shown a result of the unit soundly (admissible.ts): who came after them may have copied. */
  readonly shown: ReadonlySet<string>
  /** CIDs of the commits that those cite. */
  readonly cited: ReadonlySet<string>
}

/** Results that a node is bound to and may show now: all commits are there that are wanted, or the time for them is over. */
export function revealable(state: State, node: string, round: number): Revealable[] {
  const { genesis } = state
  const list: Revealable[] = []
  for (const { draw, assignments } of state.draws.values()) {
    if (lastRound(genesis, draw.body.epoch) < round) continue
    for (const assignment of assignments) {
      const evidence = evidenceFor(state, assignment)
      const commits = evidence.commits.get(node)
      if (!commits || evidence.reveals.has(node)) continue
      const calls = callsOf(state, assignment)
      const others: Commit[] = []
      for (const commit of [...evidence.commits.values()].flat()) {
        if (commit.node === node) continue
        if (mayAnswer(genesis, assignment, commit.node, commit.body.round, calls)) others.push(commit)
      }
      const cited = new Set(others.map((commit) => commit.node)).size
      const wanted = genesis.body.replication + calls.escalations * SEATS_AN_ESCALATION
      if (!mayReveal(genesis, assignment, node, { cited, round, wanted })) continue
      if (assignment.reserve.includes(node) && waitsForOthers(genesis, assignment, commits, round)) continue
      const { sound } = selectAdmissible(genesis, assignment, evidence, calls)
      const shown = new Set(sound.map(({ cid }) => cid))
      const citedByThem = new Set(sound.flatMap(({ item }) => item.cites))
      list.push({ assignment, commits: commits.map(({ cid }) => cid), others, shown, cited: citedByThem })
    }
  }
  return list.sort((a, b) => inOrder(a.assignment, b.assignment))
}

/**
 * Nodes of the reserve are called several at a time, and each needs another to cite its commit. If each showed its result as
 * soon as it had committed, none might cite another: so it is shown in a later epoch than it was committed to, by when whoever
 * was called with it and took less than that has committed too. Not if time is short: a busy node shows its results an epoch
 * after they may be shown (submission.ts).
 */
function waitsForOthers(genesis: Genesis, { epoch }: Assignment, commits: readonly Commit[], round: number): boolean {
  const { replication, epoch: length } = genesis.body
  const next = seedRound(genesis, 1 + Math.min(...commits.map(({ body }) => body.batch)))
  return replication > 1 && round < next && next + 2 * length.rounds <= lastRound(genesis, epoch)
}

/** Units on which somebody is at work, as keys; and how many each node owes before its deadline. */
export function outstanding(state: State, round: number): { owed: Map<string, number>; units: Set<string> } {
  const owed = new Map<string, number>()
  const units = new Set<string>()
  for (const assignment of awaited(state, round)) {
    units.add(unitKey(assignment))
    if (deadlineRound(state.genesis, assignment.epoch) < round) continue
    const evidence = evidenceFor(state, assignment)
    for (const node of assignment.quorum) {
      if (!answered(evidence, node)) owed.set(node, (owed.get(node) ?? 0) + 1)
    }
  }
  return { owed, units }
}
