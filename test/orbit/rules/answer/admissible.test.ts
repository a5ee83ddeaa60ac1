/** Which results count, by cases: N = 3, commits and reveals written as letters. */
import { describe, expect, test } from 'bun:test'
import { type Refusal, selectAdmissible } from '../../../../orbit/rules/answer/admissible.ts'
import { NO_CALLS } from '../../../../orbit/rules/deal/seats.ts'
import { assignmentOf, commitAs, evidenceAs, genesisOf, revealAs } from '../literals.ts'

/** "a@30" for a commit of a at round 30; "a@40:bc" for a reveal of it at round 40 that cites b's and c's; "=1" for its result. */
const commitsIn = (text: string) =>
  text.split(' ').map((word) => {
    const [name, round] = word.split('@') as [string, string]
    return commitAs(name, Number(round))
  })
const revealsIn = (text: string) =>
  text.split(' ').map((word) => {
    const [, name, round, cites, variant] = /^(.'?)@(\d+):(\w*)(?:=(\d))?$/.exec(word)!
    return revealAs(name!, Number(round), cites!, Number(variant ?? 0))
  })

const names = (reveals: readonly { node: string }[]) => reveals.map(({ node }) => node).join('')

function selected(commits: string, reveals: string, { N = 3, audited = false, calls = NO_CALLS } = {}) {
  const genesis = genesisOf({ replication: N })
  const unit = audited ? assignmentOf({ quorum: ['a'], reserve: [...'bcdefgh'], audited: [] }) : assignmentOf()
  const found = selectAdmissible(genesis, unit, evidenceAs(commitsIn(commits), revealsIn(reveals)), calls)
  return {
    counted: names(found.counted),
    uncited: names(found.uncited),
    needed: names(found.needed),
    refused: Object.fromEntries(found.refused),
  }
}

interface Case {
  readonly name: string
  readonly commits: string
  readonly reveals: string
  /** Nodes in the order of the deal, as all three of these. */
  readonly counted: string
  readonly uncited?: string
  /** Those that count, unless told. */
  readonly needed?: string
  readonly refused?: Readonly<Record<string, Refusal>>
  readonly N?: number
  readonly audited?: boolean
}

describe.each([
  {
    name: 'three that cite one another',
    commits: 'a@30 b@30 c@30',
    reveals: 'a@40:bc b@40:ac c@40:ab',
    counted: 'abc',
  },
  {
    name: 'one that two of the quorum cite counts before the third has shown his',
    commits: 'a@30 b@30 c@30',
    reveals: 'a@40:bc b@40:ac',
    counted: '',
    uncited: 'ab',
    refused: { a: 'not-cited', b: 'not-cited' },
  },
  {
    name: 'a copy, whose commit nobody cites',
    commits: 'a@30 b@30 c@30 d@130',
    reveals: 'a@40:bc b@40:ac c@40:ab d@140:abc',
    counted: 'abc',
    uncited: 'd',
    refused: { d: 'not-cited' },
  },
  {
    name: 'one shown when one commit too few could be cited',
    commits: 'a@30 b@30',
    reveals: 'a@40:b b@40:a',
    counted: '',
    refused: { a: 'revealed-early', b: 'revealed-early' },
  },
  {
    name: 'one shown a round before the commit deadline',
    commits: 'a@30 b@30 d@130',
    reveals: 'a@219:b b@220:ad d@220:ab',
    counted: 'd',
    uncited: 'b',
    refused: { a: 'revealed-early', b: 'not-cited' },
    needed: 'bd',
  },
  {
    name: 'after the commit deadline, one more of the reserve, and then the two',
    commits: 'a@30 b@30 d@130',
    reveals: 'a@220:bd b@220:ad d@220:ab',
    counted: 'abd',
  },
  {
    name: 'one of the reserve needs one other to cite it, one of the quorum two',
    commits: 'a@30 b@30 d@130',
    reveals: 'a@220:d b@220:ad d@220:ab',
    counted: 'ad',
    uncited: 'b',
    refused: { b: 'not-cited' },
    needed: 'abd',
  },
  {
    name: 'one of the reserve before its turn',
    commits: 'a@30 b@30 c@30 d@119',
    reveals: 'a@40:bcd b@40:acd c@40:abd d@130:abc',
    counted: 'abc',
    refused: { d: 'not-assigned' },
  },
  {
    name: 'one of nobody that was dealt it',
    commits: 'a@30 b@30 c@30 z@30',
    reveals: 'a@40:bcz b@40:acz c@40:abz z@40:abc',
    counted: 'abc',
    refused: { z: 'not-assigned' },
  },
  {
    name: 'a commit that names nothing shown',
    commits: 'a@30 b@30 c@30',
    reveals: "a'@40:bc b@40:ac c@40:ab",
    counted: '',
    uncited: 'bc',
    refused: { a: 'not-assigned', b: 'not-cited', c: 'not-cited' },
  },
  {
    name: 'a node that shows one in time too few and one that it did not commit to',
    commits: 'a@30 b@30',
    reveals: "a@40:b a'@40:b",
    counted: '',
    refused: { a: 'revealed-early' },
  },
  {
    name: 'its own commit does not count as cited, nor does citing one twice',
    commits: 'a@30 b@30',
    reveals: 'a@40:ab b@40:aab',
    counted: '',
    refused: { a: 'revealed-early', b: 'revealed-early' },
  },
  {
    name: 'the second commit of a node is judged by itself',
    commits: "a@30 b@30 c@30 a'@130",
    reveals: "a@40:bc b@40:ac c@40:ab a'@140:bc=1",
    counted: 'abc',
    uncited: 'a',
  },
  { name: 'where one is enough, nobody to cite', N: 1, commits: 'a@30', reveals: 'a@30:', counted: 'a' },
  {
    name: 'where two are, each needs the other',
    N: 2,
    commits: 'a@30 b@30',
    reveals: 'a@40:b b@40:a',
    counted: 'ab',
  },
  {
    name: 'the one that an audit certifies stands alone',
    audited: true,
    commits: 'a@30',
    reveals: 'a@30:',
    counted: 'a',
  },
] as Case[])('$name', ({ commits, reveals, counted, uncited = '', refused = {}, needed, N, audited }) => {
  test(`of ${reveals}: ${counted || 'none'}`, () => {
    const found = selected(commits, reveals, { ...(N && { N }), ...(audited && { audited }) })
    expect(found).toEqual({ counted, uncited, refused, needed: needed ?? counted })
  })
})

test('of equal results of a node that of the earliest batch counts, of different ones each', () => {
  const genesis = genesisOf({ replication: 1 })
  const commits = commitsIn("a@30 a'@31")
  const select = (...reveals: ReturnType<typeof revealAs>[]) =>
    selectAdmissible(genesis, assignmentOf(), evidenceAs(commits, reveals), NO_CALLS).counted.map(({ cid }) => cid)
  expect(select(revealAs('a', 50, '', 0, 5), revealAs("a'", 40, '', 0, 4))).toEqual(["a'@40"])
  expect(select(revealAs('a', 50, '', 0, 4), revealAs("a'", 40, '', 0, 4))).toEqual(['a@50'])
  expect(select(revealAs('a', 50, '', 0, 5), revealAs("a'", 40, '', 1, 4))).toEqual(['a@50', "a'@40"])
})

test('whom declines and escalations call is called by them', () => {
  const [commits, reveals] = ['a@30 b@30 d@30', 'a@40:bd b@40:ad d@40:ab']
  expect(selected(commits, reveals).counted).toBe('')
  expect(selected(commits, reveals, { calls: { declines: 1, escalations: 0 } }).counted).toBe('abd')
  expect(selected(commits, reveals, { calls: { declines: 0, escalations: 1 } }).counted).toBe('abd')
})
