/**
 * Dips: when do the next steps of T alone show that a number meets a smaller one?
 *
 * Theorem (Terras, Acta Arith. 30, 1976). The parities of the first L steps of T from x depend on x
 * mod 2^L only, and are a bijection of the residues mod 2^L: T^L(x + a*2^L) = T^L(x) + a*3^f, f the
 * odd steps. So the greatest drop that rules D, M and O (rules.ts) see on the way can be looked up,
 * for every residue, once for all.
 *
 * Units. A number alive at depth k after c odd steps has the headroom h = c*log2(3) - k, in bits:
 * its value is about 2^h times the number it started from. Every rule is "h is less than d" for
 * some d that the steps in the window alone fix, and the greatest such d is the window's dip. Both
 * are stored in units of 1/SCALE bit, the dip rounded down and the headroom rounded up, so that
 * `dip >= headroom` proves that a rule fires. The converse fails for a few numbers, which live on
 * until a later window or the exact engine decides.
 *
 * Rule M needs the evens since the last odd step, and rule O the start of the odd run. Both are
 * unknown where the window begins. So M waits for the first odd step inside it, and O takes the
 * first odd step as the run's start; a later start asks for more, so that is sound too. A window
 * that took its start for an odd step would lose numbers, among them 2^71 + 1070573620327.
 *
 * Bounds: length 1 to 20, so that images stay below 3^20 < 2^32 and dips below 20 * SCALE < 2^13.
 */

/** Units to a bit of headroom. Ten-step dips must fit 12 bits: 10 * SCALE < 4096. */
export const SCALE = 256

const LOG2_3 = Math.log2(3)

/** All residues mod 2^length, by residue. */
export interface Windows {
  readonly length: number
  /** T^length(x), below 3^length. */
  readonly image: Uint32Array
  /** f: odd steps among the first `length`. */
  readonly odds: Uint8Array
  /** In 1/SCALE bit, rounded down. */
  readonly dip: Uint16Array
}

/**
 * Headroom in 1/SCALE bit of a class after k steps with c odd ones, rounded up, with one unit for
 * float error.
 */
export function headroom(odds: number, depth: number): number {
  return Math.ceil((odds * LOG2_3 - depth) * SCALE) + 1
}

/** What `length` more steps with `odds` odd ones add to a headroom, in 1/SCALE bit, rounded up. */
export function headroomStep(odds: number, length: number): number {
  return Math.ceil((odds * LOG2_3 - length) * SCALE)
}

/** Evens since the last odd step in the window: 255 before the first one. */
const UNKNOWN = 255

/**
 * Walks all 2^length windows, each step shared by the residues that agree so far: 2^(length+1)
 * steps in all.
 *
 * @throws {RangeError} when length is not 1 to 20.
 */
export function windows(length: number): Windows {
  if (!Number.isInteger(length) || length < 1 || length > 20) {
    throw new RangeError(`A parity window has 1 to 20 steps, not ${length}`)
  }
  const size = 2 ** length
  const image = new Uint32Array(size)
  const odds = new Uint8Array(size)
  const evens = new Uint8Array(size).fill(UNKNOWN)
  const best = new Float64Array(size)
  // Headroom, relative to the window's start, at which the present odd run began; NaN outside a
  // run.
  const start = new Float64Array(size).fill(Number.NaN)
  const power = new Uint32Array(length + 1)
  for (let f = 0, p = 1; f <= length; f++, p *= 3) power[f] = p

  const step = (x: number, j: number) => {
    const value = image[x]!
    const f = odds[x]!
    if (value % 2 === 1) {
      // An odd step right after another belongs to the same run, and its start stays: see rule O.
      if (Number.isNaN(start[x]!) || evens[x]! !== 0) start[x] = f * LOG2_3 - j
      image[x] = value + (value - 1) / 2 + 1
      odds[x] = f + 1
      evens[x] = 0
      return
    }
    image[x] = value / 2
    let dip = Math.max(best[x]!, j + 1 - f * LOG2_3)
    if (evens[x]! !== UNKNOWN) {
      const e = ++evens[x]!
      if (e === 2) dip = Math.max(dip, 1 - start[x]!)
      if (e % 2 === 0) dip = Math.max(dip, j - (f - 1) * LOG2_3)
    }
    best[x] = dip
  }

  for (let j = 0; j < length; j++) {
    const half = 2 ** j
    for (let x = 0; x < half; x++) {
      const y = x + half
      image[y] = image[x]! + power[odds[x]!]!
      odds[y] = odds[x]!
      evens[y] = evens[x]!
      best[y] = best[x]!
      start[y] = start[x]!
      step(x, j)
      step(y, j)
    }
  }
  const dip = new Uint16Array(size)
  for (let x = 0; x < size; x++) dip[x] = Math.floor(best[x]! * SCALE)
  return { length, image, odds, dip }
}
