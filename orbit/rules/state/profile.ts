/**
 * What is known of one account, each thing with the evidence for it: its nodes, its level and what
 * that rests on, its certified units with the CIDs of the signed statements behind them, its
 * conviction. A pure function of the state.
 *
 * Of a settled window (settled-window.ts) the documents are gone: there the evidence is the
 * window's certificate.
 */

import { cidOf } from '../base/cid.ts'
import { accountAt, asOf } from '../deal/canonical-draws.ts'
import { type Level, type Standing, standingOf } from '../membership/levels.ts'
import type { Registration } from '../message/registration.ts'
import { dealtUnitKey } from '../message/unit.ts'
import type { Conviction } from '../quorum/convictions.ts'
import type { Credit } from './settled-window.ts'
import type { State } from './state.ts'
import type { AccountState } from './tally.ts'

export interface CreditedUnit {
  readonly epoch: number
  readonly window: bigint
  readonly unit: number
  readonly hardNumbers: number
  readonly node: string
  /** CIDs of the sealed draw that dealt it, and of the node's statement. */
  readonly draw: string
  readonly statement: string
  /** And of the audits that certify it in place of others' results. */
  readonly audits: readonly string[]
}

export interface CreditedWindow extends Credit {
  readonly window: bigint
}

export interface AccountHistory extends Omit<AccountState, 'nodes'> {
  /** Every name that it registered a node under. */
  readonly names: readonly string[]
  /** By the round of registration. */
  readonly nodes: readonly Registration[]
  readonly standing: Omit<Standing, 'level'> & {
    /**
     * Rounds from R(e) of its newest certified unit to that of the newest deal; null without one.
     */
    readonly idle: number | null
    /** What its units earn next, and from how many on; null at the top. */
    readonly next: { readonly level: Level; readonly units: number } | null
  }
  readonly conviction: Conviction | null
  /** Newest first, those of settled windows apart. */
  readonly certified: readonly CreditedUnit[]
  /** Newest first. */
  readonly settled: readonly CreditedWindow[]
}

/** The accounts that a name or a key means; a key may be cut to 8 digits or more. */
export function accountsNamed(state: State, nameOrKey: string): AccountState[] {
  const isKey = /^[0-9a-f]{8,64}$/.test(nameOrKey)
  const named = new Set<string>()
  for (const registrations of state.registered.values()) {
    for (const { name, account } of registrations.values()) if (name === nameOrKey) named.add(account)
  }
  return state.accounts.filter(({ account }) => named.has(account) || (isKey && account.startsWith(nameOrKey)))
}

/** @param account one of state.accounts */
export function accountHistory(state: State, account: AccountState): AccountHistory {
  const { genesis } = state
  const nodes = account.nodes
    .map((node) => state.registered.get(node)!.get(account.account)!)
    .sort((a, b) => a.round - b.round)
  const certified: CreditedUnit[] = []
  const settled: CreditedWindow[] = []
  for (const window of state.windows.values()) {
    const credit = window.settled?.credits.get(account.account)
    if (credit) settled.push({ window: window.window, ...credit })
    for (const { assignment, results, settlement } of window.certified.values()) {
      const claims = state.answers.units.get(dealtUnitKey(assignment))?.claims ?? []
      const certifying = claims.filter(({ node }) => settlement.auditors.includes(node))
      const audits = [...new Set(certifying.map(({ statement }) => cidOf(statement.bytes).toString()))].sort()
      for (const { node, item, cid } of results) {
        const { epoch, unit } = assignment
        if (accountAt(state, epoch, node) !== account.account) continue
        certified.push({
          ...{ epoch, window: window.window, unit, hardNumbers: item.count, node },
          ...{ draw: state.draws.get(epoch)!.cid, statement: cid },
          audits,
        })
      }
    }
  }
  const idle = account.dealtAt === null ? null : Math.max(0, asOf(genesis, state.draws) - account.dealtAt)
  const { earned, dropped } = standingOf(genesis, account.units, idle ?? 0)
  const { verified, trusted, elite } = genesis.body.trust
  const rising = { VERIFIED: verified, TRUSTED: trusted, ELITE: elite } as const
  const [next] = Object.entries(rising).filter(([, units]) => units > account.units) as [Level, number][]
  return {
    ...account,
    nodes,
    names: [...new Set(nodes.map(({ name }) => name))],
    standing: { earned, dropped, idle, next: next ? { level: next[0], units: next[1] } : null },
    conviction: state.convictions.find((conviction) => conviction.account === account.account) ?? null,
    certified: certified.sort(
      (a, b) => b.epoch - a.epoch || (a.window === b.window ? b.unit - a.unit : a.window > b.window ? -1 : 1),
    ),
    settled: settled.sort((a, b) => b.dealtAt - a.dealtAt || (a.window > b.window ? -1 : 1)),
  }
}
