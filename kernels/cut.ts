/**
 * How a window of a given size is cut: about a thousand units for a large one; fewer for small ones, so that a leaf
 * keeps some 30 hard numbers at S0 = 320 and an auditor's leaf is worth looking at.
 */
import type { Partition } from './unit.ts'

/** Hard numbers expected in 2^40 numbers at S0 = 320 (expected.ts). */
const HARD_IN_2_40 = 8735.6
const LEAVES = 256
const HARD_IN_LEAF = 30
const MOST_UNITS = 1024

/** @param bits W, 20 to 71 */
export function cutOf(bits: number, hardSteps = 320): Partition {
  const hard = HARD_IN_2_40 * 2 ** (bits - 40)
  const units = Math.max(1, Math.min(MOST_UNITS, 2 ** Math.floor(Math.log2(hard / LEAVES / HARD_IN_LEAF))))
  return { map: '3n+1', bits, units, leaves: LEAVES, hardSteps }
}
