/**
 * The list of the hard numbers of a class, by branch and bound. The fast engines only count them.
 *
 * A class that has some is halved along the tree, and its halves are counted again. That ends at a
 * class with one hard number, which the summary names as its peak, or at a class small enough for
 * true arithmetic. With a bound on the peak, classes that stay below it are left out, so that the
 * few numbers above it cost little more than one pass.
 *
 * Measured on one core: all 8741 hard numbers of the 2^40 from 2^71 in about the time of a second
 * pass.
 */
import { type HardNumber, hardNumbersOf, hardOf } from './exact.ts'
import { children } from './rules.ts'
import type { ClassState, Partition } from './unit.ts'
import type { Kernel } from './wasm/kernel.ts'

/**
 * A class this small has less than one hard number at S0 = 320: larger ones are halved without a
 * look.
 */
const FIRST_BITS = 22
/** Below this, true arithmetic is as quick as the kernel's start. */
const LAST_BITS = 12

/**
 * @param kernel of this call alone: it is busy until the list is complete
 * @param above only numbers with a peak above this; numbers that no rule drops at all are always
 *   listed
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
  const isListed = (hard: HardNumber) => hard.sigma === null || hard.peak > above
  const stack = [state]
  for (let next = stack.pop(); next; next = stack.pop()) {
    const open = bits - next.depth
    if (open <= LAST_BITS) {
      for (const hard of hardNumbersOf(next, window, partition)) if (isListed(hard)) found.push(hard)
      continue
    }
    if (open <= FIRST_BITS || above > 0n) {
      const { summary, handedOver } = kernel.leaf({ bits, window, hardSteps, state: next })
      if (handedOver.length === 0) {
        if (!summary.peak || summary.peak.value <= above) continue
        if (summary.count === 1) {
          // Again by true arithmetic, so that no number is listed on the fast engine's word alone.
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
