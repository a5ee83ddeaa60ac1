/**
 * The tables: constants, what depends on the window's size, and what depends on the window.
 *
 * The jump table and the look-ahead bitvector are filled by walking the tree of low bits. Each of
 * the 2^W or 2^B entries then costs two steps instead of W or B, and branches that no row can
 * survive are cut. That is 10 times faster than entry by entry: all tables take some 40 ms.
 */
import {
  A, B, B_MASK, BIT, HEADROOM, HIGH_PART_HI, HIGH_PART_LO, INVERSE3, JUMP, JUMPS, LEAST_ODDS, LIMB, LOOKAHEAD,
  MAX_STEPS, MOD9_MASK, POW3_HI, POW3_LIMB0, POW3_LIMB1, POW3_LO, POWERS, ROWS, ROW_WORDS, SCALE, SHARP_ROWS, SUM9, W,
} from './layout'
import { IMMORTAL } from './evidence'
import { ODD, STEP, dipAfterEven } from './rules'
import { mulHigh } from './words'

/**
 * log2(3), for LEAST_ODDS only: up to 4096 steps |c log2(3) - k| > 6e-5, far above the rounding.
 * Tested.
 */
const LOG2_3: f64 = 1.5849625007211562
/** 1/3 mod 2^64. */
const THIRD: u64 = 0xaaaaaaaaaaaaaaab

/** K: levels of the tree, the window's bits less A. */
export let levels: i32 = 0
/** Odd count of row 0 of the look-ahead, the least that survives K steps, and its headroom. */
export let firstRow: i32 = 0
let firstHeadroom: i32 = 0
/** w * 2^bits, and its residue mod 9. */
export let baseLo: u64 = 0
export let baseHi: u64 = 0
export let base9: i32 = 0

let bits: i32 = 0

/** 2^k mod 9. */
function pow2mod9(k: i32): i32 {
  let p = 1
  for (k %= 6; k > 0; k--) p = (p * 2) % 9
  return p
}

/** Makes the constant tables. Called once. */
export function constants(): void {
  let lo: u64 = 1, hi: u64 = 0, inverse: u64 = 1
  for (let c: usize = 0; c < <usize>POWERS << 3; c += 8) {
    store<u64>(c, lo, POW3_LO)
    store<u64>(c, hi, POW3_HI)
    store<u64>(c, lo & ((<u64>1 << LIMB) - 1), POW3_LIMB0)
    store<u64>(c, (lo >> LIMB) | (hi << (64 - LIMB)), POW3_LIMB1)
    store<u64>(c, inverse, INVERSE3)
    hi = hi * 3 + mulHigh(lo, 3)
    lo *= 3
    inverse *= THIRD
  }
  for (let k: i32 = 0, c: i32 = 0; k <= MAX_STEPS; k++) {
    while (<f64>c * LOG2_3 < <f64>k) c++
    store<i32>(<usize>k << 2, c, LEAST_ODDS)
  }
  for (let f: i32 = 0; f <= W; f++) {
    const power = load<u64>(<usize>f << 3, POW3_LO)
    store<u64>(<usize>f << 5, power << SCALE, JUMP)
    store<i64>(<usize>f << 5, <i64>(ODD * f - STEP * W) << HEADROOM, JUMP + 8)
    store<u64>(<usize>f << 5, power, JUMP + 16)
    memory.copy(JUMP + (<usize>(f + 16) << 5), JUMP + (<usize>f << 5), 32)
    store<i64>(<usize>(f + 16) << 5, <i64>(ODD * f - STEP * W + IMMORTAL) << HEADROOM, JUMP + 8)
  }
  jumps(0, 0, 0, 0, -1, 0, 0, 0)
}

/**
 * Fills JUMPS below one node of the tree of the low W bits.
 *
 * @param j steps done; x the low j bits; v T^j(x); f odd steps; e evens since the last odd one,
 *   below 0 when unknown
 * @param r 0 no run of odd steps, 1 in one, 2 one even step after it; s headroom where it began; d
 *   the dip
 */
function jumps(j: i32, x: u32, v: u64, f: i32, e: i32, r: i32, s: i32, d: i32): void {
  if (j == W) {
    store<u64>(<usize>x << 3, (<u64>(d >> 2) << 48) | (<u64>f << 37) | (v << SCALE), JUMPS)
    return
  }
  const bit = <u32>1 << j, odd = <bool>(v & 1), sibling = v + load<u64>(<usize>f << 3, POW3_LO)
  const o = select(v, sibling, odd), n = e < 0 ? e : e + 1
  jumps(j + 1, select(x, x | bit, odd), o + (o >> 1) + 1, f + 1, 0, 1, r == 1 ? s : ODD * f - STEP * j, d)
  d = dipAfterEven(j, f, n, r == 2, s, d)
  jumps(j + 1, select(x | bit, x, odd), select(sibling, v, odd) >> 1, f, n, r == 1 ? 2 : 0, s, d)
}

/** Makes what depends on the window's size, 2^newBits numbers. */
export function size(newBits: i32): void {
  bits = newBits
  levels = bits - A
  firstRow = load<i32>(<usize>levels << 2, LEAST_ODDS)
  firstHeadroom = ODD * firstRow - STEP * levels
  const step = pow2mod9(levels)
  for (let r: i32 = 0; r < 9; r++) {
    let z = r
    for (let word: i32 = 0; word < 2; word++) {
      let mask: u64 = 0
      for (let a: i32 = 0; a < 64; a++) {
        if (z != 2 && z != 4 && z != 5 && z != 8) mask |= <u64>1 << a
        z = (z + step) % 9
      }
      store<u64>(<usize>(2 * r + word) << 3, mask, MOD9_MASK)
    }
  }
  memory.fill(LOOKAHEAD, 0, 8 * SHARP_ROWS * ROW_WORDS)
  memory.fill(LOOKAHEAD + 8 * SHARP_ROWS * ROW_WORDS, 0xff, 8 * (ROWS - SHARP_ROWS) * ROW_WORDS)
  lookahead(0, 0, 0, 0, -1, 0, 0, 0)
  for (let i: i32 = 0; i < SHARP_ROWS; i++) {
    const row = LOOKAHEAD + <usize>(i * ROW_WORDS * 8)
    memory.copy(row + (8 << (B - 6)), row, 16)
  }
}

/**
 * Sets the bits of LOOKAHEAD below one node of the tree of the low B bits; parameters as of
 * jumps(). Row i is for odd count c = firstRow + i; the value x is at index x * 3^-c mod 2^B, so
 * that the siblings, which differ by 3^c, are neighbours.
 */
function lookahead(j: i32, x: u32, v: u64, f: i32, e: i32, r: i32, s: i32, d: i32): void {
  if (d > firstHeadroom + ODD * (SHARP_ROWS - 1)) return
  const bit = <u32>1 << j, odd = <bool>(v & 1), n = e < 0 ? e : e + 1
  const oddX = select(x, x | bit, odd), evenX = select(x | bit, x, odd), evenD = dipAfterEven(j, f, n, r == 2, s, d)
  if (j == B - 1) {
    mark(oddX, d)
    mark(evenX, evenD)
    return
  }
  const sibling = v + load<u64>(<usize>f << 3, POW3_LO), o = select(v, sibling, odd)
  lookahead(j + 1, oddX, o + (o >> 1) + 1, f + 1, 0, 1, r == 1 ? s : ODD * f - STEP * j, d)
  lookahead(j + 1, evenX, select(sibling, v, odd) >> 1, f, n, r == 1 ? 2 : 0, s, evenD)
}

/** Sets the bit of x in the rows that outlive the dip. */
// @ts-ignore: decorator
@inline function mark(x: u32, dip: i32): void {
  let i = 0
  for (let h = firstHeadroom; h < dip; h += ODD) i++
  let p = x * <u32>load<u64>(<usize>(firstRow + i) << 3, INVERSE3)
  for (let row = <usize>(i * ROW_WORDS) << 3; row < <usize>(SHARP_ROWS * ROW_WORDS) << 3; row += ROW_WORDS << 3) {
    const word = row + (<usize>((p & B_MASK) >> 6) << 3)
    store<u64>(word, load<u64>(word, LOOKAHEAD) | (<u64>1 << (p & 63)), LOOKAHEAD)
    p *= <u32>THIRD
  }
}

/** Makes what depends on the window [w*2^bits, (w+1)*2^bits), given as two words of w. */
export function window(lo: u64, hi: u64): void {
  // bits is 20 to 71
  baseLo = bits < 64 ? lo << bits : 0
  baseHi = bits < 64 ? (hi << bits) | (lo >> (64 - bits)) : lo << (bits - 64)
  // 2^64 = 7 mod 9
  base9 = <i32>(((lo % 9) + 7 * (hi % 9)) % 9) * pow2mod9(bits) % 9
  const high = (hi << A) | (lo >> (64 - A)), low = lo << A
  for (let c: usize = 0; c < <usize>POWERS << 3; c += 8) {
    const p = load<u64>(c, POW3_LO)
    store<u64>(c, p * low, HIGH_PART_LO)
    store<u64>(c, mulHigh(p, low) + load<u64>(c, POW3_HI) * low + p * high, HIGH_PART_HI)
  }
}

/**
 * Makes what depends on the class: from its depth up, bit k adds 2^(k - depth), and 2^k mod 9 to
 * the sum.
 */
export function root(depth: i32): void {
  for (let k = depth; k < levels; k++) {
    store<u64>(<usize>k << 3, (<u64>1 << (k - depth)) + (<u64>pow2mod9(k) << SUM9), BIT)
  }
}
