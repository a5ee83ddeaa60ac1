/**
 * Units of small windows really computed, at once and without an engine, so that tests of what is
 * signed can sign the truth.
 */
import { tiersOfNumber } from '../../../kernels/evidence/item.ts'
import { ItemCollector } from '../../../kernels/evidence/items.ts'
import { evidenceTest } from '../../../kernels/evidence/request.ts'
import { hardOf, survivorsOf } from '../../../kernels/exact.ts'
import { leavesOf } from '../../../kernels/partition.ts'
import { EMPTY, hardNumber, merge } from '../../../kernels/result.ts'
import type { EvidenceItems, EvidenceRequest, HardSummary, Unit } from '../../../kernels/unit.ts'

/** Some 0.2 s for each unit and some 60 ms for each signer's evidence. */
export const SMALL = {
  map: '3n+1',
  bits: 22,
  units: 2,
  leaves: 4,
  hardSteps: 106,
  evidence: { flagBits: 2, items: 64 },
} as const

interface Computed {
  readonly survivors: readonly bigint[]
  readonly leaves: readonly HardSummary[]
}
const computed = new Map<string, Computed>()

function compute({ partition, window, index }: Unit): Computed {
  const key = `${JSON.stringify(partition)} ${window} ${index}`
  const known = computed.get(key)
  if (known) return known
  const survivors: bigint[] = []
  const leaves = leavesOf(partition, index).map((leaf) => {
    let summary: HardSummary = EMPTY
    for (const n of survivorsOf(leaf, window, partition)) {
      survivors.push(n)
      const hard = hardOf(n, partition)
      if (hard) summary = merge(summary, hardNumber(n, hard.sigma, hard.peak))
    }
    return summary
  })
  computed.set(key, { survivors, leaves })
  return { survivors, leaves }
}

export const realLeaves = (unit: Unit): readonly HardSummary[] => compute(unit).leaves

export function realEvidence(unit: Unit, request: EvidenceRequest): EvidenceItems {
  const test = evidenceTest(unit, request)
  const items = new ItemCollector()
  for (const n of compute(unit).survivors)
    for (const tier of tiersOfNumber(n, test, unit.partition.map)) items.add(tier, n)
  return items.items()
}
