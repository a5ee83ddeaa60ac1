/**
 * The random units and leaves that all engines compute in the tests: the same for each, so that
 * what two of them agree on with the exact engine they agree on with one another. Windows of 2^20
 * to 2^34 numbers as whole units, of 2^40 and 2^56 by leaves; from 0 on, on either side of 2^64,
 * 2^71 and 2^80, and anywhere below 2^96.
 */
import { classes, leavesOf } from '../../kernels/partition.ts'
import type { Partition, Unit } from '../../kernels/unit.ts'
import { Random } from './random.ts'

/** The greatest that all engines do. */
const LIMIT_BITS = 96

/** So many units that each is some thousand numbers for the exact engine. */
const unitsOf = (bits: number): number => 2 ** Math.min(bits - 18, 14)

/** 200, the same at every call. Some 5 s for the exact engine. */
export function randomUnits(): readonly Unit[] {
  const random = new Random(20)
  const unit = (bits: number, window: bigint): Unit => {
    const partition: Partition = {
      map: '3n+1',
      bits,
      units: unitsOf(bits),
      leaves: 1 + random.below(12),
      hardSteps: bits + 58 + random.below(60),
    }
    return { partition, window, index: random.below(classes(partition).length) }
  }
  const anywhere = (bits: number) => {
    const height = Math.min(LIMIT_BITS, 20 + random.below(LIMIT_BITS - 19))
    return unit(bits, random.bits(Math.max(0, height - bits)))
  }
  const units: Unit[] = []
  for (let i = 0; i < 110; i++) units.push(anywhere(20 + random.below(5)))
  for (let i = 0; i < 32; i++) units.push(anywhere(25 + random.below(6)))
  for (let i = 0; i < 6; i++) units.push(anywhere(32 + 2 * (i % 2)))
  for (let i = 0; i < 16; i++) units.push(unit([20, 22, 26, 30][i % 4]!, 0n))
  for (const height of [64, 71, 80]) {
    for (let i = 0; i < 12; i++) {
      const bits = [20, 21, 24, 28][i % 4]!
      units.push(unit(bits, (1n << BigInt(height - bits)) + BigInt((i % 3) - 1)))
    }
  }
  // By size, because engines make tables for each.
  return units.sort((a, b) => a.partition.bits - b.partition.bits)
}

/** Leaves of units that are too large for the exact engine. Cutting the largest takes a second. */
export function randomLeaves(): readonly { readonly unit: Unit; readonly leaf: number }[] {
  const random = new Random(40)
  const sizes: readonly [bits: number, units: number, leaves: number, count: number][] = [
    [36, 4096, 256, 4],
    [40, 4096, 1024, 6],
    [56, 65_536, 65_536, 3],
  ]
  return sizes.flatMap(([bits, units, leaves, count]) => {
    const partition: Partition = { map: '3n+1', bits, units, leaves, hardSteps: bits + 58 + random.below(20) }
    const index = random.below(classes(partition).length)
    const all = leavesOf(partition, index).length
    return Array.from({ length: count }, () => ({
      unit: { partition, window: random.bits(LIMIT_BITS - bits - random.below(12)), index },
      leaf: random.below(all),
    }))
  })
}
