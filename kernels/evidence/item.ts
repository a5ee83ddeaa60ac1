/**
 * Whether a number is an item of evidence, by true arithmetic. A judge of a result asks this of
 * each item, the exact engine of each number.
 *
 * Measured at W = 60: some 6 µs for the steps of tier 1, 10 µs for tier 2, 22 µs for tier 3, and 2
 * µs for the hash.
 */
import { shortcutMap } from '../map.ts'
import { classes } from '../partition.ts'
import { minOdds, ruleP } from '../rules.ts'
import type { EvidenceItems, MapName, Unit } from '../unit.ts'
import { type EvidenceTest, itemHash, type TierTest } from './request.ts'

/**
 * T^s(n) for each stop s that n reaches: no rule D, M or O fires within its first s steps.
 *
 * @param n at least 0
 * @param stops ascending numbers of steps
 * @returns as many values as stops are reached
 */
export function valuesAt(n: bigint, map: MapName, stops: readonly number[]): readonly bigint[] {
  const { factor, addend } = shortcutMap(map)
  const allRules = map === '3n+1'
  const values: bigint[] = []
  let value = n
  let odds = 0
  let evens = -1
  let run = 0
  for (let step = 0; ; step++) {
    while (values.length < stops.length && stops[values.length] === step) values.push(value)
    if (values.length === stops.length) return values
    if ((value & 1n) === 1n) {
      value = (factor * value + addend) >> 1n
      if (run !== 1 && run !== 3) run = odds < minOdds(map, step + 1) ? 1 : 3
      odds++
      evens = 0
    } else {
      value >>= 1n
      if (evens >= 0) evens++
      if (odds < minOdds(map, step + 1)) return values
      if (allRules && (run === 2 || (evens >= 2 && evens % 2 === 0 && odds - 1 < minOdds(map, step)))) return values
      run = run === 1 ? 2 : 0
    }
  }
}

const carriesFlag = (value: bigint, { flagged }: TierTest, { flagBits, flag }: EvidenceTest): boolean =>
  !flagged || BigInt.asUintN(flagBits, value) === BigInt(flag)

/**
 * The tiers of which n is an item, whatever its class.
 *
 * @param n 0 to 2^128 - 1
 * @returns indices, ascending: 0 for tier 1
 */
export function tiersOfNumber(n: bigint, test: EvidenceTest, map: MapName): readonly number[] {
  if (ruleP(n, map)) return []
  const present = test.tiers.map((tier, index) => ({ tier, index })).filter(({ tier }) => tier.tau > 0n)
  const values = valuesAt(
    n,
    map,
    present.map(({ tier }) => tier.steps),
  )
  const found: number[] = []
  for (const [at, { tier, index }] of present.entries()) {
    const value = values[at]
    if (value === undefined) break
    if (carriesFlag(value, tier, test) && itemHash(test.key, index + 1, n) < tier.tau) found.push(index)
  }
  return found
}

/** Why a number is not an item, as the end of "n is no item of tier 1 of unit 5: it ...". */
export type Refusal =
  | 'lies outside of the unit'
  | 'is dropped by rule P'
  | 'does not outlive the steps of the tier'
  | 'does not carry the flag'
  | 'is not selected by its hash'

/**
 * Checks one item of a unit's evidence.
 *
 * @param tier 0, 1 or 2, for tier 1, 2 or 3
 * @param test evidenceTest() of the unit and the request
 * @returns null for a sound item, or why it is none
 */
export function refusalOf(n: bigint, tier: number, unit: Unit, test: EvidenceTest): Refusal | null {
  const { partition, window, index } = unit
  const { map, bits } = partition
  const state = classes(partition)[index]!
  if (n < 0n || n >> BigInt(bits) !== window || BigInt.asUintN(state.depth, n) !== state.residue) {
    return 'lies outside of the unit'
  }
  const tierTest = test.tiers[tier]!
  // The cheapest first: most of what is made up fails here.
  if (itemHash(test.key, tier + 1, n) >= tierTest.tau) return 'is not selected by its hash'
  if (ruleP(n, map)) return 'is dropped by rule P'
  const [value] = valuesAt(n, map, [tierTest.steps])
  if (value === undefined) return 'does not outlive the steps of the tier'
  return carriesFlag(value, tierTest, test) ? null : 'does not carry the flag'
}

/** An item that is none. */
export interface FalseItem {
  readonly n: bigint
  /** 0, 1 or 2, for tier 1, 2 or 3. */
  readonly tier: number
  readonly refusal: Refusal
}

/**
 * Checks all items of a unit's evidence.
 *
 * @param items three lists, as decodeItems() gives them: none of them has a number twice
 * @returns null when all are sound, or the first that is not
 */
export function falseItemOf(items: EvidenceItems, unit: Unit, test: EvidenceTest): FalseItem | null {
  for (const [tier, numbers] of items.entries()) {
    for (const n of numbers) {
      const refusal = refusalOf(n, tier, unit, test)
      if (refusal) return { n, tier, refusal }
    }
  }
  return null
}
