/** What is said of an account names the signed statements that it rests on. */
import { describe, expect, test } from 'bun:test'
import { cidOf } from '../../../../orbit/rules/base/cid.ts'
import { standingOf } from '../../../../orbit/rules/membership/levels.ts'
import type { AccountHistory } from '../../../../orbit/rules/state/profile.ts'
import { accountHistory, accountsNamed } from '../../../../orbit/rules/state/profile.ts'
import { type State, stateOf } from '../../../../orbit/rules/state/state.ts'
import { summaryOf } from '../../../../orbit/rules/state/windows.ts'
import { Party } from '../party.ts'

const party = new Party({ accounts: 12, changes: { trust: { verified: 2, trusted: 4, elite: 6, idleRounds: 9 } } })
party.answerAll(party.deal(2, 4))
const [disputed, ...later] = party.deal(3, 4, { from: 4 })
party.answer(disputed!, disputed!.quorum, [0, 1, 0])
party.answer(disputed!, disputed!.reserve.slice(0, 2), [0, 0], 20)
party.learn(disputed!, 2)
party.answerAll(later)
const state = party.state()
const histories = (of: State): AccountHistory[] => of.accounts.map((account) => accountHistory(of, account))

test('its certified units are those that it is credited with, newest first', () => {
  for (const { units, hardNumbers, certified } of histories(state)) {
    expect(certified).toHaveLength(units)
    expect(certified.reduce((sum, unit) => sum + unit.hardNumbers, 0)).toBe(hardNumbers)
    const order = certified.map(
      ({ epoch, window, unit }) => epoch * 1e6 + Number(window - certified.at(-1)!.window) * 1e3 + unit,
    )
    expect(order).toEqual([...order].sort((a, b) => b - a))
  }
  // Three in each of seven units, and in the disputed one the four that agree.
  expect(histories(state).reduce((sum, { units }) => sum + units, 0)).toBe(7 * 3 + 4)
})

test('each is followed by the CIDs of the draw and of the statement, which are among the documents', () => {
  const cids = (documents: Iterable<unknown>) =>
    new Set([...documents].flatMap((d) => ('statement' in (d as object) ? cidOf((d as any).statement).toString() : [])))
  const draws = cids(party.documents.draws)
  const results = cids(party.documents.results)
  for (const { certified, account } of histories(state)) {
    for (const { draw, statement, node } of certified) {
      expect(state.nodes.get(node)!.account).toBe(account)
      expect([draws.has(draw), results.has(statement)]).toEqual([true, true])
    }
  }
})

test('a conviction lies beside what it rests on, and nobody else has one', () => {
  const convicted = histories(state).filter(({ conviction }) => conviction)
  expect(convicted.map(({ account }) => account)).toEqual([party.member(disputed!.quorum[1]!).account])
  expect(convicted[0]).toMatchObject({ level: 'BANNED', conviction: { kind: 'leaf', leaf: 2 } })
  expect(convicted[0]!.conviction!.statements).toHaveLength(1)
})

describe('a level rests on units earned and on levels lost by lying idle', () => {
  const { genesis } = party
  test('as the genesis says', () => {
    expect(standingOf(genesis, 0, 0)).toEqual({ earned: 'UNTRUSTED', dropped: 0, level: 'UNTRUSTED' })
    expect(standingOf(genesis, 4, 8)).toEqual({ earned: 'TRUSTED', dropped: 0, level: 'TRUSTED' })
    expect(standingOf(genesis, 4, 9)).toEqual({ earned: 'TRUSTED', dropped: 1, level: 'VERIFIED' })
    expect(standingOf(genesis, 6, 1e9)).toEqual({ earned: 'ELITE', dropped: 3, level: 'UNTRUSTED' })
  })

  test('and the history says how both came about', () => {
    const later = new Party({ accounts: 12, changes: { trust: { verified: 1, trusted: 4, elite: 6, idleRounds: 9 } } })
    later.answerAll(later.deal(2, 1))
    later.deal(6, 1, { from: 1 })
    for (const { units, standing, level } of histories(later.state())) {
      if (units === 0)
        expect(standing).toEqual({ earned: 'UNTRUSTED', dropped: 0, idle: null, next: { level: 'VERIFIED', units: 1 } })
      else expect(standing).toEqual({ earned: 'VERIFIED', dropped: 1, idle: 12, next: { level: 'TRUSTED', units: 4 } })
      expect(level).toBe('UNTRUSTED')
    }
  })
})

test('of a settled window its credit is left, and the sums are the same', () => {
  const [first] = [...state.windows.values()].filter(({ complete }) => complete)
  const history = new Map([[first!.window, summaryOf(state, first!)]])
  const { genesis, unitsPerWindow, documents, knowledge } = party
  const settled = histories(stateOf(genesis, unitsPerWindow, documents, knowledge, history))
  for (const [i, { units, hardNumbers, certified, settled: windows }] of settled.entries()) {
    expect([units, hardNumbers]).toEqual([histories(state)[i]!.units, histories(state)[i]!.hardNumbers])
    expect(certified.length + windows.reduce((sum, credit) => sum + credit.units, 0)).toBe(units)
    expect(certified.every(({ window }) => window !== first!.window)).toBe(true)
  }
  expect(settled.some(({ settled: windows }) => windows.length > 0)).toBe(true)
})

test('accounts are found by name, by key, and by a key cut short', () => {
  const { account } = party.members[4]!
  const found = (text: string) => accountsNamed(state, text).map((a) => a.account)
  expect(found('n4')).toEqual([account])
  expect(found(account)).toEqual([account])
  expect(found(account.slice(0, 8))).toEqual([account])
  expect([found(account.slice(0, 7)), found('n99'), found(''), found(account.toUpperCase())]).toEqual([[], [], [], []])
})
