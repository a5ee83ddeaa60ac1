/**
 * Windows as the state has them: which of their units are certified and by what, and what a whole
 * window comes to.
 */

import { talliesOf } from '../answer/judge.ts'
import type { SignedResult } from '../answer/results.ts'
import { accountAt, type Owners } from '../deal/canonical-draws.ts'
import type { Assignment } from '../message/unit.ts'
import type { Genesis } from '../network/genesis.ts'
import type { Conviction } from '../quorum/convictions.ts'
import type { Settlement } from '../quorum/settle.ts'
import type { History } from './settled-window.ts'
import { type SettledWindow, settledConviction, settledWindow } from './settled-window.ts'

export interface CertifiedUnit {
  readonly assignment: Assignment
  /**
   * All that agree, N or more, or one and its audit; in the order of the deal, of accounts not all
   * of whom are convicted.
   */
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

const NONE: ReadonlyMap<number, CertifiedUnit> = new Map()
const NOWHERE: ReadonlySet<number> = new Set()

export interface WindowInputs extends Owners {
  /** CIDs of the draws that are witnessed. */
  readonly witnessed: ReadonlySet<string>
  /** By dealtUnitKey. */
  readonly settlements: ReadonlyMap<string, Settlement>
  readonly history: History
  /** Accounts. */
  readonly convicted: ReadonlySet<string>
  readonly unitsPerWindow: number
}

/**
 * All windows that have dealt units, and the settled ones, ascending. The first deal that certifies
 * a unit counts.
 */
export function windowsIn(inputs: WindowInputs): Map<bigint, WindowState> {
  const { draws, witnessed, settlements, history, convicted, unitsPerWindow } = inputs
  const units = new Map<bigint, { certified: Map<number, CertifiedUnit>; disputed: Set<number> }>()
  for (const [epoch, { cid, keys, assignments }] of draws) {
    const stands = witnessed.has(cid)
    const isConvicted = (node: string) => convicted.size > 0 && convicted.has(accountAt(inputs, epoch, node) ?? '')
    for (const [i, key] of keys.entries()) {
      const assignment = assignments[i]!
      const { window, unit } = assignment
      if (history.has(window)) continue
      const state = units.get(window) ?? { certified: new Map(), disputed: new Set() }
      units.set(window, state)
      const settlement = settlements.get(key)
      if (!settlement) continue
      if (settlement.status === 'disputed') state.disputed.add(unit)
      if (!stands || settlement.status !== 'certified' || state.certified.has(unit)) continue
      const results = certifying(settlement, isConvicted)
      if (results) state.certified.set(unit, { assignment, results, settlement })
    }
  }
  for (const { certified, disputed } of units.values()) for (const unit of certified.keys()) disputed.delete(unit)
  const all: WindowState[] = [...units].map(([window, { certified, disputed }]) => ({
    ...{ window, certified, settled: null, disputed, complete: certified.size === unitsPerWindow },
  }))
  for (const settled of history.values()) {
    all.push({ window: settled.window, certified: NONE, settled, disputed: NOWHERE, complete: true })
  }
  return new Map(all.sort((a, b) => (a.window < b.window ? -1 : 1)).map((state) => [state.window, state]))
}

/**
 * The results that agree, N or more, at least one of them of an account that is not convicted; null
 * when there are none. Where an audit stands for the others, neither the one nor all of the
 * auditors may be convicted.
 */
function certifying(
  { results, auditors }: Settlement,
  isConvicted: (node: string) => boolean,
): readonly SignedResult[] | null {
  if (auditors.length > 0 && auditors.every(isConvicted)) return null
  return results.every(({ node }) => isConvicted(node)) ? null : results
}

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
