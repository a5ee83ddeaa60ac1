/**
 * All there is to say about one number of any size: its trajectory, the rule that fires first, and
 * the smaller number which that rule names. The smaller number is found by walking and checked by
 * walking again.
 */
import { bitLength, type Limits, limitsFor, type Trajectory, trajectory } from './map.ts'
import { type Fired, type Open, sigma } from './sigma.ts'
import { meetsSmallerNumber, preimageOf, type SmallerNumber, smallerNumberOf } from './smaller.ts'
import type { MapName } from './unit.ts'

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
  /**
   * The smaller number that the rule names; null when none fired, or when it names none (1, and
   * cycles under 5n+1).
   */
  readonly smallerNumber: SmallerNumber | null
  /** The smaller number on whose path n lies by rule P, or null. */
  readonly preimage: SmallerNumber | null
  /** Not seen to reach 1, not seen below itself, and not known to meet a smaller number: news. */
  readonly candidate: boolean
}

/** Shares of the time where all three take long, as for 2^66438 - 1. */
const SHARES = { trajectory: 0.55, sigma: 0.15, smallerNumber: 0.3 }

/**
 * Reports on n.
 *
 * @param n at least 1. Cost grows with the square of its length: 10,000 bits take 0.15 s.
 * @param onProgress is called now and then with the share that is done, 0 to 1; never for small
 *   numbers
 * @throws {RangeError} when n is less than 1
 */
export function reportNumber(
  n: bigint,
  map: MapName = '3n+1',
  limits: Limits = limitsFor(n),
  onProgress: (fraction: number) => void = () => {},
): NumberReport {
  let longest = 0
  const path = trajectory(n, map, limits, (_, value) => {
    const length = bitLength(value)
    longest = Math.max(longest, length)
    // The value shrinks at an even pace, and a step costs in proportion to its length.
    onProgress(SHARES.trajectory * (1 - (length / longest) ** 2))
  })
  const upTo = path.glide ?? path.steps
  const verdict = sigma(n, map, limits, (steps) =>
    onProgress(SHARES.trajectory + SHARES.sigma * Math.min(1, steps / upTo)),
  )
  const converges = path.end.kind === 'cycle' && path.end.cycle.trivial
  const checked = (claim: SmallerNumber | null) => {
    if (!claim) return null
    const total = claim.stepsOfN + claim.stepsOfSmaller
    const tell = (steps: number) => onProgress(1 - SHARES.smallerNumber * (1 - steps / total))
    return meetsSmallerNumber(claim, map, tell) ? claim : null
  }
  const smallerNumber = checked(verdict.kind === 'fired' ? smallerNumberOf(n, verdict) : null)
  const preimage = checked(preimageOf(n, map))
  return {
    n,
    map,
    bits: bitLength(n),
    trajectory: path,
    converges,
    verdict,
    smallerNumber,
    preimage,
    candidate: !converges && path.glide === null && smallerNumber === null && preimage === null,
  }
}
