/** Tickets, levels, owners and heartbeats of accounts, by cases. */
import { expect, test } from 'bun:test'
import { allowancesAt, limitFor } from '../../../../orbit/rules/membership/allowance.ts'
import { isFresh, newestHeartbeats } from '../../../../orbit/rules/membership/heartbeats.ts'
import { isTrusted, LEVELS, standingOf } from '../../../../orbit/rules/membership/levels.ts'
import { isRegistered, newestOfPairs, ownersIn, type Registered } from '../../../../orbit/rules/membership/owners.ts'
import type { DrawBody, HeartbeatBody } from '../../../../orbit/rules/message/bodies.ts'
import { genesisOf } from '../literals.ts'

const genesis = genesisOf()

/** A newcomer has 8, once a deadline; an allowance counts for itself, if it is more than what is left of that. */
test.each([
  [0, 0, 8],
  [0, 7, 1],
  [0, 8, 0],
  [0, 9, 0],
  [4, 3, 5],
  [4, 4, 4],
  [4, 5, 4],
  [8, 0, 8],
  [16, 0, 16],
])('an allowance of %i, and %i seats dealt: %i tickets', (allowance, dealt, limit) => {
  expect(limitFor(genesis, allowance, dealt)).toBe(limit)
})

test('allowances are of those who have shown work, by account, each by the measure that is asked for', () => {
  const accounts = [
    { account: 'c', best: 1, bestOfOld: 0 },
    { account: 'a', best: 3, bestOfOld: 2 },
    { account: 'b', best: 0, bestOfOld: 0 },
    { account: 'd', best: 4, bestOfOld: 4 },
  ]
  const listed = (...measure: ['bestOfOld'] | []) =>
    allowancesAt({ accounts }, ...measure).map(({ account, units }) => `${account}${units}`)
  expect(listed()).toEqual(['a4', 'c2', 'd8'])
  expect(listed('bestOfOld')).toEqual(['a4', 'd8'])
})

/** 10 units: VERIFIED, 100: TRUSTED, 1000: ELITE; a level is lost for each 1000 rounds without one, but the last. */
test.each([
  [0, 0, 'UNTRUSTED'],
  [9, 0, 'UNTRUSTED'],
  [10, 0, 'VERIFIED'],
  [11, 0, 'VERIFIED'],
  [99, 0, 'VERIFIED'],
  [100, 0, 'TRUSTED'],
  [999, 0, 'TRUSTED'],
  [1000, 0, 'ELITE'],
  [1000, -5, 'ELITE'],
  [1000, 999, 'ELITE'],
  [1000, 1000, 'TRUSTED'],
  [1000, 1999, 'TRUSTED'],
  [1000, 2000, 'VERIFIED'],
  [1000, 3000, 'UNTRUSTED'],
  [1000, 99_000, 'UNTRUSTED'],
  [0, 99_000, 'UNTRUSTED'],
] as const)('%i units, idle for %i rounds: %s', (units, idle, level) => {
  expect(standingOf(genesis, units, idle).level).toBe(level)
})

test('TRUSTED and ELITE are trusted', () => {
  expect(LEVELS.filter(isTrusted)).toEqual(['TRUSTED', 'ELITE'])
})

/** Fresh for 60 rounds; what is from the future is fresh as well. */
test.each([
  [100, 159, true],
  [100, 160, true],
  [100, 161, false],
  [100, 99, true],
])('a heartbeat of round %i at round %i: fresh: %p', (round, at, fresh) => {
  expect(isFresh(genesis, { round }, at)).toBe(fresh)
})

test('of the heartbeats of a node the newest counts, of two for one round the lower, in whatever order they come', () => {
  const beat = (node: string, round: number, capacity: number) => ({ node, round, capacity }) as HeartbeatBody
  const all = [beat('a', 5, 1), beat('a', 6, 2), beat('a', 6, 3), beat('b', 4, 9)]
  for (const list of [all, all.toReversed()]) {
    const newest = newestHeartbeats(list)
    expect([...newest.keys()].sort()).toEqual(['a', 'b'])
    expect(newest.get('a')).toBe(all[1]!)
  }
})

/** "x1": registered as x in round 1. */
test.each([
  ['x1', 'x1'],
  ['x1 x2', 'x2'],
  ['x2 x1', 'x2'],
  ['y2 x2', 'x2'],
  ['x2 y2', 'x2'],
  ['y1 x2', 'x2'],
  ['x1 y2', 'y2'],
])('a node that registered to an account as %s counts as %s', (text, expected) => {
  const registrations = text.split(' ').map((word) => {
    return { node: 'n', account: 'a', name: word[0]!, round: Number(word.slice(1)) }
  })
  const found = newestOfPairs(registrations).get('n')!.get('a')!
  expect(`${found.name}${found.round}`).toBe(expected)
})

/** "a1 b2": registered to a in round 1, to b in round 2. */
const registeredAs = (...nodes: string[]): Registered =>
  new Map(
    nodes.map((text, i) => {
      const pairs = text.split(' ').map((word) => ({ account: word[0]!, round: Number(word.slice(1)), node: `n${i}` }))
      return [`n${i}`, new Map(pairs.map((pair) => [pair.account, { ...pair, name: pair.account }]))]
    }),
  )

test.each([
  ['a1', 'a'],
  ['a2 b1', 'b'],
  ['a1 b2', 'a'],
  ['b1 a1', 'a'],
  ['b1 a2', 'b'],
  ['c3 b2 a2', 'a'],
])('a node registered to %s is dealt to as the node of %s', (text, owner) => {
  expect(ownersIn(registeredAs(text)).get('n0')?.account).toBe(owner)
})

test.each([
  ['a', true],
  ['b', true],
  ['c', false],
])('a roster that pairs a node of a and b with %s: registered: %p', (account, is) => {
  const roster = [{ node: 'n0', account, capacity: 1 }]
  expect(isRegistered(registeredAs('a1 b2'), { roster } as unknown as DrawBody)).toBe(is)
  expect(isRegistered(registeredAs(), { roster } as unknown as DrawBody)).toBe(false)
  const others = [...roster, { node: 'n1', account: 'a', capacity: 1 }]
  expect(isRegistered(registeredAs('a1 b2', 'c1'), { roster: others } as unknown as DrawBody)).toBe(false)
})
