/** Which results count, by cases: N = 3, results written as letters, and what a judge says of each beside it. */
import { describe, expect, test } from 'bun:test'
import { countResults, type Refusal } from '../../../../orbit/rules/answer/counts.ts'
import { FAULTS, type Fault } from '../../../../orbit/rules/answer/judge.ts'
import type { SignedResult } from '../../../../orbit/rules/answer/results.ts'
import { NO_CALLS } from '../../../../orbit/rules/deal/seats.ts'
import { answersAs, assignmentOf, genesisOf, judgementAs, signedAs } from '../literals.ts'

const genesis = genesisOf()
/** One result and an audit certify it: the others of its N head the reserve. */
const audited = assignmentOf({ quorum: ['a'], reserve: [...'bcdefgh'], audited: [] })

/** "a@30" for what a shows at round 30, which is sound; "=1" for its variant, "!peak" for a fault, "?" if nobody judged it. */
function shownIn(text: string) {
  const judgements = new Map<string, Fault | null>()
  const results = text.split(' ').map((word) => {
    const [, name, round, variant, unjudged, fault] = /^(.'?)@(\d+)(?:=(\d))?(\?)?(?:!(.+))?$/.exec(word)!
    if (!unjudged) judgements.set(name!, (fault as Fault) ?? null)
    return signedAs(name!, Number(round), Number(variant ?? 0))
  })
  return { results, judgements }
}

const names = (results: readonly SignedResult[]) => results.map(({ cid }) => cid).join(' ')

function counted(text: string, { calls = NO_CALLS, unit = assignmentOf() } = {}) {
  const { results, judgements } = shownIn(text)
  const judged = (cid: string, index: number) => {
    const fault = judgements.get(cid)
    return index !== 0 || fault === undefined ? undefined : judgementAs(fault)
  }
  const found = countResults(genesis, unit, answersAs(results), calls, { judged })
  return {
    counted: names(found.counted),
    waiting: names(found.waiting),
    faulty: found.faulty.map(({ result, judgement }) => `${result.cid} ${judgement.fault}`).join(' '),
    refused: Object.fromEntries(found.refused),
  }
}

interface Case {
  readonly name: string
  readonly shown: string
  /** Each of these in the order of the deal. */
  readonly counted?: string
  readonly waiting?: string
  readonly faulty?: string
  readonly refused?: Readonly<Record<string, Refusal>>
}

describe.each([
  { name: 'three of the quorum, in the order of the deal', shown: 'c@30 a@31 b@20', counted: 'a b c' },
  { name: 'as many as there are', shown: 'b@30', counted: 'b' },
  { name: 'of the quorum before its draw was dealt', shown: 'a@0', counted: 'a' },
  { name: 'of the quorum in the last round', shown: 'a@320', counted: 'a' },
  { name: 'of the quorum after it', shown: 'a@321', refused: { a: 'not-assigned' } },
  { name: 'of the reserve a round before its turn', shown: 'd@119', refused: { d: 'not-assigned' } },
  { name: 'of the reserve at its turn', shown: 'd@120', counted: 'd' },
  { name: 'of the reserve after it', shown: 'd@121', counted: 'd' },
  {
    name: 'the last of those called by the deadline, and the first of those who are not',
    shown: 'f@120 g@120',
    ...{ counted: 'f', refused: { g: 'not-assigned' } },
  },
  { name: 'a node without a seat', shown: 'a@30 z@320', counted: 'a', refused: { z: 'not-assigned' } },
  { name: 'one that nobody has judged', shown: 'a@30 b@30?', counted: 'a', waiting: 'b' },
  {
    name: 'one before its turn that nobody has judged waits for nothing',
    shown: 'd@119?',
    refused: { d: 'not-assigned' },
  },
  {
    name: 'one before its turn with a fault is not looked at',
    shown: 'd@119!sum',
    refused: { d: 'not-assigned' },
  },
  {
    name: 'a second of a node, the first with a fault',
    shown: "a@30!peak a'@31",
    ...{ counted: "a'", faulty: 'a peak' },
  },
  {
    name: 'a fault after one that is sound',
    shown: "a@30 a'@31!peak",
    ...{ counted: 'a', faulty: "a' peak" },
  },
  {
    name: 'a second of a node that nobody has judged, the first with a fault',
    shown: "a@30!peak a'@31?",
    ...{ waiting: "a'", faulty: 'a peak' },
  },
  {
    name: 'two faults of one node',
    shown: "a@30!count a'@31!count b@30",
    ...{ counted: 'b', faulty: "a count a' count", refused: { a: 'count' } },
  },
  { name: 'different ones of one node, each', shown: "a@30 a'@31=1 b@30", counted: "a a' b" },
  { name: 'a second one before its turn, the first one after', shown: "d@120 d'@119", counted: 'd' },
] as Case[])('$name', ({ name: _, shown, ...expected }) => {
  test(`of ${shown}: ${expected.counted ?? 'none'}`, () => {
    expect(counted(shown)).toEqual({ counted: '', waiting: '', faulty: '', refused: {}, ...expected })
  })
})

test.each(FAULTS.map((fault) => [fault] as const))('whose fault is %s does not count', (fault) => {
  const refused = { b: fault }
  expect(counted(`a@30 b@30!${fault} c@30`)).toEqual({ counted: 'a c', waiting: '', faulty: `b ${fault}`, refused })
})

/** The quorum is a, b and c; d, e, f and g come after it. */
test.each([
  [0, 0, ''],
  [1, 0, 'd'],
  [2, 0, 'd e'],
  [0, 1, 'd e'],
  [1, 1, 'd e f'],
] as const)('%i declines and %i escalations call of d, e, f and g: %s', (declines, escalations, expected) => {
  expect(counted('d@30 e@30 f@30 g@30', { calls: { declines, escalations } }).counted).toBe(expected)
})

/** Where one result may certify, the others of its N wait for the deadline too, and are called at once by whatever calls. */
test.each([
  ['b@119 c@119 d@119', 0, 0, ''],
  ['b@120 c@120 d@120', 0, 0, 'b c d'],
  ['b@30 c@30 d@30 e@30', 1, 0, 'b c d'],
  ['b@30 c@30 d@30 e@30 f@30', 0, 1, 'b c d e'],
] as const)('beside one that stands alone, of %s, after %i declines and %i escalations: %s', (shown, ...row) => {
  const [declines, escalations, others] = row
  const found = counted(`a@30 ${shown}`, { unit: audited, calls: { declines, escalations } })
  expect(found.counted).toBe(`a ${others}`.trim())
})

test('of equal results of a node that of the earliest batch counts, of different ones each', () => {
  const count = (...results: SignedResult[]) => {
    const facts = { judged: () => judgementAs(null) }
    return names(countResults(genesis, assignmentOf(), answersAs(results), NO_CALLS, facts).counted)
  }
  const [first, second] = [(batch: number) => signedAs('a', 30, 0, batch), signedAs("a'", 30, 0, 4)]
  expect(count(first(3), second)).toBe('a')
  expect(count(first(4), second)).toBe('a')
  expect(count(first(5), second)).toBe("a'")
  expect(count(first(5), signedAs("a'", 30, 1, 4))).toBe("a a'")
})

test('more documents make more results count, and none less', () => {
  const words = ['a@30', "a'@31!sum", 'b@30?', "b'@30", 'd@120', "d'@119", 'z@9', 'c@30=1']
  const before = new Set<string>()
  for (let i = 1; i <= words.length; i++) {
    const now = new Set(counted(words.slice(0, i).join(' ')).counted.split(' '))
    for (const name of before) expect(now).toContain(name)
    for (const name of now) before.add(name)
  }
})
