/** Whose turn it is to seal, and which draw comes first for an epoch, by cases. */
import { describe, expect, test } from 'bun:test'
import * as dagCbor from '@ipld/dag-cbor'
import { cidOf } from '../../../../orbit/rules/base/cid.ts'
import type { Statement } from '../../../../orbit/rules/base/statement.ts'
import { accountAt, asOf, dealtDraw, inPrecedence, mayStand } from '../../../../orbit/rules/deal/canonical-draws.ts'
import { equivocationsIn, mayStepIn, turnOf, turnRound } from '../../../../orbit/rules/deal/coordinators.ts'
import {
  accountsOn,
  isWitnessed,
  witnessesIn,
  witnessesNeeded,
  witnessesOf,
} from '../../../../orbit/rules/deal/witness.ts'
import type { DrawBody, HeartbeatBody } from '../../../../orbit/rules/message/bodies.ts'
import { assignmentOf, genesisOf } from '../literals.ts'

const sealedBy = (signer: string, epoch: number) => ({ signer, body: { epoch } })

/** In epoch e the coordinators come in their order, rotated by e. */
test.each([
  ['ABC', 0, '012'],
  ['ABC', 1, '201'],
  ['ABC', 2, '120'],
  ['ABC', 3, '012'],
  ['ABC', 1_000_000, '201'],
  ['AB', 1, '10'],
  ['A', 7, '0'],
])('of %s in epoch %i the turns are %s', (coordinators, epoch, turns) => {
  expect([...coordinators].map((signer) => turnOf([...coordinators], sealedBy(signer, epoch))).join('')).toBe(turns)
})

/** Epochs of 10 rounds, a lead of 10, three coordinators: a step of 3. In epoch 3 the turns are A, B, C. */
const genesis = genesisOf({ coordinators: [...'ABC'] })

test.each([
  ['A', 20],
  ['B', 23],
  ['C', 26],
])('%s may seal the draw of epoch 3 from round %i on, until R(3) = 30', (coordinator, first) => {
  expect(turnRound(genesis, sealedBy(coordinator, 3))).toBe(first)
  const rounds = [first - 1, first, first + 1, 29, 30, 31]
  const may = rounds.map((round) => mayStepIn(genesis, coordinator, 3, round))
  expect(may).toEqual([false, true, true, true, false, false])
})

test('nobody else may, and who comes after eight turns has none', () => {
  expect(mayStepIn(genesis, 'Z', 3, 25)).toBe(false)
  const many = genesisOf({ coordinators: [...'ABCDEFGHIJKL'], epoch: { rounds: 12, perDatabase: 1 } })
  // A step of a round: the twelfth's turn would be in the last round but none is left for a thirteenth.
  expect([...'AHL'].map((signer) => turnRound(many, sealedBy(signer, 12)))).toEqual([132, 139, 143])
  const short = genesisOf({ coordinators: [...'ABCD'], epoch: { rounds: 3, perDatabase: 1 } })
  const last = [...'ABCD'].map((signer) => [9, 10, 11].some((round) => mayStepIn(short, signer, 4, round)))
  expect(last).toEqual([true, true, true, false])
})

/** "Aabc": sealed by A, with the nodes a, b and c on its roster, each its account's own. */
function drawOf(text: string, epoch = 3, note = 0): Statement<DrawBody> {
  const roster = [...text.slice(1)].map((node) => ({ node, account: node, capacity: 1 }))
  const body = { epoch, roster, note } as unknown as DrawBody
  return { body, signer: text[0]!, bytes: dagCbor.encode([text, epoch, note]) }
}

/** These nodes witness a draw. */
const saidBy = (nodes: string) =>
  new Map(
    [...nodes].map((node): [string, Statement<HeartbeatBody>] => {
      return [node, { body: { round: 0 } as HeartbeatBody, signer: node, bytes: new Uint8Array() }]
    }),
  )

/** More than half of the accounts on the roster, each by a node that is on it. */
test.each([
  ['Aa', '', 1, false],
  ['Aa', 'a', 1, true],
  ['Aab', 'a', 2, false],
  ['Aab', 'ab', 2, true],
  ['Aabc', 'a', 2, false],
  ['Aabc', 'ab', 2, true],
  ['Aabcd', 'ab', 3, false],
  ['Aabcd', 'abc', 3, true],
  ['Aabcd', 'abxyz', 3, false],
])('%s witnessed by %s, of %i that it needs: %p', (text, nodes, needed, stands) => {
  const { body } = drawOf(text)
  expect(witnessesNeeded(body)).toBe(needed)
  expect(isWitnessed(body, saidBy(nodes))).toBe(stands)
})

/** "a@5": a heartbeat of a at round 5 that witnesses the draw; of several of a node the earliest stands for it. */
test.each([
  ['a@5', 'ab', 'a5'],
  ['a@5 a@6', 'ab', 'a5'],
  ['a@6 a@5', 'ab', 'a5'],
  ['a@5 b@4', 'ab', 'a5 b4'],
  ['a@5 z@1', 'ab', 'a5'],
])('of %s, of nodes %s that are registered: %s', (text, nodes, expected) => {
  const heartbeats = text.split(' ').map((word, i): Statement<HeartbeatBody> => {
    const [signer, round] = word.split('@') as [string, string]
    const body = { round: Number(round), witnessed: [{ epoch: 3, draw: 'x' }] } as HeartbeatBody
    return { body, signer, bytes: Uint8Array.of(i) }
  })
  const found = [...(witnessesIn(heartbeats, new Set(nodes)).get('x') ?? [])]
  expect(found.map(([node, { body }]) => `${node}${body.round}`).join(' ')).toBe(expected)
})

test('of two heartbeats for one round that of the lower bytes stands', () => {
  const beat = (byte: number): Statement<HeartbeatBody> => {
    const body = { round: 5, witnessed: [{ epoch: 3, draw: 'x' }] } as unknown as HeartbeatBody
    return { body, signer: 'a', bytes: Uint8Array.of(byte) }
  }
  for (const pair of [
    [beat(1), beat(2)],
    [beat(2), beat(1)],
  ]) {
    expect(witnessesIn(pair, new Set('a')).get('x')!.get('a')!.bytes[0]).toBe(1)
  }
})

/** "A3 A3": two draws that A sealed for epoch 3. By coordinator, the first epoch of which there are two. */
test.each([
  ['A3', ''],
  ['A3 B3', ''],
  ['A3 A4', ''],
  ['A3 A3', 'A3'],
  ['A4 A4 A3 A3', 'A3'],
  ['A3 A3 A4 A4', 'A3'],
  ['A3 A3 B2 B2', 'A3 B2'],
])('draws %s expose %s', (text, exposed) => {
  const statements = text.split(' ').map((word, i) => drawOf(`${word[0]}ab`, Number(word.slice(1)), i))
  const found = [...equivocationsIn(statements).values()]
  expect(
    found
      .map(({ coordinator, epoch }) => `${coordinator}${epoch}`)
      .sort()
      .join(' '),
  ).toBe(exposed)
  expect(equivocationsIn([statements[0]!, statements[0]!]).size).toBe(0)
})

test('of three draws for one epoch the two of the lowest bytes are the proof, whichever came first', () => {
  const three = [0, 1, 2].map((note) => drawOf('Aab', 3, note))
  const [low, middle] = three
  for (const order of [three, three.toReversed()]) {
    expect(equivocationsIn(order).get('A')!.proof).toEqual([low!.bytes, middle!.bytes])
  }
})

test('two nodes of one account are one witness: the earlier, and of equals the lower', () => {
  const roster = ['a1', 'a2', 'b'].map((node) => ({ node, account: node[0]!, capacity: 1 }))
  const body = { roster } as unknown as DrawBody
  const at = (rounds: Record<string, number>) =>
    new Map(
      Object.entries(rounds).map(([node, round]): [string, Statement<HeartbeatBody>] => {
        return [node, { body: { round } as HeartbeatBody, signer: node, bytes: new Uint8Array() }]
      }),
    )
  expect(accountsOn(body)).toBe(2)
  const witnesses = (rounds: Record<string, number>) => witnessesOf(body, at(rounds)).map(({ signer }) => signer)
  expect(witnesses({ a1: 5, a2: 5 })).toEqual(['a1'])
  expect(witnesses({ a1: 6, a2: 5 })).toEqual(['a2'])
  expect(witnesses({ a1: 5, a2: 6, b: 9 })).toEqual(['a1', 'b'])
  expect(isWitnessed(body, at({ a1: 5, a2: 5 }))).toBe(false)
})

/** Turns in epoch 3: A, B, C. Each draw with those who witness it; exposed: who sealed two, and since which epoch. */
describe.each([
  { name: 'the one', draws: [['Aab', '']], first: 'Aab' },
  {
    name: 'the earlier turn',
    draws: [
      ['Bab', ''],
      ['Aab', ''],
    ],
    first: 'Aab',
  },
  {
    name: 'witnessed before the earlier turn',
    draws: [
      ['Aab', ''],
      ['Bab', 'ab'],
    ],
    first: 'Bab',
  },
  {
    name: 'not witnessed by enough',
    draws: [
      ['Aab', ''],
      ['Bab', 'b'],
    ],
    first: 'Aab',
  },
  {
    name: 'the larger roster of witnessed ones',
    draws: [
      ['Aa', 'a'],
      ['Babc', 'ab'],
    ],
    first: 'Babc',
  },
  {
    name: 'not the larger roster of others',
    draws: [
      ['Aa', ''],
      ['Babc', ''],
    ],
    first: 'Aa',
  },
  {
    name: 'of rosters of equal size the earlier turn',
    draws: [
      ['Bab', 'ab'],
      ['Acd', 'cd'],
    ],
    first: 'Acd',
  },
  {
    name: 'not one with a node that is not registered',
    draws: [
      ['Aaz', 'az'],
      ['Bab', ''],
    ],
    first: 'Bab',
  },
  {
    name: 'not one of an exposed coordinator',
    draws: [
      ['Aab', ''],
      ['Bab', ''],
    ],
    exposed: { A: 3 },
    first: 'Bab',
  },
  {
    name: 'but one that is witnessed',
    draws: [
      ['Aab', 'ab'],
      ['Bab', ''],
    ],
    exposed: { A: 1 },
    first: 'Aab',
  },
  {
    name: 'and one from before that',
    draws: [
      ['Aab', ''],
      ['Bab', ''],
    ],
    exposed: { A: 4 },
    first: 'Aab',
  },
  { name: 'none', draws: [['Aab', '']], exposed: { A: 3 }, first: undefined },
] as { name: string; draws: [string, string][]; exposed?: Record<string, number>; first: string | undefined }[])(
  'first comes $name',
  ({ draws, exposed = {}, first }) => {
    test(`of ${draws.map(([text]) => text).join(' and ')}: ${first ?? 'nobody'}`, () => {
      const statements = draws.map(([text]) => drawOf(text))
      const witnesses = new Map(
        statements.map(({ bytes }, i) => [cidOf(bytes).toString(), saidBy(draws[i]![1])] as const),
      )
      const registered = new Map([...'abcd'].map((node) => [node, new Map([[node, {} as never]])]))
      const equivocations = new Map(Object.entries(exposed).map(([signer, epoch]) => [signer, { epoch }]))
      const order = (list: typeof statements) =>
        inPrecedence(genesis, list, witnesses, registered, equivocations).map(({ draw }) => draw)
      const winner = first === undefined ? undefined : statements[draws.findIndex(([text]) => text === first)]
      expect(order(statements)[0]).toBe(winner)
      expect(order(statements.toReversed())).toEqual(order(statements))
    })
  },
)

test('of two by one coordinator, that of the lower bytes', () => {
  const [low, high] = [drawOf('Aab', 3, 1), drawOf('Aab', 3, 2)]
  const registered = new Map([...'ab'].map((node) => [node, new Map([[node, {} as never]])]))
  const order = inPrecedence(genesis, [high, low], new Map(), registered, new Map())
  expect(order.map(({ draw }) => draw)).toEqual([low, high])
})

test('a dealt draw knows the keys of its units, how many seats each node has, and whose the nodes are', () => {
  const assignments = ['abc', 'bcd'].map((quorum, unit) =>
    assignmentOf({ quorum: [...quorum], unit, reserve: [...'ef'] }),
  )
  const { keys, seats, owners } = dealtDraw(drawOf('Aabcd', 2), new Uint8Array(), assignments)
  expect(keys).toEqual(['2/1/0', '2/1/1'])
  expect([...seats].map((pair) => pair.join('')).join(' ')).toBe('a1 b2 c2 d1')
  expect(owners.get('d')).toBe('d')
  const dealt = new Map([2, 5].map((epoch) => [epoch, dealtDraw(drawOf('Aab', epoch), new Uint8Array(), [])]))
  expect(asOf(genesis, dealt)).toBe(50)
  expect(asOf(genesis, new Map())).toBe(0)
  const nodes = new Map([
    ['a', { account: 'now' }],
    ['z', { account: 'zed' }],
  ])
  expect(['a', 'z', 'y'].map((node) => accountAt({ draws: dealt, nodes }, 2, node))).toEqual(['a', 'zed', undefined])
  expect(accountAt({ draws: dealt, nodes }, 9, 'a')).toBe('now')
})

/** Until R(3) + 60 = 90 witnesses of the draw of epoch 3 may still speak. */
test.each([
  [false, 89, true],
  [false, 90, true],
  [false, 91, false],
  [true, 91, true],
])('witnessed: %p, at round %i: may stand: %p', (isKnown, round, may) => {
  const dealt = { draw: drawOf('Aab'), cid: 'x' } as never
  expect(mayStand({ genesis, witnessed: new Set(isKnown ? ['x'] : []) }, dealt, round)).toBe(may)
})
