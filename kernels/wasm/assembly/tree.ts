/**
 * The tree of residue classes, depth first: bits are added from the least significant end, and a
 * class is dropped as soon as rule D, M or O fires for all its members.
 *
 * For n = r + a*2^k, T^k(n) = T^k(r) + a*3^c (Terras, Acta Arith. 30, 1976). So of the two children
 * r and r + 2^k one has an even value and one an odd value, and only the even one can be dropped.
 * The search is iterative: even children wait on a stack, the odd child goes on in registers,
 * without a branch.
 *
 * What makes it cheap: half the instructions a node than with c, k, evens, run and residue each in
 * a variable, because those do not fit the registers.
 * - State in one word: headroom << 32 | 8 c << 16 | 8 k. A step is one addition, the table offsets
 *   are shifts of it.
 * - All three rules are one compare with a threshold. The even child of a node dies when the
 *   headroom h before its even step is below: 306 for D; 485 when the evens become even in number
 *   (M, as headroom(c-1, k) = h - 485); and always when it would be the second even step after a
 *   run of odd steps that began below 306 (O). After an odd step the threshold is 306. For the even
 *   child of that node it is 485, or infinite after such a run, then 306 and 485 in turn.
 * - Bits in one word: those above the root's, and from bit SUM9 on the sum of their 2^k mod 9.
 *   Setting one is an addition.
 *
 * The evens before the first odd step are unknown to rule M. Then c = 0, and rule D drops the even
 * child anyway.
 *
 * Bounds: 54 levels below the root, so that the bits do not reach SUM9; the sum is below 9 * 55 <
 * 2^10. T^k(r) < 3^c <= 3^64, two words.
 */
import { BIT, BOTTOM_ROOM, POW3_HI, POW3_LO, STACK, SUM9 } from './layout'
import { queueBottom, waiting } from './bottom'
import { ODD, STEP } from './rules'
import { levels, root } from './tables'

const ODD_STEP: u64 = (<u64>(ODD - STEP) << 32) | (8 << 16) | 8
const EVEN_STEP: u64 = 8 - (<u64>STEP << 32)
/** Thresholds. The two lowest bits are free: they mark a root within a run of odd steps. */
const BY_D: u64 = <u64>STEP << 32
const BY_M: u64 = <u64>ODD << 32
const BY_O: u64 = <u64>1 << 62
const IN_LOW_RUN: u64 = 1
const IN_RUN: u64 = 2

let top: usize = STACK
/** Counter: nodes above the bottom nodes. */
export let nodes: u64 = 0

/**
 * Starts at a class: its depth k, value d = T^k(r), odd count, evens, run (unit.ts), and r mod 9.
 */
export function plant(k: i32, dl: u64, dh: u64, c: i32, evens: i32, run: i32, residue9: i32): void {
  root(k)
  let threshold = BY_D
  if (run == 1) threshold |= IN_LOW_RUN
  else if (run == 3) threshold |= IN_RUN
  else if (run == 2) threshold = BY_O
  else if (evens > 0 && evens & 1) threshold = BY_M
  const state = (<u64>(ODD * c - STEP * k) << 32) | <u64>(c << 19) | <u64>(k << 3)
  push(STACK, <u64>residue9 << SUM9, dl, dh, state, threshold)
  top = STACK + 40
  nodes = 0
}

// @ts-ignore: decorator
@inline function push(p: usize, b: u64, dl: u64, dh: u64, state: u64, threshold: u64): void {
  store<u64>(p, b)
  store<u64>(p, dl, 8)
  store<u64>(p, dh, 16)
  store<u64>(p, state, 24)
  store<u64>(p, threshold, 32)
}

/** Goes on until the queue of bottom nodes is full. @returns false when the tree is done */
export function grow(): bool {
  const last = <u64>levels << 3
  let p = top, n: u64 = 0
  while (p > STACK) {
    p -= 40
    let b = load<u64>(p), dl = load<u64>(p, 8), dh = load<u64>(p, 16)
    let state = load<u64>(p, 24), threshold = load<u64>(p, 32)
    // next: the threshold of the even child; afterRun: that of the even children within the run
    // that begins here
    let next = BY_D + BY_M - threshold, afterRun = select(BY_O, BY_M, state < BY_D)
    if (threshold & (IN_LOW_RUN | IN_RUN)) next = afterRun = threshold & IN_LOW_RUN ? BY_O : BY_M
    n += last - (state & 0xffff)
    while ((state & 0xffff) != last) {
      const c = <usize>(<u32>state >> 16), bit = load<u64>(<usize>state & 0xffff, BIT)
      const pl = load<u64>(c, POW3_LO), ph = load<u64>(c, POW3_HI)
      const even = (dl & 1) - 1 // all ones when the value is even
      if (state >= threshold) {
        const el = dl + (pl & ~even), eh = dh + (ph & ~even) + u64(el < dl)
        push(p, b + (bit & ~even), (el >> 1) | (eh << 63), eh >> 1, state + EVEN_STEP, next)
        p += 40
      }
      // the odd child goes on: (3m+1)/2 = m + (m >> 1) + 1
      b += bit & even
      const ol = dl + (pl & even), oh = dh + (ph & even) + u64(ol < dl)
      dl = ol + ((ol >> 1) | (oh << 63)) + 1
      dh = oh + (oh >> 1) + u64(dl <= ol)
      state += ODD_STEP
      threshold = BY_D
      next = afterRun
    }
    queueBottom(b, dl, dh, state)
    if (waiting == BOTTOM_ROOM << 5) break
  }
  top = p
  nodes += n >> 3
  return p > STACK
}
