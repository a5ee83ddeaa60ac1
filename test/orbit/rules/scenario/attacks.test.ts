/** Ways to get a lie certified, to void what is honest, or to make nodes disagree, and what becomes of them. */

import { expect, setDefaultTimeout, test } from 'bun:test'
import * as dagJson from '@ipld/dag-json'
import { CID } from 'multiformats/cid'
import { cpuEngine } from '../../../../kernels/cpu.ts'
import { encodeLeaf } from '../../../../kernels/result.ts'
import { FactFinder } from '../../../../orbit/node/replica/knowledge.ts'
import { openItem } from '../../../../orbit/rules/answer/results.ts'
import { cidOf } from '../../../../orbit/rules/base/cid.ts'
import { open, publicKeyOf, sign } from '../../../../orbit/rules/base/statement.ts'
import type { CertificateFile } from '../../../../orbit/rules/certificate/format.ts'
import { readCertificate, settledBy } from '../../../../orbit/rules/certificate/read.ts'
import { writeCertificate } from '../../../../orbit/rules/certificate/write.ts'
import { trustedAt } from '../../../../orbit/rules/draw/seal.ts'
import { type DrawBody, drawBody, registrationBody } from '../../../../orbit/rules/message/bodies.ts'
import type { Assignment } from '../../../../orbit/rules/message/unit.ts'
import { deadlineRound, lastRound } from '../../../../orbit/rules/network/schedule.ts'
import { missBalance } from '../../../../orbit/rules/state/misses.ts'
import { verify } from '../../../verifier/standalone/certificate.mjs'
import { Party } from '../party.ts'

setDefaultTimeout(2_400_000)

const window = 1n << 43n
type Three = [string, string, string]

/** Two of the quorum and one of the reserve agree on a lie, and the honest third shows the truth. */
function leftOut(round: number) {
  const party = new Party({ accounts: 20 })
  const [unit] = party.deal(2, 1) as [Assignment]
  const [honest, ...liars] = unit.quorum as Three
  const gang = [...liars, unit.reserve[0]!]
  party.answer(unit, gang, [1, 1, 1], round)
  party.answer(unit, [honest])
  return { party, unit, gang }
}

test('an honest result holds up the lie of three others, and the leaf where they part convicts them', () => {
  const { party, unit, gang } = leftOut(deadlineRound(new Party({ accounts: 3 }).genesis, 2))
  const disputed = party.settlement(unit)!
  expect([disputed.status, disputed.wants.truths.map(({ leaf }) => leaf)]).toEqual(['disputed', [2]])
  party.learn(unit, 2)
  const state = party.state()
  expect(state.windows.get(unit.window)!.certified.size).toBe(0)
  expect(state.convictions.map(({ node }) => node).sort()).toEqual([...gang].sort())
})

test('a file that leaves an honest result out holds, and both verifiers say where somebody is missing', () => {
  const party = new Party({ accounts: 20, partition: { units: 1 }, real: true })
  const [unit] = party.deal(2, 1) as [Assignment]
  const [honest, ...liars] = unit.quorum as Three
  const gang = [...liars, unit.reserve[0]!]
  party.answer(unit, gang, [1, 1, 1], deadlineRound(party.genesis, 2))
  const file = writeCertificate(party.state(), unit.window, party.sources)
  expect(readCertificate(file).units.get(0)!.silent).toEqual([honest])
  expect(verify(file).units.flatMap(({ unit, isSilent }) => (isSilent ? [unit] : []))).toEqual([0])
})

test('nobody who was not called gives a seat away', () => {
  const party = new Party({ accounts: 20 })
  const [unit] = party.deal(2, 1) as [Assignment]
  party.decline(unit.reserve[5]!, unit)
  party.answer(unit, [...unit.quorum.slice(0, 2), unit.reserve[0]!])
  expect(party.settlement(unit)!.refused.get(unit.reserve[0]!)).toBe('not-assigned')
  party.decline(unit.quorum[2]!, unit)
  expect(party.settlement(unit)!.status).toBe('certified')
})

test('who takes a seat late, and lies, convicts himself and holds nothing up', () => {
  const party = new Party({ accounts: 20 })
  const [unit] = party.deal(2, 1) as [Assignment]
  party.answer(unit, unit.quorum)
  const spoiler = unit.reserve[0]!
  party.answer(unit, [spoiler], [1], deadlineRound(party.genesis, 2))
  party.learn(unit, 2)
  const state = party.state()
  expect(state.windows.get(unit.window)!.certified.size).toBe(1)
  expect(state.convictions.map(({ node }) => node)).toEqual([spoiler])
})

test('after the last round nobody takes a seat, and nobody loses what is his', () => {
  const party = new Party({ accounts: 20 })
  const [unit] = party.deal(2, 1) as [Assignment]
  const [a, b, c] = unit.quorum as Three
  const [replacement, late] = [unit.reserve[0]!, unit.reserve[4]!]
  party.answer(unit, [a, b, replacement], [], deadlineRound(party.genesis, 2))
  const unitsOf = (node: string) =>
    party.state().accounts.find(({ account }) => account === party.member(node).account)!.units
  expect([a, b, replacement].map(unitsOf)).toEqual([1, 1, 1])
  const over = lastRound(party.genesis, 2)
  for (const round of [over + 1, over + 300]) {
    party.answer(unit, [c, late], [], round)
    expect([a, b, replacement].map(unitsOf)).toEqual([1, 1, 1])
  }
})

test('a result that is not what was certified is no work done, though its leaves are hidden', () => {
  const party = new Party({ accounts: 20 })
  const units = party.deal(2, 4)
  const liar = units[0]!.quorum[0]!
  let lies = 0
  for (const unit of units) {
    if (!unit.quorum.includes(liar)) {
      party.answer(unit, unit.quorum)
      continue
    }
    lies++
    party.show(liar, [party.result(unit, party.claim(unit, 7), false)], 8)
    party.answer(
      unit,
      unit.quorum.filter((node) => node !== liar),
    )
    party.answer(unit, unit.reserve.slice(0, 1), [], deadlineRound(party.genesis, 2))
  }
  const state = party.state()
  expect(state.windows.get(window)!.certified.size).toBe(4)
  expect(missBalance(state, 9).get(party.member(liar).account)).toBe(lies)
})

test('a trusted account that shows a lie and hides its leaves is not trusted on', () => {
  const trust = { verified: 1, trusted: 1, elite: 100, idleRounds: 1000 }
  const party = new Party({ accounts: 8, changes: { trust, audit: { leaves: 2, auditors: 2, adaptive: true } } })
  party.answerAll(party.deal(2, 8))
  const before = trustedAt(party.state())
  expect(before.length).toBeGreaterThan(3)
  const [unit] = party.deal(4, 1, { from: 8, trusted: before }) as [Assignment]
  const [one] = unit.quorum as Three
  party.show(one, [party.result(unit, party.claim(unit, 1), false)], 12)
  expect(trustedAt(party.state())).toEqual(before)
  // The audit does not certify it, so the others are called.
  const called = unit.reserve.slice(0, 3)
  party.answer(unit, called, [], deadlineRound(party.genesis, 4))
  party.learn(unit, 2)
  const state = party.state()
  const { status, results } = party.settlement(unit)!
  expect([status, state.convictions.length, results.map(({ node }) => node)]).toEqual(['certified', 0, called])
  expect(trustedAt(state)).not.toContain(party.member(one).account)
  expect(missBalance(state, 13).get(party.member(one).account)).toBe(1)
})

test('a claim about a leaf that is none keeps nobody from looking into the others', async () => {
  const party = new Party({ accounts: 20 })
  const [unit, lied] = party.deal(2, 2) as [Assignment, Assignment]
  party.answer(unit, unit.quorum)
  party.answer(lied, lied.quorum, [1, 1, 1])
  const seated = [...unit.quorum, ...lied.quorum]
  const [troll, honest] = party.members.map(({ node }) => node).filter((node) => !seated.includes(node)) as Three
  party.audit(troll, [[2, `${unit.window}`, unit.unit, 60000, new Uint8Array(64)]])
  party.audit(honest, [[2, `${lied.window}`, lied.unit, 2, encodeLeaf(party.claim(lied)[2]!)]])
  const state = party.state()
  expect(state.wants.truths.map(({ unit: of, leaf }) => [of, leaf])).toEqual([[lied.unit, 2]])
  const kv = { put: async () => {}, entries: async () => [] }
  const learning = new FactFinder({
    ...{ genesis: party.genesis, node: { blocks: { here: () => undefined }, kv } as never, learned: () => {} },
    ...{ openEngine: () => cpuEngine(party.genesis.partition, 1), signal: new AbortController().signal },
  })
  expect(await learning.learn(state)).toBe(true)
  expect(learning.truth({ window, unit: lied.unit, leaf: 2 })).toHaveLength(64)
})

test('leaves have one name: a block that a result names by another codec, or with stray bits, is refused', () => {
  const party = new Party({ accounts: 12 })
  const [unit] = party.deal(2, 1) as [Assignment]
  const result = party.result(unit, party.claim(unit))
  const good = openItem(result.item)
  const admitted = (leaves: string): string | null => {
    const { item } = party.changed(result, { leaves })
    try {
      return openItem(item).leaves === leaves ? null : 'another'
    } catch (error) {
      return (error as Error).message
    }
  }
  expect(admitted(good.leaves)).toBeNull()
  const { multihash } = CID.parse(good.leaves)
  expect(admitted(CID.createV1(0x71, multihash).toString())).toContain('must be the CID of a raw block')
  const digits = 'abcdefghijklmnopqrstuvwxyz234567'
  const stray = good.leaves.slice(0, -1) + digits[digits.indexOf(good.leaves.at(-1)!) + 1]
  expect(admitted(stray)).toContain('must be the CID of a raw block')
})

test('a leaf that can not be computed keeps nobody from learning the others', async () => {
  const party = new Party({ accounts: 3 })
  const kv = { put: async () => {}, entries: async () => [] }
  const learning = new FactFinder({
    ...{ genesis: party.genesis, node: { blocks: { here: () => undefined }, kv } as never, learned: () => {} },
    ...{ openEngine: () => cpuEngine(party.genesis.partition, 1), signal: new AbortController().signal },
  })
  const leafOf = (leaf: number) => ({ window, unit: 0, leaf, claimants: null })
  const wanting = { wants: { blocks: [], leaves: [], judgements: [], truths: [leafOf(60_000), leafOf(1)] } } as never
  expect(await learning.learn(wanting)).toBe(true)
  expect(learning.truth(leafOf(1))).toHaveLength(64)
  // What failed waits, so the next look at it finds nothing new.
  expect(await learning.learn(wanting)).toBe(false)
})

test('a draw for a past epoch, witnessed by the few on its own roster, takes the place of none', () => {
  const party = new Party({ accounts: 20 })
  const [unit] = party.deal(2, 1) as [Assignment]
  party.answer(unit, unit.quorum)
  const gang = party.members.slice(0, 3)
  const roster = gang.map(({ node, account }) => ({ node, account, capacity: 1 }))
  roster.sort((a, b) => (a.node < b.node ? -1 : 1))
  const honest = (party.documents.draws[0] as { statement: Uint8Array }).statement
  const { body } = open(honest, drawBody, 'the draw')
  // Ground until it comes first among equals.
  let forged: Uint8Array
  let nonce = 0
  do {
    const draw: DrawBody = { ...body, roster, pool: [{ span: 0, heads: [`x${nonce++}`] }] }
    forged = sign(draw, gang[0]!.nodeSecret).bytes
  } while (Buffer.compare(forged, honest) >= 0)
  party.documents.draws.push({ statement: forged })
  for (const { node } of gang) party.beat(node, 6, { witnessed: [{ epoch: 2, draw: cidOf(forged).toString() }] })
  const state = party.state()
  expect(state.equivocations).toHaveLength(1)
  expect(state.draws.get(2)!.cid).toBe(cidOf(honest).toString())
  expect(state.windows.get(window)!.certified.size).toBe(1)
})

test('two heartbeats that a node signed for one round count alike whatever came first', () => {
  const party = new Party({ accounts: 20 })
  party.answerAll(party.deal(2, 4))
  const { cid } = party.state().draws.get(2)!
  for (const { node } of party.members) party.beat(node, 6, { capacity: 9, witnessed: [{ epoch: 2, draw: cid }] })
  const written = () => Buffer.from(writeCertificate(party.state(), window, party.sources)).toString()
  const [certificate, heartbeats] = [written(), party.state().heartbeats]
  party.documents.pool.reverse()
  expect(written()).toBe(certificate)
  expect(party.state().heartbeats).toEqual(heartbeats)
})

test('a node that lets another account take it for its own shifts no blame, and undoes no witness and no certificate', () => {
  const party = new Party({ accounts: 5 })
  const units = party.deal(2, 4)
  const [lied, ...rest] = units as [Assignment, ...Assignment[]]
  const [liar] = lied.quorum as Three
  party.answerAll(rest)
  party.answer(lied, lied.quorum, [1, 0, 0])
  party.answer(lied, lied.reserve.slice(0, 2), [0, 0], 20)
  party.learn(lied, 2)
  const convictedIn = () => party.state().convictions.map(({ account }) => account)
  const written = () => Buffer.from(writeCertificate(party.state(), window, party.sources)).toString()
  const certificate = written()
  expect(convictedIn()).toEqual([party.member(liar).account])

  // To an account of a lower key, and with the same old round, so that it comes first.
  const accountOf = new Map(party.members.map(({ node, account }) => [node, account]))
  const convicted = accountOf.get(liar)!
  for (const [node, account] of accountOf) {
    let secret: Uint8Array
    do secret = crypto.getRandomValues(new Uint8Array(32))
    while (publicKeyOf(secret) >= account)
    party.move(node, secret)
  }
  const state = party.state()
  for (const [node, account] of accountOf) expect(state.nodes.get(node)!.account).not.toBe(account)
  expect(convictedIn()).toEqual([convicted])
  expect(state.windows.get(window)!.complete).toBe(true)
  expect(written()).toBe(certificate)
  expect(readCertificate(Buffer.from(certificate)).units.size).toBe(4)
})

test('a node that changes hands between two draws of a window does not keep its certificate from being written', () => {
  const party = new Party({ accounts: 5, partition: { units: 4 }, real: true })
  const [lied, honest] = party.deal(2, 2) as [Assignment, Assignment]
  const [liar] = lied.quorum as Three
  party.answer(lied, lied.quorum, [1, 0, 0])
  party.answer(lied, lied.reserve.slice(0, 2), [0, 0], 20)
  party.learn(lied, 2)
  party.answerAll([honest])
  const before = party.member(liar).account
  for (const { node } of [...party.members]) party.move(node, crypto.getRandomValues(new Uint8Array(32)))
  party.answerAll(party.deal(40, 2, { from: 2 }))
  const file = writeCertificate(party.state(), lied.window, party.sources)
  const read = readCertificate(file)
  expect(read.units.size).toBe(4)
  expect(read.units.get(lied.unit)!.wrong.map(({ account }) => account)).toEqual([before])
  expect(read.units.get(lied.unit)!.accounts.some((account) => party.members.some((m) => m.account === account))).toBe(
    false,
  )
  expect(read.units.get(3)!.accounts.every((account) => party.members.some((m) => m.account === account))).toBe(true)
  expect(settledBy(read).credits.get(before)?.units ?? 0).toBe(honest.quorum.includes(liar) ? 1 : 0)
  expect(verify(file).units).toHaveLength(4)
  // A registration that nothing rests on is refused, also of a node that is in it.
  party.move(liar, crypto.getRandomValues(new Uint8Array(32)))
  const content = dagJson.decode<CertificateFile>(file)
  const key = ({ registration }: { registration: Uint8Array }) => {
    const { node, account } = open(registration, registrationBody, 'it').body
    return `${node} ${account}`
  }
  const registrations = [...content.registrations, party.registration(liar)].sort((a, b) => (key(a) < key(b) ? -1 : 1))
  const padded = dagJson.encode({ ...content, registrations })
  expect(() => readCertificate(padded)).toThrow('registrations that nothing rests on')
  expect(() => verify(padded)).toThrow()
  for (let i = 0; i < content.registrations.length; i++) {
    const lacking = dagJson.encode({ ...content, registrations: content.registrations.toSpliced(i, 1) })
    expect(() => readCertificate(lacking)).toThrow()
    expect(() => verify(lacking)).toThrow()
  }
})
