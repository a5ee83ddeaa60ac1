/**
 * Lists the hard numbers of a class. The fast engines only count them; here a class that has some is halved, along the
 * tree, and counted again, until it is small enough for true arithmetic. Classes of 2^22 numbers come first: a class that
 * size has less than one hard number at S0 = 320, so that the halving costs little beside the first pass.
 */
import { type HardNumber, hardNumbersOf } from './exact.ts'
import { children } from './rules.ts'
import type { ClassState, Partition } from './unit.ts'
import { Kernel } from './wasm/kernel.ts'

const FIRST_BITS = 22
const LAST_BITS = 12

/**
 * @param module the wasm kernel, compiled
 * @returns in ascending order
 */
export function listHardNumbers(
  module: WebAssembly.Module,
  partition: Partition,
  window: bigint,
  state: ClassState,
): HardNumber[] {
  const { bits, hardSteps } = partition
  const kernel = new Kernel(module)
  const found: HardNumber[] = []
  const stack = [state]
  for (let next = stack.pop(); next; next = stack.pop()) {
    const open = bits - next.depth
    if (open <= LAST_BITS) {
      found.push(...hardNumbersOf(next, window, partition))
      continue
    }
    if (open <= FIRST_BITS) {
      const { summary, handedOver } = kernel.leaf({ bits, window, hardSteps, state: next })
      if (summary.count === 0 && handedOver.length === 0) continue
    }
    for (const child of children(next)) stack.push(child)
  }
  return found.sort((a, b) => (a.n < b.n ? -1 : 1))
}
