/**
 * Poisson's distribution for tests: drawn from, and summed exactly in integers.
 *
 * The sums are made in another way than those of kernels/evidence/shortfall.ts, which they judge:
 * from 0 upwards, with exact numerators.
 */
import type { Tally, UnitTallies } from '../../kernels/evidence/shortfall.ts'
import type { Random } from './random.ts'

const MEAN_BITS = 32n
const ONE = 1n << 200n

/** Uniform in 0 to 1, 53 bits. */
const uniform = (random: Random): number => Number(random.word() >> 11n) / 2 ** 53

/** Draws counts by inverting the cumulative distribution. */
function drawer(mean: number): (random: Random) => number {
  const mode = Math.floor(mean)
  const weights = [1]
  for (let i = mode; i > 0 && weights[0]! > 1e-30; i--) weights.unshift((weights[0]! * i) / mean)
  const first = mode - weights.length + 1
  for (let i = mode + 1; weights.at(-1)! > 1e-30; i++) weights.push((weights.at(-1)! * mean) / i)
  const total = weights.reduce((a, b) => a + b, 0)
  return (random) => {
    let rest = uniform(random) * total
    let at = 0
    while (at < weights.length - 1 && rest >= weights[at]!) rest -= weights[at++]!
    return first + at
  }
}

/**
 * Tallies of units, one after the other.
 *
 * @param means by tier, in 2^-32
 * @param kept the shares of the tiers that are listed: all, of an honest worker
 */
export function* drawnTallies(
  means: readonly bigint[],
  random: Random,
  kept: readonly number[] = [1, 1, 1],
): Generator<UnitTallies> {
  const draws = means.map((mean, tier) => drawer((Number(mean) / 2 ** 32) * kept[tier]!))
  for (;;) yield draws.map((draw, tier) => ({ count: draw(random), mean: means[tier]! }))
}

/** Weights of 0, 1, 2, ... relative to that of 0, in units of 2^-200, until they no longer count. */
function* weightsOf(mean: bigint): Generator<bigint> {
  let weight = ONE
  for (let i = 1n; ; i++) {
    yield weight
    weight = (weight * mean) / (i << MEAN_BITS)
    if (weight === 0n || (i << MEAN_BITS > 2n * mean && weight < ONE >> 100n)) return
  }
}

/** P(X <= count), as a numerator and a denominator. */
export function lowerTail({ count, mean }: Tally): readonly [bigint, bigint] {
  let [below, all, i] = [0n, 0n, 0]
  for (const weight of weightsOf(mean)) {
    all += weight
    if (i++ <= count) below += weight
  }
  return [below, all]
}

/** The greatest count that comes less often than once in `looks` million cases; -1 where none does. */
export function greatestShort(mean: bigint, looks: number): number {
  const weights = [...weightsOf(mean)]
  const all = weights.reduce((a, b) => a + b, 0n)
  let below = 0n
  for (const [i, weight] of weights.entries()) {
    below += weight
    if (below * BigInt(looks) * 1_000_000n >= all) return i - 1
  }
  return weights.length
}

/**
 * How probable it is that a line of an account, short of its share in each unit, is alarmed over its
 * first 1, 2, 3, ... units, by the look at all of them alone.
 *
 * @param mean of the line in one unit, in 2^-32
 * @param kept thousandths that the cheat lists
 */
export function* alarmChances(mean: bigint, kept: number, looks = 12): Generator<number> {
  for (let n = 1n; ; n++) {
    const count = greatestShort(n * mean, looks)
    const [below, all] = count < 0 ? [0n, 1n] : lowerTail({ count, mean: (n * mean * BigInt(kept)) / 1000n })
    yield Number((below * 1_000_000_000n) / all) / 1e9
  }
}
