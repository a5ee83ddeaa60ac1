/**
 * Whether evidence falls short: so few items that nobody who did the work would have them by bad
 * luck.
 *
 * Each number of a unit is an item with a small probability of its own, and the count of items is
 * Poisson's, or narrower where the probabilities are not small. So a count is judged by the lower
 * tail of Poisson's distribution, P(X <= count). The normal approximation is not used. Of 41 items,
 * as the tier of hard numbers has, 13 or fewer come once in a million honest units, at z = -4.37; z
 * = -4.75 would ask for 10, and let more cheats pass. From some 10,000 items on the two agree. z is
 * shown to people, it decides nothing.
 *
 * All machines must come to the same alarm: the tail is summed in integers, in a stated order, with
 * stated rounding.
 */
import type { EvidenceItems } from '../unit.ts'
import type { EvidenceTest } from './request.ts'
import { MEAN_BITS, TIERS } from './tiers.ts'

/** What was found and what is expected: of a tier, of all, of a unit, or of many. */
export interface Tally {
  readonly count: number
  /** In units of 2^-32. */
  readonly mean: bigint
}

/** The probability of a false alarm, as 1 in so many: z = -4.75 for a normal distribution. */
export const FALSE_ALARM = 1_000_000

/** Fraction bits of the sums. */
const BITS = 128n

/**
 * Sums of Poisson's weights up to the mode and beyond, all relative to the weight at the mode,
 * rounded down term by term.
 *
 * @returns [sum of the weights of 0 to count, sum of all]
 */
function poissonSums({ count, mean }: Tally): readonly [bigint, bigint] {
  const mode = Number(mean >> MEAN_BITS)
  let below = mode <= count ? 1n << BITS : 0n
  let all = 1n << BITS
  // Down from the mode: the weight of i - 1 is that of i, times i / mean.
  for (let i = mode, weight = 1n << BITS; i > 0; i--) {
    weight = (weight * (BigInt(i) << MEAN_BITS)) / mean
    if (weight === 0n) break
    all += weight
    if (i - 1 <= count) below += weight
  }
  for (let i = mode + 1, weight = 1n << BITS; ; i++) {
    weight = (weight * mean) / (BigInt(i) << MEAN_BITS)
    if (weight === 0n) return [below, all]
    all += weight
    if (i <= count) below += weight
  }
}

/**
 * Whether so few items come by chance less often than once in `looks` million honest cases.
 *
 * @param looks how many such questions are asked together, from 1: the false alarms of all add up
 *   to 1 in a million
 */
export function isShort(tally: Tally, looks: number): boolean {
  const missing = tally.mean - (BigInt(tally.count) << MEAN_BITS)
  // Less than 3 standard deviations: the tail is above 1 in 20,000, whatever the mean. Saves nearly
  // all sums.
  if (missing <= 0n || missing * missing < (9n * tally.mean) << MEAN_BITS) return false
  const [below, all] = poissonSums(tally)
  return below * BigInt(looks * FALSE_ALARM) < all
}

/**
 * What is shown by the items that are there: whoever skipped more than this share of the work, at
 * random, would have so many less often than once in a million. For display: who prunes cleverly
 * may skip more (ALGORITHMS.md).
 *
 * @returns thousandths, 0 to 1000
 */
export function mostSkipped({ count, mean }: Tally): number {
  let [possible, excluded] = [0, 1000]
  if (count === 0) return excluded
  while (excluded - possible > 1) {
    const share = (possible + excluded) >> 1
    const [below, all] = poissonSums({ count: count - 1, mean: (mean * BigInt(1000 - share)) / 1000n })
    if ((all - below) * BigInt(FALSE_ALARM) < all) excluded = share
    else possible = share
  }
  return excluded
}

/**
 * Standard deviations below (negative) or above the mean; 0 when nothing is expected. For display
 * alone.
 */
export function deviationsOf({ count, mean }: Tally): number {
  const expected = Number(mean) / 2 ** Number(MEAN_BITS)
  return expected === 0 ? 0 : (count - expected) / Math.sqrt(expected)
}

/** A unit's evidence: one tally a tier. */
export type UnitTallies = readonly Tally[]

/** The tallies of a unit's items. Whether the items are sound is for item.ts to say. */
export const talliesOf = (items: EvidenceItems, { tiers }: Pick<EvidenceTest, 'tiers'>): UnitTallies =>
  tiers.map(({ mean }, tier) => ({ count: items[tier]!.length, mean }))

/** Which question: a tier, 0 to 2, or all of them together. */
export type Line = number | 'pooled'

/** The sum of tallies. */
export const pooled = (tallies: readonly Tally[]): Tally => ({
  count: tallies.reduce((sum, { count }) => sum + count, 0),
  mean: tallies.reduce((sum, { mean }) => sum + mean, 0n),
})

/** Tier by tier, the sum over units. */
export const summed = (units: readonly UnitTallies[]): UnitTallies =>
  Array.from({ length: TIERS }, (_, tier) => pooled(units.map((unit) => unit[tier]!)))

/** A line that falls short. */
export interface Alarm {
  /** Over how many units, the last ones. */
  readonly units: number
  readonly line: Line
  readonly tally: Tally
}

/** Each tier alone, and all together. */
function alarmsOver(tiers: UnitTallies, units: number, looks: number): readonly Alarm[] {
  const lines: (readonly [Line, Tally])[] = [
    ...tiers.map((tally, tier) => [tier, tally] as const),
    ['pooled', pooled(tiers)],
  ]
  return lines.flatMap(([line, tally]) => (isShort(tally, looks) ? [{ units, line, tally }] : []))
}

/** What falls short in one unit: each line at 1 in a million. */
export const alarmsOfUnit = (unit: UnitTallies): readonly Alarm[] => alarmsOver(unit, 1, 1)

/**
 * Spans of an account's units that are looked at besides all of them: the last 20, the last 100.
 */
const SPANS = [20, 100] as const
/** Of how many of its last units an account's tallies are told apart. */
export const TOLD_APART = 100
const LOOKS = (SPANS.length + 1) * (TIERS + 1)

/** What an account has shown. */
export interface AccountTallies {
  readonly units: number
  /** Over all of them, by tier. */
  readonly total: UnitTallies
  /** Of the last 100 or fewer, in the order of the units. */
  readonly last: readonly UnitTallies[]
}

/**
 * What falls short over an account's units: of the last 20, the last 100 and all, each line at 1 in
 * a million divided by the looks so far, 12 a unit. So who does all of the work is alarmed less
 * often than once in 100,000 accounts of 10,000 units.
 */
export function alarmsOfAccount({ units, total, last }: AccountTallies): readonly Alarm[] {
  const spans = SPANS.filter((span) => span < units)
  const alarms = spans.flatMap((span) => alarmsOver(summed(last.slice(-span)), span, LOOKS * units))
  return units === 0 ? [] : [...alarms, ...alarmsOver(total, units, LOOKS * units)]
}
