/**
 * How a window of a given size is cut, unless a genesis says otherwise: into about a thousand units
 * when it is large. A small window has fewer units, so that a leaf has some 30 hard numbers at S0 =
 * 320: an audit of a leaf then has something to find.
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
