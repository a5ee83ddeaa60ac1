/**
 * The tiers of a partition's evidence: after how many steps a number is looked at, how many items
 * each tier is to yield, and the thresholds that give this many on average.
 *
 * Tier 1 looks at S = W+23 and tier 2 at S = W+83. There T^S(n) mod 2^J must be the signer's flag
 * (request.ts), and only the S steps tell. Tier 3 is hard numbers, S = S0. A tier that does not lie
 * below S0 is left out, and tier 3 takes its share. T^S(n) mod 2^J is uniform from S = W+23 on, not
 * at W+8 (chi squared).
 *
 * Protocol: exact integers only. Change anything here, and networks no longer agree.
 */
import { classes } from '../partition.ts'
import { ROOT } from '../rules.ts'
import type { ClassState, EvidenceParameters, Partition } from '../unit.ts'
import { outliving } from './outliving.ts'

/** k: items of a unit on average. */
export const DEFAULT_ITEMS = 512
/** The greatest J: the wasm engine flags entries of its table of 2^15 jumps. */
export const MOST_FLAG_BITS = 15
/** The greatest k: the counts of an encoded list have 16 bits. */
export const MOST_ITEMS = 16_384

/** Every list by tier has as many entries. */
export const TIERS = 3

export interface Tier {
  /** S: rules D, M and O must not fire within so many steps. */
  readonly steps: number
  /** Whether T^S(n) mod 2^J must be the signer's flag. */
  readonly flagged: boolean
  /** Hundredths of the items; 0 for a tier that is left out. */
  readonly share: number
}

/** The tiers of windows of 2^bits numbers. */
export function tiersOf({ bits, hardSteps }: Pick<Partition, 'bits' | 'hardSteps'>): readonly [Tier, Tier, Tier] {
  const flagged = (steps: number, share: number) => ({ steps, flagged: true, share: steps < hardSteps ? share : 0 })
  const [first, second] = [flagged(bits + 23, 42), flagged(bits + 83, 50)]
  return [first, second, { steps: hardSteps, flagged: false, share: 100 - first.share - second.share }]
}

/** A rational number from 0: numerator / denominator. */
interface Ratio {
  readonly numerator: bigint
  readonly denominator: bigint
}

/** Numbers of the class in a window that rule P leaves and that outlive the tier's steps. */
function expectedAlive({ map, bits }: Pick<Partition, 'map' | 'bits'>, state: ClassState, { steps }: Tier): Ratio {
  const numerator = outliving(state, map, steps)
  const denominator = 1n << BigInt(steps - bits)
  return map === '3n+1' ? { numerator: 5n * numerator, denominator: 9n * denominator } : { numerator, denominator }
}

/**
 * J and k of a partition: what it states, or the defaults. k is 512. J is the greatest up to 15
 * that leaves the first two tiers twice their share in a unit on average: 15 for one unit of 2^40
 * numbers, 12 for 2^36, 6 for 2^30, 0 for 2^24.
 *
 * @throws {RangeError} when what is stated is out of range
 */
export function evidenceOf(partition: Partition): EvidenceParameters {
  const { evidence } = partition
  if (!evidence) return { flagBits: defaultFlagBits(partition, DEFAULT_ITEMS), items: DEFAULT_ITEMS }
  const { flagBits, items } = evidence
  if (!Number.isInteger(flagBits) || flagBits < 0 || flagBits > MOST_FLAG_BITS) {
    throw new RangeError(`the flag of evidence has 0 to ${MOST_FLAG_BITS} bits, not ${flagBits}`)
  }
  assertItems(items)
  return evidence
}

/** @throws {RangeError} */
export function assertItems(items: number): void {
  if (!Number.isInteger(items) || items < 1 || items > MOST_ITEMS) {
    throw new RangeError(`evidence of a unit has 1 to ${MOST_ITEMS} items on average, not ${items}`)
  }
}

function defaultFlagBits(partition: Partition, items: number): number {
  const units = BigInt(classes(partition).length)
  let flagBits = MOST_FLAG_BITS
  for (const tier of tiersOf(partition)) {
    if (!tier.flagged || tier.share === 0) continue
    const { numerator, denominator } = expectedAlive(partition, ROOT, tier)
    const wanted = 2n * BigInt(items * tier.share) * units * denominator
    while (flagBits > 0 && 100n * numerator < wanted << BigInt(flagBits)) flagBits--
  }
  return flagBits
}

/** What a tier of a unit expects. */
export interface Threshold {
  /**
   * tau, 0 to 2^64: an item's hash, as a number of 64 bits, is below it. 2^64 takes every number, 0
   * none.
   */
  readonly tau: bigint
  /** Items expected, in units of 2^-32, rounded down. */
  readonly mean: bigint
}

/** Fraction bits of Threshold.mean. */
export const MEAN_BITS = 32n

/**
 * The thresholds of a class by tier, for `items` on average.
 *
 * @param state the unit's class
 * @param items 1 to 16,384: k, or twice k for a result that stands alone
 */
export function thresholdsOf(partition: Partition, state: ClassState, items: number): readonly Threshold[] {
  const { flagBits } = evidenceOf(partition)
  return tiersOf(partition).map((tier) => {
    if (tier.share === 0) return { tau: 0n, mean: 0n }
    const { numerator, denominator: whole } = expectedAlive(partition, state, tier)
    const denominator = tier.flagged ? whole << BigInt(flagBits) : whole
    // tau / 2^64 = wanted / expected, at most 1
    const exact = (BigInt(items * tier.share) * (denominator << 64n)) / (100n * numerator)
    const tau = exact > 1n << 64n ? 1n << 64n : exact
    return { tau, mean: (((numerator * tau) << MEAN_BITS) / denominator) >> 64n }
  })
}
