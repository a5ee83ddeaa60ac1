/**
 * Known evidence: what the fast engines list of a class before they are asked for evidence in
 * earnest. An engine that missed items would accuse its honest owner.
 *
 * A class of 2^18 numbers of the window of 2^71 numbers from 2^71. evidence-engines.test.ts has it
 * from the exact engine. The key is arbitrary.
 */
import { mix64 } from '../result.ts'
import type { ClassState, EvidenceItems } from '../unit.ts'
import type { EvidenceTest } from './request.ts'

const bits = 71
/** So far above W+83 that jumps after the second tier lose what is not marked for it. */
const hardSteps = 190
const state: ClassState = {
  depth: 53,
  residue: 716679110814875n,
  image: 1326959403626398n,
  odds: 34,
  evens: 1,
  run: 2,
}
const tier = (steps: number, flagged: boolean, tau: bigint) => ({ steps, flagged, tau, share: 1, mean: 0n })
const evidence: EvidenceTest = {
  key: Uint8Array.from({ length: 32 }, (_, i) => 7 * i + 1),
  flagBits: 2,
  flag: 1,
  tiers: [
    tier(bits + 23, true, 2n ** 62n),
    tier(bits + 83, true, 2n ** 64n - 1n),
    tier(hardSteps, false, 2n ** 63n + 2n ** 62n),
  ],
}

export const KNOWN_EVIDENCE = { bits, window: 1n, hardSteps, state, evidence } as const

/** Items by tier, and the sum of mix64 of all, weighted by tier. */
const COUNTS = [78, 15, 7]
const SUM = 4181872832247380860n

/** Whether these are the items of KNOWN_EVIDENCE. */
export function isKnownEvidence(items: EvidenceItems): boolean {
  const sum = items.flatMap((numbers, i) => numbers.map((n) => mix64(n) * BigInt(i + 1))).reduce((a, b) => a + b, 0n)
  return items.every(({ length }, i) => length === COUNTS[i]) && BigInt.asUintN(64, sum) === SUM
}
