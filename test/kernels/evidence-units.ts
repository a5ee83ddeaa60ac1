/**
 * The random units of random-units.ts with requests for evidence: the same for each engine, so that
 * what two of them list as the exact engine does they list alike. J is 0 to 15 or left to the
 * default, k is small enough for hashes to decide.
 */
import type { EvidenceRequest, Unit } from '../../kernels/unit.ts'
import { Random } from './random.ts'
import { randomLeaves, randomUnits } from './random-units.ts'

export interface AskedUnit {
  readonly unit: Unit
  readonly request: EvidenceRequest
}

const requestOf = (random: Random): EvidenceRequest => ({
  network: random.bytes(32),
  seed: random.bytes(32),
  signer: random.bytes(32),
})

function asked(unit: Unit, random: Random): AskedUnit {
  const flagBits = random.below(random.below(2) ? 3 : 16)
  const stated = random.below(4) > 0 && { evidence: { flagBits, items: 1 + random.below(200) } }
  const request = requestOf(random)
  return {
    unit: { ...unit, partition: { ...unit.partition, ...stated } },
    request: random.below(4) > 0 ? request : { ...request, items: 1 + random.below(2000) },
  }
}

/** 200. */
export function askedUnits(): readonly AskedUnit[] {
  const random = new Random(13)
  return randomUnits().map((unit) => asked(unit, random))
}

/** Leaves of units that are too large for the exact engine. */
export function askedLeaves(): readonly (AskedUnit & { readonly leaf: number })[] {
  const random = new Random(14)
  return randomLeaves().map(({ unit, leaf }) => {
    // So many items that a leaf has some.
    const partition = { ...unit.partition, evidence: { flagBits: random.below(8), items: 16_384 } }
    return { unit: { ...unit, partition }, request: requestOf(random), leaf }
  })
}
