/**
 * The tables: what depends on nothing, what depends on the window's size, what depends on the window.
 *
 * The jump table and the look-ahead bitvector are filled by walking the tree of low bits, so that each of the 2^W or 2^B
 * entries costs two steps instead of W or B (10 times faster than entry by entry: all tables in some 30 ms), and
 * branches that no row can survive are cut.
 */
import {
  A, B, B_MASK, HEADROOM, HIGH_PART_HI, HIGH_PART_LO, INVERSE3, JUMP, JUMPS, LEAST_ODDS, LOOKAHEAD, MAX_STEPS,
  MOD9_MASK, POW2_MOD9, POW3_HI, POW3_LO, POWERS, ROWS, ROW_WORDS, W,
} from './layout'
import { ODD, STEP, child, dip, evens, odds, run, runStart, value } from './rules'
import { mulHigh } from './words'

/** log2(3). Used for LEAST_ODDS only: below 4096 steps |c log2(3) - k| > 6e-5, far above the rounding; tested. */
const LOG2_3: f64 = 1.5849625007211562

/** K: levels of the tree, W - A in the words of the window. */
export let levels: i32 = 0
/** Odd count of row 0 of the look-ahead: the least that survives K steps. */
export let firstRow: i32 = 0
/** w * 2^bits, and its residue mod 9. */
export let baseLo: u64 = 0
export let baseHi: u64 = 0
export let base9: i32 = 0

let bits: i32 = 0

/** What depends on nothing. Called once. */
export function constants(): void {
  store<u64>(POW3_LO, 1)
  store<u64>(INVERSE3, 1)
  for (let c: usize = 1; c < <usize>POWERS; c++) {
    const lo = load<u64>(POW3_LO + ((c - 1) << 3))
    store<u64>(POW3_LO + (c << 3), lo * 3)
    store<u64>(POW3_HI + (c << 3), load<u64>(POW3_HI + ((c - 1) << 3)) * 3 + mulHigh(lo, 3))
    store<u64>(INVERSE3 + (c << 3), load<u64>(INVERSE3 + ((c - 1) << 3)) * 0xaaaaaaaaaaaaaaab)
  }
  for (let k: i32 = 0, c: i32 = 0; k <= MAX_STEPS; k++) {
    while (<f64>c * LOG2_3 < <f64>k) c++
    store<i32>(LEAST_ODDS + (<usize>k << 2), c)
  }
  for (let k: usize = 0, p: i32 = 1; k < 128; k++) {
    store<i32>(POW2_MOD9 + (k << 2), p)
    p = (p * 2) % 9
  }
  for (let f: i32 = 0; f <= W; f++) {
    const at = JUMP + (<usize>f << 4)
    store<u64>(at, load<u64>(POW3_LO + (<usize>f << 3)))
    store<i64>(at, <i64>(ODD * f - STEP * W) << 32, 8)
  }
  jumps(0, 0, 0, 0, -1, 0, 0, 0)
}

/** Fills JUMPS below one node of the tree of the low W bits. */
function jumps(j: i32, x: u32, v: u64, f: i32, e: i32, r: i32, s: i32, d: i32): void {
  if (j == W) {
    store<u64>(JUMPS + (<usize>x << 3), (<u64>d << 32) | (<u64>f << 26) | v)
    return
  }
  child(j, v, f, e, r, s, d)
  jumps(j + 1, x, value, odds, evens, run, runStart, dip)
  child(j, v + load<u64>(POW3_LO + (<usize>f << 3)), f, e, r, s, d)
  jumps(j + 1, x | (1 << j), value, odds, evens, run, runStart, dip)
}

/** What depends on the window's size: 2^newBits numbers. */
export function size(newBits: i32): void {
  bits = newBits
  levels = bits - A
  firstRow = load<i32>(LEAST_ODDS + (<usize>levels << 2))
  for (let c: i32 = 0; c < POWERS; c++) store<i32>(HEADROOM + (<usize>c << 2), ODD * c - STEP * levels)
  const step = load<i32>(POW2_MOD9 + (<usize>levels << 2))
  for (let r: i32 = 0; r < 9; r++) {
    let mask: u64 = 0
    for (let a: i32 = 0, z = r; a < 64; a++) {
      if (z != 2 && z != 4 && z != 5 && z != 8) mask |= <u64>1 << a
      z = (z + step) % 9
    }
    store<u64>(MOD9_MASK + (<usize>r << 3), mask)
  }
  memory.fill(LOOKAHEAD, 0, 8 * ROWS * ROW_WORDS)
  lookahead(0, 0, 0, 0, -1, 0, 0, 0)
  for (let i: i32 = 0; i < ROWS; i++) {
    const row = LOOKAHEAD + <usize>(i * ROW_WORDS * 8)
    store<u64>(row + (8 << (B - 6)), load<u64>(row))
  }
}

/**
 * Sets the bits of LOOKAHEAD below one node of the tree of the low B bits. Row i is for odd count c = firstRow + i; the
 * value x is at index x * 3^-c mod 2^B, so that the siblings, which differ by 3^c, are neighbours.
 */
function lookahead(j: i32, x: u32, v: u64, f: i32, e: i32, r: i32, s: i32, d: i32): void {
  const headroom = load<i32>(HEADROOM + (<usize>firstRow << 2))
  if (d > headroom + ODD * (ROWS - 1)) return
  if (j == B) {
    let i = 0
    for (let h = headroom; h < d; h += ODD) i++
    let p = <u64>x * load<u64>(INVERSE3 + (<usize>(firstRow + i) << 3))
    for (; i < ROWS; i++) {
      const at = LOOKAHEAD + ((<usize>(i * ROW_WORDS) + <usize>((<u32>p & B_MASK) >> 6)) << 3)
      store<u64>(at, load<u64>(at) | (<u64>1 << (p & 63)))
      p *= 0xaaaaaaaaaaaaaaab
    }
    return
  }
  child(j, v, f, e, r, s, d)
  lookahead(j + 1, x, value, odds, evens, run, runStart, dip)
  child(j, v + load<u64>(POW3_LO + (<usize>f << 3)), f, e, r, s, d)
  lookahead(j + 1, x | (1 << j), value, odds, evens, run, runStart, dip)
}

/** What depends on the window [w*2^bits, (w+1)*2^bits), given as two words of w. */
export function window(lo: u64, hi: u64): void {
  // bits is 20 to 71
  baseLo = bits < 64 ? lo << bits : 0
  baseHi = bits < 64 ? (hi << bits) | (lo >> (64 - bits)) : lo << (bits - 64)
  // 2^64 = 7 mod 9
  base9 = <i32>(((lo % 9) + 7 * (hi % 9)) % 9) * load<i32>(POW2_MOD9 + (<usize>bits << 2)) % 9
  const high = (hi << A) | (lo >> (64 - A)), low = lo << A
  for (let c: usize = 0; c < <usize>POWERS; c++) {
    const p = load<u64>(POW3_LO + (c << 3))
    store<u64>(HIGH_PART_LO + (c << 3), p * low)
    store<u64>(HIGH_PART_HI + (c << 3), mulHigh(p, low) + load<u64>(POW3_HI + (c << 3)) * low + p * high)
  }
}
