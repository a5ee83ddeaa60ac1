/** Who may be dealt units, by cases: the draw of epoch 10, whose R is 100; a node is fresh for 60 rounds, N = 3. */
import { describe, expect, test } from 'bun:test'
import { eligibleAt, isOldEnough, limitsAt, rosterAt, seatsSince } from '../../../../orbit/rules/draw/roster.ts'
import { type HeartbeatBody, MAX_ROSTER } from '../../../../orbit/rules/message/bodies.ts'
import type { State } from '../../../../orbit/rules/state/state.ts'
import { genesisOf } from '../literals.ts'

const genesis = genesisOf({ allowance: { newcomer: 8, rounds: 1000 } })

/** "a": a node of account A registered in round 1; "b:C95": of account C, in round 95. */
function stateOf(nodes: readonly string[], deals: readonly Deal[] = []): State {
  const registrations = nodes.map((text) => {
    const [, node, account, round] = /^(\w+?)(?::([A-Z]+)(\d+))?$/.exec(text)!
    return { node: node!, account: account ?? node!.toUpperCase(), round: Number(round ?? 1), name: node! }
  })
  const draws = deals.map(({ epoch, seats, isWitnessed = true }) => ({
    ...{ draw: { body: { epoch } }, cid: isWitnessed ? `witnessed ${epoch}` : `${epoch}` },
    seats: new Map(Object.entries(seats)),
    owners: new Map(registrations.map(({ node, account }) => [node, account])),
  }))
  return {
    genesis,
    nodes: new Map(registrations.map((registration) => [registration.node, registration])),
    draws: new Map(draws.map((dealt) => [dealt.draw.body.epoch, dealt])),
    witnessed: new Set(draws.map(({ cid }) => cid).filter((cid) => cid.startsWith('witnessed'))),
  } as unknown as State
}

interface Deal {
  readonly epoch: number
  /** By node. */
  readonly seats: Record<string, number>
  readonly isWitnessed?: boolean
}

/** "a@90+4": node a says at round 90 that it takes 4. */
const beats = (text: string): HeartbeatBody[] =>
  text.split(' ').map((word) => {
    const [, node, round, capacity] = /^(\w+)@(\d+)\+(\d+)$/.exec(word)!
    return { node, round: Number(round), capacity: Number(capacity), beacon: new Uint8Array(48) } as HeartbeatBody
  })

const listed = (roster: readonly { node: string; capacity: number }[]) =>
  roster.map(({ node, capacity }) => `${node}${capacity}`).join(' ')

/** An epoch before R(10) = 100, or a founder's. */
test.each([
  ['a', 89, true],
  ['a', 90, true],
  ['a', 91, false],
  ['f', 91, true],
  ['f', 1000, true],
])('%s, registered in round %i, is old enough: %p', (node, round, is) => {
  expect(isOldEnough(genesis, { node, round }, 10)).toBe(is)
})

describe.each([
  { name: 'all that are there', nodes: ['a', 'b'], said: 'b@90+2 a@90+4', eligible: 'a4 b2' },
  { name: 'not one whose word is older than 60 rounds', nodes: ['a', 'b'], said: 'a@39+4 b@40+4', eligible: 'b4' },
  { name: 'not one that is not registered', nodes: ['a'], said: 'a@90+4 z@90+4', eligible: 'a4' },
  { name: 'not one that registered of late', nodes: ['a:A90', 'b:B91'], said: 'a@90+1 b@90+1', eligible: 'a1' },
  { name: 'not one whose account is excluded', nodes: ['a', 'x:X1'], said: 'a@90+1 x@90+1', eligible: 'a1' },
  { name: 'not one that takes nothing', nodes: ['a', 'b'], said: 'a@90+0 b@90+1', eligible: 'b1' },
  { name: 'by its newest word', nodes: ['a'], said: 'a@80+9 a@90+3', eligible: 'a3' },
  {
    name: 'less the seats dealt after its word',
    ...{ nodes: ['a', 'b'], said: 'a@69+5 b@70+5', eligible: 'a2 b5' },
    deals: [{ epoch: 7, seats: { a: 3, b: 3 } }],
  },
  {
    name: 'none whose room is dealt already',
    ...{ nodes: ['a', 'b'], said: 'a@69+3 b@69+4', eligible: 'b1' },
    deals: [{ epoch: 7, seats: { a: 3, b: 3 } }],
  },
  {
    name: 'of a draw that may still be witnessed as well',
    ...{ nodes: ['a', 'b'], said: 'a@69+5 b@39+5', eligible: 'a2' },
    deals: [{ epoch: 7, seats: { a: 3 }, isWitnessed: false }],
  },
  {
    name: 'not the seats of a draw of this epoch or a later one',
    ...{ nodes: ['a'], said: 'a@90+5', eligible: 'a5' },
    deals: [
      { epoch: 10, seats: { a: 3 } },
      { epoch: 11, seats: { a: 1 } },
    ],
  },
] as { name: string; nodes: string[]; said: string; eligible: string; deals?: Deal[] }[])(
  'eligible: $name',
  ({ nodes, said, eligible, deals }) => {
    test(said, () => {
      const found = eligibleAt(stateOf(nodes, deals), beats(said), new Set(['X']), 10)
      expect(listed(found)).toBe(eligible)
    })
  },
)

/** A draw that is not witnessed counts until R + 60: that of epoch 4 until round 100. */
test.each([
  [3, false, 0],
  [4, false, 2],
  [4, true, 2],
  [3, true, 2],
])('seats of the deal of epoch %i, witnessed: %p: %i', (epoch, isWitnessed, seats) => {
  expect(seatsSince(stateOf(['a'], [{ epoch, seats: { a: 2 }, isWitnessed }]), 'a', 0, 10)).toBe(seats)
})

/**
 * Of a newcomer's 8 tickets those are gone that were dealt within the last deadline, 100 rounds; of a draw that is not
 * witnessed only until all have spoken, 20 rounds after R: that of epoch 8 until round 100.
 */
test.each([
  [0, true, 8],
  [1, true, 5],
  [9, true, 5],
  [10, true, 8],
  [7, false, 8],
  [8, false, 5],
  [9, false, 5],
])('three seats dealt in epoch %i, witnessed: %p, leave %i tickets', (epoch, isWitnessed, tickets) => {
  const limitOf = limitsAt(stateOf(['a'], [{ epoch, seats: { a: 3 }, isWitnessed }]), 10, [])
  expect(limitOf('A')).toBe(tickets)
})

test('a roster is what is eligible, cut to what each account may have; accounts that may have none are not on it', () => {
  const state = stateOf(['a', 'b:A1', 'c', 'd'], [{ epoch: 9, seats: { d: 8 } }])
  const words = beats('a@95+20 b@95+20 c@95+4 d@95+5')
  const roster = (allowances: { account: string; units: number }[]) =>
    listed(rosterAt(state, words, new Set(), 10, allowances))
  expect(roster([])).toBe('a4 b4 c4')
  expect(
    roster([
      { account: 'A', units: 32 },
      { account: 'D', units: 2 },
    ]),
  ).toBe('a16 b16 c4 d2')
})

test('of more nodes than a draw can name one of each account comes first, and of equals whom it allows more', () => {
  const name = (i: number) => `n${i.toString().padStart(3, '0')}`
  const crowd = Array.from({ length: MAX_ROSTER }, (_, i) => `${name(i)}:CROWD1`)
  const others = Array.from({ length: 10 }, (_, i) => `o${i}:${'ABCDEFGHIJ'[i]}1`)
  const state = stateOf([...crowd, ...others])
  const words = beats([...crowd, ...others].map((text) => `${text.split(':')[0]}@95+1`).join(' '))
  const allowances = [{ account: 'CROWD', units: MAX_ROSTER }]
  const roster = rosterAt(state, words, new Set(), 10, allowances)
  // More accounts than it can name, each with one node: those that are allowed more are all on it.
  const single = Array.from(
    { length: MAX_ROSTER + 20 },
    (_, i) => `${name(i)}:${'ABCDEFGHIJ'[i % 10]}${'K'.repeat(1 + Math.floor(i / 10))}1`,
  )
  const worked = single.slice(-30).map((text) => ({ account: /:([A-Z]+)/.exec(text)![1]!, units: 2 }))
  const said = beats(single.map((text) => `${text.split(':')[0]}@95+1`).join(' '))
  const named = rosterAt(stateOf(single), said, new Set(), 10, worked).map(({ account }) => account)
  expect(named).toHaveLength(MAX_ROSTER)
  expect(worked.every(({ account }) => named.includes(account))).toBe(true)
  expect(roster).toHaveLength(MAX_ROSTER)
  expect(roster.filter(({ account }) => account !== 'CROWD')).toHaveLength(10)
  expect(roster.map(({ node }) => node)).toEqual(roster.map(({ node }) => node).sort())
})
