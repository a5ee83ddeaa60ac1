/** What results come to, by cases: N = 3, the quorum a, b and c, result 0 the truth and result n wrong in leaf n. */
import { describe, expect, test } from 'bun:test'
import { type Facts, NO_FACTS } from '../../../../orbit/rules/answer/facts.ts'
import type { UnitAnswers } from '../../../../orbit/rules/answer/unit-answers.ts'
import type { LeafClaim } from '../../../../orbit/rules/message/answers.ts'
import { declinesOf, settle } from '../../../../orbit/rules/quorum/settle.ts'
import {
  answersAs,
  assignmentOf,
  cidAs,
  claimAs,
  genesisOf,
  judgementOf,
  leavesAs,
  recordsAs,
  signedAs,
} from '../literals.ts'

const genesis = genesisOf()
const unit = assignmentOf()

/** "a0 b0 c1": what each shows, at round 30, or 230 in the reserve. */
function answersOf(text: string, claims: readonly LeafClaim[] = [], declines = ''): UnitAnswers {
  const words = text.split(' ').filter(Boolean)
  const results = words.map((word) => signedAs(word[0]!, unit.quorum.includes(word[0]!) ? 30 : 230, Number(word[1])))
  return answersAs(results, declines, claims)
}

const SOUND = judgementOf(null)

/** All are judged sound, the leaves of these variants are here, and these leaves have been computed. */
const factsOf = (variants: string, computed: readonly number[]): Facts => ({
  ...{ ...NO_FACTS, judged: () => SOUND },
  leaves: (cid) =>
    [...variants].map(Number).flatMap((variant) => (cidAs(variant) === cid ? [recordsAs(variant)] : []))[0],
  truth: ({ leaf }) => (computed.includes(leaf) ? recordsAs(0).subarray(64 * leaf, 64 * leaf + 64) : undefined),
})

interface Case {
  readonly answers: string
  readonly claims?: readonly LeafClaim[]
  readonly leaves?: string
  readonly computed?: readonly number[]
  readonly status: 'waiting' | 'disputed' | 'certified'
  readonly results?: string
  readonly escalations?: number
  /** "c1": c is wrong in leaf 1. */
  readonly wrong?: string
  readonly wants?: string
}

const cases: Record<string, Case> = {
  'nothing shown': { answers: '', status: 'waiting' },
  'one short of N': { answers: 'a0 b0', status: 'waiting' },
  'N that agree': { answers: 'a0 b0 c0', status: 'certified', results: 'abc' },
  'N that agree on a lie, whom nobody doubts': { answers: 'a1 b1 c1', status: 'certified', results: 'abc' },
  'more than N that agree': { answers: 'a0 b0 c0 d0', status: 'certified', results: 'abcd' },
  'one of the reserve in the place of another': { answers: 'a0 b0 d0', status: 'certified', results: 'abd' },
  'a difference, and no leaves': {
    ...{ answers: 'a0 b0 c1', status: 'disputed', escalations: 1, wants: 'leaves 01' },
  },
  'a difference, and leaves': {
    ...{ answers: 'a0 b0 c1', leaves: '01', status: 'disputed', escalations: 1, wants: 'leaf 1' },
  },
  'a difference that is decided, two left': {
    ...{ answers: 'a0 b0 c1', leaves: '01', computed: [1], status: 'disputed', escalations: 1, wrong: 'c1' },
  },
  'a difference that is decided, N left': {
    answers: 'a0 b0 c1 d0 e0',
    ...{ leaves: '01', computed: [1], status: 'certified', escalations: 0, results: 'abde', wrong: 'c1' },
  },
  'a lie that most agree on, decided': {
    answers: 'a1 b1 c1 d0 e0',
    ...{ leaves: '01', computed: [1], status: 'disputed', escalations: 2, wrong: 'a1 b1 c1' },
  },
  'a lie that most agree on, undecided': {
    ...{ answers: 'a1 b1 c1 d0 e0', leaves: '01', status: 'disputed', escalations: 2, wants: 'leaf 1' },
  },
  'three sides, the first leaf where they part first': {
    ...{ answers: 'a0 b1 c2', leaves: '012', status: 'disputed', escalations: 1, wants: 'leaf 1' },
  },
  'three sides, the first leaf known': {
    answers: 'a0 b1 c2',
    ...{ leaves: '012', computed: [1], status: 'disputed', escalations: 1, wrong: 'b1', wants: 'leaf 2' },
  },
  'three sides, both known': {
    ...{ answers: 'a0 b1 c2', leaves: '012', computed: [1, 2], status: 'disputed', escalations: 1, wrong: 'b1 c2' },
  },
  'a difference in which one side hides its leaves': {
    answers: 'a0 b0 c1 d0 e0',
    ...{ leaves: '0', status: 'certified', escalations: 0, results: 'abde', wants: 'leaves 1' },
  },
  'a claim that says what was signed': {
    ...{ answers: 'a0 b0 c0', claims: [claimAs('x', 1, 0)], leaves: '0', status: 'certified', results: 'abc' },
  },
  'a claim that says something else, not looked into': {
    answers: 'a1 b1 c1',
    ...{ claims: [claimAs('x', 1, 0)], leaves: '1', status: 'certified', results: 'abc', wants: 'leaf 1 by x' },
  },
  'a claim that is true': {
    answers: 'a1 b1 c1',
    ...{ claims: [claimAs('x', 1, 0)], leaves: '1', computed: [1], status: 'disputed', wrong: 'a1 b1 c1' },
  },
  'a claim that is false convicts its auditor alone': {
    answers: 'a0 b0 c0',
    ...{ claims: [claimAs('x', 1, 1)], leaves: '0', computed: [1], status: 'certified', results: 'abc', wrong: 'x!1' },
  },
  'a true claim, and leaves that are here no more': {
    answers: 'a1 b1 c1',
    ...{ claims: [claimAs('x', 1, 0)], computed: [1], status: 'certified', results: 'abc', wants: 'leaves 1' },
  },
  'a claim of a leaf that the unit has not': {
    answers: 'a0 b0 c0',
    ...{ claims: [{ ...claimAs('x', 0, 0), leaf: leavesAs(0).length }], status: 'certified', results: 'abc' },
  },
}

describe.each(Object.entries(cases))('%s', (_, { answers, claims = [], leaves = '', computed = [], ...expected }) => {
  test(`${answers || 'nothing'}: ${expected.status}`, () => {
    const settlement = settle(genesis, unit, answersOf(answers, claims), factsOf(leaves, computed), () => true)
    const { wants, wrong, wrongClaims } = settlement
    const hidden = [0, 1, 2].filter((variant) => wants.leaves.includes(cidAs(variant)))
    expect({
      status: settlement.status,
      results: settlement.results.map(({ node }) => node).join(''),
      escalations: settlement.escalations,
      wrong: [
        ...wrong.map(({ node, leaf }) => `${node}${leaf}`),
        ...wrongClaims.map(({ node, leaf }) => `${node}!${leaf}`),
      ].join(' '),
      wants: [
        ...(hidden.length > 0 ? [`leaves ${hidden.join('')}`] : []),
        ...wants.truths.map(({ leaf, claimants }) => `leaf ${leaf}${claimants ? ` by ${claimants.join()}` : ''}`),
      ].join(', '),
    }).toEqual({ results: '', escalations: 0, wrong: '', wants: '', ...expected })
  })
})

test('claims of nodes that are not registered are not heard', () => {
  const evidence = answersOf('a1 b1 c1', [claimAs('x', 1, 0)])
  const heardOf = (isAuditor: boolean) => settle(genesis, unit, evidence, factsOf('1', [1]), () => isAuditor).status
  expect([true, false].map(heardOf)).toEqual(['disputed', 'certified'])
})

/** Each escalation waits for the two that it called; there are four. */
test.each([
  ['a0 b0 c1', 1],
  ['a0 b0 c1 d1', 1],
  ['a0 b0 c1 d1 e1', 2],
  ['a0 b0 c1 d1 e1 f1', 2],
  ['a0 b0 c1 d1 e1 f1 g1', 3],
  ['a0 b0 c1 d1 e1 f1 g1 h1 i1', 4],
  ['a0 b0 c1 d1 e1 f1 g1 h1 i1 j1 k1', 4],
])('%s: %i escalations', (answers, escalations) => {
  expect(settle(genesis, unit, answersOf(answers), factsOf('', [])).escalations).toBe(escalations)
})

/** Seats that are free: of the quorum, and of those of the reserve that were called. */
test.each([
  ['', 0, 0],
  ['a', 0, 1],
  ['abc', 0, 3],
  ['d', 0, 0],
  ['ad', 0, 2],
  ['ae', 0, 1],
  ['ade', 0, 3],
  ['d', 1, 1],
  ['e', 1, 1],
  ['f', 1, 0],
  ['df', 1, 2],
  ['z', 4, 0],
])('declines of %s after %i escalations set %i free', (nodes, escalations, free) => {
  expect(declinesOf(unit, answersOf('', [], nodes), escalations)).toBe(free)
})
