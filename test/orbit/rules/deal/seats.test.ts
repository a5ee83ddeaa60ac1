/** Who may answer for a unit: its quorum, then its reserve as seats fall free; and nobody else, ever. */
import { beforeEach, describe, expect, test } from 'bun:test'
import { reserveLength } from '../../../../orbit/rules/deal/seats.ts'
import { type Assignment, dealtUnitKey } from '../../../../orbit/rules/message/unit.ts'
import { commitDeadline, deadlineRound, seedRound } from '../../../../orbit/rules/network/schedule.ts'
import { duties, revealable } from '../../../../orbit/rules/state/duties.ts'
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
/** A node commits at a round, and shows with the commits of all before it cited. */
const commits: string[] = []
beforeEach(() => {
  commits.length = 0
})
const commit = (node: string, round = 7) => {
  const cid = party.commit(node, [result()], round)
  commits.push(cid)
  return { node, cid }
}
const show = (...own: { node: string; cid: string }[]) => {
  for (const { node, cid } of own) party.reveal(node, cid, new Map([[0, commits.filter((c) => c !== cid)]]), 300)
}
const answer = (...nodes: (readonly [string, number])[]) => show(...nodes.map(([node, round]) => commit(node, round)))

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
  const cid = party.commit(quorum[0], [party.result(elsewhere, party.claim(elsewhere))], 7)
  party.reveal(quorum[0], cid, new Map([[0, []]]), 300)
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
    show(commit(quorum[0]), commit(reserve[2]!, deadline()))
    expect(certified()).toBe(false)
    expect(party.settlement(unit)!.refused.get(reserve[2]!)).toBe('not-assigned')
    show(commit(reserve[3]!, deadline() + 100), commit(reserve[4]!, deadline() + 200))
    expect(certified()).toBe(true)
  })

  test('may answer at once for those who declined, and for no more of them', () => {
    party.decline(quorum[1], unit)
    const own = [commit(quorum[0]), commit(reserve[1]!)]
    show(...own)
    expect(certified()).toBe(false)
    show(commit(reserve[0]!))
    // Shown too early the first time: nobody else's commit could be cited that counts.
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
    commit(quorum[0])
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

  test('one who committed and never shows is replaced by two, as each needs another to cite it', () => {
    const [a] = quorum.map((node) => commit(node)) as [{ node: string; cid: string }]
    show(a)
    expect(asked(deadlineRound(party.genesis, 2)).sort()).toEqual(reserve.slice(0, 2).sort())
  })

  test('nobody is asked for a certified unit', () => {
    party.answer(unit, quorum)
    expect(certified()).toBe(true)
    expect(asked(10)).toEqual([])
  })
})

describe('a result may be shown', () => {
  const ready = (node: string, round: number) =>
    revealable(party.state(), node, round).map(({ others }) => others.map(({ cid }) => cid))

  test('when the commits of N accounts are there, which it cites', () => {
    const a = commit(quorum[0])
    expect(ready(quorum[0], 20)).toEqual([])
    const b = commit(quorum[1])
    expect(ready(quorum[0], 20)).toEqual([[b.cid]])
    expect(ready(quorum[1], 20)).toEqual([[a.cid]])
    show(a)
    expect(ready(quorum[0], 20)).toEqual([])
  })

  test('or when the time for commits is over', () => {
    commit(quorum[0])
    expect(ready(quorum[0], commitDeadline(party.genesis, 2) - 1)).toEqual([])
    expect(ready(quorum[0], commitDeadline(party.genesis, 2))).toEqual([[]])
  })

  test('a commit of somebody who has no seat is no reason', () => {
    commit(quorum[0])
    commit(stranger())
    expect(ready(quorum[0], 20)).toEqual([])
  })
})

test('misses and declines are counted, and a result shown takes one off', () => {
  const [a, b] = quorum
  const { account: ofA } = party.member(a)
  const { account: ofB } = party.member(b)
  const deadline = deadlineRound(party.genesis, 2)
  expect(missBalance(party.state(), deadline).get(ofA) ?? 0).toBe(0)
  expect(missBalance(party.state(), deadline + 1).get(ofA)).toBe(1)
  const own = commit(b)
  // Bound, and not shown: a miss only when all time is over.
  expect(missBalance(party.state(), deadline + 1).get(ofB) ?? 0).toBe(0)
  expect(missBalance(party.state(), seedRound(party.genesis, 2) + 301).get(ofB)).toBe(1)
  show(own)
  expect(missBalance(party.state(), deadline + 301).get(ofB)).toBe(0)
  party.decline(a, unit)
  expect(missBalance(party.state(), 7).get(ofA)).toBe(1)
  expect(party.state().evidence.units.has(dealtUnitKey(unit))).toBe(true)
})
