/**
 * sigma(n), by the number's own trajectory: the first step of T at which rule D, M or O fires
 * (rules.ts). No class, no table and no bound on the size of n is in it: every engine is tested
 * against this oracle.
 *
 * Bounds: the walk has stated limits. A number for which no rule fires within them is open: it is
 * hard for every S0, and a candidate for a counterexample unless some T^k(n) < n was seen after
 * all. A walk that meets a value twice stops there: the number is on or before a cycle that no rule
 * leads out of.
 */
import {
  type Cycle,
  CycleFinder,
  describeCycle,
  LIMITS,
  type Limits,
  type OnSteps,
  STEPS_A_TELLING,
  shortcutMap,
} from './map.ts'
import { minOdds, type Rule } from './rules.ts'
import type { MapName } from './unit.ts'

/** A rule fired. */
export interface Fired {
  readonly kind: 'fired'
  readonly rule: Exclude<Rule, 'P'>
  /** sigma(n), at least 1. */
  readonly step: number
  /** Odd steps among them. */
  readonly odds: number
  /** T^sigma(n). */
  readonly image: bigint
  /** Greatest a*m+b over the odd m among n, ..., T^(sigma-1)(n); 0 when there is none. */
  readonly peak: bigint
  /**
   * The value at which the last run of odd steps began; 0 when there is none. Rule O is about it.
   */
  readonly runStart: bigint
  /** Length of that run. */
  readonly runLength: number
}

/** No rule fired within the limits. */
export interface Open {
  readonly kind: 'open'
  readonly end: 'cycle' | 'steps' | 'bits'
  /** When the walk met a value twice. */
  readonly cycle: Cycle | null
  /** Steps walked. */
  readonly steps: number
  /** Whether some T^k(n) < n was seen: the number is no candidate then. */
  readonly below: boolean
}

/**
 * Which rule fires first for n, and when.
 *
 * @param n at least 0
 * @throws {RangeError} when n is negative
 */
export function sigma(n: bigint, map: MapName = '3n+1', limits: Limits = LIMITS, onSteps?: OnSteps): Fired | Open {
  if (n < 0n) throw new RangeError(`sigma is defined for 0 and up, not for ${n}`)
  const { factor, addend } = shortcutMap(map)
  const allRules = map === '3n+1'
  const finder = new CycleFinder(n)
  const tooLarge = 1n << BigInt(limits.bits)
  let value = n
  let odds = 0
  let evens = -1
  let peak = 0n
  let runStart = 0n
  let runLength = 0
  let inRun = false
  let armed = false
  let below = false
  for (let step = 1; step <= limits.steps; step++) {
    if ((value & 1n) === 1n) {
      if (!inRun) {
        runStart = value
        runLength = 0
        armed = odds < minOdds(map, step)
        inRun = true
      }
      const up = factor * value + addend
      if (up > peak) peak = up
      value = up >> 1n
      odds++
      runLength++
      evens = 0
    } else {
      value >>= 1n
      inRun = false
      if (evens >= 0) evens++
      let rule: Fired['rule'] | null = null
      if (odds < minOdds(map, step)) rule = 'D'
      else if (allRules && evens >= 2 && evens % 2 === 0 && odds - 1 < minOdds(map, step - 1)) rule = 'M'
      else if (allRules && evens === 2 && armed) rule = 'O'
      if (rule) return { kind: 'fired', rule, step, odds, image: value, peak, runStart, runLength }
    }
    if (onSteps && step % STEPS_A_TELLING === 0) onSteps(step, value)
    if (value < n) below = true
    const length = finder.see(value)
    if (length > 0) {
      return { kind: 'open', end: 'cycle', cycle: describeCycle(value, length, map), steps: step, below }
    }
    if (value >= tooLarge) return { kind: 'open', end: 'bits', cycle: null, steps: step, below }
  }
  return { kind: 'open', end: 'steps', cycle: null, steps: limits.steps, below }
}

/**
 * Whether an open number is a candidate: never seen below itself, and not on the cycle that holds
 * 1.
 */
export function isCandidate(open: Open): boolean {
  return !open.below && !open.cycle?.trivial
}
