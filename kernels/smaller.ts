/**
 * The smaller number that a rule names, and why it is smaller.
 *
 * Theorem. Let D, M or O fire first at step k <= 5000 for n > 1,166,298. Then the number that it
 * names is below n.
 *
 * Proof. T^j(n) = (3^c*n + q)/2^j with q the sum of 3^(c-1-i)*2^(j_i) over the odd steps i = 0,
 * ..., c-1, made after j_i steps. D did not fire before, so 2^(j_i) <= 3^i and q <= c*3^(c-1). The
 * number named is at most
 *   D  (3^c*n + q)/2^k
 *   M  (3^(c-1)*n + q/3)/2^(k-1)
 *   O  (3^c*n + q)/2^(j+1), with c and q at the run's start j,
 * so at most (3^c*n + (c+1)*3^(c-1))/2^k for some 3^c < 2^k, k <= 5000.
 * That is below n if n > (c+1)*3^(c-1)/(2^k - 3^c). The greatest such bound is at k = 4701,
 * c = 2966 (coefficientBound; compare Angeltveit, arXiv:2602.10466, Theorem 4.1). QED
 *
 * Below the bound every n was tried (smaller.test.ts). The exceptions are 0, which is no positive
 * integer, and 1, whose path 1 2 1 is the cycle that all others are to end in. So if all positive
 * integers below n converge, and a rule fires for n > 1, then n converges. Rule P needs no bound:
 * (2n-1)/3 < n and (8n-5)/9 < n for n > 1.
 *
 * Rule D of 3n-1 always names a smaller number, because T^k(n) <= 3^c*n/2^k. Rule D of 5n+1 has the
 * bound of 3n+1 with 5 for 3, and real exceptions: the cycles of 13 and 17 have 3 odd steps in 7,
 * and 125 < 128. They are in EXCEPTIONS. No class holds them, so they are candidates of the first
 * unit of their window (directCandidates).
 */
import { type OnSteps, STEPS_A_TELLING, shortcutMap, step } from './map.ts'
import { type Rule, ruleP } from './rules.ts'
import type { Fired } from './sigma.ts'
import type { MapName, Unit } from './unit.ts'

/** A smaller number that n's path meets: T^stepsOfN(n) = T^stepsOfSmaller(smaller). */
export interface SmallerNumber {
  readonly rule: Rule
  readonly n: bigint
  readonly smaller: bigint
  readonly stepsOfN: number
  readonly stepsOfSmaller: number
}

/**
 * All n for which the rule that fires names no smaller number. 5n+1 was tried for n < 100,000,
 * values < 2^122.
 */
export const EXCEPTIONS: Readonly<Record<MapName, readonly bigint[]>> = {
  '3n+1': [0n, 1n],
  '3n-1': [0n],
  '5n+1': [0n, 1n, 13n, 17n],
}

/**
 * The number that the rule which fired for n names. It is smaller than n unless n is among the
 * EXCEPTIONS.
 */
export function smallerNumberOf(n: bigint, fired: Fired): SmallerNumber {
  const { rule, step: stepsOfN, image } = fired
  switch (rule) {
    case 'D':
      return { rule, n, smaller: image, stepsOfN, stepsOfSmaller: 0 }
    case 'M':
      return { rule, n, smaller: (2n * image - 1n) / 3n, stepsOfN, stepsOfSmaller: 1 }
    case 'O':
      return { rule, n, smaller: (fired.runStart - 1n) / 2n, stepsOfN, stepsOfSmaller: fired.runLength + 1 }
  }
}

/** The smaller number on whose path n > 1 itself lies, or null when rule P does not apply. */
export function preimageOf(n: bigint, map: MapName = '3n+1'): SmallerNumber | null {
  if (!ruleP(n, map)) return null
  return n % 3n === 2n
    ? { rule: 'P', n, smaller: (2n * n - 1n) / 3n, stepsOfN: 0, stepsOfSmaller: 1 }
    : { rule: 'P', n, smaller: (8n * n - 5n) / 9n, stepsOfN: 0, stepsOfSmaller: 3 }
}

/** Whether n's path meets that of a smaller number where it is claimed to, by walking both. */
export function meetsSmallerNumber(claim: SmallerNumber, map: MapName = '3n+1', onSteps?: OnSteps): boolean {
  const { n, smaller, stepsOfN, stepsOfSmaller } = claim
  let walked = 0
  const after = (start: bigint, steps: number) => {
    let value = start
    for (let i = 0; i < steps; i++) {
      value = step(value, map)
      if (onSteps && ++walked % STEPS_A_TELLING === 0) onSteps(walked, value)
    }
    return value
  }
  return smaller >= 1n && smaller < n && after(n, stepsOfN) === after(smaller, stepsOfSmaller)
}

/**
 * The bound of the theorem: the greatest floor((c+1)*a^(c-1)/(2^k - a^c)) over all k <= steps and
 * a^c < 2^k.
 *
 * @param steps at least 1; takes seconds from 10,000 on
 */
export function coefficientBound(steps: number, map: '3n+1' | '5n+1' = '3n+1'): bigint {
  const { factor } = shortcutMap(map)
  let greatest = 0n
  let power = 1n
  let odds = 0n
  for (let k = 1; k <= steps; k++) {
    const twos = 1n << BigInt(k)
    while (power * factor < twos) {
      power *= factor
      odds++
    }
    const bound = ((odds + 1n) * power) / (factor * (twos - power))
    if (bound > greatest) greatest = bound
  }
  return greatest
}

/**
 * The numbers above 1 of a unit's window that a rule drops although it names no smaller number.
 * They are candidates of unit 0. There are none under 3n+1 and 3n-1.
 */
export function directCandidates(unit: Unit): readonly bigint[] {
  if (unit.index !== 0) return []
  const bits = BigInt(unit.partition.bits)
  return EXCEPTIONS[unit.partition.map].filter((n) => n > 1n && n >> bits === unit.window)
}
