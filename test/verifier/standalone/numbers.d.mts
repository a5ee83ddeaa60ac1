/** For tests in TypeScript alone. */
export interface Class {
  readonly k: number
  readonly r: bigint
  readonly image: bigint
}
interface Cut {
  readonly map: string
  readonly bits: number
  readonly units: number
  readonly leaves: number
}
export interface Tally {
  readonly count: number
  readonly mean: bigint
}
export function cutOf(partition: Cut): { classes: Class[]; leavesOf(unit: Class): Class[] }
export function isPlausible(partition: Cut & { hardSteps: number }, state: Class, count: number): boolean
export function isShort(tally: Tally, looks?: number): boolean
export function mostSkipped(tally: Tally): number
export function hardInLeaf(partition: Cut, steps: number, units: number): number
export function evidenceTest(
  partition: Cut & { hardSteps: number },
  unit: Class,
  evidence: { flagBits: number; items: number },
  about: { network: Uint8Array; seed: Uint8Array; window: bigint; index: number; signer: Uint8Array },
): { key: Uint8Array; flag: bigint; tiers: { tau: bigint; mean: bigint; steps: number }[] }
