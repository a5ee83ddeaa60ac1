/**
 * Who may answer for a unit, and from when: the N nodes of its quorum at once; the nodes of its
 * reserve, in the order of the deal, when seats fall free or more are wanted.
 *
 * A seat falls free when its node declines, or when the deadline passes. What a node has not done
 * can't be proved, but that time has passed can: a statement of results carries the signature of a
 * beacon round, and the j-th of the reserve (from 0) may answer
 *
 *   - by a statement from round R(e) + deadline * (1 + floor(j / N)) on, or
 *   - as soon as more than j of the unit's nodes have declined, or
 *   - as soon as results that differ have called it: two more seats for each escalation
 *     (settle.ts); both reasons add up.
 *
 * Where one result and an audit certify a unit (audit.ts), the others of its N head the reserve;
 * all of them are called as soon as that one declines or is shown wrong, since N are wanted then.
 *
 * So nobody can take a unit that he was not dealt, and no unit waits for ever. After OVERTIMES such
 * periods nobody may answer any more, and the unit is on offer again in a new draw.
 */

import type { Assignment } from '../message/unit.ts'
import type { Genesis } from '../network/genesis.ts'
import { lastRound, OVERTIMES, reserveRound } from '../network/schedule.ts'

/** How often results that differ may call two more. */
export const MAX_ESCALATIONS = 4
export const SEATS_AN_ESCALATION = 2

/** How many of the reserve are named at all: those whose turn can come. */
export const reserveLength = (replication: number): number =>
  replication * OVERTIMES + MAX_ESCALATIONS * SEATS_AN_ESCALATION

/** What has called the reserve so far. */
export interface Calls {
  /** Nodes of this unit that have declined. */
  readonly declines: number
  readonly escalations: number
}

export const NO_CALLS: Calls = { declines: 0, escalations: 0 }

/** @param round the beacon round that the node's statement carries */
export function mayAnswer(
  genesis: Genesis,
  assignment: Assignment,
  node: string,
  round: number,
  { declines, escalations }: Calls,
): boolean {
  if (round > lastRound(genesis, assignment.epoch)) return false
  if (assignment.quorum.includes(node)) return true
  const place = assignment.reserve.indexOf(node)
  if (place === -1) return false
  const { replication } = genesis.body
  const others = assignment.audited && declines + escalations > 0 ? replication - 1 : 0
  if (place < declines + escalations * SEATS_AN_ESCALATION + others) return true
  return round >= reserveRound(genesis, assignment.epoch, place)
}

/**
 * Whether a node's one result, with an audit of it (quorum/audit.ts), certifies the unit. It has to
 * show twice the evidence.
 */
export const standsAlone = ({ audited, quorum }: Pick<Assignment, 'audited' | 'quorum'>, node: string): boolean =>
  audited !== null && node === quorum[0]
