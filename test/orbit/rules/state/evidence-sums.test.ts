/** An account's evidence over its units: what falls short, by its boundaries, and that windows put together give the same. */
import { describe, expect, test } from 'bun:test'
import { alarmsOfAccount, isShort, type UnitTallies } from '../../../../kernels/evidence/shortfall.ts'
import type { Assignment } from '../../../../orbit/rules/message/unit.ts'
import { accountTallies, mergeSums, sumsOf, type TalliedUnit } from '../../../../orbit/rules/state/evidence-sums.ts'
import { accountHistory } from '../../../../orbit/rules/state/profile.ts'
import { stateOf } from '../../../../orbit/rules/state/state.ts'
import { summaryOf } from '../../../../orbit/rules/state/windows.ts'
import { Party } from '../party.ts'

/** 512 items by tier, and as many found but for so many of the second tier. */
const MEANS = [215, 256, 41]
const tallies = (missing = 0): UnitTallies =>
  MEANS.map((mean, tier) => ({ mean: BigInt(mean) << 32n, count: mean - (tier === 1 ? missing : 0) }))
const unitAt = (place: number, missing = 0): TalliedUnit => ({
  ...{ epoch: 2, window: 5n, unit: place, tallies: tallies(missing) },
})

/** Of so many units, the last ones lack items of the second tier: so many in all. */
function account(units: number, span: number, missing: number) {
  const list = Array.from({ length: units }, (_, i) => {
    const place = i - (units - span)
    return unitAt(i, place < 0 ? 0 : Math.floor(((place + 1) * missing) / span) - Math.floor((place * missing) / span))
  })
  return alarmsOfAccount(accountTallies(sumsOf(list))).filter(({ line }) => line === 1)
}

describe('the second tier of an account falls short', () => {
  // Units, how many of the last of them lack items, and how many are missing in all when it is just not short.
  test.each([
    ['over all of them', 1, 1, 1],
    ['over all of them', 10, 10, 10],
    ['over all of them', 300, 300, 300],
    ['over the last 20', 300, 20, 20],
    ['over the last 100', 300, 100, 100],
  ])('%s: of %i units %i', (_, units, span, counted) => {
    const expected = 256 * counted
    const looks = 12 * units
    let missing = 0
    while (!isShort({ mean: BigInt(expected) << 32n, count: expected - missing - 1 }, looks)) missing++
    const spans = (lacking: number) => account(units, span, lacking).map((alarm) => alarm.units)
    expect(spans(missing - 1)).not.toContain(counted)
    expect(spans(missing)).not.toContain(counted)
    expect(spans(missing + 1)).toContain(counted)
  })

  test('by figures that are told: 5 % of 100 units, and not 2 % of 20', () => {
    expect(account(100, 100, 1280)).toEqual([
      { units: 100, line: 1, tally: { mean: 25_600n << 32n, count: 25_600 - 1280 } },
    ])
    expect(account(20, 20, 102)).toEqual([])
  })
})

test('the last 100 are the last by epoch, window and unit, in whatever order they came', () => {
  const list = Array.from({ length: 150 }, (_, i) => ({
    ...unitAt(i % 7),
    epoch: 100 - (i % 100),
    window: BigInt(i % 3),
  }))
  const { last, units } = sumsOf(list)
  expect([units, last.length]).toEqual([150, 100])
  const place = ({ epoch, window, unit }: TalliedUnit) => epoch * 1e6 + Number(window) * 1e3 + unit
  expect(last.map(place)).toEqual(
    list
      .map(place)
      .sort((a, b) => a - b)
      .slice(-100),
  )
  const parts = [list.slice(0, 40), list.slice(40, 41), [], list.slice(41)].map(sumsOf)
  expect(mergeSums(parts)).toEqual(sumsOf(list))
  expect(sumsOf([])).toEqual(mergeSums([]))
})

test('an account that starves its evidence unit by unit loses its level for as long as that is so, archived or not', () => {
  const trust = { verified: 1, trusted: 100, elite: 1000, idleRounds: 1_000_000 }
  const evidence = { flagBits: 0, items: 512 }
  const party = new Party({ accounts: 3, partition: { evidence }, changes: { trust, replication: 1 } })
  const [half] = party.members as [(typeof party.members)[0]]
  const units = party.deal(2, 24)
  const byNode = Map.groupBy(units, ({ quorum }) => quorum[0]!)
  for (const [node, dealt] of byNode) {
    const share = node === half.node ? 0.8 : 1
    party.show(
      node,
      dealt.map((unit: Assignment) => party.result(unit, party.claim(unit), true, { share })),
      7,
    )
  }
  expect(byNode.get(half.node)!.length).toBeGreaterThan(2)
  const state = party.state()
  const levels = state.accounts.map(({ account, level, short }) => [account === half.account, level, short.length > 0])
  expect(levels).toEqual(levels.map(([isHalf]) => (isHalf ? [true, 'UNTRUSTED', true] : [false, 'VERIFIED', false])))
  const short = accountHistory(state, state.accounts.find(({ account }) => account === half.account)!).short
  expect(short.some(({ line }) => line === 'pooled')).toBe(true)
  const complete = [...state.windows.values()].filter((window) => window.complete)
  const history = new Map(complete.map((window) => [window.window, summaryOf(state, window)]))
  const { genesis, unitsPerWindow, documents, knowledge } = party
  expect(history.size).toBeGreaterThan(3)
  expect(stateOf(genesis, unitsPerWindow, documents, knowledge, history).accounts).toEqual(state.accounts)
})
