/**
 * Who may answer for a unit, and from when: the N nodes of its quorum at once; the nodes of its reserve, in the order
 * of the deal, when seats fall free.
 *
 * A seat falls free when its node declines, or when the deadline passes. What a node has not done can't be proved, but
 * that time has passed can: a result from the reserve carries the signature of a beacon round, and the j-th of the
 * reserve (from 0) may answer from round R(e) + deadline * (1 + floor(j / N)) on, or as soon as more than j of the unit's
 * nodes have declined. So nobody can take a unit that he was not dealt, and no unit waits for ever. After OVERTIMES
 * such periods the unit is on offer again in a new draw.
 */
import type { Assignment } from './assignment.ts'
import { seedRound } from './assignment.ts'
import type { Genesis } from './genesis.ts'

/** Deadlines that may pass after the first before a unit is offered again. */
export const OVERTIMES = 2

/** How many of the reserve are named at all: those whose turn can come. */
export const reserveLength = (replication: number): number => replication * OVERTIMES

/** The last round at which anything is still awaited from a deal. */
export const lastRound = (genesis: Genesis, epoch: number): number =>
  seedRound(genesis, epoch) + genesis.body.deadlineRounds * (1 + OVERTIMES)

/**
 * @param overtime the beacon round that the result proves to be younger than, or null
 * @param declines how many nodes of this unit have declined
 */
export function mayAnswer(
  genesis: Genesis,
  assignment: Assignment,
  node: string,
  overtime: number | null,
  declines: number,
): boolean {
  if (assignment.quorum.includes(node)) return true
  const place = assignment.reserve.indexOf(node)
  if (place === -1) return false
  if (place < declines) return true
  const { deadlineRounds, replication } = genesis.body
  const from = seedRound(genesis, assignment.epoch) + deadlineRounds * (1 + Math.floor(place / replication))
  return overtime !== null && overtime >= from
}
