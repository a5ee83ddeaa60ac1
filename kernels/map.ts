/**
 * The shortcut maps, T(n) = n/2 for even n and (a*n+b)/2 for odd n, and what can be seen on a
 * trajectory.
 *
 * One step of T at an odd number is an odd and an even step of the unshortened map. So the greatest
 * value of the unshortened trajectory is the greatest a*m+b over its odd m, or its start. Path
 * record tables list that value, and a Peak is it. Cycles are found by a repeated value (Brent, BIT
 * 20, 1980).
 *
 * Bounds: exact for every size, and slow. A walk stops at its limits and says so; it never guesses.
 */
import type { MapName } from './unit.ts'

export interface ShortcutMap {
  /** a: odd n goes to (a*n+b)/2. */
  readonly factor: bigint
  /** b */
  readonly addend: bigint
}

const MAPS: Readonly<Record<MapName, ShortcutMap>> = {
  '3n+1': { factor: 3n, addend: 1n },
  '3n-1': { factor: 3n, addend: -1n },
  '5n+1': { factor: 5n, addend: 1n },
}

/** @throws {RangeError} for a name that is not a map */
export function shortcutMap(map: MapName): ShortcutMap {
  const shortcut = MAPS[map]
  if (!shortcut) throw new RangeError(`unknown map ${map}: use one of ${Object.keys(MAPS).join(', ')}`)
  return shortcut
}

/** T(n), for n >= 0. */
export function step(n: bigint, map: MapName = '3n+1'): bigint {
  if ((n & 1n) === 0n) return n >> 1n
  const { factor, addend } = shortcutMap(map)
  return (factor * n + addend) >> 1n
}

/** Where a walk gives up. */
export interface Limits {
  /** Steps of T. */
  readonly steps: number
  /** Length in bits of the values on the way. */
  readonly bits: number
}

/**
 * The limits beyond which a number below 2^128 is a candidate. Glide records are near 1,000 steps
 * of T, and their peaks below 2^150; the bound of smaller.ts is proved for this many steps.
 */
export const LIMITS: Limits = { steps: 5000, bits: 4096 }

/**
 * Limits that give a start of any size the same room: a long trajectory under 3n+1 takes some 10
 * steps a bit of n.
 */
export function limitsFor(n: bigint): Limits {
  const bits = bitLength(n)
  return { steps: Math.max(LIMITS.steps, 40 * bits), bits: Math.max(LIMITS.bits, 8 * bits) }
}

/**
 * Called every STEPS_A_TELLING steps, a second where numbers are long, with the steps so far and
 * the value.
 */
export type OnSteps = (steps: number, value: bigint) => void
export const STEPS_A_TELLING = 4096

export interface Cycle {
  /** Its smallest element. */
  readonly start: bigint
  /** Its length in steps of T. */
  readonly length: number
  /** Whether it holds the number 1: every map here has such a cycle, and it is no news. */
  readonly trivial: boolean
}

/** Where a trajectory ended. */
export type End =
  | { readonly kind: 'cycle'; readonly cycle: Cycle }
  | { readonly kind: 'steps' }
  | { readonly kind: 'bits' }

export interface Trajectory {
  readonly n: bigint
  /**
   * Steps of T until the trajectory reached the smallest element of its cycle for the first time,
   * or was given up.
   */
  readonly steps: number
  /** Odd steps among them: steps + oddSteps is the length without the shortcut. */
  readonly oddSteps: number
  /** The stopping time: the first k with T^k(n) < n, or null when there is none on the way. */
  readonly glide: number | null
  /** Greatest value of the unshortened trajectory on the way: n itself or some a*m+b. */
  readonly max: bigint
  readonly end: End
}

/** Length of n >= 0 in bits; 0 for 0. */
export function bitLength(n: bigint): number {
  if (n === 0n) return 0
  const hex = n.toString(16)
  return hex.length * 4 - Math.clz32(Number.parseInt(hex[0]!, 16)) + 28
}

/**
 * Notices a repeated value on a walk: it remembers the value at each power of two, until the walk
 * returns to it.
 */
export class CycleFinder {
  #remembered: bigint
  #since = 0
  #power = 1

  constructor(start: bigint) {
    this.#remembered = start
  }

  /** @returns the length of the cycle once `value` is known to repeat, else 0 */
  see(value: bigint): number {
    this.#since++
    if (value === this.#remembered) return this.#since
    if (this.#since === this.#power) {
      this.#remembered = value
      this.#power *= 2
      this.#since = 0
    }
    return 0
  }
}

/** The cycle of `length` steps that `member` is on. */
export function describeCycle(member: bigint, length: number, map: MapName = '3n+1'): Cycle {
  let start = member
  let value = member
  let trivial = value <= 1n
  for (let i = 1; i < length; i++) {
    value = step(value, map)
    if (value < start) start = value
    if (value <= 1n) trivial = true
  }
  return { start, length, trivial }
}

/**
 * The trajectory of n to the smallest element of its cycle. Under 3n+1 that is 1 for every number
 * known.
 *
 * @param n at least 1
 * @throws {RangeError} when n is less than 1
 */
export function trajectory(
  n: bigint,
  map: MapName = '3n+1',
  limits: Limits = limitsFor(n),
  onSteps?: OnSteps,
): Trajectory {
  if (n < 1n) throw new RangeError(`no trajectory from ${n}: give a number of at least 1`)
  const { factor, addend } = shortcutMap(map)
  const tooLarge = 1n << BigInt(limits.bits)
  const walk = (target: bigint | null) => {
    const finder = new CycleFinder(n)
    let value = n
    let steps = 0
    let oddSteps = 0
    let max = n
    let glide: number | null = null
    const soFar = () => ({ n, steps, oddSteps, glide, max })
    while (value !== 1n && value !== target) {
      if (steps >= limits.steps) return { ...soFar(), end: { kind: 'steps' } as const }
      if (value >= tooLarge) return { ...soFar(), end: { kind: 'bits' } as const }
      if ((value & 1n) === 1n) {
        const up = factor * value + addend
        if (up > max) max = up
        value = up >> 1n
        oddSteps++
      } else value >>= 1n
      steps++
      if (onSteps && steps % STEPS_A_TELLING === 0) onSteps(steps, value)
      if (glide === null && value < n) glide = steps
      const length = finder.see(value)
      if (length > 0) return { ...soFar(), end: { kind: 'cycle', cycle: describeCycle(value, length, map) } as const }
    }
    return { ...soFar(), end: { kind: 'cycle', cycle: cycleFrom(value, map) } as const }
  }
  const first = walk(null)
  // The first walk may go round a cycle before it knows; the second stops at the cycle's smallest
  // element.
  return first.end.kind === 'cycle' && !first.end.cycle.trivial ? walk(first.end.cycle.start) : first
}

/** The cycle through `start`, which is on one. */
function cycleFrom(start: bigint, map: MapName): Cycle {
  let length = 1
  for (let value = step(start, map); value !== start; value = step(value, map)) length++
  return describeCycle(start, length, map)
}

/**
 * Whether the cycle of `length` steps through `start` really closes: the whole check of a cycle
 * certificate.
 */
export function isCycle(start: bigint, length: number, map: MapName = '3n+1'): boolean {
  if (start < 1n || !Number.isSafeInteger(length) || length < 1) return false
  let value = start
  for (let i = 0; i < length; i++) {
    value = step(value, map)
    if (value < start) return false
    if (value === start) return i === length - 1
  }
  return false
}
