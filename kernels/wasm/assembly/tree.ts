/**
 * The tree of residue classes, depth first: bits are added from the least significant end, and a class is dropped as soon
 * as rule D, M or O fires for all its members. For n = r + a*2^k, T^k(n) = T^k(r) + a*3^c, so one of the two children
 * r, r + 2^k has an even value and one an odd value, and only the even one can be dropped.
 *
 * Iterative, with a stack of the even children that wait (32 bytes each, at most one a level); the odd child goes on in
 * registers, and `select` replaces branches that would be mispredicted half of the time: 8 % over recursion. It returns
 * when the leaf queue is full: short calls let the engine's just-in-time compiler replace the code between them.
 */
import { LEAST_ODDS, LEAVES, POW2_MOD9, POW3_HI, POW3_LO, STACK } from './layout'
import { leaf, waiting } from './leaf'
import { levels } from './tables'

let top: usize = STACK
let root: i32 = 0
/** Counter. */
export let nodes: u64 = 0

/** Starts at a class: its depth k, value d = T^k(r), odd count, evens, run (unit.ts), and r mod 9. */
export function plant(k: i32, dl: u64, dh: u64, c: i32, evens: i32, run: i32, b9: i32): void {
  store<u64>(STACK, 0)
  store<u64>(STACK, dl, 8)
  store<u64>(STACK, dh, 16)
  store<u64>(STACK, <u64>(<u32>(k | (c << 8) | (b9 << 16) | (run << 24))) | (<u64>evens << 32), 24)
  top = STACK + 32
  root = k
  nodes = 0
}

/** Goes on until the leaf queue is full, then true; false when the tree is done. */
export function grow(): bool {
  const k1 = levels, k0 = root
  let p = top, n: u64 = 0
  while (p > STACK) {
    p -= 32
    let b = load<u64>(p), dl = load<u64>(p, 8), dh = load<u64>(p, 16)
    const packed = load<u64>(p, 24)
    let k = <i32>packed & 255, c = (<i32>packed >> 8) & 255, b9 = (<i32>packed >> 16) & 255
    let run = <i32>packed >> 24, evens = <i32>(packed >> 32)
    while (k != k1) {
      n++
      // the sibling r + 2^k: value + 3^c
      const pl = load<u64>(<usize>c << 3, POW3_LO), l2 = dl + pl
      const h2 = dh + load<u64>(<usize>c << 3, POW3_HI) + u64(l2 < dl)
      const b2 = b | (<u64>1 << (k - k0))
      let r2 = b9 + load<i32>(<usize>k << 2, POW2_MOD9)
      r2 = select(r2 - 9, r2, r2 >= 9)
      const odd = <bool>(dl & 1)
      const ol = select(dl, l2, odd), oh = select(dh, h2, odd)
      const least = load<i32>(<usize>k << 2, LEAST_ODDS + 4), e = evens + 1
      // the even child lives unless D, O or M fires
      if (c >= least && run != 2 && !(e >= 2 && !(e & 1) && c - 1 < load<i32>(<usize>k << 2, LEAST_ODDS))) {
        const el = select(l2, dl, odd), eh = select(h2, dh, odd)
        store<u64>(p, select(b2, b, odd))
        store<u64>(p, (el >> 1) | (eh << 63), 8)
        store<u64>(p, eh >> 1, 16)
        const state = (k + 1) | (c << 8) | (select(r2, b9, odd) << 16) | (i32(run == 1) << 25)
        store<u64>(p, <u64>(<u32>state) | (<u64>select(evens, e, evens < 0) << 32), 24)
        p += 32
      }
      // the odd child goes on: (3m+1)/2 = m + (m >> 1) + 1
      b = select(b, b2, odd)
      b9 = select(b9, r2, odd)
      run = select(run, select(1, 3, c < least), <bool>(run & 1))
      const s = ol + ((ol >> 1) | (oh << 63)), s1 = s + 1
      dh = oh + (oh >> 1) + u64(s < ol) + u64(s1 < s)
      dl = s1
      c++
      k++
      evens = 0
    }
    n++
    leaf(b, dl, dh, c, b9)
    if (waiting == LEAVES) break
  }
  top = p
  nodes += n
  return p > STACK
}
