/**
 * How many hard numbers theory expects, so that even a lone result can be judged.
 *
 * Theorem (Terras, Acta Arith. 30, 1976). Of all n mod 2^k, each parity vector of k steps belongs
 * to exactly one. So the states of the rules after `bits` steps are counted exactly, because the
 * low `bits` bits of a window's numbers run through all residues. Later parities are taken for fair
 * coins, and n mod 9 for independent of them. A survivor in state s is then hard with p(s) = 5/9 *
 * P(no rule fires in the steps bits+1 to S0). The mean is the sum of p, the variance the sum of
 * p*(1-p). Where S0 is far above `bits`, p is small and the variance is Poisson's: sqrt(8735.6) =
 * 93 for 2^40 numbers at S0 = 320.
 *
 * Bounds: floating point, relative errors below 1e-12. Under 5n+1 most numbers never fall, and the
 * mean is of the order of the window.
 *
 * Measured: 8741 hard numbers in the 2^40 from 2^71 (0.06 deviations), 139,659 in the 2^44 from
 * there (-0.3).
 */
import { minOdds, ROOT, ruleAtEven } from './rules.ts'
import type { ClassState, MapName, Partition } from './unit.ts'

export interface Expectation {
  /** Hard numbers expected. */
  readonly mean: number
  readonly standardDeviation: number
}

/** States at one depth: odds 0..depth, evens folded to -1, 0, 1 (none, even, odd), run 0..3. */
const slot = (odds: number, folded: number, run: number): number => (odds * 3 + folded + 1) * 4 + run

/**
 * One step back: for each state at `depth` the mean over its two halves, given those at depth + 1.
 */
function stepBack(map: MapName, depth: number, next: Float64Array): Float64Array {
  const here = new Float64Array((depth + 1) * 12)
  for (let odds = minOdds(map, depth); odds <= depth; odds++) {
    for (const evens of [-1, 0, 1]) {
      for (const run of [0, 1, 2, 3] as const) {
        const runOn = map !== '3n+1' ? 0 : run === 1 || run === 3 ? run : odds < minOdds(map, depth + 1) ? 1 : 3
        let sum = next[slot(odds + 1, 0, runOn)]!
        if (ruleAtEven({ depth, odds, evens, run }, map) === null) {
          sum += next[slot(odds, evens < 0 ? -1 : 1 - evens, run === 1 ? 2 : 0)]!
        }
        here[slot(odds, evens, run)] = sum / 2
      }
    }
  }
  return here
}

/** By depth 0..bits and state: mean and variance of a single number of such a class. */
interface Layers {
  readonly mean: readonly Float64Array[]
  readonly variance: readonly Float64Array[]
}
/** Memo of layersOf(), a pure function: a few partitions in a process, some 300 KB each. */
const memo = new Map<string, Layers>()

function layersOf({ map, bits, hardSteps }: Pick<Partition, 'map' | 'bits' | 'hardSteps'>): Layers {
  const key = `${map} ${bits} ${hardSteps}`
  const remembered = memo.get(key)
  if (remembered) return remembered
  let layer: Float64Array = new Float64Array((hardSteps + 1) * 12).fill(map === '3n+1' ? 5 / 9 : 1)
  for (let depth = hardSteps - 1; depth >= bits; depth--) layer = stepBack(map, depth, layer)
  const mean: Float64Array[] = [layer]
  const variance: Float64Array[] = [layer.map((p) => p * (1 - p))]
  for (let depth = bits - 1; depth >= 0; depth--) {
    mean.unshift(stepBack(map, depth, mean[0]!))
    variance.unshift(stepBack(map, depth, variance[0]!))
  }
  const layers = { mean, variance }
  memo.set(key, layers)
  return layers
}

/**
 * What to expect of a class in any window far above zero.
 *
 * @param state of a class that no rule drops, of depth at most bits: a unit, a leaf; default: the
 *   whole window
 */
export function expectedHard(
  partition: Pick<Partition, 'map' | 'bits' | 'hardSteps'>,
  state: ClassState = ROOT,
): Expectation {
  const { mean, variance } = layersOf(partition)
  const { depth, odds, evens, run } = state
  const index = slot(odds, evens < 0 ? -1 : evens % 2, run)
  const numbers = 2 ** (partition.bits - depth)
  return { mean: numbers * mean[depth]![index]!, standardDeviation: Math.sqrt(numbers * variance[depth]![index]!) }
}

/**
 * How many standard deviations a count is off, positive when there are too many. 0 when nothing was
 * expected.
 */
export function deviations(count: number, { mean, standardDeviation }: Expectation): number {
  return standardDeviation === 0 ? 0 : (count - mean) / standardDeviation
}
