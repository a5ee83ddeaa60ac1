import { describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { RuleError } from '../../../../orbit/rules/base/statement.ts'
import {
  captureBound,
  captureChance,
  costOfAccounts,
  costOfCapture,
  expectedCaptures,
  rational,
  toNumber,
} from '../../../../orbit/rules/deal/capture.ts'
import { deal } from '../../../../orbit/rules/deal/deal.ts'

/** The chance by listing all ordered tuples of accounts, in floating point. */
function byListing(accounts: number[], party: number, seats: number): number {
  const walk = (taken: number[], left: number): number => {
    if (taken.length === seats) return 1
    let sum = 0
    for (let i = 0; i < party; i++) {
      if (!taken.includes(i)) sum += (accounts[i]! / left) * walk([...taken, i], left - accounts[i]!)
    }
    return sum
  }
  return walk(
    [],
    accounts.reduce((a, b) => a + b, 0),
  )
}

describe('the chance that a quorum is all of one party', () => {
  test('5 accounts of 20 that are equal: C(5,3)/C(20,3), 17.5 of 2,000 units', () => {
    for (const tickets of [1, 300]) {
      const chance = captureChance(new Array(5).fill(tickets), 20 * tickets, 3)
      expect(chance).toEqual(rational(10n, 1140n))
      expect(toNumber(expectedCaptures(chance, 2000))).toBeCloseTo(17.5439, 4)
    }
  })

  test('unequal accounts: as listing every order of seats gives it', () => {
    const accounts = [5, 1, 2, 2, 9, 4, 4, 1, 30]
    const total = 58
    for (const party of [1, 2, 3, 5, 8]) {
      for (const seats of [1, 2, 3, 4]) {
        const chance = toNumber(captureChance(accounts.slice(0, party), total, seats))
        expect(chance).toBeCloseTo(byListing(accounts, party, seats), 12)
      }
    }
  })

  test('unequal accounts: as dealing does it', () => {
    const capacities = [8, 2, 3, 1, 6, 4, 2, 2]
    const hex = (n: number) => n.toString(16).padStart(64, '0')
    const roster = capacities.map((capacity, i) => ({ node: hex(i), account: hex(i), capacity }))
    const deals = 20_000
    let captured = 0
    for (let seed = 0; seed < deals; seed++) {
      const randomness = new Uint8Array(createHash('sha256').update(`${seed}`).digest())
      const { quorums } = deal({ networkId: 'n', epoch: 1, randomness, roster, units: 1, replication: 2 })
      if (quorums[0]!.every((i) => i < 3)) captured++
    }
    const chance = toNumber(captureChance([8, 2, 3], 28, 2))
    expect(Math.abs(captured - deals * chance)).toBeLessThan(3 * Math.sqrt(deals * chance * (1 - chance)))
  })

  test('a share is most dangerous when it is split finest', () => {
    const bound = toNumber(captureBound(24, 100, 3))
    expect(captureBound(24, 100, 3)).toEqual(rational(2024n, 161700n))
    for (const party of [new Array(12).fill(2), [10, 7, 4, 2, 1], [8, 8, 8], [22, 1, 1]]) {
      expect(toNumber(captureChance(party, 100, 3))).toBeLessThan(bound)
    }
  })

  test('fewer accounts than seats capture nothing, all of the accounts everything', () => {
    expect(captureChance([50, 49], 100, 3)).toEqual(rational(0n, 1n))
    expect(captureChance([50], 100, 3)).toEqual(rational(0n, 1n))
    expect(captureChance([], 100, 3)).toEqual(rational(0n, 1n))
    expect(captureChance([50, 30, 20], 100, 3)).toEqual(rational(1n, 1n))
    expect(captureBound(2, 100, 3)).toEqual(rational(0n, 1n))
    expect(captureBound(100, 100, 3)).toEqual(rational(1n, 1n))
    expect(captureChance([30, 20], 100, 1)).toEqual(rational(1n, 2n))
  })

  test('60 sizes of account are added up exactly; too many are refused', () => {
    const sizes = Array.from({ length: 60 }, (_, i) => i + 1)
    const chance = captureChance(sizes, 10_000, 3)
    expect(toNumber(chance)).toBeCloseTo(byListing([...sizes, 10_000 - 1830], 60, 3), 12)
    expect(() => captureChance([...sizes, 61, 62, 63, 64, 65], 10_000, 3)).toThrow(/use the bound/)
  })

  test('nonsense is refused', () => {
    expect(() => captureBound(11, 10, 3)).toThrow(RuleError)
    expect(() => captureBound(-1, 10, 3)).toThrow(RuleError)
    expect(() => captureBound(1.5, 10, 3)).toThrow(RuleError)
    expect(() => captureBound(1, 10, 0)).toThrow(RuleError)
    expect(() => captureChance([0, 5], 10, 3)).toThrow(RuleError)
  })
})

describe('the price of accounts', () => {
  const beside = { tickets: 6000, capacity: 10, replication: 3, coreSeconds: 600 }

  test('is the price of one, as often, and buys a share', () => {
    const cost = costOfAccounts({ ...beside, accounts: 200 })
    expect(cost.coreSeconds).toBe(120_000)
    expect(cost.share).toEqual(rational(1n, 4n))
    expect(cost.capture).toEqual(captureChance(new Array(200).fill(10), 8000, 3))
    expect(costOfAccounts({ ...beside, accounts: 0 }).capture).toEqual(rational(0n, 1n))
  })

  test.each([
    [1n, 1_000_000n],
    [1n, 100n],
    [1n, 2n],
    [99n, 100n],
  ])('the fewest accounts that capture a quorum with chance %d/%d are the fewest', (numerator, denominator) => {
    const cost = costOfCapture({ ...beside, chance: rational(numerator, denominator) })
    const wanted = Number(numerator) / Number(denominator)
    expect(toNumber(cost.capture)).toBeGreaterThanOrEqual(wanted)
    expect(toNumber(costOfAccounts({ ...beside, accounts: cost.accounts - 1 }).capture)).toBeLessThan(wanted)
    expect(cost.coreSeconds).toBe(cost.accounts * 600)
  })

  test('certainty has no price', () => {
    expect(() => costOfCapture({ ...beside, chance: rational(1n, 1n) })).toThrow(RuleError)
    expect(() => costOfCapture({ ...beside, chance: rational(0n, 1n) })).toThrow(RuleError)
  })
})

test('fractions are in lowest terms and are shown right, however large their parts', () => {
  expect(rational(10n, 1140n)).toEqual({ numerator: 1n, denominator: 114n })
  expect(rational(0n, 7n)).toEqual({ numerator: 0n, denominator: 1n })
  expect(toNumber(rational(1n, 3n))).toBe(1 / 3)
  expect(toNumber(rational(7n, 2n))).toBe(3.5)
  expect(toNumber(rational(10n ** 400n, 3n * 10n ** 402n))).toBeCloseTo(1 / 300, 17)
  expect(toNumber(rational(1n, 10n ** 300n)) / 1e-300).toBeCloseTo(1, 12)
  expect(toNumber(rational(2n ** 80n + 1n, 1n))).toBe(2 ** 80)
})
