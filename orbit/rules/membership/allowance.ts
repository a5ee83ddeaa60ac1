/**
 * How many tickets an account may have in one deal. A node's word for what it can do costs nothing:
 * a node that says more would have more of the seats, and more of the quorums would be all its
 * owner's. So an account has the larger of two:
 *
 *   - its allowance: the least power of two above b, where b is the most units of one epoch's deal
 *   that were certified with
 *     a result of the account, within the rounds that the genesis remembers; so at most 2b, and
 *     none if b = 0;
 *   - what the genesis gives a newcomer, less the seats that it was dealt within the last deadline.
 *     A draw that too few had in time comes to nothing: its seats stop counting once all who had it
 *     must have said so (network/schedule.ts).
 *
 * So every account has a newcomer's tickets once a deadline, and accounts made to sit on units hold
 * few. An account that wants a larger share of the seats has computed half of that share, honestly:
 * else the units would not be certified.
 *
 * The allowance is a power of two, so that two nodes mostly agree on it when one of them knows a
 * few units more. A draw lists the allowances that it was made with. A node that judges it asks
 * that they be no more than the work that it knows of, and no less than what deals come to whose
 * deadline is over (draw/check.ts). From the draw alone, as in a certificate, one sees that no
 * account has more tickets than its allowance or a newcomer's, the larger of them
 * (deal/assignment.ts).
 */
import type { DrawBody, RosterEntry } from '../message/bodies.ts'
import { type Genesis, MAX_ALLOWANCE } from '../network/genesis.ts'

/**
 * @param best units of one epoch's deal that were certified with a result of the account's.
 * @returns 0 for none
 */
export const allowanceFor = (best: number): number =>
  best < 1 ? 0 : 1 << (32 - Math.clz32(Math.min(best, MAX_ALLOWANCE / 2)))

/**
 * Tickets of an account in one deal.
 *
 * @param allowance as a draw lists it; 0 if it does not
 * @param dealt     seats that the account was dealt within the last deadline
 */
export const limitFor = ({ body }: Genesis, allowance: number, dealt: number): number =>
  Math.max(allowance, body.allowance.newcomer - dealt)

/** The work that an account has shown (state/tally.ts). */
export interface ShownWork {
  readonly account: string
  /**
   * The most of its certified units that one epoch dealt, in the rounds that the genesis remembers.
   */
  readonly best: number
  /**
   * Likewise, of epochs whose deadline is over, and not about to be forgotten: what everybody
   * knows.
   */
  readonly bestOfOld: number
}

/**
 * Of every account that has shown work. Ascending.
 *
 * @param measure bestOfOld: at least, by what everybody knows
 */
export const allowancesAt = (
  { accounts }: { readonly accounts: readonly ShownWork[] },
  measure: 'best' | 'bestOfOld' = 'best',
): DrawBody['allowances'] =>
  accounts
    .filter((account) => account[measure] > 0)
    .map(({ account, [measure]: best }) => ({ account, units: allowanceFor(best) }))
    .sort((a, b) => (a.account < b.account ? -1 : 1))

/**
 * Cuts what the nodes of each account offer to what the account is allowed: to each node its share,
 * rounded down, and of what is left one each in the order of the node keys. Integers only.
 *
 * @param offered sorted by node key
 * @param limitOf tickets of an account, 0 or more
 * @returns likewise, without nodes that nothing is left for
 */
export function allotted(offered: readonly RosterEntry[], limitOf: (account: string) => number): RosterEntry[] {
  const sums = ticketsOf(offered)
  const cut = offered.map((entry) => {
    const [sum, limit] = [sums.get(entry.account)!, limitOf(entry.account)]
    // At most 2^12 * 2^20.
    return sum <= limit ? entry : { ...entry, capacity: Math.floor((entry.capacity * limit) / sum) }
  })
  const given = ticketsOf(cut)
  return cut
    .map((entry, i) => {
      const left = Math.min(limitOf(entry.account), sums.get(entry.account)!) - given.get(entry.account)!
      if (left <= 0 || entry.capacity >= offered[i]!.capacity) return entry
      given.set(entry.account, given.get(entry.account)! + 1)
      return { ...entry, capacity: entry.capacity + 1 }
    })
    .filter(({ capacity }) => capacity >= 1)
}

/** By account. */
export function ticketsOf(roster: readonly RosterEntry[]): Map<string, number> {
  const tickets = new Map<string, number>()
  for (const { account, capacity } of roster) tickets.set(account, (tickets.get(account) ?? 0) + capacity)
  return tickets
}
