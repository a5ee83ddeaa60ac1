/**
 * The first jumps of candidates, on the low 64 bits of their values.
 *
 * A jump reads only the W low bits of a value. After j jumps the low 61 - W*j bits are still right,
 * so NARROW jumps and one more test need no more than one word. One candidate in eight outlives
 * them and starts again in wide.ts.
 *
 * What makes it fast:
 * - Passes over a queue, instead of a loop for each number: table misses and the latency of a jump
 *   overlap (1.3 to 1.7 times). A pass compacts in place, without a branch. An entry has 16 bytes,
 *   headroom and tag in one word.
 * - Values are stored times 2^SCALE, so that a mask makes them table offsets. With 15 steps instead
 *   of 16, which halves the table, and the loads of candidate.ts: 1.2 times together.
 */
import { addend, alive, entry, row } from './candidate'
import { mark, step1, step2, unmark } from './evidence'
import { JUMP, NARROW, QUEUE, SCALE, W } from './layout'
import { levels } from './tables'
import { decideImmortals, finish, jumpWide, widen } from './wide'

/** Counter: candidates that went on to wide.ts. */
export let wide: u64 = 0

/** S0: no test may look beyond this step. */
let lastStep: i32 = 0

export function resetJumps(s0: i32): void {
  lastStep = s0
  wide = 0
}

/**
 * The jump that begins at bits+83, where evidence has its second tier; that at bits+23 is the
 * third.
 */
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

/** One tested jump. @returns the end of those left */
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

/** One test without a jump; only headroom and tag are stored. @returns the end of those left */
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
