/**
 * The leaves behind a result, and where two of them part: the leaf that decides who is wrong.
 *
 * Two results of a unit that differ have Merkle trees that differ. Going down from the roots, into
 * a child that differs each time, ends at a leaf that differs: with both lists of records at hand
 * that is the first index where they do. Anyone can compute that one leaf, and then knows.
 */
import { leavesOf } from '../../../kernels/partition.ts'
import { decodeLeaf, LEAF_BYTES, summarize } from '../../../kernels/result.ts'
import type { HardSummary } from '../../../kernels/unit.ts'
import { equalBytes } from '../base/bytes.ts'
import { RuleError } from '../base/statement.ts'
import { checksumHex, type ResultItem } from '../message/bodies.ts'
import type { Genesis } from '../network/genesis.ts'

/**
 * The leaves behind a result: their number, their Merkle root and their sums. @throws {RuleError}
 */
export function readLeaves(genesis: Genesis, unit: number, result: ResultItem, records: Uint8Array): HardSummary[] {
  const wanted = leavesOf(genesis.partition, unit).length
  if (records.length !== wanted * LEAF_BYTES) throw new RuleError(`unit ${unit} does not list its ${wanted} leaves`)
  const leaves = Array.from({ length: wanted }, (_, i) => {
    try {
      return decodeLeaf(recordAt(records, i))
    } catch {
      throw new RuleError(`unit ${unit} has an ill-formed leaf ${i}`)
    }
  })
  const total = summarize(leaves)
  if (!equalBytes(total.root, result.root)) throw new RuleError(`unit ${unit} has leaves that are not those signed`)
  if (
    total.count !== result.count ||
    checksumHex(total.checksum) !== result.checksum ||
    total.peak?.n.toString() !== result.peak?.n ||
    total.peak?.value.toString() !== result.peak?.value
  ) {
    throw new RuleError(`unit ${unit} has a result that is not the sum of its leaves`)
  }
  return leaves
}

/** Whether leaves have the number, the root and the sums that a result states. */
export function isSumOf(genesis: Genesis, unit: number, result: ResultItem, records: Uint8Array): boolean {
  try {
    readLeaves(genesis, unit, result, records)
    return true
  } catch (error) {
    if (error instanceof RuleError) return false
    throw error
  }
}

export const recordAt = (records: Uint8Array, leaf: number): Uint8Array =>
  records.subarray(leaf * LEAF_BYTES, (leaf + 1) * LEAF_BYTES)

/** The first leaf on which not all lists agree, or null. All have the same length. */
export function firstDifference(lists: readonly Uint8Array[]): number | null {
  const [first, ...others] = lists
  if (!first) return null
  for (let leaf = 0; leaf * LEAF_BYTES < first.length; leaf++) {
    const record = recordAt(first, leaf)
    if (others.some((other) => !equalBytes(record, recordAt(other, leaf)))) return leaf
  }
  return null
}
