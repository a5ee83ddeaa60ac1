/**
 * The kernel: hard numbers of one leaf of a unit's class, at a time.
 *
 * Calls, in this order: size(bits), window(w), setEvidence(...), start(class), advance() until it gives 0, then read
 * OUT. The first three are kept until the next call of the same name. Imports kernel.handOver(lo, hi), called for each
 * number that 192 bits or maxSteps (at most MAX_STEPS) cannot decide, and kernel.item(tier, lo, hi), called for each
 * item of evidence of all other numbers; the caller adds what the exact engine says of what is handed over.
 */
import { resetCandidates } from './candidate'
import { resetExact, writeExact } from './exact'
import { resetJumps, wide } from './jumps'
import { setEvidence } from './evidence'
import { END, JUMPS, KEY, LEAST_ODDS, LOOKAHEAD, MAX_STEPS, OUT, PLAIN } from './layout'
import { candidates, drain, leaves, resetLeaves } from './leaf'
import { constants, size, window } from './tables'
import { grow, nodes, plant } from './tree'

export { setEvidence, size, window }

constants()

/** Begins a class: unit.ts says what the values are. Its depth is bits - 61 to bits - 8. */
export function start(
  depth: i32, residue: u64, imageLo: u64, imageHi: u64, odds: i32, evens: i32, run: i32, hardSteps: i32, maxSteps: i32,
): void {
  resetExact(hardSteps, maxSteps)
  resetCandidates(depth, residue)
  resetJumps(hardSteps)
  resetLeaves()
  plant(depth, imageLo, imageHi, odds, evens, run, <i32>(residue % 9))
}

/** Works through up to `slices` queues of tree leaves. 1: there is more. 0: the class is done and OUT is written. */
export function advance(slices: i32): i32 {
  for (; slices > 0; slices--) {
    const more = grow()
    drain()
    if (!more) {
      writeExact()
      store<u64>(OUT, nodes, 64)
      store<u64>(OUT, leaves, 72)
      store<u64>(OUT, candidates, 80)
      store<u64>(OUT, wide, 88)
      return 0
    }
  }
  return 1
}

/** Depends on every bit of the jump table and of the look-ahead. */
export function tablesChecksum(): u64 {
  let sum: u64 = 0
  for (let at = JUMPS; at < PLAIN; at += 8) sum = (sum ^ load<u64>(at)) * 0x9e3779b97f4a7c15
  return sum
}

/** Where things lie, for the caller and the tests. */
export function layout(i: i32): usize {
  return i == 0 ? OUT : i == 1 ? JUMPS : i == 2 ? LOOKAHEAD : i == 3 ? LEAST_ODDS : i == 4 ? <usize>MAX_STEPS : i == 5 ? END : KEY
}
