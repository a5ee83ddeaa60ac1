/** Who may answer for a unit, by cases: N = 3, R = 20, a deadline of 100 rounds. */
import { expect, test } from 'bun:test'
import { mayAnswer, reserveLength, standsAlone } from '../../../../orbit/rules/deal/seats.ts'
import { assignmentOf, genesisOf } from '../literals.ts'

const genesis = genesisOf()
const unit = assignmentOf()
/** One result and an audit certify it: the others of its N head the reserve. */
const audited = assignmentOf({ quorum: ['a'], reserve: [...'bcdefgh'], audited: [] })

/** The quorum is a, b and c, the reserve d, e, f, ... in that order. */
test.each([
  // The quorum may answer at once, and until the last round.
  ['a', 0, 0, 0, true],
  ['c', 320, 0, 0, true],
  ['c', 321, 0, 0, false],
  // The first N of the reserve from the deadline on, the next ones a period later, and then the rest.
  ['d', 119, 0, 0, false],
  ['d', 120, 0, 0, true],
  ['f', 119, 0, 0, false],
  ['f', 120, 0, 0, true],
  ['g', 120, 0, 0, false],
  ['g', 219, 0, 0, false],
  ['g', 220, 0, 0, true],
  ['i', 220, 0, 0, true],
  ['j', 319, 0, 0, false],
  ['j', 320, 0, 0, true],
  ['d', 320, 0, 0, true],
  ['d', 321, 0, 0, false],
  // A decline calls one.
  ['d', 20, 1, 0, true],
  ['e', 20, 1, 0, false],
  ['e', 20, 2, 0, true],
  // An escalation calls two; both reasons add up.
  ['d', 20, 0, 1, true],
  ['e', 20, 0, 1, true],
  ['f', 20, 0, 1, false],
  ['f', 20, 1, 1, true],
  ['g', 20, 1, 1, false],
  ['g', 20, 0, 2, true],
  ['h', 20, 0, 2, false],
  ['d', 321, 1, 1, false],
  // Nobody else, ever.
  ['z', 20, 9, 4, false],
  ['z', 320, 9, 4, false],
])('%s at round %i, after %i declines and %i escalations: %p', (node, round, declines, escalations, may) => {
  expect(mayAnswer(genesis, unit, node, round, { declines, escalations })).toBe(may)
})

test.each([
  ['a', 20, 0, 0, true],
  ['b', 119, 0, 0, false],
  ['b', 120, 0, 0, true],
  // One decline, or one escalation, calls the other two of the N besides.
  ['d', 20, 1, 0, true],
  ['e', 20, 1, 0, false],
  ['e', 20, 0, 1, true],
  ['f', 20, 0, 1, false],
])('where an audit may certify: %s at round %i, after %i declines and %i escalations: %p', (...row) => {
  const [node, round, declines, escalations, may] = row
  expect(mayAnswer(genesis, audited, node, round, { declines, escalations })).toBe(may)
})

test('the one whose result an audit certifies stands alone', () => {
  expect(['a', 'b', 'z'].map((node) => standsAlone(audited, node))).toEqual([true, false, false])
  expect(standsAlone(unit, 'a')).toBe(false)
})

test('a reserve has all those whose turn can come: by two more deadlines, and by four escalations', () => {
  expect([1, 2, 3, 15].map(reserveLength)).toEqual([10, 12, 14, 38])
})
