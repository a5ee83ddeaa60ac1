/**
 * What the deals ask of a node now, what is still awaited from whom, and who has been missing. Pure functions of the
 * state and of the newest beacon round: each node applies them to its own view to decide what to do; what counts as done
 * is decided by the documents alone (state.ts).
 */
import { type Assignment, deadlineRound, seedRound, unitKey } from './assignment.ts'
import { documentKey } from './events.ts'
import { lastRound, mayAnswer } from './seats.ts'
import { declinesOf, type State } from './state.ts'

const answered = (state: State, { epoch, window, unit }: Assignment, node: string): boolean => {
  const key = documentKey.result(node, epoch, window.toString(), unit)
  return state.results.has(key) || state.declines.has(key)
}

const isCertified = (state: State, { window, unit }: Assignment): boolean =>
  state.windows.get(window)?.certified.has(unit) ?? false

function* awaited(state: State, round: number): Iterable<Assignment> {
  for (const { draw, assignments } of state.draws.values()) {
    if (lastRound(state.genesis, draw.body.epoch) < round) continue
    for (const assignment of assignments) if (!isCertified(state, assignment)) yield assignment
  }
}

/** The units that a node should compute, oldest first: its seats, and those of the reserve that have come to it. */
export function duties(state: State, node: string, round: number): Assignment[] {
  const list: Assignment[] = []
  for (const assignment of awaited(state, round)) {
    if (answered(state, assignment, node)) continue
    if (assignment.quorum.includes(node) || isCalled(state, assignment, node, round)) list.push(assignment)
  }
  return list.sort(
    (a, b) => a.epoch - b.epoch || (a.window < b.window ? -1 : a.window > b.window ? 1 : a.unit - b.unit),
  )
}

/** Of the reserve, as many are called as results are missing, in order, passing over those that declined. */
function isCalled(state: State, assignment: Assignment, node: string, round: number): boolean {
  const { genesis, declines, results } = state
  const declined = declinesOf(assignment, declines).length
  if (!mayAnswer(genesis, assignment, node, round, declined)) return false
  const { epoch, window, unit, quorum, reserve } = assignment
  const key = (n: string) => documentKey.result(n, epoch, window.toString(), unit)
  const missing = genesis.body.replication - [...quorum, ...reserve].filter((n) => results.has(key(n))).length
  const waiting = reserve.filter(
    (n) => !answered(state, assignment, n) && mayAnswer(genesis, assignment, n, round, declined),
  )
  // Those called in an earlier period had their time: the ones whose turn came with this one are called as well.
  const late = Math.max(0, Math.floor((round - seedRound(genesis, epoch)) / genesis.body.deadlineRounds) - 1)
  const place = waiting.indexOf(node)
  return place !== -1 && place < missing + late * genesis.body.replication
}

/** Units on which somebody is at work, as keys; and how many each node owes before its deadline. */
export function outstanding(state: State, round: number): { owed: Map<string, number>; units: Set<string> } {
  const owed = new Map<string, number>()
  const units = new Set<string>()
  for (const assignment of awaited(state, round)) {
    units.add(unitKey(assignment))
    if (deadlineRound(state.genesis, assignment.epoch) < round) continue
    for (const node of assignment.quorum) {
      if (!answered(state, assignment, node)) owed.set(node, (owed.get(node) ?? 0) + 1)
    }
  }
  return { owed, units }
}

/**
 * Units in a row that each account missed or declined, newest first: an answer ends the row, and so does registering
 * anew. Units whose deadline has not passed do not count.
 */
export function missesInARow(state: State, round: number): Map<string, number> {
  const misses = new Map<string, number>()
  for (const [, { draw, assignments }] of [...state.draws].sort(([a], [b]) => a - b)) {
    const { epoch } = draw.body
    const over = deadlineRound(state.genesis, epoch) < round
    for (const assignment of assignments) {
      for (const node of assignment.quorum) {
        const registration = state.nodes.get(node)
        if (!registration || registration.round > seedRound(state.genesis, epoch)) continue
        const key = documentKey.result(node, epoch, assignment.window.toString(), assignment.unit)
        if (state.results.has(key)) misses.set(registration.account, 0)
        else if (state.declines.has(key) || (over && !isCertifiedElsewhere(state, assignment))) {
          misses.set(registration.account, (misses.get(registration.account) ?? 0) + 1)
        }
      }
    }
  }
  return misses
}

/** A unit that another epoch's deal got certified is no miss: its nodes were spared the work (duties). */
const isCertifiedElsewhere = (state: State, { window, unit, epoch }: Assignment): boolean => {
  const certified = state.windows.get(window)?.certified.get(unit)
  return certified !== undefined && certified.assignment.epoch !== epoch
}
