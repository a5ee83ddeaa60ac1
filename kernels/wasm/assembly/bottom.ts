/**
 * Bottom nodes of the tree: all bits but the last A are fixed, and the 128 siblings left are looked
 * up together.
 *
 * The window's high part is added here, because the tree itself is the same for every window of a
 * size. Then one look-up gives 128 siblings: the bitvector row of odd count c is indexed by value *
 * 3^-c, so that siblings, which differ by 3^c, are neighbouring bits. One `and` with a mask applies
 * rule P (n = 2, 4, 5, 8 mod 9). The look-ahead is V. Angeltveit's idea (arXiv:2602.10466);
 * rules.ts says where its start differs from his.
 *
 * Bottom nodes come in batches of 64, so that their bitvector misses overlap. A batch goes to its
 * end before the next one starts, so that its queues stay in the first level cache and nothing is
 * copied. 128 siblings instead of 64 halve what a node costs a candidate, 3 % in all: there are 10
 * % more candidates, but most of those die by the first test.
 *
 * The bits become candidates. Each makes its first jump at once, untested, because the look-ahead
 * covers B >= W steps. The second jump is tested: what dies there never reaches memory.
 *
 * Bounds: K <= 64. The value is below 3^c (1 + n / 2^K) with c < firstRow + ROWS <= 53. For n <
 * 2^96 and K = 64 that is below 2^(84 + 32 + 1), so 128 bits hold it and its 128 siblings. A node
 * above the last row of the look-ahead, one in 10^5 at most, goes to exact.ts with all its
 * siblings.
 */
import { addend, alive, decide, entry, row } from './candidate'
import { flush } from './jumps'
import {
  B_MASK, HEADROOM, HIGH_PART_HI, HIGH_PART_LO, INVERSE3, JUMP, BOTTOM, LOOKAHEAD, MOD9_MASK, POW3_LO, QUEUE, ROWS,
  ROW_WORDS, SCALE, SUM9, W, WORD,
} from './layout'
import { base9, firstRow } from './tables'

/** Bytes of the queue in use. */
export let waiting: usize = 0
/** Counters. */
export let bottomNodes: u64 = 0
export let candidates: u64 = 0

export function resetBottom(): void {
  waiting = 0
  bottomNodes = candidates = 0
}

/** Queues a bottom node: its packed bits, T^K of its residue, and its packed state (tree.ts). */
// @ts-ignore: decorator
@inline export function queueBottom(b: u64, dl: u64, dh: u64, state: u64): void {
  const p = waiting
  store<u64>(p, dl, BOTTOM)
  store<u64>(p, dh, BOTTOM + 8)
  store<u64>(p, b, BOTTOM + 16)
  store<u64>(p, state, BOTTOM + 24)
  waiting = p + 32
}

/** Takes the queued nodes to their end. */
export function drain(): void {
  const end = lookUp()
  let q: usize = QUEUE, n: u64 = 0
  for (let w = WORD; w < end; w += 32) {
    const first = load<u64>(w, 8), step = load<u64>(w, 16), tag = load<u64>(w, 24)
    let siblings = load<u64>(w)
    n += popcnt(siblings)
    do {
      const a = ctz(siblings)
      siblings &= siblings - 1
      const v = first + a * step, e = entry(v), f = row(e)
      const v1 = (v >> (W + SCALE)) * load<u64>(f, JUMP) + addend(e), th = tag + a + load<u64>(f, JUMP + 8)
      const e1 = entry(v1), f1 = row(e1)
      store<u64>(q, (v1 >> (W + SCALE)) * load<u64>(f1, JUMP) + addend(e1))
      store<u64>(q, th + load<u64>(f1, JUMP + 8), 8)
      q = select(q + 16, q, alive(e1, th))
    } while (siblings)
  }
  candidates += n
  bottomNodes += waiting >> 5
  flush(q)
  waiting = 0
}

/**
 * Finishes the entries of BOTTOM, and lists the words with siblings in WORD.
 *
 * @returns the end of the list
 */
function lookUp(): usize {
  const n = waiting, row0 = <usize>firstRow << 3, sum0 = base9
  let w: usize = WORD
  for (let p: usize = 0; p < n; p += 32) {
    const b = load<u64>(p, BOTTOM + 16), state = load<u64>(p, BOTTOM + 24), dl = load<u64>(p, BOTTOM)
    const c = <usize>(<u32>state >> 16), i = c - row0
    // sum mod 9: 7282/65536 is 1/9, rounded up, and right below 2^13
    const sum = <u32>(b >> SUM9) + sum0, r = <usize>(sum - 9 * ((sum * 7282) >> 16)) << 4
    let x = load<u64>(r, MOD9_MASK), y = load<u64>(r, MOD9_MASK + 8)
    const lo = dl + load<u64>(c, HIGH_PART_LO)
    if (i >= <usize>(ROWS << 3)) {
      aboveRows(b, x, 0)
      aboveRows(b, y, 64)
      continue
    }
    const i0 = (<u32>lo * load<u32>(c, INVERSE3)) & B_MASK, shift = <u64>(i0 & 63)
    const look = i * ROW_WORDS + (<usize>(i0 >> 6) << 3), middle = load<u64>(look, LOOKAHEAD + 8)
    // two shifts by less than 64 instead of one by 64 - shift, which may be 64
    x &= (load<u64>(look, LOOKAHEAD) >> shift) | ((middle << 1) << (63 - shift))
    y &= (middle >> shift) | ((load<u64>(look, LOOKAHEAD + 16) << 1) << (63 - shift))
    store<u64>(p, lo, BOTTOM)
    store<u64>(p, load<u64>(p, BOTTOM + 8) + load<u64>(c, HIGH_PART_HI) + u64(lo < dl), BOTTOM + 8)
    const first = lo << SCALE, step = load<u64>(c, POW3_LO) << SCALE
    // 4: see alive()
    const tag = ((state >> 32) + 4) << HEADROOM | <u64>(p << 3)
    w = word(w, x, first, step, tag)
    w = word(w, y, first + (step << 6), step, tag + 64)
  }
  return w
}

/**
 * Writes an entry of WORD; without siblings the next entry overwrites it.
 *
 * @returns where the next entry goes
 */
// @ts-ignore: decorator
@inline function word(w: usize, siblings: u64, first: u64, step: u64, tag: u64): usize {
  store<u64>(w, siblings)
  store<u64>(w, first, 8)
  store<u64>(w, step, 16)
  store<u64>(w, tag, 24)
  return w + (<usize>(siblings != 0) << 5)
}

/** The siblings of a node above the look-ahead's rows are decided exactly. */
function aboveRows(b: u64, siblings: u64, first: u32): void {
  for (; siblings; siblings &= siblings - 1) decide(b, first + <u32>ctz(siblings))
}
