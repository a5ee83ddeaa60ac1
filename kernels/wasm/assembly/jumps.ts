/**
 * Candidates go on by jumps of W steps, and die by one integer compare before their value is needed (candidate.ts).
 *
 * What makes it fast:
 * - Passes over a queue instead of a loop for each number: table misses and the latency of a jump overlap (1.3 to 1.7
 *   times). A pass compacts in place, without a branch. 16 bytes an entry, headroom and tag in one word.
 * - Values are kept times 2^SCALE, so that a mask makes them table offsets; with 15 steps instead of 16, which halves
 *   the table, and the loads of candidate.ts: 1.2 times together.
 * - The first NARROW jumps are done on the low 64 bits: a jump reads only W low bits, and after j jumps the low 61 -
 *   W*j bits are still right. One candidate in eight is left after them; it starts again in wide.ts.
 */
import { addend, alive, entry, row } from './candidate'
import { mark, step1, step2, unmark } from './evidence'
import { JUMP, NARROW, QUEUE, SCALE, W } from './layout'
import { levels } from './tables'
import { decideImmortals, finish, jumpWide, widen } from './wide'

/** Counter: candidates that became wide. */
export let wide: u64 = 0

/** No test may look beyond this step. */
let lastStep: i32 = 0

export function resetJumps(s0: i32): void {
  lastStep = s0
  wide = 0
}

/** The jump that begins at bits+83, where evidence has its second tier; that at bits+23 is the third. */
const FLAGGED_AGAIN: i32 = 6

/** Takes the candidates from QUEUE to `end`, two jumps done, to their end. */
export function flush(end: usize): void {
  // As NARROW is 3, one narrow jump is left: that from bits+23.
  if (step1) mark()
  end = jump(end)
  if (step1) unmark()
  end = test(end)
  wide += (end - QUEUE) >> 4
  if (end == QUEUE) return
  widen(end)
  for (let k = levels + (NARROW + 1) * W; end > QUEUE && k + W <= lastStep; k += W) {
    const flagged = step1 != 0 && k == levels + FLAGGED_AGAIN * W
    if (flagged && step2) mark()
    end = jumpWide(end)
    if (flagged) {
      if (step2) unmark()
      end = decideImmortals(end)
    }
  }
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
