/**
 * The kernel's entry: the hard numbers of one class of a window, a leaf of a unit, at a time.
 *
 * Calls in this order: size(bits), window(w), setEvidence(...), start(class), advance() until it
 * gives 0, then read OUT. The first three hold until the next call of the same name. The kernel
 * imports handOver(lo, hi): it is called for each number that 192 bits or maxSteps (at most
 * MAX_STEPS) cannot decide, and the caller adds what the exact engine says of it. It imports
 * item(tier, lo, hi): it is called for each item of evidence among all other numbers.
 *
 * The files in the order in which a number passes them: tree, bottom, candidate, jumps, wide,
 * exact, evidence. Beside them rules (headroom and dip), tables, layout (sizes and addresses),
 * sha256, words.
 */
import { bottomNodes, candidates, drain, resetBottom } from './bottom'
import { resetCandidates } from './candidate'
import { exact, resetExact, writeExact } from './exact'
import { resetJumps, wide } from './jumps'
import { setEvidence } from './evidence'
import { END, JUMPS, KEY, LEAST_ODDS, LOOKAHEAD, MAX_STEPS, OUT, PLAIN } from './layout'
import { constants, size, window } from './tables'
import { grow, nodes, plant } from './tree'

export { exact, setEvidence, size, window }

constants()

/**
 * Begins a class; ClassState in unit.ts says what the values are. Its depth is bits - 61 to bits -
 * 8.
 */
export function start(
  depth: i32, residue: u64, imageLo: u64, imageHi: u64, odds: i32, evens: i32, run: i32, hardSteps: i32, maxSteps: i32,
): void {
  resetExact(hardSteps, maxSteps)
  resetCandidates(depth, residue)
  resetJumps(hardSteps)
  resetBottom()
  plant(depth, imageLo, imageHi, odds, evens, run, <i32>(residue % 9))
}

/**
 * Works through up to `slices` queues of bottom nodes. 1: there is more. 0: the class is done and
 * OUT is written.
 */
export function advance(slices: i32): i32 {
  for (; slices > 0; slices--) {
    const unfinished = grow()
    drain()
    if (!unfinished) {
      writeExact()
      store<u64>(OUT, nodes, 64)
      store<u64>(OUT, bottomNodes, 72)
      store<u64>(OUT, candidates, 80)
      store<u64>(OUT, wide, 88)
      return 0
    }
  }
  return 1
}

/** Begins with single numbers instead of a class: exact(lo, hi) takes them, end() writes OUT. */
export function begin(hardSteps: i32, maxSteps: i32): void {
  resetExact(hardSteps, maxSteps)
}

export function end(): void {
  writeExact()
}

/** Depends on every bit of the jump table and of the look-ahead. */
export function tablesChecksum(): u64 {
  let sum: u64 = 0
  for (let p = JUMPS; p < PLAIN; p += 8) sum = (sum ^ load<u64>(p)) * 0x9e3779b97f4a7c15
  return sum
}

/** Addresses, for the caller and the tests. */
export function layout(i: i32): usize {
  return i == 0 ? OUT : i == 1 ? JUMPS : i == 2 ? LOOKAHEAD : i == 3 ? LEAST_ODDS : i == 4 ? <usize>MAX_STEPS : i == 5 ? END : KEY
}
