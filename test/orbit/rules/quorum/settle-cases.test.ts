/** What results come to, by cases: N = 3, the quorum a, b and c, result 0 the truth and result n wrong in leaf n. */
import { describe, expect, test } from 'bun:test'
import { type Facts, NO_FACTS } from '../../../../orbit/rules/answer/facts.ts'
import type { Fault, Judgement } from '../../../../orbit/rules/answer/judge.ts'
import type { UnitAnswers } from '../../../../orbit/rules/answer/unit-answers.ts'
import type { LeafClaim } from '../../../../orbit/rules/message/answers.ts'
import { certifyingAudit } from '../../../../orbit/rules/quorum/certifying-audit.ts'
import { declinesOf, type Settlement, settle } from '../../../../orbit/rules/quorum/settle.ts'
import {
  answersAs,
  assignmentOf,
  cidAs,
  claimAs,
  genesisOf,
  judgementAs,
  leavesAs,
  recordsAs,
  signedAs,
} from '../literals.ts'

const genesis = genesisOf()
const unit = assignmentOf()

/** "a0": what a shows, at round 30, or 230 in the reserve; "a0@30": at that round; "a0?" and "a0!sum": see `judgedIn`. */
const wordsIn = (text: string) =>
  text
    .split(' ')
    .filter(Boolean)
    .map(
      (word) => /^(?<node>.)(?<variant>\d)(?:@(?<round>\d+))?(?<unjudged>\?)?(?:!(?<fault>.+))?$/.exec(word)!.groups!,
    )

function answersOf(text: string, claims: readonly LeafClaim[] = [], declines = ''): UnitAnswers {
  const results = wordsIn(text).map(({ node, round, variant }) =>
    signedAs(node!, Number(round ?? (unit.quorum.includes(node!) ? 30 : 230)), Number(variant)),
  )
  return answersAs(results, declines, claims)
}

/** What a judge says: "?" nothing yet, "!" a fault, else that it is sound. */
function judgedIn(text: string): Facts['judged'] {
  const judgements = new Map<string, Judgement>()
  for (const { node, unjudged, fault } of wordsIn(text)) {
    const wrongLeaf = fault === 'peak' ? 3 : null
    if (!unjudged) judgements.set(node!, judgementAs((fault as Fault) ?? null, wrongLeaf))
  }
  return (cid, index) => (index === 0 ? judgements.get(cid) : undefined)
}

/** The leaves of these variants are here, and these leaves have been computed. */
const factsOf = (answers: string, variants: string, computed: readonly number[]): Facts => ({
  ...NO_FACTS,
  judged: judgedIn(answers),
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
  /** "c1": c is wrong in leaf 1; "x!1": a claim of x about it is; "c sum", "c evidence 5": so is what c shows. */
  readonly wrong?: string
  readonly wants?: string
  readonly refused?: Readonly<Record<string, string>>
}

const cases: Record<string, Case> = {
  'nothing shown': { answers: '', status: 'waiting' },
  'one short of N': { answers: 'a0 b0', status: 'waiting' },
  'N that agree': { answers: 'a0 b0 c0', status: 'certified', results: 'abc' },
  'N that agree, of whom nobody has the leaves': { answers: 'a1 b1 c1', status: 'certified', results: 'abc' },
  'N that agree, one not judged since its leaves are not here': {
    ...{ answers: 'a0 b0 c0?', status: 'waiting', wants: 'leaves 0' },
  },
  'N that agree, one not judged yet': {
    ...{ answers: 'a0 b0 c0?', leaves: '0', status: 'waiting', wants: 'judgement of c' },
  },
  'one more than N, not judged yet': {
    ...{ answers: 'a0 b0 c0 d0?', leaves: '0', status: 'certified', results: 'abc', wants: 'judgement of d' },
  },
  'one that differs, not judged yet': {
    ...{ answers: 'a0 b0 c1?', leaves: '01', status: 'waiting', wants: 'judgement of c' },
  },
  'one that differs, its leaves not here': {
    ...{ answers: 'a0 b0 c1?', leaves: '0', status: 'waiting', wants: 'leaves 1' },
  },
  'one that differs from N, not judged yet': {
    answers: 'a0 b0 c0 d1?',
    ...{ leaves: '01', status: 'certified', results: 'abc', wants: 'judgement of d' },
  },
  'nobody judged': { answers: 'a0? b0? c1?', status: 'waiting', wants: 'leaves 01' },
  'one of N with too little evidence': {
    ...{ answers: 'a0 b0 c0!evidence-short', status: 'waiting', refused: { c: 'evidence-short' } },
  },
  'one of N with false evidence': {
    ...{ answers: 'a0 b0 c0!evidence-false', status: 'waiting', wrong: 'c evidence 5' },
    refused: { c: 'evidence-false' },
  },
  'one of N that is not the sum of its leaves': {
    ...{ answers: 'a0 b0 c0!sum', status: 'waiting', wrong: 'c sum', refused: { c: 'sum' } },
  },
  'one of N with a peak that is none': {
    ...{ answers: 'a0 b0 c0!peak', status: 'waiting', wrong: 'c3', refused: { c: 'peak' } },
  },
  'N beside one with a fault': {
    answers: 'a0 b0 c1!sum d0',
    ...{ status: 'certified', results: 'abd', wrong: 'c sum', refused: { c: 'sum' } },
  },
  'one of the reserve a round before its turn': {
    ...{ answers: 'a0 b0 d0@119', status: 'waiting', refused: { d: 'not-assigned' } },
  },
  'one of the reserve at its turn': { answers: 'a0 b0 d0@120', status: 'certified', results: 'abd' },
  'one of the reserve that a difference calls': {
    answers: 'a0 b0 c1 d0@30 e0@30 f0@30',
    ...{ leaves: '01', computed: [1], status: 'certified', escalations: 1, results: 'abde', wrong: 'c1' },
    refused: { f: 'not-assigned' },
  },
  'N that agree on a lie, whom nobody doubts': { answers: 'a1 b1 c1', status: 'certified', results: 'abc' },
  'more than N that agree': { answers: 'a0 b0 c0 d0', status: 'certified', results: 'abcd' },
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
  'a true claim, and leaves that were here when they were judged': {
    answers: 'a1 b1 c1',
    ...{ claims: [claimAs('x', 1, 0)], computed: [1], status: 'certified', results: 'abc', wants: 'leaves 1' },
  },
  'a claim of a leaf that the unit has not': {
    answers: 'a0 b0 c0',
    ...{ claims: [{ ...claimAs('x', 0, 0), leaf: leavesAs(0).length }], status: 'certified', results: 'abc' },
  },
}

const nodes = (results: readonly { readonly node: string }[]) => results.map(({ node }) => node).join('')

/** What a settlement says, in the words of the cases. */
function told({ status, results, escalations, wrong, wrongClaims, wants, refused }: Settlement) {
  const hidden = [0, 1, 2].filter((variant) => wants.leaves.includes(cidAs(variant)))
  return {
    ...{ status, results: nodes(results), escalations, refused: Object.fromEntries(refused) },
    wrong: [
      ...wrong.map(({ node, kind, leaf, item }) =>
        kind === 'leaf' ? `${node}${leaf}` : [node, kind, item].filter((part) => part !== null).join(' '),
      ),
      ...wrongClaims.map(({ node, leaf }) => `${node}!${leaf}`),
    ].join(' '),
    wants: [
      ...(hidden.length > 0 ? [`leaves ${hidden.join('')}`] : []),
      ...wants.truths.map(({ leaf, claimants }) => `leaf ${leaf}${claimants ? ` by ${claimants.join()}` : ''}`),
      ...wants.judgements.map(({ result }) => `judgement of ${result.node}`),
    ].join(', '),
  }
}

const NOTHING = { results: '', escalations: 0, wrong: '', wants: '', refused: {} }

describe.each(Object.entries(cases))('%s', (_, { answers, claims = [], leaves = '', computed = [], ...expected }) => {
  test(`${answers || 'nothing'}: ${expected.status}`, () => {
    const facts = factsOf(answers, leaves, computed)
    const settlement = settle(genesis, unit, answersOf(answers, claims), facts, () => true)
    expect(told(settlement)).toEqual({ ...NOTHING, ...expected })
  })
})

test('claims of nodes that are not registered are not heard', () => {
  const answers = answersOf('a1 b1 c1', [claimAs('x', 1, 0)])
  const facts = factsOf('a1 b1 c1', '1', [1])
  const heardOf = (isAuditor: boolean) => settle(genesis, unit, answers, facts, () => isAuditor).status
  expect([true, false].map(heardOf)).toEqual(['disputed', 'certified'])
})

/** Each escalation waits for the two that it called; there are four. */
test.each([
  ['a0 b0 c1', 1],
  ['a0 b0 c1 d1', 1],
  ['a0 b0 c1 d1 e1', 2],
  ['a0 b0 c1 d1 e1 f1', 2],
  ['a0 b0 c1 d1 e1 f1 g1', 3],
  ['a0 b0 c1 d1 e1 f1 g1 h1', 3],
  ['a0 b0 c1 d1 e1 f1 g1 h1 i1', 4],
  ['a0 b0 c1 d1 e1 f1 g1 h1 i1 j1 k1', 4],
])('%s: %i escalations', (answers, escalations) => {
  expect(settle(genesis, unit, answersOf(answers), factsOf(answers, '', [])).escalations).toBe(escalations)
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

/** One result and an audit by x and y certify it; R(a) is round 70, that of epoch 7. */
const audited = assignmentOf({
  ...{ quorum: ['a'], reserve: [...'bcdefgh'] },
  audited: [...'axy'].map((node) => ({ node, account: node.toUpperCase(), capacity: 1 })),
})
const [drawn, other] = certifyingAudit(genesis, audited, new Uint8Array())!.leaves as [number, number]
/** What x and y say of the leaves that were drawn. */
const saidAs = (variant: number, round = 70) =>
  [...'xy'].flatMap((auditor) => [drawn, other].map((leaf) => claimAs(auditor, leaf, variant, round)))
/** As true, but for the leaf that was drawn first. */
const lie = drawn === 0 ? other : drawn

interface LoneCase {
  readonly answers?: string
  /** The epoch in which a showed its result. */
  readonly batch?: number
  readonly claims: readonly LeafClaim[]
  readonly leaves?: string
  readonly computed?: readonly number[]
  readonly isUnjudged?: boolean
  readonly expected: Partial<ReturnType<typeof told>> & { readonly auditors?: string }
}

describe.each([
  ['not audited yet', { claims: [], expected: { status: 'waiting' } }],
  ['audited', { claims: saidAs(0), expected: { status: 'certified', results: 'a', auditors: 'xy' } }],
  [
    'shown in the last epoch before R(a)',
    { batch: 6, claims: saidAs(0), expected: { status: 'certified', results: 'a', auditors: 'xy' } },
  ],
  ['shown in that of R(a)', { batch: 7, claims: saidAs(0), expected: { status: 'waiting' } }],
  ['audited by a round before R(a)', { claims: saidAs(0, 69), expected: { status: 'waiting' } }],
  ['audited by a round after R(a)', { claims: saidAs(0, 71), expected: { status: 'waiting' } }],
  ['one leaf short', { claims: saidAs(0).slice(1), expected: { status: 'waiting' } }],
  ['one auditor short', { claims: saidAs(0).slice(2), expected: { status: 'waiting' } }],
  [
    'of which the leaves are not here',
    { claims: saidAs(0), leaves: '', expected: { status: 'waiting', wants: 'leaves 0' } },
  ],
  [
    'whose leaves nobody asks for before all have audited it',
    { claims: saidAs(0).slice(1), leaves: '', isUnjudged: true, expected: { status: 'waiting' } },
  ],
  [
    'whose leaves are asked for then',
    { claims: saidAs(0), leaves: '', isUnjudged: true, expected: { status: 'waiting', wants: 'leaves 0' } },
  ],
  [
    'judged when they are here',
    { claims: saidAs(0), isUnjudged: true, expected: { status: 'waiting', wants: 'judgement of a' } },
  ],
  [
    'that the audit exposes, by a leaf that is computed',
    {
      ...{ answers: `a${lie}`, claims: saidAs(0), leaves: '012345678', computed: [lie] },
      expected: { status: 'disputed', wrong: `a${lie}`, escalations: 1 },
    },
  ],
  [
    'that the audit exposes, and N that it calls',
    {
      ...{ answers: `a${lie} b0@30 c0@30 d0@30`, claims: saidAs(0), leaves: '012345678', computed: [lie] },
      expected: { status: 'certified', results: 'bcd', wrong: `a${lie}`, escalations: 1 },
    },
  ],
  ['and N besides', { answers: 'a0 b0 c0', claims: [], expected: { status: 'certified', results: 'abc' } }],
  ['and one fewer', { answers: 'a0 b0', claims: [], expected: { status: 'waiting' } }],
] as [string, LoneCase][])('a lone result, %s', (_, { answers = 'a0', batch = 6, leaves = '0', ...of }) => {
  const { claims, computed = [], isUnjudged = false, expected } = of
  test(`${answers}: ${expected.status}`, () => {
    const results = wordsIn(answers).map(({ node, round, variant }) =>
      signedAs(node!, Number(round ?? (node === 'a' ? 30 : 230)), Number(variant), batch),
    )
    const facts = factsOf(isUnjudged ? `${answers}?` : answers, leaves, computed)
    const settlement = settle(genesis, audited, answersAs(results, '', claims), facts, () => true)
    const auditors = [...settlement.auditors].sort().join('')
    expect({ ...told(settlement), auditors }).toEqual({ ...NOTHING, auditors: '', ...expected } as never)
  })
})
