/**
 * One candidate: a number that the look-ahead leaves. What a jump reads of it, its test, and its exact end.
 *
 * A jump takes W steps at once, T^W(v) = (v >> W) * 3^f + T^W(v mod 2^W). Its odd steps f, its addend and its dip come
 * from one table entry, so that the test is one compare of two whole words: the dip lies at the top of the table entry,
 * the headroom at the top of the queue entry. The entry is read in parts by three loads that share a cache line: no
 * shifts, no masks.
 *
 * leaf.ts makes candidates, jumps.ts and wide.ts take them on; all three need this file and it needs none of them.
 */
import { exact } from './exact'
import { JUMPS, LEAF, SCALE, SUM9, W_MASK } from './layout'
import { baseHi, baseLo, levels } from './tables'

/** Depth of the class at hand, and its least number. */
let depth: i32 = 0
let leastLo: u64 = 0
let leastHi: u64 = 0

export function resetCandidates(rootDepth: i32, residue: u64): void {
  depth = rootDepth
  leastLo = baseLo + residue
  leastHi = baseHi + u64(leastLo < residue)
}

/** Offset of the entry for the low W bits of a scaled value. */
// @ts-ignore: decorator
@inline export function entry(v: u64): usize {
  return <usize>(<u32>v & (W_MASK << SCALE))
}
/** Offset of the row of JUMP for an entry's odd count. */
// @ts-ignore: decorator
@inline export function row(e: usize): usize {
  return load<u16>(e, JUMPS + 4)
}
/** T^W of the low bits, scaled. */
// @ts-ignore: decorator
@inline export function addend(e: usize): u64 {
  return load<u32>(e, JUMPS)
}
/**
 * Whether a candidate outlives the entry's steps. Its headroom is kept 4 too large, the dip as a multiple of 4
 * rounded down. If the upper parts are equal, the dip is above the true headroom and dropping is right, whatever the
 * lower parts make of it; keeping is only less sharp.
 */
// @ts-ignore: decorator
@inline export function alive(e: usize, headroomAndTag: u64): bool {
  return load<u64>(e, JUMPS) < headroomAndTag
}

/** The number with these tree bits and this sibling, to exact.ts. */
export function decide(bits: u64, sibling: u32): void {
  const x = (bits & ((<u64>1 << SUM9) - 1)) + (<u64>sibling << (levels - depth))
  const lo = leastLo + (x << depth)
  exact(lo, leastHi + (depth ? x >> (64 - depth) : 0) + u64(lo < leastLo))
}

/** The number of a queue entry, to exact.ts. */
export function decideEntry(tag: u32): void {
  decide(load<u64>(<usize>(tag >> 8) << 5, LEAF + 16), tag & 127)
}
