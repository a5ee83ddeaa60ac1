/**
 * All there is to say about one number of any size: its trajectory, the rule that fires first, and the smaller number
 * which that rule names, found by walking and checked by walking again.
 */
import { bitLength, type Limits, limitsFor, type Trajectory, trajectory } from './map.ts'
import { type Fired, type Open, sigma } from './sigma.ts'
import type { MapName } from './unit.ts'
import { checkWitness, preimageOf, type Witness, witnessOf } from './witness.ts'

export interface NumberReport {
  readonly n: bigint
  readonly map: MapName
  /** Length of n in bits. */
  readonly bits: number
  readonly trajectory: Trajectory
  /** Whether the trajectory reaches 1. */
  readonly converges: boolean
  /** Which rule fires first and when, or where the search for one ended. */
  readonly verdict: Fired | Open
  /** The smaller number that the rule names; null when none fired, or when it names none (1, and cycles under 5n+1). */
  readonly witness: Witness | null
  /** The smaller number on whose path n lies by rule P, or null. */
  readonly preimage: Witness | null
  /** Neither seen to reach 1, nor seen below itself, nor known to meet a smaller number: news. */
  readonly candidate: boolean
}

/**
 * Reports on n.
 *
 * @param n at least 1. Cost grows with the square of its length: 10,000 bits take 0.15 s.
 * @throws {RangeError} when n is less than 1
 */
export function reportNumber(n: bigint, map: MapName = '3n+1', limits: Limits = limitsFor(n)): NumberReport {
  const walked = trajectory(n, map, limits)
  const verdict = sigma(n, map, limits)
  const converges = walked.end.kind === 'cycle' && walked.end.cycle.trivial
  const checked = (named: Witness | null) => (named && checkWitness(named, map) ? named : null)
  const witness = checked(verdict.kind === 'fired' ? witnessOf(n, verdict) : null)
  const preimage = checked(preimageOf(n, map))
  return {
    n,
    map,
    bits: bitLength(n),
    trajectory: walked,
    converges,
    verdict,
    witness,
    preimage,
    candidate: !converges && walked.glide === null && witness === null && preimage === null,
  }
}
