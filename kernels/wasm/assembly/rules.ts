/**
 * Rules D, M and O in integers.
 *
 * After k steps of T, c of them odd, every rule compares a power of three with a power of two:
 *   D  3^c < 2^k           after an even step;
 *   M  3^(c-1) < 2^(k-1)   after an even number, at least 2, of even steps since the last odd one;
 *   O  3^c < 2^(k+1)       where an odd run began, looked at when two even steps have followed the run.
 * Let headroom(c, k) = 485 c - 306 k. 485/306 is a convergent of log2(3) from above (3^306 = 2^484.9985), so for
 * k <= 484 no fraction k/c lies between the two, and
 *   3^c < 2^k  <=>  headroom(c, k) < 0   (k <= 484), and  headroom(c, k) < 0  =>  3^c < 2^k   (every k).
 * So the tables need no floating point, and drop by the rules alone whatever the step; test/kernels/wasm.test.ts
 * proves both lines on BigInt. With larger k the filter only drops fewer, and exact.ts decides.
 *
 * A look-ahead over j steps starts from unknown (c, k). Each rule that can fire inside it fires if and only if the
 * headroom at its start is below a number that the j steps alone fix; the greatest of those numbers is the `dip`. The
 * class dies when headroom < dip. Two things are unknown at the start, and are taken so that nothing is dropped wrongly:
 * - rule M: the evens before the first odd step of the look-ahead are unknown, so it does not fire there;
 * - rule O: a run that is under way began earlier, at a lower headroom (each odd step gains 485 - 306), so if the test
 *   holds for the look-ahead's first step, it holds for the true start.
 */

/** Headroom gained by an odd step is ODD - STEP, by an even step -STEP. */
export const ODD: i32 = 485
export const STEP: i32 = 306

/** State of a look-ahead, changed in place by child(): the recursion of tables.ts keeps its own copies. */
export let value: u64 = 0
export let odds: i32 = 0
export let evens: i32 = 0
export let run: i32 = 0
export let runStart: i32 = 0
export let dip: i32 = 0

/**
 * One step of a look-ahead, from the state given to the state left in the variables above.
 *
 * @param j the step, from 0
 * @param v T^j of the low bits
 * @param f odd steps so far
 * @param e evens since the last odd step, -1 when unknown
 * @param r 0 no odd run, 1 in an odd run, 2 one even after it
 * @param s headroom (from 0) at which that run began
 * @param d the dip so far
 */
export function child(j: i32, v: u64, f: i32, e: i32, r: i32, s: i32, d: i32): void {
  if (v & 1) {
    if (r != 1) s = ODD * f - STEP * j
    value = v + (v >> 1) + 1
    odds = f + 1
    evens = 0
    run = 1
    runStart = s
    dip = d
  } else {
    if (r == 2) d = max(d, STEP - s) // O
    e = e < 0 ? e : e + 1
    d = max(d, STEP * (j + 1) - ODD * f) // D
    if (e >= 2 && !(e & 1)) d = max(d, STEP * j - ODD * (f - 1)) // M
    value = v >> 1
    odds = f
    evens = e
    run = r == 1 ? 2 : 0
    runStart = s
    dip = d
  }
}
