/**
 * Candidates: numbers that the look-ahead leaves. They go on by jumps of W steps, T^W(v) = (v >> W) * 3^f + T^W(v mod
 * 2^W), with f and the dip from one table entry, and die by one integer compare before the value is needed.
 *
 * Three things make it fast (figures: one core, against the line-for-line port of the C prototype):
 * - Passes over a queue instead of a loop for each number: table misses overlap (1.3 to 1.7 times). A pass compacts in
 *   place, without a branch: the write pointer moves by (alive << 4). 16 bytes an entry, headroom and tag in one word.
 * - The dip lies at the top of the table entry and the headroom at the top of the queue entry, so that the test is one
 *   compare of the two whole words. What lies below decides only when dip = headroom + 1: dropping is right then, and
 *   keeping is only less sharp.
 * - The first NARROW jumps are done on the low 64 bits: a jump reads only W low bits, and after j jumps the low 64 - W*j
 *   bits are still right. One candidate in ten is left after them; it starts again with 128 bits.
 *
 * Bounds: a leaf's value is below 2^122 (n < 2^96; see leaf.ts). A wide jump multiplies by less than 3^W/2^W < 2^9.4, so a
 * value below 2^118 stays below 2^128. One that is not goes to exact.ts at once: overflow drops nothing.
 */
import { exact } from './exact'
import { JUMP, JUMPS, LIVE, NARROW, QUEUE, W, W_MASK, WIDE } from './layout'
import { baseHi, baseLo, levels } from './tables'

/** Candidates and live tree leaves in the queues. */
export let queued: i32 = 0
export let live: i32 = 0
/** Candidates that reached 128 bits. */
export let wide: u64 = 0

/** Depth and residue of the class at hand; the bits of LIVE are above its own. */
let rootDepth: i32 = 0
let rootLo: u64 = 0
let rootHi: u64 = 0
/** No test may look beyond this step. */
let lastStep: i32 = 0

/** The highest word of a value that a wide jump may take: see the bounds above. */
const WIDE_LIMIT: u64 = 1 << 54

export function resetJumps(depth: i32, residue: u64, s0: i32): void {
  rootDepth = depth
  rootLo = baseLo + residue
  rootHi = baseHi + u64(rootLo < residue)
  lastStep = s0
  wide = 0
}

export function setQueued(candidates: i32, leaves: i32): void {
  queued = candidates
  live = leaves
}

/** The table entry for the low W bits of v. */
// @ts-ignore: decorator
@inline export function entry(v: u64): u64 {
  return load<u64>(<usize>(<u32>v & <u32>W_MASK) << 3, JUMPS)
}
/** 16 * (odd count) of an entry: where JUMP has 3^f and the headroom gained. */
// @ts-ignore: decorator
@inline export function row(e: u64): usize {
  return <usize>(e >> 22) & 0x1f0
}
/** T^W of the low bits. */
// @ts-ignore: decorator
@inline export function addend(e: u64): u64 {
  return e & 0x3ffffff
}
/** 16 when the candidate outlives the entry's steps. */
// @ts-ignore: decorator
@inline function alive(e: u64, headroom: u64): usize {
  return <usize>(e < headroom) << 4
}

/** n of a queue entry, to exact.ts. */
function decide(tag: u32): void {
  const leaf = <usize>(tag >> 8) << 6
  settle(load<u64>(leaf, LIVE + 16), tag & 63)
}

/** The number with these tree bits (above the root's) and sibling, to exact.ts. */
export function settle(bits: u64, sibling: u32): void {
  const x = bits + (<u64>sibling << (levels - rootDepth))
  const lo = rootLo + (x << rootDepth)
  exact(lo, rootHi + (rootDepth ? x >> (64 - rootDepth) : 0) + u64(lo < rootLo))
}

/** Takes every candidate to its end, and empties the queues. */
export function flush(): void {
  let end = QUEUE + (<usize>queued << 4)
  // The first jump was done on entry (leaf.ts).
  for (let s = 1; s < NARROW; s++) {
    let o: usize = QUEUE
    for (let p: usize = QUEUE; p < end; p += 16) {
      const v = load<u64>(p), th = load<u64>(p, 8), e = entry(v), f = row(e)
      store<u64>(o, (v >> W) * load<u64>(f, JUMP) + addend(e))
      store<u64>(o, th + load<u64>(f, JUMP + 8), 8)
      o += alive(e, th)
    }
    end = o
  }
  {
    let o: usize = QUEUE
    for (let p: usize = QUEUE; p < end; p += 16) {
      const e = entry(load<u64>(p)), th = load<u64>(p, 8)
      store<u64>(o, th, 8)
      o += alive(e, th)
    }
    end = o
  }
  wide += (end - QUEUE) >> 4
  end = widen(end)
  for (let k = levels + NARROW * W; end > QUEUE && k + W <= lastStep; k += W) {
    let o: usize = QUEUE
    for (let p: usize = QUEUE; p < end; p += 16) {
      let l = load<u64>(p, WIDE - QUEUE), h = load<u64>(p, WIDE - QUEUE + 8)
      const th = load<u64>(p, 8)
      if (h >= WIDE_LIMIT) {
        decide(<u32>th)
        continue
      }
      const e = entry(l), f = row(e), m = load<u64>(f, JUMP)
      l = (l >> W) | (h << (64 - W))
      h >>= W
      const s0 = (l & 0xffffffff) * m + addend(e), s1 = (l >> 32) * m + (s0 >> 32)
      store<u64>(o, (s0 & 0xffffffff) | (s1 << 32), WIDE - QUEUE)
      store<u64>(o, h * m + (s1 >> 32), WIDE - QUEUE + 8)
      store<u64>(o, th + load<u64>(f, JUMP + 8), 8)
      o += alive(e, th)
    }
    end = o
  }
  for (let p: usize = QUEUE; p < end; p += 16) decide(load<u32>(p, 8))
  queued = live = 0
}

/** Does the first NARROW jumps again, on 128 bits from the start, for the candidates that are left. */
function widen(end: usize): usize {
  let o: usize = QUEUE
  for (let p: usize = QUEUE; p < end; p += 16) {
    const th = load<u64>(p, 8), leaf = <usize>(<u32>th >> 8) << 6
    const a: u64 = th & 63, l0 = load<u64>(leaf, LIVE), c0 = load<u64>(leaf, LIVE + 24)
    // l0 + a * 3^c: a < 64, so the high word of the product comes from two halves
    let l = l0 + c0 * a
    let h = load<u64>(leaf, LIVE + 8) + load<u64>(leaf, LIVE + 32) * a + u64(l < l0)
    h += ((c0 >> 32) * a + (((c0 & 0xffffffff) * a) >> 32)) >> 32
    let high = h
    for (let j = 0; j < NARROW; j++) {
      const e = entry(l), m = load<u64>(row(e), JUMP)
      l = (l >> W) | (h << (64 - W))
      h >>= W
      const s0 = (l & 0xffffffff) * m + addend(e), s1 = (l >> 32) * m + (s0 >> 32)
      l = (s0 & 0xffffffff) | (s1 << 32)
      h = h * m + (s1 >> 32)
      high |= h
    }
    if (high >= WIDE_LIMIT) {
      decide(<u32>th)
      continue
    }
    store<u64>(o, l, WIDE - QUEUE)
    store<u64>(o, h, WIDE - QUEUE + 8)
    store<u64>(o, th, 8)
    o += 16
  }
  return o
}
