/**
 * What each account is behind with, from the deals that are over: what keeps an account off the
 * roster that does not do what it is dealt. Pure functions of the state and of the newest beacon
 * round, as duties.ts.
 */

import { accountAt } from '../deal/canonical-draws.ts'
import { registrationsByAccount } from '../membership/owners.ts'
import { resultKey } from '../message/bodies.ts'
import { type Assignment, dealtUnitKey } from '../message/unit.ts'
import { deadlineRound, lastRound, seedRound, settledAfter } from '../network/schedule.ts'
import { answersFor } from './duties.ts'
import type { State } from './state.ts'

/**
 * What each account is behind with: a miss or a decline of a unit that a witnessed draw dealt it
 * adds one, a result that counts takes one off, down to none, in the order of the deals. At the
 * genesis' missLimit it stays, whatever is shown then, until the account registers anew, with any
 * of its nodes: that begins at none. No result by the deadline is a miss, and one that is refused,
 * that nobody could judge by the last round, or that is not what was certified. What is not due
 * does not count, nor what is long over (settled-window.ts). An account that is convicted has
 * missed all that it may: it is on no roster.
 *
 * So whoever does less than half of what he is dealt is out before long, also if he shows a result
 * now and then.
 */
export function missBalance(state: State, round: number): Map<string, number> {
  const balance = new Map<string, number>()
  const { genesis } = state
  const { missLimit } = genesis.body
  const registered = new Map<string, number>()
  for (const [account, registrations] of registrationsByAccount(state.registered)) {
    registered.set(account, Math.max(...registrations.map((registration) => registration.round)))
  }
  for (const [epoch, { cid, assignments }] of [...state.draws].sort(([a], [b]) => a - b)) {
    if (!state.witnessed.has(cid) || settledAfter(genesis, epoch) < round) continue
    const over = deadlineRound(genesis, epoch) < round
    const allOver = lastRound(genesis, epoch) < round
    for (const assignment of assignments) {
      const { results, declines } = answersFor(state, assignment)
      const settlement = state.settlements.get(dealtUnitKey(assignment))
      for (const node of assignment.quorum) {
        const account = accountAt(state, epoch, node)
        if (account === undefined || (registered.get(account) ?? 0) > seedRound(genesis, epoch)) continue
        const behind = balance.get(account) ?? 0
        if (behind >= missLimit) continue
        const isCounted = settlement?.counted.some((result) => result.node === node) ?? false
        // One that waits may have its leaves kept back until an audit is over.
        const isRefused = (settlement?.refused.has(node) ?? false) || isContradicted(state, assignment, node)
        const missed = declines.has(node) || isRefused || (results.has(node) ? allOver : over)
        if (isCounted && !isRefused) {
          balance.set(account, Math.max(0, behind - 1))
        } else if (missed && !isCertifiedElsewhere(state, assignment)) {
          balance.set(account, behind + 1)
        }
      }
    }
  }
  for (const { account } of state.convictions) balance.set(account, Math.max(missLimit, balance.get(account) ?? 0))
  return balance
}

/**
 * What it showed is not what was certified: whoever hides the leaves of a lie can't be convicted of
 * it, but has done nothing.
 */
function isContradicted(state: State, assignment: Assignment, node: string): boolean {
  const settlement = state.settlements.get(dealtUnitKey(assignment))
  const [certified] = settlement?.status === 'certified' ? settlement.results : []
  const shown = answersFor(state, assignment).results.get(node)
  if (!certified || !shown) return false
  return shown.every(({ item }) => resultKey(item) !== resultKey(certified.item))
}

/**
 * Accounts that have shown something else than what was certified, in deals that are not settled.
 */
export function contradicted(state: State): Set<string> {
  const accounts = new Set<string>()
  for (const { assignments } of state.draws.values()) {
    for (const assignment of assignments) {
      if (state.settlements.get(dealtUnitKey(assignment))?.status !== 'certified') continue
      for (const node of answersFor(state, assignment).results.keys()) {
        const account = accountAt(state, assignment.epoch, node)
        if (account !== undefined && isContradicted(state, assignment, node)) accounts.add(account)
      }
    }
  }
  return accounts
}

/**
 * A unit that another epoch's deal got certified is no miss: its nodes were spared the work
 * (duties).
 */
const isCertifiedElsewhere = (state: State, { window, unit, epoch }: Assignment): boolean => {
  const certified = state.windows.get(window)?.certified.get(unit)
  return (
    (state.windows.get(window)?.settled ?? null) !== null ||
    (certified !== undefined && certified.assignment.epoch !== epoch)
  )
}
