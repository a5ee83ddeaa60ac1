/**
 * Leaves of the tree: all but the last A bits are fixed, and 64 siblings are looked at together.
 *
 * The window's high part is added here (the tree itself is the same for every window of a size), then one look-up gives
 * 64 siblings: the bitvector row of odd count c is indexed by value * 3^-c, so siblings, which differ by 3^c, are
 * neighbouring bits; one `and` with a mask applies rule P (n = 2, 4, 5, 8 mod 9). The look-ahead idea is from
 * V. Angeltveit's paper on verifying the conjecture with large sieves; but the evens at the start of a look-ahead are
 * unknown, not zero (rules.ts).
 *
 * Leaves are queued, so that their bitvector misses overlap; then the bits become candidates, and their first jump is
 * done at once, untested: the look-ahead covers B >= W steps.
 *
 * Bounds: K <= 65, and a leaf's value is below 3^c (1 + n / 2^K) with c < firstRow + ROWS <= 54 for n < 2^96 and K = 65:
 * below 2^(86 + 31 + 1), so 128 bits hold it, and 64 siblings more. A leaf above the last row of the look-ahead (one in
 * 10^5 at most) goes to exact.ts, all siblings.
 */
import {
  A, B_MASK, CANDIDATES, HEADROOM, HIGH_PART_HI, HIGH_PART_LO, INVERSE3, JUMP, LEAF, LEAVES, LIVE, LOOKAHEAD, MOD9_MASK,
  POW3_HI, POW3_LO, QUEUE, ROWS, ROW_WORDS, SIBLINGS, W,
} from './layout'
import { addend, entry, flush, live, queued, row, setQueued, settle } from './jumps'
import { base9, firstRow } from './tables'

/** Leaves in the queue. */
export let waiting: i32 = 0
/** Counters. */
export let leaves: u64 = 0
export let candidates: u64 = 0

export function resetLeaves(): void {
  waiting = 0
  leaves = candidates = 0
}

/** Queues a leaf. b: its bits above the root's; dh, dl: T^K of its residue; c: its odd count; b9: its residue mod 9. */
// @ts-ignore: decorator
@inline export function leaf(b: u64, dl: u64, dh: u64, c: i32, b9: i32): void {
  const lo = dl + load<u64>(HIGH_PART_LO + (<usize>c << 3)), at = <usize>waiting << 5
  waiting++
  let r = b9 + base9
  r = select(r - 9, r, r >= 9)
  store<u64>(at, lo, LEAF)
  store<u64>(at, dh + load<u64>(HIGH_PART_HI + (<usize>c << 3)) + u64(lo < dl), LEAF + 8)
  store<u64>(at, b, LEAF + 16)
  store<i32>(at, c, LEAF + 24)
  store<i32>(at, r, LEAF + 28)
}

/** Turns the queued leaves into candidates. */
export function drain(): void {
  const n = <usize>waiting
  leaves += n
  for (let j: usize = 0; j < n; j++) {
    const at = j << 5, c = load<i32>(at, LEAF + 24), i = c - firstRow
    let x = load<u64>(<usize>load<i32>(at, LEAF + 28) << 3, MOD9_MASK)
    if (i < ROWS) {
      const i0 = (<u32>load<u64>(at, LEAF) * load<u32>(<usize>c << 3, INVERSE3)) & B_MASK, shift = <u64>(i0 & 63)
      const p = <usize>((i * ROW_WORDS + <i32>(i0 >> 6)) << 3)
      // two shifts by less than 64 instead of one by 64 - shift, which may be 64
      x &= (load<u64>(p, LOOKAHEAD) >> shift) | ((load<u64>(p, LOOKAHEAD + 8) << 1) << (63 - shift))
    } else x = aboveRows(at, x)
    store<u64>(j << 3, x, SIBLINGS)
  }
  for (let j: usize = 0; j < n; j++) {
    let x = load<u64>(j << 3, SIBLINGS)
    if (!x) continue
    if (queued > CANDIDATES - 65) flush()
    const at = j << 5, c = <usize>load<i32>(at, LEAF + 24), index = live, to = <usize>index << 6
    const lo = load<u64>(at, LEAF), p = load<u64>(c << 3, POW3_LO)
    store<u64>(to, lo, LIVE)
    store<u64>(to, load<u64>(at, LEAF + 8), LIVE + 8)
    store<u64>(to, load<u64>(at, LEAF + 16), LIVE + 16)
    store<u64>(to, p, LIVE + 24)
    store<u64>(to, load<u64>(c << 3, POW3_HI), LIVE + 32)
    const th = (<u64>(load<i32>(c << 2, HEADROOM) + 1) << 32) | <u64>(index << 8)
    const first = QUEUE + (<usize>queued << 4)
    let q = first
    do {
      const a = ctz(x)
      x &= x - 1
      const v = lo + a * p, e = entry(v), f = row(e)
      store<u64>(q, (v >> W) * load<u64>(f, JUMP) + addend(e))
      store<u64>(q, th + a + load<u64>(f, JUMP + 8), 8)
      q += 16
    } while (x)
    const d = <i32>(q - first) >> 4
    candidates += <u64>d
    setQueued(queued + d, index + 1)
  }
  waiting = 0
}

/** All siblings of a leaf beyond the look-ahead's rows are settled exactly; none is left for the queue. */
function aboveRows(at: usize, siblings: u64): u64 {
  for (let x = siblings; x; x &= x - 1) settle(load<u64>(at, LEAF + 16), <u32>ctz(x))
  return 0
}
