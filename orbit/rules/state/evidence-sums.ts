/**
 * What an account's evidence comes to over its certified units (kernels/evidence/shortfall.ts): the
 * sum over all of them, and the last 100 one by one, in the order of (epoch, window, unit). Kept by
 * window, as settled windows are, and put together again: both give the same.
 */
import { type AccountTallies, summed, TOLD_APART, type UnitTallies } from '../../../kernels/evidence/shortfall.ts'

/** What one unit's evidence comes to. */
export interface TalliedUnit {
  /** Of the deal. */
  readonly epoch: number
  readonly window: bigint
  readonly unit: number
  readonly tallies: UnitTallies
}

export interface EvidenceSums {
  readonly units: number
  /** By tier. */
  readonly total: UnitTallies
  /** 100 at most, in order. */
  readonly last: readonly TalliedUnit[]
}

const inOrder = (a: TalliedUnit, b: TalliedUnit): number =>
  a.epoch - b.epoch || (a.window < b.window ? -1 : a.window > b.window ? 1 : a.unit - b.unit)

export const sumsOf = (units: readonly TalliedUnit[]): EvidenceSums => ({
  units: units.length,
  total: summed(units.map(({ tallies }) => tallies)),
  last: units.toSorted(inOrder).slice(-TOLD_APART),
})

export const mergeSums = (parts: readonly EvidenceSums[]): EvidenceSums => ({
  units: parts.reduce((sum, { units }) => sum + units, 0),
  total: summed(parts.map(({ total }) => total)),
  last: parts
    .flatMap(({ last }) => last)
    .sort(inOrder)
    .slice(-TOLD_APART),
})

/** As alarmsOfAccount() takes it. */
export const accountTallies = ({ units, total, last }: EvidenceSums): AccountTallies => ({
  ...{ units, total, last: last.map(({ tallies }) => tallies) },
})
