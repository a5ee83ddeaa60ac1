/** When a result is believed: sound by arithmetic, equal to N - 1 others, and never by majority. */
import { beforeEach, describe, expect, test } from 'bun:test'
import { encodeLeaf } from '../../../../kernels/result.ts'
import { FAULTS } from '../../../../orbit/rules/answer/judge.ts'
import type { Assignment } from '../../../../orbit/rules/message/unit.ts'
import { deadlineRound, lastRound, seedRound } from '../../../../orbit/rules/network/schedule.ts'
import { duties } from '../../../../orbit/rules/state/duties.ts'
import { missBalance } from '../../../../orbit/rules/state/misses.ts'
import { Party } from '../party.ts'

let party: Party
let unit: Assignment
type Three = [string, string, string]
let quorum: Three
let reserve: readonly string[]

beforeEach(() => {
  party = new Party({ accounts: 12 })
  unit = party.deal(2, 1)[0]!
  quorum = unit.quorum as Three
  reserve = unit.reserve
})

const status = () => party.settlement(unit)?.status
const banned = () => party.state().convictions.map(({ node, kind }) => [node, kind])
const result = (variant = 0, handOut = true) => party.result(unit, party.claim(unit, variant), handOut)
const missesOf = (node: string, round: number) => missBalance(party.state(), round).get(party.member(node).account) ?? 0

test('three equal results certify, and two do not', () => {
  party.answer(unit, quorum.slice(0, 2))
  expect(status()).toBe('waiting')
  party.answer(unit, quorum.slice(2))
  expect(status()).toBe('certified')
  expect(party.state().windows.get(unit.window)!.certified.get(unit.unit)!.results).toHaveLength(3)
  expect(party.state().accounts.filter(({ units }) => units === 1)).toHaveLength(3)
})

describe('a result counts', () => {
  test('when its block and its leaves are here, and it is judged', () => {
    party.answer(unit, quorum.slice(0, 2))
    const { item } = result(0)
    party.show(quorum[2], [{ item, evidence: new Uint8Array(6) }], 8)
    const nothing = { ...party.knowledge, judged: () => undefined }
    expect(party.state({ ...nothing, block: () => undefined }).wants.blocks).toHaveLength(2)
    expect(party.state({ ...nothing, block: () => undefined }).settlements.size).toBe(0)
    const unseen = party.state({ ...nothing, leaves: () => undefined })
    expect([unseen.wants.blocks.length, unseen.wants.leaves.length, unseen.wants.judgements.length]).toEqual([0, 1, 0])
    const unjudged = party.state(nothing)
    expect([unjudged.wants.leaves.length, unjudged.wants.judgements.length]).toEqual([0, 3])
    expect(unjudged.wants.judgements[0]!.assignment).toEqual(unit)
    expect(party.settlement(unit, nothing)!.status).toBe('waiting')
    expect(party.state().wants).toEqual({ blocks: [], leaves: [], truths: [], judgements: [] })
    expect(status()).toBe('certified')
  })

  for (const fault of FAULTS) {
    test(`unless its fault is ${fault}`, () => {
      party.answer(unit, quorum.slice(0, 2))
      const [cid] = party.answer(unit, quorum.slice(2)) as [string]
      party.blame(cid, fault, { falseItem: fault === 'evidence-false' ? 3 : null })
      const settlement = party.settlement(unit)!
      expect([settlement.status, settlement.refused.get(quorum[2])]).toEqual(['waiting', fault])
      expect(party.state().refused).toEqual({ [fault]: 1 })
      // Honest work has neither leaves that do not add up nor false items; the rest may be bad luck.
      const convicts = { sum: 'sum', 'evidence-false': 'evidence' } as Record<string, string>
      expect(banned()).toEqual(fault in convicts ? [[quorum[2], convicts[fault]!]] : [])
      // It is a miss, and the reserve takes over.
      expect(missesOf(quorum[2], 9)).toBe(fault in convicts ? 4 : 1)
      party.answer(unit, reserve.slice(0, 1), [], deadlineRound(party.genesis, 2))
      expect(status()).toBe('certified')
    })
  }

  test('when another of its node has a fault, and when it came twice', () => {
    const [bad] = party.answer(unit, quorum.slice(0, 1)) as [string]
    party.blame(bad, 'evidence-short')
    party.answer(unit, quorum, [], 8)
    expect(status()).toBe('certified')
    expect(party.settlement(unit)!.refused.size).toBe(0)
    party.answer(unit, quorum, [], 10)
    expect(party.settlement(unit)!.counted.map(({ body }) => body.batch)).toEqual([2, 2, 2])
  })

  test('from the last round on no more', () => {
    const last = lastRound(party.genesis, 2)
    party.answer(unit, quorum.slice(0, 2), [], last)
    party.answer(unit, quorum.slice(2), [], last + 1)
    expect(party.settlement(unit)!.refused.get(quorum[2])).toBe('not-assigned')
    expect(status()).toBe('waiting')
  })
})

describe('who adds nothing', () => {
  test('copies a result, but not its evidence: that is bound to its signer', () => {
    party.answer(unit, quorum.slice(0, 2))
    const [copy] = party.answer(unit, quorum.slice(2)) as [string]
    party.blame(copy, 'evidence-false', { falseItem: 0 })
    expect(status()).toBe('waiting')
    expect(banned()).toEqual([[quorum[2], 'evidence']])
    // So the reserve is called for him.
    const called = reserve.filter((node) => duties(party.state(), node, deadlineRound(party.genesis, 2)).length > 0)
    expect(called).toEqual(reserve.slice(0, 2))
  })

  test('has his result ready before it is his turn', () => {
    party.answer(unit, [...quorum.slice(0, 2), reserve[0]!])
    expect(party.settlement(unit)!.refused.get(reserve[0]!)).toBe('not-assigned')
    expect(status()).toBe('waiting')
  })

  test('shows a result and keeps its leaves back: he is called for from the deadline on, and has missed it at the end', () => {
    party.answer(unit, quorum.slice(0, 2))
    party.show(quorum[2], [result(1, false)], 8)
    const called = (round: number) => reserve.filter((node) => duties(party.state(), node, round).length > 0)
    const [deadline, last] = [deadlineRound(party.genesis, 2), lastRound(party.genesis, 2)]
    expect([status(), called(deadline - 1).length, called(deadline).length]).toEqual(['waiting', 0, 2])
    expect([missesOf(quorum[2], last), missesOf(quorum[2], last + 1)]).toEqual([0, 1])
  })
})

describe('a difference', () => {
  test('is no matter of numbers: it calls two more, whatever side they are on', () => {
    party.answer(unit, quorum, [0, 0, 1])
    expect(status()).toBe('disputed')
    expect(party.settlement(unit)!.escalations).toBe(1)
    party.answer(unit, reserve.slice(0, 2), [1, 1], 10)
    // Three say the false, two the true: nothing is certified, and the leaf is wanted.
    expect(status()).toBe('disputed')
    expect(party.settlement(unit)!.wants.truths).toEqual([
      { window: unit.window, unit: unit.unit, leaf: 2, claimants: null },
    ])
  })

  test('is decided by the leaf where the results part, and convicts all who signed it wrong', () => {
    party.answer(unit, quorum, [0, 0, 1])
    party.answer(unit, reserve.slice(0, 2), [1, 1], 10)
    party.learn(unit, 2)
    expect(banned().sort()).toEqual([quorum[2], ...reserve.slice(0, 2)].map((node) => [node, 'leaf']).sort())
    // Two true ones are left, and two more were called: the first of them completes the three.
    expect(status()).toBe('disputed')
    party.answer(unit, reserve.slice(2, 4), [0, 0], 12)
    expect(status()).toBe('certified')
    expect(party.state().accounts.filter(({ level }) => level === 'BANNED')).toHaveLength(3)
  })

  test('the same whatever came first, and with the false ones in the majority', () => {
    party.answer(unit, quorum, [1, 1, 0])
    party.answer(unit, reserve.slice(0, 2), [0, 0], 10)
    expect(status()).toBe('disputed')
    party.learn(unit, 2)
    expect(status()).toBe('certified')
    const certified = party.state().windows.get(unit.window)!.certified.get(unit.unit)!
    expect(certified.results.map(({ node }) => node).sort()).toEqual([quorum[2], reserve[0]!, reserve[1]!].sort())
    party.documents.results.reverse()
    expect(banned().sort()).toEqual([quorum[0], quorum[1]].map((node) => [node, 'leaf']).sort())
    expect(status()).toBe('certified')
  })

  test('three kinds of lies at once are taken apart leaf by leaf', () => {
    party.answer(unit, quorum, [1, 2, 0])
    party.answer(unit, reserve.slice(0, 2), [0, 0], 10)
    party.learn(unit, 2)
    expect(status()).toBe('certified')
    expect(banned()).toHaveLength(2)
  })

  test('a liar who hides his leaves decides nothing, and holds nobody up', () => {
    party.answer(unit, quorum.slice(0, 2))
    party.show(quorum[2], [result(1, false)], 8)
    expect(status()).toBe('waiting')
    party.answer(unit, reserve.slice(0, 1), [0], deadlineRound(party.genesis, 2))
    expect([status(), banned()]).toEqual(['certified', []])
    // When they turn up after all, they convict.
    result(1)
    expect(status()).toBe('disputed')
    party.learn(unit, 2)
    expect(banned()).toEqual([[quorum[2], 'leaf']])
    expect(status()).toBe('certified')
  })
})

test('two results of one unit by one node convict it, even before anybody computes', () => {
  const [first] = party.deal(4, 1, { from: 1 }) as [Assignment]
  const node = first.quorum[0]!
  const show = (variant: number) =>
    party.show(node, [party.result(first, party.claim(first, variant))], seedRound(party.genesis, 4) + variant)
  show(0)
  expect(banned()).toEqual([])
  show(1)
  expect(banned()).toEqual([[node, 'contradiction']])
})

describe('an audit', () => {
  const record = (leaf: number, variant: number) => {
    return encodeLeaf(party.claim(unit, variant)[leaf]!)
  }
  const claim = (leaf: number, variant: number) =>
    [unit.epoch, unit.window.toString(), unit.unit, leaf, record(leaf, variant)] as [
      number,
      string,
      number,
      number,
      Uint8Array,
    ]

  test('exposes a quorum that agreed on a lie, and takes its certificate back', () => {
    party.answer(unit, quorum, [1, 1, 1])
    expect(status()).toBe('certified')
    party.audit(reserve[0]!, [claim(2, 0)])
    expect(status()).toBe('certified')
    party.learn(unit, 2)
    expect(status()).toBe('disputed')
    expect(
      banned()
        .map(([node]) => node)
        .sort(),
    ).toEqual([...quorum].sort())
  })

  test('that is false costs the auditor his account, and nobody else anything', () => {
    party.answer(unit, quorum)
    party.audit(reserve[0]!, [claim(2, 1)])
    party.learn(unit, 2)
    expect(status()).toBe('certified')
    expect(banned()).toEqual([[reserve[0]!, 'claim']])
  })

  test('that is false is looked into once, however much its auditor claims', () => {
    party.answer(unit, quorum)
    const auditor = unit.reserve[0]!
    const claims = [0, 1, 2, 3, 4].map(
      (leaf) => [2, unit.window.toString(), unit.unit, leaf, new Uint8Array(64).fill(3)] as const,
    )
    party.audit(auditor, claims as never)
    expect(party.state().wants.truths).toHaveLength(5)
    party.learn(unit, 0)
    const state = party.state()
    expect(state.convictions.map(({ node }) => node)).toEqual([auditor])
    expect(state.wants.truths).toEqual([])
    expect(state.windows.get(unit.window)!.certified.has(unit.unit)).toBe(true)
  })

  test('that agrees changes nothing and wants nothing computed', () => {
    party.answer(unit, quorum)
    party.audit(reserve[0]!, [claim(2, 0)])
    expect(party.state().wants.truths).toEqual([])
    expect(banned()).toEqual([])
  })
})
