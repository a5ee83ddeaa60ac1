/** Which results count, by cases: N = 3, the quorum a, b and c, the reserve d, e, f, ... */
import { describe, expect, test } from 'bun:test'
import { countResults, type Refusal } from '../../../../orbit/rules/answer/counts.ts'
import type { Fault } from '../../../../orbit/rules/answer/judge.ts'
import { type Calls, NO_CALLS } from '../../../../orbit/rules/deal/seats.ts'
import { answersAs, assignmentOf, genesisOf, judgementOf, signedAs } from '../literals.ts'

/** "a@30" for a result of a at round 30; "=1" for another than the truth, "/2" for batch 2. */
const resultsIn = (text: string) =>
  text.split(' ').map((word) => {
    const [, node, round, variant, batch] = /^(\w)@(\d+)(?:=(\d))?(?:\/(\d))?$/.exec(word)!
    return signedAs(node!, Number(round), Number(variant ?? 0), Number(batch ?? 0))
  })

interface Case {
  readonly results: string
  readonly calls?: Calls
  /** By the name of a statement. */
  readonly faults?: Readonly<Record<string, Fault>>
  /** Statements whose results nobody has judged. */
  readonly unjudged?: readonly string[]
  /** Statements, in the order of the deal. */
  readonly counted: string
  readonly waiting?: string
  readonly refused?: Readonly<Record<string, Refusal>>
}

const cases: Record<string, Case> = {
  'the quorum, in the order of the deal': { results: 'c@30 a@30 b@30', counted: 'a@30 b@30 c@30' },
  'the quorum until the last round': { results: 'a@320 b@321', counted: 'a@320', refused: { b: 'not-assigned' } },
  'the reserve from its round on': {
    ...{ results: 'd@119 e@120', counted: 'e@120', refused: { d: 'not-assigned' } },
  },
  'the reserve that is called': {
    ...{
      results: 'd@30 e@30',
      calls: { declines: 1, escalations: 0 },
      counted: 'd@30',
      refused: { e: 'not-assigned' },
    },
  },
  'a stranger never': { results: 'z@320', counted: '', refused: { z: 'not-assigned' } },
  'what is judged, and nothing else': {
    ...{ results: 'a@30 b@30', unjudged: ['b@30'], counted: 'a@30', waiting: 'b@30' },
  },
  'nothing with a fault': {
    ...{
      results: 'a@30 b@30',
      faults: { 'b@30': 'evidence-short' },
      counted: 'a@30',
      refused: { b: 'evidence-short' },
    },
  },
  'a second one whose first has a fault': {
    ...{ results: 'a@30 a@31', faults: { 'a@30': 'evidence-false' }, counted: 'a@31' },
  },
  'a node that waits is not refused for another of its results': {
    ...{ results: 'a@30 a@31', faults: { 'a@30': 'peak' }, unjudged: ['a@31'], counted: '', waiting: 'a@31' },
  },
  'of equal ones of a node that of the earliest batch': { results: 'a@30/2 a@31/1 a@32/3', counted: 'a@31' },
  'both of a node that differ': { results: 'a@30 a@31=1', counted: 'a@30 a@31' },
  'a result out of turn is not even judged': {
    ...{ results: 'd@30', faults: { 'd@30': 'sum' }, counted: '', refused: { d: 'not-assigned' } },
  },
}

const named = (results: readonly { cid: string }[]) => results.map(({ cid }) => cid).join(' ')

describe.each(Object.entries(cases))('there counts %s', (_, { results, calls = NO_CALLS, ...told }) => {
  const { faults = {}, unjudged = [], counted, waiting = '', refused = {} } = told
  test(results, () => {
    const judged = (cid: string) => (unjudged.includes(cid) ? undefined : judgementOf(faults[cid] ?? null))
    const found = countResults(genesisOf(), assignmentOf(), answersAs(resultsIn(results)), calls, { judged })
    expect([named(found.counted), named(found.waiting)]).toEqual([counted, waiting])
    expect(Object.fromEntries(found.refused)).toEqual(refused)
    expect(found.faulty.every(({ judgement }) => judgement.fault !== null)).toBe(true)
  })
})
