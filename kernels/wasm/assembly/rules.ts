/**
 * Rules D, M and O in integers.
 *
 * After k steps of T, c of them odd, every rule compares a power of three with a power of two
 * (kernels/rules.ts):
 *   D  3^c < 2^k           after an even step;
 *   M  3^(c-1) < 2^(k-1)   after an even number, at least 2, of even steps since the last odd one;
 *   O  3^c < 2^(k+1)       where an odd run began, when two even steps have followed the run.
 *
 * Theorem. Let headroom(c, k) = 485 c - 306 k. Then headroom(c, k) < 0 implies 3^c < 2^k, and for
 * k <= 484 the converse holds too.
 *
 * Proof. 485/306 is a convergent of log2(3) from above (3^306 = 2^484.9985), so that for k <= 484
 * no fraction k/c lies between the two. QED (wasm-tables.test.ts tries both lines on BigInt.)
 *
 * So the tree and the tables drop by the rules alone, without floating point and without powers.
 * Beyond 484 steps the filter only drops fewer numbers, and exact.ts decides.
 *
 * A look-ahead over j steps starts from an unknown (c, k). Each rule that can fire inside it fires
 * if and only if the headroom at its start is below a number that the j steps alone fix. The
 * greatest of those numbers is the dip: the class dies when headroom < dip. Two things are unknown
 * at the start, and are taken so that nothing is dropped wrongly:
 * - Rule M: the evens before the first odd step of the look-ahead are unknown, so the rule does not
 *   fire there. (Angeltveit's published code takes them as none, and loses n = 2^71 + 1070573620327
 *   and one in 270 of the deep survivors.)
 * - Rule O: a run that is under way began earlier, at a lower headroom, because each odd step gains
 *   485 - 306. So if the test holds for the look-ahead's first step, it holds for the true start.
 * Knowing both would leave 1 to 3 % fewer candidates, and take tables four times as large.
 */

/** An odd step gains ODD - STEP of headroom, an even step loses STEP. */
export const ODD: i32 = 485
export const STEP: i32 = 306

/**
 * The dip after an even step of a look-ahead.
 *
 * @param j the step, from 0
 * @param f odd steps so far
 * @param evens even steps since the last odd one, with this one; less than 0 when unknown
 * @param afterRun whether one even step, before this one, ended a run of odd steps
 * @param start headroom (from 0 at the look-ahead's start) at which that run began
 * @param dip before this step
 */
// @ts-ignore: decorator
@inline export function dipAfterEven(j: i32, f: i32, evens: i32, afterRun: bool, start: i32, dip: i32): i32 {
  dip = max(dip, STEP * (j + 1) - ODD * f) // D
  if (evens >= 2 && !(evens & 1)) dip = max(dip, STEP * j - ODD * (f - 1)) // M
  return afterRun ? max(dip, STEP - start) : dip // O
}
