/** Who may answer for a unit: its quorum, then its reserve as seats fall free; and nobody else, ever. */
import { beforeEach, describe, expect, test } from 'bun:test'
import { reserveLength } from '../../../../orbit/rules/deal/seats.ts'
import { type Assignment, dealtUnitKey } from '../../../../orbit/rules/message/unit.ts'
import { deadlineRound, lastRound } from '../../../../orbit/rules/network/schedule.ts'
import { duties } from '../../../../orbit/rules/state/duties.ts'
import { missBalance } from '../../../../orbit/rules/state/misses.ts'
import { Party } from '../party.ts'

/** Sixteen accounts, N = 2, deadline 100 rounds, one unit dealt in epoch 2 (R = 6). */
let party: Party
let unit: Assignment
let quorum: [string, string]
let reserve: readonly string[]

beforeEach(() => {
  party = new Party({ accounts: 16, changes: { replication: 2, missLimit: 2 } })
  unit = party.deal(2, 1)[0]!
  quorum = unit.quorum as [string, string]
  reserve = unit.reserve
})

const certified = () => party.settlement(unit)?.status === 'certified'
const stranger = () => party.members.find(({ node }) => !quorum.includes(node) && !reserve.includes(node))!.node
const result = () => party.result(unit, party.claim(unit))
/** A node shows a result at a round. */
const show = (node: string, round = 7) => party.show(node, [result()], round)
const answer = (...nodes: (readonly [string, number])[]) => {
  for (const [node, round] of nodes) show(node, round)
}

test('a deal names a quorum and a reserve of other accounts', () => {
  expect(quorum).toHaveLength(2)
  expect(reserve).toHaveLength(reserveLength(2))
  expect(new Set([...quorum, ...reserve]).size).toBe(2 + reserveLength(2))
})

test('a result of anybody else is refused and counted', () => {
  answer([quorum[0], 7], [stranger(), 7], [reserve[0]!, 7])
  expect(certified()).toBe(false)
  expect(party.state().refused['not-assigned']).toBe(2)
})

test('a result for a unit that was not dealt at all is refused and counted', () => {
  const elsewhere = { ...unit, unit: 3 }
  party.show(quorum[0], [party.result(elsewhere, party.claim(elsewhere))], 7)
  expect(party.state().refused).toEqual({ 'not-assigned': 1 })
})

describe('the reserve', () => {
  const deadline = () => deadlineRound(party.genesis, 2)

  test('may answer with proof that the deadline has passed', () => {
    answer([quorum[0], 7], [reserve[0]!, deadline()])
    expect(certified()).toBe(true)
  })

  test('may not answer before', () => {
    answer([quorum[0], 7], [reserve[0]!, deadline() - 1])
    expect(certified()).toBe(false)
  })

  test('may not answer out of its order: the third waits for the next period', () => {
    answer([quorum[0], 7], [reserve[2]!, deadline()])
    expect(certified()).toBe(false)
    expect(party.settlement(unit)!.refused.get(reserve[2]!)).toBe('not-assigned')
    answer([reserve[3]!, deadline() + 100])
    expect(certified()).toBe(true)
  })

  test('may answer at once for those who declined, and for no more of them', () => {
    party.decline(quorum[1], unit)
    answer([quorum[0], 7], [reserve[1]!, 7])
    expect(certified()).toBe(false)
    show(reserve[0]!)
    expect(certified()).toBe(true)
    expect(party.settlement(unit)!.refused.get(reserve[1]!)).toBe('not-assigned')
    expect(party.settlement(unit)!.counted.map(({ node }) => node)).not.toContain(reserve[1]!)
  })

  test('a decline by somebody who was not dealt the unit frees no seat', () => {
    party.decline(stranger(), unit)
    answer([quorum[0], 7], [reserve[0]!, 7])
    expect(certified()).toBe(false)
  })
})

describe('duties', () => {
  const asked = (round: number) =>
    party.members.filter(({ node }) => duties(party.state(), node, round).length > 0).map(({ node }) => node)

  test('before the deadline the quorum alone; after it the reserve, one more than are missing: the first may be gone as well', () => {
    const deadline = deadlineRound(party.genesis, 2)
    expect(asked(deadline - 1).sort()).toEqual([...quorum].sort())
    show(quorum[0])
    expect(asked(deadline - 1)).toEqual([quorum[1]])
    expect(asked(deadline).sort()).toEqual([quorum[1], ...reserve.slice(0, 2)].sort())
    // The next period calls the next ones.
    expect(asked(deadline + 100)).toContain(reserve[2]!)
  })

  test('one who declined is asked no more, and the next is asked at once', () => {
    party.decline(quorum[0], unit)
    expect(asked(10).sort()).toEqual([quorum[1], reserve[0]!].sort())
  })

  test('results that differ ask two more at once', () => {
    party.answer(unit, quorum, [0, 1])
    expect(asked(10).sort()).toEqual(reserve.slice(0, 2).sort())
  })

  test('one whose result is refused is replaced at once where a seat is free, else from the deadline on', () => {
    const [a] = quorum
    party.blame(show(a), 'evidence-short')
    const deadline = deadlineRound(party.genesis, 2)
    expect(asked(deadline - 1)).toEqual([quorum[1]])
    expect(asked(deadline).sort()).toEqual([quorum[1], ...reserve.slice(0, 2)].sort())
    party.decline(quorum[1], unit)
    expect(asked(8)).toEqual([reserve[0]!])
  })

  test('nobody is asked for a certified unit', () => {
    party.answer(unit, quorum)
    expect(certified()).toBe(true)
    expect(asked(10)).toEqual([])
  })
})

test('misses and declines are counted, and a result that counts takes one off', () => {
  const [a, b] = quorum
  const missesOf = (node: string, round: number) =>
    missBalance(party.state(), round).get(party.member(node).account) ?? 0
  const [deadline, last] = [deadlineRound(party.genesis, 2), lastRound(party.genesis, 2)]
  expect([deadline, deadline + 1].map((round) => missesOf(a, round))).toEqual([0, 1])
  // Shown, and not judged: a miss only when all time is over.
  const kept = party.result(unit, party.claim(unit, 1), false)
  party.show(b, [kept], 8)
  expect([deadline + 1, last, last + 1].map((round) => missesOf(b, round))).toEqual([0, 0, 1])
  party.result(unit, party.claim(unit, 1))
  expect([deadline + 1, last + 1].map((round) => missesOf(b, round))).toEqual([0, 0])
  party.decline(a, unit)
  expect(missesOf(a, 7)).toBe(1)
  expect(party.state().answers.units.has(dealtUnitKey(unit))).toBe(true)
})
