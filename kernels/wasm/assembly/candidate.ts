/**
 * One candidate, a number that the look-ahead leaves: what a jump reads of it, its test, and its
 * exact end.
 *
 * A jump takes W steps at once: T^W(v) = (v >> W) * 3^f + T^W(v mod 2^W) (Terras, Acta Arith. 30,
 * 1976). Its odd steps f, its addend and its dip come from one table entry. The dip lies at the top
 * of the table entry and the headroom at the top of the queue entry, so that the test is one
 * compare of two whole words. The table entry is read in parts, by three loads that share a cache
 * line: no shifts, no masks.
 *
 * It is apart because three files work on candidates: bottom.ts makes them, jumps.ts and wide.ts
 * take them on.
 */
import { exact } from './exact'
import { JUMPS, BOTTOM, SCALE, SUM9, W_MASK } from './layout'
import { baseHi, baseLo, levels } from './tables'

/** Depth of the class that is computed, and its least number. */
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
 * Whether a candidate outlives the entry's steps.
 *
 * Both words hold more below the part that counts. So the headroom is stored 4 too large, and the
 * dip rounded down to a multiple of 4. Where the stored parts are equal, the true dip is at least 4
 * above the true headroom: a rule fires, and dropping is right whatever the lower bits say. Where
 * they let a number pass, it is only tested again later.
 */
// @ts-ignore: decorator
@inline export function alive(e: usize, headroomAndTag: u64): bool {
  return load<u64>(e, JUMPS) < headroomAndTag
}

/** Decides the number with these packed bits and this sibling by true arithmetic (exact.ts). */
export function decide(bits: u64, sibling: u32): void {
  const x = (bits & ((<u64>1 << SUM9) - 1)) + (<u64>sibling << (levels - depth))
  const lo = leastLo + (x << depth)
  exact(lo, leastHi + (depth ? x >> (64 - depth) : 0) + u64(lo < leastLo))
}

/** Decides the number of a queue entry by true arithmetic. */
export function decideEntry(tag: u32): void {
  decide(load<u64>(<usize>(tag >> 8) << 5, BOTTOM + 16), tag & 127)
}
