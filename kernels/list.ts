/**
 * Lists the hard numbers of a class. The fast engines only count them; here a class that has some is halved, along the
 * tree, and counted again, until one number is left (its summary then names it, as its peak) or the class is small enough
 * for true arithmetic. Branch and bound: with a bound on the peak, classes that stay below it are left out, so that the few
 * numbers that climb higher cost little more than one pass over the class.
 * Measured on one core: all 8741 hard numbers of the 2^40 from 2^71 in about the time of a second pass.
 */
import { type HardNumber, hardNumbersOf, hardOf } from './exact.ts'
import { children } from './rules.ts'
import type { ClassState, Partition } from './unit.ts'
import type { Kernel } from './wasm/kernel.ts'

/** A class this small has less than one hard number at S0 = 320: larger ones are halved without a look. */
const FIRST_BITS = 22
/** Below this, true arithmetic is as quick as the kernel's start. */
const LAST_BITS = 12

/**
 * @param kernel an instance of its own; it is kept busy until the list is complete
 * @param above only numbers with a peak above this; numbers that no rule drops at all are always listed
 * @returns in ascending order
 */
export function listHardNumbers(
  kernel: Kernel,
  partition: Partition,
  window: bigint,
  state: ClassState,
  above = 0n,
): HardNumber[] {
  const { bits, hardSteps } = partition
  const found: HardNumber[] = []
  const wanted = (hard: HardNumber) => hard.sigma === null || hard.peak > above
  const stack = [state]
  for (let next = stack.pop(); next; next = stack.pop()) {
    const open = bits - next.depth
    if (open <= LAST_BITS) {
      for (const hard of hardNumbersOf(next, window, partition)) if (wanted(hard)) found.push(hard)
      continue
    }
    if (open <= FIRST_BITS || above > 0n) {
      const { summary, handedOver } = kernel.leaf({ bits, window, hardSteps, state: next })
      if (handedOver.length === 0) {
        if (!summary.peak || summary.peak.value <= above) continue
        if (summary.count === 1) {
          // Again by true arithmetic: what is listed is not the fast engine's word.
          const hard = hardOf(summary.peak.n, partition)
          if (!hard) throw new Error(`${summary.peak.n} was counted as hard, and is not: run \`collatz selftest\``)
          found.push(hard)
          continue
        }
      }
    }
    stack.push(...children(next))
  }
  return found.sort((a, b) => (a.n < b.n ? -1 : 1))
}
