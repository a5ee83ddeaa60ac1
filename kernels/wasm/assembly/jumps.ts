/**
 * Candidates: numbers that the look-ahead leaves. They go on by jumps of W steps, T^W(v) = (v >> W) * 3^f + T^W(v mod
 * 2^W), with f and the dip from one table entry, and die by one integer compare before the value is needed.
 *
 * What makes it fast:
 * - Passes over a queue instead of a loop for each number: table misses and the latency of a jump overlap (1.3 to 1.7
 *   times). A pass compacts in place, without a branch. 16 bytes an entry, headroom and tag in one word.
 * - The dip lies at the top of the table entry and the headroom at the top of the queue entry, so that the test is one
 *   compare of two whole words.
 * - An entry is read in parts by three loads that share a cache line: no shifts, no masks. With values kept times
 *   2^SCALE, so that a mask makes them table offsets, and 15 steps instead of 16, which halves the table: 1.2 times
 *   together.
 * - The first NARROW jumps are done on the low 64 bits: a jump reads only W low bits, and after j jumps the low 61 -
 *   W*j bits are still right. One candidate in eight is left after them; it starts again in wide.ts.
 */
import { exact } from './exact'
import { JUMP, JUMPS, LEAF, NARROW, QUEUE, SCALE, SUM9, W, W_MASK } from './layout'
import { baseHi, baseLo, levels } from './tables'
import { finish, jumpWide, widen } from './wide'

/** Counter: candidates that became wide. */
export let wide: u64 = 0

/** Depth of the class at hand, and its least number. */
let depth: i32 = 0
let leastLo: u64 = 0
let leastHi: u64 = 0
/** No test may look beyond this step. */
let lastStep: i32 = 0

export function resetJumps(rootDepth: i32, residue: u64, s0: i32): void {
  depth = rootDepth
  leastLo = baseLo + residue
  leastHi = baseHi + u64(leastLo < residue)
  lastStep = s0
  wide = 0
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
export function settle(bits: u64, sibling: u32): void {
  const x = (bits & ((<u64>1 << SUM9) - 1)) + (<u64>sibling << (levels - depth))
  const lo = leastLo + (x << depth)
  exact(lo, leastHi + (depth ? x >> (64 - depth) : 0) + u64(lo < leastLo))
}

/** The number of a queue entry, to exact.ts. */
export function settleEntry(tag: u32): void {
  settle(load<u64>(<usize>(tag >> 8) << 5, LEAF + 16), tag & 127)
}

/** Takes the candidates from QUEUE to `end`, two jumps done, to their end. */
export function flush(end: usize): void {
  for (let s = 2; s < NARROW; s++) end = jump(end)
  end = test(end)
  wide += (end - QUEUE) >> 4
  if (end == QUEUE) return
  widen(end)
  for (let k = levels + (NARROW + 1) * W; end > QUEUE && k + W <= lastStep; k += W) end = jumpWide(end)
  finish(end)
}

/** One tested jump on the low 64 bits. @returns the end of those left */
// @ts-ignore: decorator
@inline function jump(end: usize): usize {
  let o: usize = QUEUE, p: usize = QUEUE
  if (p < end) do {
    const v = load<u64>(p), th = load<u64>(p, 8), e = entry(v), f = row(e)
    store<u64>(o, (v >> (W + SCALE)) * load<u64>(f, JUMP) + addend(e))
    store<u64>(o, th + load<u64>(f, JUMP + 8), 8)
    o = select(o + 16, o, alive(e, th))
    p += 16
  } while (p < end)
  return o
}

/** One test on the low 64 bits; after it only headroom and tag are kept. @returns the end of those left */
// @ts-ignore: decorator
@inline function test(end: usize): usize {
  let o: usize = QUEUE, p: usize = QUEUE
  if (p < end) do {
    const e = entry(load<u64>(p)), th = load<u64>(p, 8)
    store<u64>(o, th, 8)
    o = select(o + 16, o, alive(e, th))
    p += 16
  } while (p < end)
  return o
}
