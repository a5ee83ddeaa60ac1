/**
 * What the deals ask of a node now, what is still awaited from whom, and who has been missing. Pure functions of the
 * state and of the newest beacon round: each node applies them to its own view to decide what to do; what counts as done
 * is decided by the documents alone (state.ts).
 */
import { type Assignment, deadlineRound, seedRound, unitKey } from './assignment.ts'
import { type Commit, dealtUnitKey, type UnitEvidence } from './batch.ts'
import { resultKey } from './events.ts'
import { settledAfter } from './history.ts'
import { declinesOf } from './quorum.ts'
import { type Calls, commitDeadline, lastRound, mayAnswer, SEATS_AN_ESCALATION } from './seats.ts'
import { accountAt, isUnitCertified, type State } from './state.ts'
import { isWitnessed } from './witness.ts'

const NOTHING_SAID: UnitEvidence = { commits: new Map(), reveals: new Map(), declines: new Map(), claims: [] }

const evidenceFor = (state: State, assignment: Assignment): UnitEvidence =>
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
  for (const { draw, cid, assignments } of state.draws.values()) {
    if (lastRound(state.genesis, draw.body.epoch) < round) continue
    // A draw that too few had in time comes to nothing: its units are free again when all who had it have said so.
    const spoken = seedRound(state.genesis, draw.body.epoch) + state.genesis.body.freshRounds < round
    if (spoken && !isWitnessed(draw.body, state.witnesses.get(cid))) continue
    for (const assignment of assignments) if (!isCertified(state, assignment)) yield assignment
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
 * Of the reserve, as many are called as answers are missing, in order, passing over those that declined. Once a result
 * is shown, what is missing are reveals, and then two are called: each needs another to cite its commit.
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
  const bound = seats.filter((n) => (shown ? evidence.reveals.has(n) : evidence.commits.has(n))).length
  const missing = N + calls.escalations * SEATS_AN_ESCALATION - bound
  const called = shown && missing > 0 ? Math.max(2, missing) : missing
  const waiting = reserve.filter((n) => !answered(evidence, n) && may(n))
  // Those called in an earlier period had their time: the ones whose turn came with this one are called as well.
  const late = Math.max(0, Math.floor((round - seedRound(genesis, epoch)) / genesis.body.deadlineRounds) - 1)
  const place = waiting.indexOf(node)
  return place !== -1 && place < called + late * N
}

export interface Revealable {
  readonly assignment: Assignment
  /** CID of the node's own commit. */
  readonly commit: string
  /** Commits of others that may be cited. */
  readonly others: readonly Commit[]
}

/** Results that a node is bound to and may show now: all commits are there that are wanted, or the time for them is over. */
export function revealable(state: State, node: string, round: number): Revealable[] {
  const { genesis } = state
  const list: Revealable[] = []
  for (const { draw, assignments } of state.draws.values()) {
    if (lastRound(genesis, draw.body.epoch) < round) continue
    for (const assignment of assignments) {
      const evidence = evidenceFor(state, assignment)
      const own = evidence.commits.get(node)
      if (!own || evidence.reveals.has(node)) continue
      const calls = callsOf(state, assignment)
      const others: Commit[] = []
      for (const commit of evidence.commits.values()) {
        if (!commit || commit.node === node) continue
        if (mayAnswer(genesis, assignment, commit.node, commit.body.round, calls)) others.push(commit)
      }
      const alone = assignment.audited !== null && assignment.quorum[0] === node
      const wanted = alone ? 1 : genesis.body.replication + calls.escalations * SEATS_AN_ESCALATION
      if (others.length + 1 < wanted && round < commitDeadline(genesis, assignment.epoch)) continue
      list.push({ assignment, commit: own.cid, others })
    }
  }
  return list.sort((a, b) => inOrder(a.assignment, b.assignment))
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

/**
 * Units in a row that each account missed or declined, newest first: a result shown ends the row, and so does registering
 * anew. No commit by the deadline is a miss, and no reveal by the last round, nor a reveal of something else than
 * what was certified. What is not due does not count, nor
 * what is long over (history.ts). An account that is convicted counts as having missed all that it may: it is on no roster.
 */
export function missesInARow(state: State, round: number): Map<string, number> {
  const misses = new Map<string, number>()
  const { missLimit } = state.genesis.body
  for (const [, { draw, assignments }] of [...state.draws].sort(([a], [b]) => a - b)) {
    const { epoch } = draw.body
    if (settledAfter(state.genesis, epoch) < round) continue
    const over = deadlineRound(state.genesis, epoch) < round
    const allOver = lastRound(state.genesis, epoch) < round
    for (const assignment of assignments) {
      const { commits, reveals, declines } = evidenceFor(state, assignment)
      for (const node of assignment.quorum) {
        const registration = state.nodes.get(node)
        if (!registration || registration.round > seedRound(state.genesis, epoch)) continue
        const missed = declines.has(node) || (commits.has(node) ? allOver : over)
        if (reveals.has(node) && !isContradicted(state, assignment, node)) misses.set(registration.account, 0)
        else if ((missed || reveals.has(node)) && !isCertifiedElsewhere(state, assignment)) {
          misses.set(registration.account, (misses.get(registration.account) ?? 0) + 1)
        }
      }
    }
  }
  for (const { account } of state.convictions) misses.set(account, Math.max(missLimit, misses.get(account) ?? 0))
  return misses
}

/** What it showed is not what was certified: whoever hides the leaves of a lie can't be convicted of it, but has done nothing. */
function isContradicted(state: State, assignment: Assignment, node: string): boolean {
  const settlement = state.settlements.get(dealtUnitKey(assignment))
  const [certified] = settlement?.status === 'certified' ? settlement.results : []
  const own = evidenceFor(state, assignment).reveals.get(node)
  return certified !== undefined && own !== undefined && resultKey(own.item.result) !== resultKey(certified.item.result)
}

/** Accounts that have shown something else than what was certified, in deals that are not settled. */
export function contradicted(state: State): Set<string> {
  const accounts = new Set<string>()
  for (const { assignments } of state.draws.values()) {
    for (const assignment of assignments) {
      if (state.settlements.get(dealtUnitKey(assignment))?.status !== 'certified') continue
      for (const node of evidenceFor(state, assignment).reveals.keys()) {
        const account = accountAt(state, assignment.epoch, node)
        if (account !== undefined && isContradicted(state, assignment, node)) accounts.add(account)
      }
    }
  }
  return accounts
}

/** A unit that another epoch's deal got certified is no miss: its nodes were spared the work (duties). */
const isCertifiedElsewhere = (state: State, { window, unit, epoch }: Assignment): boolean => {
  const certified = state.windows.get(window)?.certified.get(unit)
  return (
    (state.windows.get(window)?.settled ?? null) !== null ||
    (certified !== undefined && certified.assignment.epoch !== epoch)
  )
}
