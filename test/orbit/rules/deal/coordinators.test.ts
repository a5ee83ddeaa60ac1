/** A coordinator that seals twice is exposed by its own signatures; one that is silent is stepped in for. */
import { expect, test } from 'bun:test'
import { cidOf } from '../../../../orbit/rules/base/cid.ts'
import { RuleError, sign } from '../../../../orbit/rules/base/statement.ts'
import { checkEquivocation, mayStepIn, turnOf } from '../../../../orbit/rules/deal/coordinators.ts'
import type { DrawBody } from '../../../../orbit/rules/message/bodies.ts'
import { miniature } from '../miniature.ts'
import { Party } from '../party.ts'

function twice() {
  const network = miniature()
  const first = network.draw(4, 2)
  const second: DrawBody = { ...first, pool: [{ span: 0, heads: ['zdpuAnother'] }] }
  return { network, first, second, bytes: [first, second].map((draw) => sign(draw, network.nodeSecret).bytes) }
}

test('two draws for one epoch: neither stands unless it was witnessed, and the proof needs nothing else', () => {
  const { network, first, bytes } = twice()
  network.documents.draws.push({ statement: bytes[1] })
  expect(network.state().draws.get(first.epoch)?.draw.bytes).toEqual(bytes[0]!)
  network.documents.pool.length = 0
  const { draws, equivocations } = network.state()
  expect(draws.has(first.epoch)).toBe(false)
  expect(equivocations).toHaveLength(1)
  const found = checkEquivocation(network.genesis, equivocations[0]!.proof)
  expect(found).toEqual({ coordinator: network.node, epoch: first.epoch, proof: equivocations[0]!.proof })
})

test('the verdict does not depend on which draw came first, nor on copies', () => {
  const { network, bytes } = twice()
  network.documents.draws.push({ statement: bytes[1] })
  const forwards = network.state().equivocations
  network.documents.draws.reverse()
  network.documents.draws.push({ statement: bytes[1]!.slice() })
  expect(network.state().equivocations).toEqual(forwards)
})

test('later draws of an exposed coordinator stand only if they were witnessed, earlier ones do', () => {
  const { network, first, bytes } = twice()
  const later = network.draw(10, 4)
  network.documents.draws.push({ statement: bytes[1] })
  expect([...network.state().draws.keys()]).toEqual([first.epoch, later.epoch])
  network.documents.pool.length = 0
  expect([...network.state().draws.keys()]).toEqual([])

  const other = miniature()
  const early = other.draw(4, 2)
  const late = other.draw(10, 4)
  other.documents.draws.push({ statement: sign({ ...late, pool: [] }, other.nodeSecret).bytes })
  other.documents.pool.length = 0
  expect([...other.state().draws.keys()]).toEqual([early.epoch])
})

test('a draw sealed afterwards by the one whose turn it was takes nothing from the draw that was witnessed', () => {
  const party = new Party({ accounts: 4 })
  const coordinators = party.members.slice(0, 2).map(({ node }) => node)
  const two = new Party({ accounts: 4, changes: { coordinators } })
  const secretOf = (node: string) => two.member(node).nodeSecret
  for (const epoch of [2, 3]) {
    two.seal(epoch, 4)
    const { draw } = two.state().draws.get(epoch)!
    // Party's draws are the first one's; in one of two epochs the turn is the second's.
    const late = sign({ ...draw.body, offers: [{ ...draw.body.offers[0]!, to: 1 }] }, secretOf(coordinators[1]!))
    two.documents.draws.push({ statement: late.bytes })
    expect(two.state().draws.get(epoch)!.draw.bytes).toEqual(draw.bytes)
    // Nor does one with a roster of its own people, who all say that they had it in time.
    const own = two.members.slice(0, 2).map(({ node, account }) => ({ node, account, capacity: 4 }))
    const roster = own.sort((a, b) => (a.node < b.node ? -1 : 1))
    const small = sign({ ...draw.body, roster }, secretOf(coordinators[1]!))
    two.documents.draws.push({ statement: small.bytes })
    const witnessed = [{ epoch, draw: cidOf(small.bytes).toString() }]
    for (const { node } of own) two.beat(node, epoch * 3, { witnessed })
    expect(two.state().draws.get(epoch)!.draw.bytes).toEqual(draw.bytes)
  }
})

test('a draw sealed for an epoch far ahead holds nothing up', () => {
  const network = miniature()
  const first = network.draw(4, 2)
  const ahead = sign({ ...first, epoch: 1_000_000 }, network.nodeSecret)
  network.documents.draws.push({ statement: ahead.bytes })
  expect(network.state().sealed.has(1_000_000)).toBe(true)
  expect(network.draw(10, 4).epoch).toBeGreaterThan(first.epoch)
})

test('no proof: one draw twice, two epochs, two signers, a stranger, another network', () => {
  const { network, first, bytes } = twice()
  const [a, b] = bytes as [Uint8Array, Uint8Array]
  const by = (draw: DrawBody, secret = network.nodeSecret) => sign(draw, secret).bytes
  const stranger = new Uint8Array(32).fill(9)
  const proofs: [Uint8Array, Uint8Array][] = [
    [a, a.slice()],
    [a, by({ ...first, epoch: first.epoch + 1 })],
    [a, by(first, stranger)],
    [by(first, stranger), by({ ...first, pool: [] }, stranger)],
    [a, b.slice(0, -1)],
  ]
  for (const proof of proofs) expect(() => checkEquivocation(network.genesis, proof)).toThrow(RuleError)
  const elsewhere = miniature({ name: 'elsewhere' })
  expect(() => checkEquivocation(elsewhere.genesis, [a, b])).toThrow(RuleError)
})

test('turns go round, and the next steps in when the first is silent for its share', () => {
  const keys = ['aa', 'bb', 'cc']
  const turns = (epoch: number) => keys.map((signer) => turnOf(keys, { signer, body: { epoch } }))
  expect([0, 1, 2, 3].map(turns)).toEqual([
    [0, 1, 2],
    [2, 0, 1],
    [1, 2, 0],
    [0, 1, 2],
  ])
  const coordinators = ['1', '2', '3'].map((c) => c.repeat(64))
  const { genesis } = miniature({ coordinators, epoch: { rounds: 30, perDatabase: 10 } })
  // R(4) is round 120; epoch 3 begins at 90. The turn of epoch 4 is the second's, then the third's, then the first's.
  const allowed = (round: number) => coordinators.map((c) => mayStepIn(genesis, c, 4, round))
  expect(allowed(90)).toEqual([false, true, false])
  expect(allowed(100)).toEqual([false, true, true])
  expect(allowed(110)).toEqual([true, true, true])
  expect(mayStepIn(genesis, '9'.repeat(64), 4, 110)).toBe(false)
})
