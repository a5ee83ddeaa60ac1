/** What each account has done, added up from certified units alone (levels.ts, allowance.ts). */

import { type Alarm, alarmsOfAccount } from '../../../kernels/evidence/shortfall.ts'
import { talliesOf } from '../answer/judge.ts'
import { createMemory, type Memory } from '../base/memory.ts'
import { accountAt, type Owners } from '../deal/canonical-draws.ts'
import type { ShownWork } from '../membership/allowance.ts'
import { LEVELS, type Level, levelOf } from '../membership/levels.ts'
import { type Registered, registrationsByAccount } from '../membership/owners.ts'
import type { Genesis } from '../network/genesis.ts'
import { deadlineRound, seedRound } from '../network/schedule.ts'
import { accountTallies, type EvidenceSums, mergeSums, sumsOf, type TalliedUnit } from './evidence-sums.ts'
import type { WindowState } from './windows.ts'

export interface AccountState extends ShownWork {
  readonly name: string
  /** All that it has registered, also those that rosters name for another that was first. */
  readonly nodes: readonly string[]
  /** Units certified with a result of this account. */
  readonly units: number
  readonly hardNumbers: number
  /** R(e) of its newest certified unit. */
  readonly dealtAt: number | null
  readonly level: Level
  /** Where its evidence falls short, with the figures. */
  readonly short: readonly Alarm[]
}

type Tally = { -readonly [K in keyof AccountState]: AccountState[K] }

/** Accounts that have done nothing yet, by key. */
function newAccounts(registered: Registered): Map<string, Tally> {
  const accounts = new Map<string, Tally>()
  for (const [account, registrations] of registrationsByAccount(registered)) {
    registrations.sort((a, b) => (a.node < b.node ? -1 : 1))
    accounts.set(account, {
      ...{ account, name: registrations[0]!.name, nodes: registrations.map(({ node }) => node) },
      ...{ units: 0, hardNumbers: 0, dealtAt: null, best: 0, bestOfOld: 0, level: 'UNTRUSTED', short: [] },
    })
  }
  return accounts
}

/**
 * One pass over all certified units, and one over the accounts, which share their sums.
 *
 * @param windows   all that are known, settled or not
 * @param convicted accounts
 * @param now       the newest R(e) that a dealt draw proves
 * @returns by certified units, most first
 */
export function accountsOf(
  genesis: Genesis,
  state: Owners & { readonly registered: Registered },
  windows: Iterable<WindowState>,
  convicted: ReadonlySet<string>,
  now: number,
  memory: Memory = createMemory(),
): AccountState[] {
  const accounts = newAccounts(state.registered)
  const { allowance, deadlineRounds } = genesis.body
  const remembered = now - allowance.rounds
  const byEpoch = new Map<string, Map<number, number>>()
  const count = (key: string, epoch: number, units: number) => {
    if (seedRound(genesis, epoch) <= remembered) return
    const known = byEpoch.get(key) ?? new Map<number, number>()
    byEpoch.set(key, known.set(epoch, (known.get(epoch) ?? 0) + units))
  }
  const sums = new Map<string, EvidenceSums[]>()
  const live = new Map<string, TalliedUnit[]>()
  for (const { window, certified, settled } of windows) {
    for (const [key, { units, hardNumbers, dealtAt, epochs, evidence }] of settled?.credits ?? []) {
      const account = accounts.get(key)
      if (!account) continue
      account.units += units
      account.hardNumbers += hardNumbers
      account.dealtAt = Math.max(account.dealtAt ?? 0, dealtAt)
      sums.set(key, [...(sums.get(key) ?? []), evidence])
      if (dealtAt > remembered) for (const [epoch, n] of epochs) count(key, epoch, n)
    }
    for (const unit of certified.values()) {
      const { epoch } = unit.assignment
      const round = seedRound(genesis, epoch)
      for (const result of unit.results) {
        const key = accountAt(state, epoch, result.node)!
        const account = accounts.get(key)
        if (!account) continue
        account.units++
        account.hardNumbers += result.item.count
        account.dealtAt = Math.max(account.dealtAt ?? 0, round)
        count(key, epoch, 1)
        const tallies = talliesOf(genesis, unit.assignment, result, memory)
        const tallied = live.get(key) ?? []
        if (tallied.push({ epoch, window, unit: result.item.unit, tallies }) === 1) live.set(key, tallied)
      }
    }
  }
  for (const account of accounts.values()) {
    for (const [epoch, n] of byEpoch.get(account.account) ?? []) {
      account.best = Math.max(account.best, n)
      // Nor what is about to be forgotten, as somebody may be an epoch ahead.
      const isOld = deadlineRound(genesis, epoch) <= now && seedRound(genesis, epoch) > remembered + deadlineRounds
      if (isOld) account.bestOfOld = Math.max(account.bestOfOld, n)
    }
    const idle = now - (account.dealtAt ?? now)
    const shown = mergeSums([...(sums.get(account.account) ?? []), sumsOf(live.get(account.account) ?? [])])
    account.short = alarmsOfAccount(accountTallies(shown))
    account.level = account.short.length > 0 ? 'UNTRUSTED' : levelOf(genesis, account.units, idle)
    if (convicted.has(account.account)) account.level = 'BANNED'
  }
  return [...accounts.values()].sort((a, b) => b.units - a.units || (a.account < b.account ? -1 : 1))
}

/** The lowest level among accounts. */
export function levelAmong(
  { accounts }: { readonly accounts: readonly AccountState[] },
  keys: readonly string[],
): Level {
  const found = accounts.filter(({ account }) => keys.includes(account)).map(({ level }) => level)
  return LEVELS[Math.min(...found.map((level) => LEVELS.indexOf(level)))] ?? 'UNTRUSTED'
}
