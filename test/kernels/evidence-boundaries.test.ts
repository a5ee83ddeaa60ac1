/**
 * When a unit or an account is alarmed: one item below each boundary, at it, and one above.
 *
 * The boundaries are literals, the greatest c with P(X <= c) < 1e-6 / looks for Poisson's X, summed
 * outside of this repository with decimals of 60 digits.
 */
import { describe, expect, test } from 'bun:test'
import { evidenceTest } from '../../kernels/evidence/request.ts'
import { alarmsOfAccount, alarmsOfUnit, type Line, type UnitTallies } from '../../kernels/evidence/shortfall.ts'
import { accountOf } from './cheats.ts'
import { greatestShort } from './poisson.ts'

const bytes = new Uint8Array(32)
const partition = { map: '3n+1', bits: 60, units: 16_384, leaves: 256, hardSteps: 320 } as const
/** Of the first unit of the main network from 2^71 on: 215.04, 256 and 40.96 items of 512. */
const meansOf = (items: number): readonly bigint[] =>
  evidenceTest(
    { partition, window: 1n << 11n, index: 0 },
    { network: bytes, seed: bytes, signer: bytes, items },
  ).tiers.map(({ mean }) => mean)
const MEANS = meansOf(512)
const unitOf = (counts: readonly number[], means = MEANS): UnitTallies =>
  counts.map((count, tier) => ({ count, mean: means[tier]! }))
/** The least whole numbers that are not below the means. */
const FULL = [216, 256, 41]

/** `total` items in n parts that differ by one at most. */
const parts = (total: number, n: number): readonly number[] =>
  Array.from({ length: n }, (_, i) => Math.floor((total * (i + 1)) / n) - Math.floor((total * i) / n))

/** A line's count among full tiers; a pooled one falls short by the tiers' shares. */
function countsOf(line: Line, count: number, units: number, means = MEANS): readonly number[] {
  const full = means.map((mean) => Number((BigInt(units) * mean + (1n << 32n) - 1n) >> 32n))
  if (line !== 'pooled') return full.map((whole, tier) => (tier === line ? count : whole))
  const all = full.reduce((a, b) => a + b, 0)
  const [first, , third] = full.map((whole) => Math.round((whole * count) / all))
  return [first!, count - first! - third!, third!]
}

describe('a unit is alarmed at its boundary and below, not above', () => {
  const CASES: readonly [items: number, line: Line, greatest: number][] = [
    [512, 0, 148],
    [512, 1, 183],
    [512, 2, 13],
    [512, 'pooled', 407],
    [1024, 0, 334],
    [1024, 1, 407],
    [1024, 2, 42],
    [1024, 'pooled', 875],
  ]
  test.each(CASES)('of %d items expected, line %p, %d', (items, line, greatest) => {
    const means = meansOf(items)
    const lines = (count: number) =>
      alarmsOfUnit(unitOf(countsOf(line, count, 1, means), means)).map((alarm) => alarm.line)
    expect(lines(greatest - 1)).toEqual([line])
    expect(lines(greatest)).toEqual([line])
    expect(lines(greatest + 1)).toEqual([])
  })
})

describe('an account is alarmed at its boundary and below, not above, and by that span alone', () => {
  const UNITS = 400
  const CASES: readonly [span: number, line: Line, greatest: number][] = [
    [20, 0, 3896],
    [20, 1, 4678],
    [20, 2, 646],
    [20, 'pooled', 9613],
    [100, 0, 20_593],
    [100, 1, 24_606],
    [100, 2, 3702],
    [100, 'pooled', 49_792],
    [UNITS, 0, 84_189],
    [UNITS, 1, 100_406],
    [UNITS, 2, 15_590],
    [UNITS, 'pooled', 201_978],
  ]
  test.each(CASES)('over the last %d of 400 units, line %p, %d', (span, line, greatest) => {
    /** So many items that only the last units fall short. */
    const before = Array.from({ length: UNITS - span }, () => unitOf(FULL.map((count) => count + 10)))
    const alarms = (count: number) => {
      const counts = countsOf(line, count, span).map((total) => parts(total, span))
      const last = Array.from({ length: span }, (_, i) => unitOf(counts.map((tier) => tier[i]!)))
      return alarmsOfAccount(accountOf([...before, ...last])).map((alarm) => [alarm.units, alarm.line])
    }
    expect(alarms(greatest - 1)).toEqual([[span, line]])
    expect(alarms(greatest)).toEqual([[span, line]])
    expect(alarms(greatest + 1)).toEqual([])
  })
})

test('sums in another order have the same boundaries', () => {
  for (const [mean, looks, greatest] of [
    [MEANS[0]!, 1, 148],
    [MEANS[2]!, 1, 13],
    [20n * MEANS[2]!, 4800, 646],
    [100n * MEANS[2]!, 4800, 3702],
    [13n << 32n, 1, -1],
  ] as const) {
    expect(greatestShort(mean, looks)).toBe(greatest)
  }
})

describe('what is short', () => {
  test('by 25 % in one unit is alarmed', () => {
    const counts = MEANS.map((mean) => Number((75n * mean) / (100n << 32n)))
    expect(counts).toEqual([161, 191, 30])
    expect(alarmsOfUnit(unitOf(counts)).map(({ line }) => line)).toEqual(['pooled'])
  })

  test('by 5 % in one unit is luck, and is alarmed over 100, not over 20', () => {
    const units = Array.from({ length: 100 }, (_, i) =>
      unitOf(MEANS.map((mean) => parts(Number((95n * mean) >> 32n), 100)[i]!)),
    )
    for (const unit of units) expect(alarmsOfUnit(unit)).toEqual([])
    expect(alarmsOfAccount(accountOf(units.slice(0, 20)))).toEqual([])
    expect(alarmsOfAccount(accountOf(units)).map((alarm) => [alarm.units, alarm.line])).toEqual([
      [100, 0],
      [100, 1],
      [100, 'pooled'],
    ])
  })

  test('by one item of 512 is luck, in every tier, in one unit and over 400', () => {
    for (const missing of [0, 1, 2]) {
      const unit = unitOf([215, 256, 41].map((count, tier) => (tier === missing ? count - 1 : count)))
      expect(alarmsOfUnit(unit)).toEqual([])
      for (const units of [1, 20, 100, 400])
        expect(alarmsOfAccount(accountOf(Array.from({ length: units }, () => unit)))).toEqual([])
    }
  })
})
