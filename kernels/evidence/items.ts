/**
 * Lists of items by tier: gathered one by one in any order, and put together from those of leaves.
 */
import type { EvidenceItems } from '../unit.ts'
import { TIERS } from './tiers.ts'

export class ItemCollector {
  readonly #found: bigint[][] = Array.from({ length: TIERS }, () => [])

  /** @param tier 0, 1 or 2, for tier 1, 2 or 3 */
  add(tier: number, n: bigint): void {
    this.#found[tier]!.push(n)
  }

  /** By tier, ascending. */
  items(): EvidenceItems {
    return this.#found.map((numbers) => numbers.toSorted((a, b) => (a < b ? -1 : 1)))
  }
}

/** The items of disjoint classes together. */
export function mergeItems(parts: readonly EvidenceItems[]): EvidenceItems {
  const all = new ItemCollector()
  for (const part of parts) for (const [tier, numbers] of part.entries()) for (const n of numbers) all.add(tier, n)
  return all.items()
}

/** Whether two are the same. */
export function sameItems(a: EvidenceItems, b: EvidenceItems): boolean {
  return (
    a.length === b.length &&
    a.every((numbers, tier) => numbers.length === b[tier]!.length && numbers.every((n, i) => n === b[tier]![i]))
  )
}
