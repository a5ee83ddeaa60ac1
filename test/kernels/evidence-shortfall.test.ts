/**
 * When evidence falls short: boundaries by tables of literals, honest accounts, and cheats that
 * skip a share.
 */
import { describe, expect, test } from 'bun:test'
import {
  type AccountTallies,
  alarmsOfAccount,
  alarmsOfUnit,
  deviationsOf,
  isShort,
  mostSkipped,
  summed,
  type Tally,
  TOLD_APART,
  type UnitTallies,
} from '../../kernels/evidence/shortfall.ts'
import { Random } from './random.ts'

const tally = (count: number, mean: number): Tally => ({ count, mean: BigInt(Math.round(mean * 2 ** 32)) })

describe('the greatest count that is short', () => {
  // Mean, looks, and that count by Poisson's distribution in double precision; -1 where none is.
  const CASES: readonly [number, number, number][] = [
    [13, 1, -1],
    [14, 1, 0],
    [14, 12, -1],
    [41, 1, 13],
    [41, 12, 11],
    [256, 1, 183],
    [512, 1, 407],
    [512, 12, 397],
    [1024, 1, 875],
    [1024, 12, 860],
    [51_200, 1, 50_127],
    [51_200, 12, 50_019],
    [512_000, 12, 508_259],
  ]
  test.each(CASES)('of %d items expected, in %d looks', (mean, looks, greatest) => {
    if (greatest > 0) expect(isShort(tally(greatest - 1, mean), looks)).toBe(true)
    if (greatest >= 0) expect(isShort(tally(greatest, mean), looks)).toBe(true)
    expect(isShort(tally(greatest + 1, mean), looks)).toBe(false)
    expect(isShort(tally(2 * mean, mean), looks)).toBe(false)
  })

  test('is none where nothing is expected', () => {
    expect(isShort(tally(0, 0), 1)).toBe(false)
    expect(deviationsOf(tally(0, 0))).toBe(0)
  })

  test('is judged without a sum within 3 deviations, and this changes nothing', () => {
    for (const mean of [9, 9.5, 12, 30, 100]) {
      const count = Math.ceil(mean - 3 * Math.sqrt(mean))
      expect(isShort(tally(count, mean), 100)).toBe(false)
      expect(isShort(tally(Math.max(0, count - 1), mean), 100)).toBe(false)
    }
  })
})

test('deviations, for display', () => {
  expect(deviationsOf(tally(512, 512))).toBe(0)
  expect(deviationsOf(tally(84, 100))).toBeCloseTo(-1.6, 9)
  expect(deviationsOf(tally(116, 100))).toBeCloseTo(1.6, 9)
})

test('the share that nobody can have skipped, in thousandths', () => {
  expect(mostSkipped(tally(0, 512))).toBe(1000)
  expect([512, 4096, 51_200].map((mean) => mostSkipped(tally(mean, mean)))).toEqual([197, 73, 21])
})

describe('accounts', () => {
  const SHARES = [215.04, 256, 40.96]
  const random = new Random(77)
  const uniform = () => Number(random.word() >> 11n) / 2 ** 53
  /** Knuth's method, in parts of 100. */
  const poisson = (mean: number): number => {
    let count = 0
    for (let rest = mean; rest > 0; rest -= 100) {
      const limit = Math.exp(-Math.min(rest, 100))
      for (let product = uniform(); product > limit; product *= uniform()) count++
    }
    return count
  }
  /** A unit of which the shares of each tier are done. */
  const unit = (done: readonly number[]): UnitTallies =>
    SHARES.map((mean, tier) => tally(poisson(mean * done[tier]!), mean))
  const accountOf = (units: readonly UnitTallies[]): AccountTallies => ({
    ...{ units: units.length, total: summed(units), last: units.slice(-TOLD_APART) },
  })
  /** After how many units the account is alarmed, or null. */
  const alarmedAfter = (done: readonly number[], most: number): number | null => {
    const units: UnitTallies[] = []
    while (units.length < most) {
      units.push(unit(done))
      if (alarmsOfUnit(units.at(-1)!).length > 0 || alarmsOfAccount(accountOf(units)).length > 0) return units.length
    }
    return null
  }

  test('20 honest ones of 500 units each are never alarmed', () => {
    for (let account = 0; account < 20; account++) expect(alarmedAfter([1, 1, 1], 500)).toBeNull()
  }, 120_000)

  test('who does three quarters of the work is alarmed within two units, in each of 100 cases', () => {
    for (let i = 0; i < 100; i++) expect(alarmedAfter([0.75, 0.75, 0.75], 2)).not.toBeNull()
  })

  test('who does 95 % of it is alarmed within 100 units, in each of 20 cases', () => {
    for (let i = 0; i < 20; i++) expect(alarmedAfter([0.95, 0.95, 0.95], 100)).not.toBeNull()
  })

  test('who serves the first tier and starves the second is alarmed by the second', () => {
    for (let i = 0; i < 20; i++) {
      const alarms = alarmsOfUnit(unit([1, 0.5, 1]))
      expect(alarms.map(({ line }) => line)).toContain(1)
      expect(alarms.map(({ line }) => line)).not.toContain(0)
    }
    for (let i = 0; i < 10; i++) expect(alarmedAfter([1, 0.85, 0.85], 20)).not.toBeNull()
  })

  test('who stops cheating for long is alarmed by the last 20 units all the same', () => {
    const honest = Array.from({ length: 200 }, () => SHARES.map((mean) => tally(Math.round(mean), mean)))
    const short = Array.from({ length: 20 }, () => SHARES.map((mean) => tally(Math.round(mean * 0.93), mean)))
    const alarms = alarmsOfAccount(accountOf([...honest, ...short]))
    expect(alarms.map(({ units, line }) => [units, line])).toEqual([[20, 'pooled']])
    expect(alarmsOfUnit(short[0]!)).toEqual([])
  })
})
