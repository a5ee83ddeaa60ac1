/** When a result is believed: committed to before it was shown, equal to N - 1 others, and never by majority. */
import { beforeEach, describe, expect, test } from 'bun:test'
import type { Assignment } from '../../../../orbit/rules/message/unit.ts'
import { commitDeadline, deadlineRound, lastRound, seedRound } from '../../../../orbit/rules/network/schedule.ts'
import { duties } from '../../../../orbit/rules/state/duties.ts'
import { missBalance } from '../../../../orbit/rules/state/misses.ts'
import { Party } from '../party.ts'

let party: Party
let unit: Assignment
type Three = [string, string, string]
let quorum: [string, string, string]
let reserve: readonly string[]

beforeEach(() => {
  party = new Party({ accounts: 12 })
  unit = party.deal(2, 1)[0]!
  quorum = unit.quorum as Three
  reserve = unit.reserve
})

const status = () => party.settlement(unit)?.status
const banned = () => party.state().convictions.map(({ node, kind }) => [node, kind])
const result = (variant = 0) => party.result(unit, party.claim(unit, variant))
const others = (commits: readonly string[], own: string) => new Map([[0, commits.filter((cid) => cid !== own)]])
const showAll = (commits: readonly string[]) => {
  for (const [i, node] of quorum.entries()) party.reveal(node, commits[i]!, others(commits, commits[i]!), 9)
}

test('three equal results, each cited by another, certify', () => {
  party.answer(unit, quorum)
  expect(status()).toBe('certified')
  expect(party.state().windows.get(unit.window)!.certified.get(unit.unit)!.results).toHaveLength(3)
  expect(party.state().accounts.filter(({ units }) => units === 1)).toHaveLength(3)
})

test('two are not enough, and commits alone are nothing', () => {
  const [a, b, c] = quorum.map((node) => party.commit(node, [result()], 8)) as Three
  expect(status()).toBe('waiting')
  party.reveal(quorum[0], a, others([a, b, c], a), 9)
  party.reveal(quorum[1], b, others([a, b, c], b), 9)
  expect(status()).toBe('waiting')
  party.reveal(quorum[2], c, others([a, b, c], c), 9)
  expect(status()).toBe('certified')
})

/** The first two of the reserve answer, and cite what was there before and each other. */
function calledToo(before: readonly string[], round: number): void {
  const own = reserve.slice(0, 2).map((node) => party.commit(node, [result()], round))
  for (const [i, commit] of own.entries()) {
    party.reveal(reserve[i]!, commit, others([...before, ...own], commit), round + 1)
  }
}

describe('a copy is worth nothing', () => {
  test('a commit made after the others were shown is cited by nobody', () => {
    const [a, b] = quorum.slice(0, 2).map((node) => party.commit(node, [result()], 8)) as [string, string]
    const [d] = reserve as [string]
    const late = deadlineRound(party.genesis, 2)
    const r = party.commit(d, [result()], late)
    for (const [node, own] of [
      [quorum[0], a],
      [quorum[1], b],
      [d, r],
    ] as const) {
      party.reveal(node, own, others([a, b, r], own), late + 1)
    }
    expect(status()).toBe('certified')
    const copied = party.commit(quorum[2], [result()], late + 2)
    party.reveal(quorum[2], copied, others([a, b, r, copied], copied), late + 3)
    expect(status()).toBe('certified')
    const { refused, results } = party.settlement(unit)!
    expect(refused.get(quorum[2])).toBe('not-cited')
    expect(results.map(({ node }) => node)).not.toContain(quorum[2])
  })

  test("another's record under one's own name is not what its tree says", () => {
    const a = party.commit(quorum[0], [result()], 8)
    // The item of a, shown by b: the record names a.
    expect(() => party.reveal(quorum[1], a, others([a], a), 9)).not.toThrow()
    expect(party.state().evidence.uncommitted).toBe(1)
    expect(party.settlement(unit)!.counted).toEqual([])
  })

  test('what is shown before the commits of all, and before the time for them is over, does not count', () => {
    const a = party.commit(quorum[0], [result()], 8)
    party.reveal(quorum[0], a, others([a], a), 9)
    expect(party.settlement(unit)!.refused.get(quorum[0])).toBe('revealed-early')
  })

  test('after the commit deadline two may show what they have, and still need a third', () => {
    const late = commitDeadline(party.genesis, 2)
    const [a, b] = quorum.slice(0, 2).map((node) => party.commit(node, [result()], 8)) as [string, string]
    party.reveal(quorum[0], a, others([a, b], a), late)
    party.reveal(quorum[1], b, others([a, b], b), late)
    expect(status()).toBe('waiting')
    // Each is cited by one other, and waits for a second.
    expect(party.settlement(unit)!.counted).toEqual([])
    calledToo([a, b], late + 1)
    expect(status()).toBe('certified')
  })

  test('two of the quorum who copy the third, and cite each other, count for nothing', () => {
    const [a, b, c] = quorum.map((node, i) => party.commit(node, [result(i)], 8)) as Three
    party.reveal(quorum[0], a, others([a, b, c], a), 9)
    const copies = quorum.slice(1).map((node) => party.commit(node, [result()], 10)) as [string, string]
    for (const [i, copy] of copies.entries()) party.reveal(quorum[i + 1]!, copy, others([a, ...copies], copy), 11)
    expect(party.settlement(unit)!.counted.map(({ node }) => node)).toEqual([quorum[0]])
    expect(status()).toBe('waiting')
    // So the reserve is called for them, and what they did is a miss.
    const called = reserve.filter((node) => duties(party.state(), node, deadlineRound(party.genesis, 2)).length > 0)
    expect(called).toEqual(reserve.slice(0, 3))
    calledToo([a, b, c], deadlineRound(party.genesis, 2))
    expect(status()).toBe('certified')
    const balance = missBalance(party.state(), lastRound(party.genesis, 2) + 1)
    expect(quorum.map((node) => balance.get(party.member(node).account) ?? 0)).toEqual([0, 1, 1])
  })

  test('nor is a second commit, whatever the first was: each result is judged on the commit that it names', () => {
    const [a, b, c] = quorum.map((node, i) => party.commit(node, [result(i === 2 ? 1 : 0)], 8)) as Three
    party.reveal(quorum[0], a, others([a, b, c], a), 9)
    party.reveal(quorum[1], b, others([a, b, c], b), 9)
    const copied = party.commit(quorum[2], [result()], 10)
    party.reveal(quorum[2], copied, others([a, b], copied), 10)
    expect(party.settlement(unit)!.counted.map(({ node }) => node)).toEqual(quorum.slice(0, 2))
    expect(status()).toBe('waiting')
    // The first stands as it was, though it is the worse for him.
    party.reveal(quorum[2], c, others([a, b], c), 11)
    expect(party.settlement(unit)!.counted).toHaveLength(3)
    expect(status()).toBe('disputed')
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
    const lie = party.result(unit, party.claim(unit, 1), false)
    const [a, b] = quorum.slice(0, 2).map((node) => party.commit(node, [result()], 8)) as [string, string]
    const c = party.commit(quorum[2], [lie], 8)
    showAll([a, b, c])
    expect(status()).toBe('disputed')
    const commits = reserve.slice(0, 2).map((node) => party.commit(node, [result()], 10))
    const all = [a, b, c, ...commits]
    for (const [i, node] of reserve.slice(0, 2).entries()) party.reveal(node, commits[i]!, others(all, commits[i]!), 11)
    expect(status()).toBe('certified')
    expect(banned()).toEqual([])
    // When they turn up after all, they convict.
    party.result(unit, party.claim(unit, 1), true)
    party.learn(unit, 2)
    expect(banned()).toEqual([[quorum[2], 'leaf']])
    expect(status()).toBe('certified')
  })

  test('a result that is not the sum of its leaves convicts without any computing', () => {
    const honest = result()
    const [a, b] = quorum.slice(0, 2).map((node) => party.commit(node, [honest], 8)) as [string, string]
    const c = party.commit(quorum[2], [{ ...honest, count: honest.count + 1 }], 8)
    showAll([a, b, c])
    expect(banned()).toEqual([[quorum[2], 'sum']])
  })
})

test('two results of one unit by one node convict it, even before anybody computes', () => {
  const [first] = party.deal(4, 1, { from: 1 }) as [Assignment]
  const node = first.quorum[0]!
  const show = (variant: number) => {
    const commit = party.commit(
      node,
      [party.result(first, party.claim(first, variant))],
      seedRound(party.genesis, 4) + variant,
    )
    party.reveal(node, commit, new Map([[0, []]]), seedRound(party.genesis, 4) + 1)
  }
  show(0)
  expect(banned()).toEqual([])
  show(1)
  expect(banned()).toEqual([[node, 'contradiction']])
})

describe('an audit', () => {
  const record = (leaf: number, variant: number) => {
    const bytes = party.result(unit, party.claim(unit, variant))
    return party.blocks.get(bytes.leaves)!.slice(leaf * 64, (leaf + 1) * 64)
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

  describe('of a quorum that hides its leaves,', () => {
    beforeEach(() => {
      const lie = party.result(unit, party.claim(unit, 1), false)
      const commits = quorum.map((node) => party.commit(node, [lie], 8))
      showAll(commits)
    })

    test('if it is true, leaves it without a certificate until they are shown, and convicts it then', () => {
      party.audit(reserve[0]!, [claim(2, 0)])
      expect(status()).toBe('certified')
      expect(party.settlement(unit)!.wants.leaves).toHaveLength(1)
      expect(party.settlement(unit)!.wants.truths.map(({ leaf }) => leaf)).toEqual([2])
      party.learn(unit, 2)
      expect(status()).toBe('disputed')
      expect(party.state().windows.get(unit.window)!.certified.size).toBe(0)
      expect(banned()).toEqual([])
      expect(party.settlement(unit)!.wants.leaves).toHaveLength(1)
      party.result(unit, party.claim(unit, 1))
      expect(
        banned()
          .map(([node]) => node)
          .sort(),
      ).toEqual([...quorum].sort())
    })

    test('if it is true of a leaf that they have right, only has them shown', () => {
      party.audit(reserve[0]!, [claim(3, 0)])
      party.learn(unit, 3)
      expect(status()).toBe('disputed')
      party.result(unit, party.claim(unit, 1))
      expect(status()).toBe('certified')
      expect(banned()).toEqual([])
    })

    test('asks for no other leaf when one true claim is known', () => {
      party.audit(reserve[0]!, [claim(3, 0), claim(4, 0), claim(5, 0)])
      expect(party.state().wants.truths).toHaveLength(3)
      party.learn(unit, 3)
      expect(party.state().wants.truths).toEqual([])
    })

    test('if it is false, costs one leaf and the auditor his account', () => {
      party.audit(reserve[0]!, [claim(3, 1), claim(2, 2), claim(4, 1)])
      party.learn(unit, 2)
      expect(banned()).toEqual([[reserve[0]!, 'claim']])
      expect(party.state().windows.get(unit.window)!.certified.has(unit.unit)).toBe(true)
      expect(party.state().wants.truths).toEqual([])
    })
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
