/**
 * Planted known answers: every batch holds one class whose hard number we know, and a batch that
 * does not report it is not believed. A dead kernel, a stale buffer, a wrong binding or a driver
 * that drops commands cannot pass.
 *
 * A plant is a record of the stopping time (Roosendaal's tables): no rule fires on its first
 * PLANT_STEPS steps, so it is hard for every S0 up to that. It is presented as some member n0 +
 * a*2^depth of a class at the depth of the batch's own classes, wherever its window would be,
 * because the kernels see parities and images, not windows.
 */
import { children, ROOT } from '../rules.ts'
import type { ClassState } from '../unit.ts'

/** No rule fires on a plant before step 966. Greatest S0 that this engine takes. */
export const PLANT_STEPS = 960

/** Stopping time records 2^57.3 to 2^61.2: sigma is 1005, 989 and 966. */
const PLANTS = [2602714556700227743n, 1236472189813512351n, 180352746940718527n]

export interface Plant {
  readonly n: bigint
  /** The class of n at the depth asked for. */
  readonly state: ClassState
  /** a: which member of the class n is, counted from `base`. */
  readonly offset: number
  /**
   * n - offset * 2^depth: the number that takes the place of the window's own member of the class.
   */
  readonly base: bigint
}

/**
 * The class of n mod 2^depth.
 *
 * @throws {Error} when a rule drops it
 */
export function classOf(n: bigint, depth: number): ClassState {
  let state = ROOT
  while (state.depth < depth) {
    const residue = BigInt.asUintN(state.depth + 1, n)
    const half = children(state).find((child) => child.residue === residue)
    if (!half) throw new Error(`The class of ${n} is dropped by a rule at step ${state.depth + 1}`)
    state = half
  }
  return state
}

/**
 * Plant number `turn` (they take turns, at changing offsets).
 *
 * @param depth of the class, at most 69
 * @param openBits offsets are below 2^openBits
 */
export function plant(turn: number, depth: number, openBits: number): Plant {
  const n = PLANTS[turn % PLANTS.length]!
  const state = classOf(n, depth)
  // n = residue + greatest * 2^depth, so `base` may be any of greatest + 1 members. Odd multiplier:
  // offsets go through all.
  const greatest = (n - state.residue) >> BigInt(depth)
  const room = 1n << BigInt(openBits)
  const offset = (BigInt(turn + 1) * 0x9e3779b1n) % (greatest + 1n < room ? greatest + 1n : room)
  return { n, state, offset: Number(offset), base: n - (offset << BigInt(depth)) }
}
