/** Windows as the state has them: which of their units are certified and by what, and what a whole window comes to. */

import { talliesOf } from '../answer/judge.ts'
import type { SignedResult } from '../answer/results.ts'
import { accountAt, type Owners } from '../deal/canonical-draws.ts'
import type { Assignment } from '../message/unit.ts'
import type { Genesis } from '../network/genesis.ts'
import type { Conviction } from '../quorum/convictions.ts'
import type { Settlement } from '../quorum/settle.ts'
import { type SettledWindow, settledConviction, settledWindow } from './settled-window.ts'

export interface CertifiedUnit {
  readonly assignment: Assignment
  /** All that agree, N or more, or one and its audit; in the order of the deal, of accounts not all of whom are convicted. */
  readonly results: readonly SignedResult[]
  readonly settlement: Settlement
}

export interface WindowState {
  readonly window: bigint
  /** By unit index, with the evidence. Empty for a settled window. */
  readonly certified: ReadonlyMap<number, CertifiedUnit>
  /** What is remembered of a window that is over, or null. */
  readonly settled: SettledWindow | null
  readonly disputed: ReadonlySet<number>
  readonly complete: boolean
}

export const isUnitCertified = (window: WindowState | undefined, unit: number): boolean =>
  window !== undefined && (window.settled !== null || window.certified.has(unit))

export const unitsCertified = ({ settled, certified }: WindowState): number => settled?.units ?? certified.size

/** What a complete window comes to, whether it is settled or not. */
export function summaryOf(
  state: Owners & { readonly genesis: Genesis; readonly convictions: readonly Conviction[] },
  { window, settled, certified }: WindowState,
): SettledWindow {
  if (settled) return settled
  const units = [...certified.values()].map(({ assignment, results, settlement }) => ({
    epoch: assignment.epoch,
    result: results[0]!.item,
    accounts: results.map(({ node }) => accountAt(state, assignment.epoch, node)!),
    tallies: results.map((result) => talliesOf(state.genesis, assignment, result)),
    auditors: settlement.auditors.flatMap((node) => accountAt(state, assignment.epoch, node) ?? []),
  }))
  const convictions = state.convictions.filter((c) => c.window === window).map(settledConviction)
  return settledWindow(state.genesis, window, units, convictions)
}
