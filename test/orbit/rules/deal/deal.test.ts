import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { RuleError } from '../../../../orbit/rules/base/statement.ts'
import { type Deal, type DealInput, deal } from '../../../../orbit/rules/deal/deal.ts'
import { deal as dealAgain } from '../../../verifier/standalone/deal.mjs'

setDefaultTimeout(2_400_000)

const hex = (n: number) => n.toString(16).padStart(64, '0')
const randomness = (seed: number | string) => new Uint8Array(createHash('sha256').update(`test ${seed}`).digest())

/** Nodes with one entry of `nodes` each: [account, capacity]. */
const rosterOf = (nodes: readonly (readonly [number, number])[]) =>
  nodes.map(([account, capacity], i) => ({ node: hex(i), account: hex(account), capacity }))

const equalAccounts = (accounts: number, capacity: number) =>
  rosterOf(Array.from({ length: accounts }, (_, i) => [i, capacity] as const))

const base: DealInput = {
  networkId: 'bafyreigenesis',
  epoch: 7,
  randomness: randomness(0),
  roster: equalAccounts(20, 600),
  units: 2000,
  replication: 3,
}

const accountsOf = (input: DealInput, quorum: readonly number[]) => quorum.map((i) => input.roster[i]!.account)

/** Seats of each account, by the account's number. */
function seats(input: DealInput, dealt: Deal): Map<number, number> {
  const counts = new Map<number, number>()
  for (const account of dealt.quorums.flatMap((quorum) => accountsOf(input, quorum))) {
    counts.set(Number.parseInt(account, 16), (counts.get(Number.parseInt(account, 16)) ?? 0) + 1)
  }
  return counts
}

/** P(lo <= X <= hi) for X ~ Binomial(n, p). */
function binomialBetween(n: number, p: number, lo: number, hi: number): number {
  let term = (1 - p) ** n
  let sum = 0
  for (let k = 0; k <= hi; k++) {
    if (k >= lo) sum += term
    term *= ((n - k) / (k + 1)) * (p / (1 - p))
  }
  return sum
}

/** A small generator for test cases: not the deal's. */
function cases(seed: number) {
  let block = 0
  return (n: number) => createHash('sha256').update(`case ${seed} ${block++}`).digest().readUInt32BE(0) % n
}

describe('the deal is what its description says', () => {
  test('an independent implementation of the description deals the same, 10,000 times', () => {
    for (let seed = 0; seed < 10_000; seed++) {
      const pick = cases(seed)
      const accounts = 1 + pick(8)
      const roster = rosterOf(Array.from({ length: 1 + pick(12) }, () => [pick(accounts), 1 + pick(5)] as const))
      const input: DealInput = {
        networkId: `network ${pick(3)}`,
        epoch: pick(2) ? pick(1000) : Number.MAX_SAFE_INTEGER - pick(1000),
        randomness: randomness(seed),
        roster,
        units: pick(14),
        replication: 1 + pick(4),
      }
      const ours = deal(input)
      const theirs = dealAgain(input)
      if (!Bun.deepEquals(ours.quorums, theirs.quorums)) throw new Error(`seed ${seed}: other quorums`)
      const reserves = ours.quorums.map((_, unit) => [...ours.reserve(unit)])
      const others = theirs.quorums.map((_, unit) => theirs.reserveOf(unit))
      if (!Bun.deepEquals(reserves, others)) throw new Error(`seed ${seed}: other reserves`)
    }
  })

  test('and the same with 300,000 tickets, where words are dropped to keep the draw unbiased', () => {
    const pick = cases(-1)
    const roster = rosterOf(Array.from({ length: 100_000 }, () => [pick(50_000), 3] as const))
    const input = { ...base, roster, units: 20 }
    const ours = deal(input)
    const theirs = dealAgain(input)
    expect(ours.quorums).toEqual(theirs.quorums)
    expect([...ours.reserve(11)]).toEqual(theirs.reserveOf(11))
  })

  test('a known deal', () => {
    const roster = rosterOf([
      [0, 2],
      [1, 1],
      [0, 1],
      [2, 3],
      [3, 2],
    ])
    const dealt = deal({ ...base, roster, units: 3, replication: 2, randomness: new Uint8Array(32) })
    expect(dealt.quorums).toEqual([
      [4, 3],
      [2, 3],
      [0, 3],
    ])
    expect(dealt.quorums.map((_, unit) => [...dealt.reserve(unit)])).toEqual([
      [1, 0],
      [4, 1],
      [1, 4],
    ])
  })

  test('the same inputs deal the same; another network, epoch or beacon deals otherwise', () => {
    const dealt = deal(base).quorums
    expect(deal(base).quorums).toEqual(dealt)
    expect(deal({ ...base, networkId: 'bafyreianother' }).quorums).not.toEqual(dealt)
    expect(deal({ ...base, epoch: 8 }).quorums).not.toEqual(dealt)
    expect(deal({ ...base, randomness: randomness(1) }).quorums).not.toEqual(dealt)
  })
})

describe('the deal is fair', () => {
  test.each([300, 301, 600, 2000])(
    '20 accounts of capacity %i, 2,000 units: every account gets 300 +- 53',
    (capacity) => {
      for (let seed = 0; seed < 20; seed++) {
        const input = { ...base, roster: equalAccounts(20, capacity), randomness: randomness(seed) }
        const dealt = deal(input)
        expect(dealt.quorums.length).toBeGreaterThanOrEqual(capacity === 300 ? 1980 : 2000)
        const counts = seats(input, dealt)
        expect(counts.size).toBe(20)
        for (const count of counts.values()) expect(Math.abs(count - 300)).toBeLessThanOrEqual(53)
      }
    },
  )

  test('no account sits twice in a unit, and no node beyond its capacity, whatever the roster', () => {
    for (let seed = 0; seed < 200; seed++) {
      const pick = cases(seed)
      const roster = rosterOf(Array.from({ length: 40 }, () => [pick(9), 1 + pick(20)] as const))
      const input = { ...base, roster, units: 200, randomness: randomness(seed), replication: 1 + pick(4) }
      const left = roster.map((entry) => entry.capacity)
      for (const quorum of deal(input).quorums) {
        expect(quorum).toHaveLength(input.replication)
        expect(new Set(accountsOf(input, quorum)).size).toBe(input.replication)
        for (const index of quorum) expect(--left[index]!).toBeGreaterThanOrEqual(0)
      }
    }
  })

  // An all-colluder quorum has chance C(5,3)/C(20,3) = 10/1140: 17.5 among 2,000 units. The interval 8 to 29 holds
  // about 99 % of deals, so about 1 % of honest deals fall outside, and 500 of them must have about that many.
  test('5 colluders of 20 fill as many quorums as chance has them fill', () => {
    const chance = 10 / 1140
    const outsideChance = 1 - binomialBetween(2000, chance, 8, 29)
    expect(outsideChance).toBeLessThan(0.0125)
    const counts = Array.from({ length: 500 }, (_, seed) => {
      const { quorums } = deal({ ...base, randomness: randomness(seed) })
      return quorums.filter((quorum) => quorum.every((index) => index < 5)).length
    })
    expect(counts.slice(0, 20).filter((count) => count < 8 || count > 29)).toEqual([])
    const outside = counts.filter((count) => count < 8 || count > 29).length
    expect(binomialBetween(500, outsideChance, outside, 500)).toBeGreaterThan(0.001)
    const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length
    expect(Math.abs(mean - 2000 * chance)).toBeLessThan(3 * Math.sqrt((2000 * chance * (1 - chance)) / 500))
  })

  test('every set of accounts is equally likely, for the first unit and for a late one', () => {
    const draws = 6000
    for (const unit of [0, 7]) {
      const sets = new Map<string, number>()
      for (let seed = 0; seed < draws; seed++) {
        const input = { ...base, roster: equalAccounts(5, 12), units: 8, randomness: randomness(seed) }
        const set = accountsOf(input, deal(input).quorums[unit]!).sort().join()
        sets.set(set, (sets.get(set) ?? 0) + 1)
      }
      expect(sets.size).toBe(10)
      const expected = draws / 10
      const chiSquare = [...sets.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
      expect(chiSquare).toBeLessThan(27.9) // 9 degrees of freedom: exceeded once in a thousand
    }
  })

  test('many small nodes get an account neither more nor less than one large node', () => {
    // Accounts 0 and 1 have 60 tickets each, in 30 nodes and in 1; eighteen others have 20 each.
    const many = Array.from({ length: 30 }, () => [0, 2] as const)
    const others = Array.from({ length: 18 }, (_, i) => [2 + i, 20] as const)
    const roster = rosterOf([...many.slice(0, 15), [1, 60], ...others, ...many.slice(15)])
    const units = 100 // 300 of 480 tickets
    let [inMany, inOne, rest] = [0, 0, 0]
    const deals = 1000
    for (let seed = 0; seed < deals; seed++) {
      const input = { ...base, roster, units, randomness: randomness(seed) }
      for (const [account, count] of seats(input, deal(input))) {
        if (account === 0) inMany += count
        else if (account === 1) inOne += count
        else rest += count
      }
    }
    // Without the one-seat rule an account's seats would be hypergeometric: 37.5 +- 3.5 of 300. The rule only delays.
    const sigma = 3.5 * Math.sqrt(deals)
    expect(Math.abs(inMany - inOne)).toBeLessThan(3 * Math.SQRT2 * sigma)
    expect(Math.abs(inMany - 37.5 * deals)).toBeLessThan(0.02 * 37.5 * deals)
    expect(inMany + inOne + rest).toBe(300 * deals)
  })

  // It has the roster, the units, the network, the epoch and every earlier beacon: all but R(e).
  test('a predictor without R(e) does no better than chance + 3 sigma', () => {
    const input = (seed: number) => ({ ...base, epoch: seed, randomness: randomness(`epoch ${seed}`) })
    const epochs = 50
    const history = Array.from({ length: epochs + 1 }, (_, seed) => deal(input(seed)).quorums)
    const seatCounts = (unit: number, until: number) => {
      const counts = new Array(20).fill(0)
      for (const past of history.slice(0, until)) for (const index of past[unit]!) counts[index]++
      return counts
    }
    const ranked = (counts: number[], sign: number) =>
      counts
        .map((_, i) => i)
        .sort((a, b) => sign * (counts[b]! - counts[a]!) || a - b)
        .slice(0, 3)
    const predictors: Record<string, (epoch: number) => (unit: number) => readonly number[]> = {
      'the last deal again': (epoch) => (unit) => history[epoch - 1]![unit]!,
      'the old beacon in the new epoch': (epoch) => {
        const { quorums } = deal({ ...input(epoch), randomness: input(epoch - 1).randomness })
        return (unit) => quorums[unit]!
      },
      'a beacon of zeros': (epoch) => {
        const { quorums } = deal({ ...input(epoch), randomness: new Uint8Array(32) })
        return (unit) => quorums[unit]!
      },
      'whoever had the unit most often': (epoch) => (unit) => ranked(seatCounts(unit, epoch), 1),
      'whoever had the unit least often': (epoch) => (unit) => ranked(seatCounts(unit, epoch), -1),
      'always the same three': () => () => [0, 1, 2],
    }
    // Of three guesses for a unit, 3 * 3/20 are right; hypergeometric, variance 3 * 3/20 * 17/20 * 17/19.
    const trials = epochs * 2000
    const mean = trials * (9 / 20)
    const sigma = Math.sqrt(trials * (9 / 20) * (17 / 20) * (17 / 19))
    for (const [name, predictor] of Object.entries(predictors)) {
      let hits = 0
      for (let epoch = 1; epoch <= epochs; epoch++) {
        const guess = predictor(epoch)
        history[epoch]!.forEach((quorum, unit) => {
          for (const index of guess(unit)) if (quorum.includes(index)) hits++
        })
      }
      if (hits > mean + 3 * sigma) throw new Error(`${name}: ${hits} right, ${mean} by chance, sigma ${sigma}`)
    }
  })
})

describe('the reserve', () => {
  const roster = rosterOf(Array.from({ length: 60 }, (_, i) => [i % 25, 1 + (i % 4)] as const))

  test('names every other account once, and nobody of the quorum', () => {
    for (const units of [10, 48, 60]) {
      const input = { ...base, roster, units }
      const dealt = deal(input)
      dealt.quorums.forEach((quorum, unit) => {
        const reserve = accountsOf(input, [...dealt.reserve(unit)])
        expect(new Set([...accountsOf(input, quorum), ...reserve]).size).toBe(25)
        expect(reserve).toHaveLength(22)
      })
    }
  })

  test('comes first from tickets that no unit has', () => {
    const input = { ...base, roster: equalAccounts(40, 1), units: 10 }
    const dealt = deal(input)
    const busy = new Set(dealt.quorums.flat())
    dealt.quorums.forEach((_, unit) => {
      const reserve = [...dealt.reserve(unit)]
      expect(reserve.slice(0, 10).some((index) => busy.has(index))).toBe(false)
      expect(reserve.slice(10).every((index) => busy.has(index))).toBe(true)
    })
  })

  test('spreads escalations: nobody is first in reserve for many units', () => {
    for (const capacity of [150, 200]) {
      const input = { ...base, roster: equalAccounts(40, capacity) }
      const dealt = deal(input)
      const first = new Map<number, number>()
      dealt.quorums.forEach((_, unit) => {
        const index = dealt.reserve(unit).next().value as number
        first.set(index, (first.get(index) ?? 0) + 1)
      })
      expect(Math.max(...first.values())).toBeLessThan(2.5 * (2000 / 40))
    }
  })

  test('of an undealt unit is empty', () => {
    const dealt = deal({ ...base, roster: equalAccounts(3, 2), units: 5 })
    expect(dealt.quorums).toHaveLength(2)
    expect([...dealt.reserve(2)]).toEqual([])
  })
})

describe('at the edges', () => {
  test('units at the end stay undealt when tickets, or accounts, run out', () => {
    expect(deal({ ...base, roster: equalAccounts(3, 5), units: 9 }).quorums).toHaveLength(5)
    expect(deal({ ...base, roster: equalAccounts(2, 100) }).quorums).toEqual([])
    expect(deal({ ...base, roster: [] }).quorums).toEqual([])
    expect(deal({ ...base, units: 0 }).quorums).toEqual([])
  })

  test('with N = 1 a lone node gets as many units as it has capacity', () => {
    const { quorums } = deal({ ...base, roster: equalAccounts(1, 5), units: 9, replication: 1 })
    expect(quorums).toEqual([[0], [0], [0], [0], [0]])
  })

  test('a roster out of order, a node twice, a wrong capacity or a wrong number is refused', () => {
    const roster = equalAccounts(3, 2)
    const refused = (change: Partial<DealInput>, reason: string | RegExp) => {
      expect(() => deal({ ...base, ...change })).toThrow(reason)
      expect(() => deal({ ...base, ...change })).toThrow(RuleError)
    }
    refused({ roster: roster.toReversed() }, 'not sorted')
    refused({ roster: [roster[0]!, roster[0]!] }, 'not sorted')
    for (const capacity of [0, -1, 1.5, Number.NaN]) refused({ roster: [{ ...roster[0]!, capacity }] }, 'capacity')
    refused({ roster: [{ ...roster[0]!, capacity: 2 ** 24 + 1 }] }, 'tickets')
    refused({ randomness: new Uint8Array(31) }, 'randomness')
    refused({ epoch: -1 }, 'epoch')
    refused({ epoch: 2 ** 53 }, 'epoch')
    refused({ units: -1 }, 'units')
    refused({ replication: 0 }, 'accounts a unit')
  })

  test.each([
    ['a person each', (i: number) => i],
    ['half of the tickets with one account', (i: number) => (i % 2 ? 0 : i)],
    ['two thirds of the tickets with two accounts', (i: number) => (i % 3 ? i % 3 : i)],
  ])('100,000 nodes and 300,000 tickets are dealt: %s', (_, account) => {
    const roster = rosterOf(Array.from({ length: 100_000 }, (_, i) => [account(i), 3] as const))
    const { quorums } = deal({ ...base, roster, units: 100_000 })
    expect(quorums.length).toBeGreaterThan(40_000)
  })
})
