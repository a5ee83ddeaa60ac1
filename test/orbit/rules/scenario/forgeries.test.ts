/**
 * Nobody's record is touched by what others sign: 10,000 messages in a victim's name are refused one and all, and what
 * strangers may say in their own name about his units changes nothing of his.
 */
import { expect, setDefaultTimeout, test } from 'bun:test'
import * as dagCbor from '@ipld/dag-cbor'
import { sha256 } from '@noble/hashes/sha2.js'
import { publicKeyOf, sign } from '../../../../orbit/rules/base/statement.ts'
import { admit } from '../../../../orbit/rules/message/admit.ts'
import type { AuditBody } from '../../../../orbit/rules/message/bodies.ts'
import { documentKey } from '../../../../orbit/rules/message/documents.ts'
import type { Assignment } from '../../../../orbit/rules/message/unit.ts'
import { type State, stateOf } from '../../../../orbit/rules/state/state.ts'
import type { Member } from '../members.ts'
import { type Envelope, envelopeOf, type Fields, keyOf, type Message, messagesOf, newParty } from '../messages.ts'
import { beaconAt } from '../party.ts'
import { mutantsOf } from './mutants.ts'

setDefaultTimeout(2_400_000)

const FORGERIES = 10_000
const party = newParty()
const units = party.deal(2, 8)
party.answerAll(units)
/** Not the coordinator, and with two units, so that enough others have none of them. */
const seats = ({ node }: Member) => units.filter(({ quorum }) => quorum.includes(node)).length
const victim = party.members.slice(1).find((member) => seats(member) === 2)!
const messages = messagesOf(party, units, victim.node).filter(({ writer }) => writer === victim.node)
const theirs = units.filter(({ quorum }) => quorum.includes(victim.node))
/** Registered, and in none of the victim's quorums. */
const gang = party.members.filter(({ node }) => theirs.every(({ quorum }) => !quorum.includes(node)))
const isGang = (node: string) => gang.some((member) => member.node === node)
const keyOfUnit = ({ epoch, window, unit }: Assignment) => `${epoch}/${window}/${unit}`

/** xorshift32, so that a failure can be had again. */
let x = 2463534242
const below = (n: number): number => {
  x ^= x << 13
  x ^= x >>> 17
  x ^= x << 5
  return (x >>> 0) % n
}
const pick = <T>(items: readonly T[]): T => items[below(items.length)]!

/** All that is known of the victim, to the byte. */
function recordOf(state: State): string {
  const account = state.accounts.find((known) => known.account === victim.account)
  const certified = [...state.windows.values()].flatMap((window) => [...window.certified.values()])
  const own = certified.flatMap(({ results }) => results.filter(({ node }) => node === victim.node))
  return Buffer.from(
    dagCbor.encode({
      account,
      registration: state.nodes.get(victim.node),
      heartbeat: state.heartbeats.get(victim.node),
      convicted: state.convictions.filter(({ account: key }) => key === victim.account).length,
      results: own.map(({ bytes }) => bytes),
      statuses: theirs.map((unit) => state.settlements.get(keyOfUnit(unit))!.status),
    }),
  ).toString('base64')
}

const before = party.state()
const record = recordOf(before)

test('the victim has a record to lose', () => {
  const account = before.accounts.find((known) => known.account === victim.account)!
  expect(account.units).toBe(theirs.length)
  expect(account.level).toBe('VERIFIED')
  expect(before.refused).toEqual({})
})

const strangers: readonly Uint8Array[] = Array.from({ length: 8 }, (_, i) => sha256(Uint8Array.of(77, i)))
/** Changed so that it is no copy: a field of the body, in a form that the schema may well take. */
const varied = (body: Fields): Fields => {
  const name = pick(Object.keys(body).filter((key) => typeof body[key] === 'number'))
  return name === undefined ? body : { ...body, [name]: below(4096) }
}
const randomBytes = (length: number) => Uint8Array.from({ length }, () => below(256))

/** Ways to speak in another's name. */
const FORGERIES_OF: Record<string, (envelope: Envelope, message: Message) => unknown> = {
  'signed by a stranger': ({ body }) => dagCbor.decode(sign(varied(body), pick(strangers)).bytes),
  "a stranger's signature under the victim's key": ({ body, key }) => {
    const changed = varied(body)
    return { body: changed, key, sig: envelopeOf(sign(changed, pick(strangers)).bytes).sig }
  },
  'a signature that is noise': ({ body, key }) => ({ body: varied(body), key, sig: randomBytes(64) }),
  'a signature of nothing': ({ body, key }) => ({ body: varied(body), key, sig: new Uint8Array(64) }),
  "the victim's signature of something else": ({ body, key }, message) => {
    const other = pick(messages.filter((m) => m !== message))
    const { sig } = envelopeOf(other.value[other.parts[0]!.at] as Uint8Array)
    return { body, key, sig }
  },
  unsigned: ({ body, key }) => ({ body: varied(body), key }),
  'the body alone': ({ body }) => varied(body),
  'signed and then changed': (envelope) => pick([...mutantsOf(envelope)]).value,
}

test(`of ${FORGERIES} messages in the victim's name, made by others, not one is let in`, () => {
  const reasons = new Map<string, number>()
  const ways = Object.entries(FORGERIES_OF)
  let letIn = 0
  for (let i = 0; i < FORGERIES; i++) {
    const message = messages[i % messages.length]!
    const [, forge] = ways[Math.floor(i / messages.length) % ways.length]!
    const part = pick(message.parts)
    const forged = dagCbor.encode(forge(envelopeOf(message.value[part.at] as Uint8Array), message))
    const value = { ...message.value, [part.at]: forged }
    const reason = admit(party.genesis, message.database, victim.node, keyOf(message, value), value)
    if (reason === null) letIn++
    else reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
  }
  expect(letIn).toBe(0)
  // They came as far as the signature, many of them: not all fail for their form.
  const wrong = [...reasons].filter(([reason]) => reason.includes('wrong signature'))
  expect(wrong.reduce((sum, [, n]) => sum + n, 0)).toBeGreaterThan(FORGERIES / 4)
  expect(recordOf(party.state())).toBe(record)
})

test('what is true of the victim is not let in under the name of a stranger, nor in another place', () => {
  const writer = publicKeyOf(strangers[0]!)
  for (const message of messages) {
    const keys = [keyOf(message), keyOf(message).replace(victim.node, writer)]
    for (const key of keys) expect(admit(party.genesis, message.database, writer, key, message.value)).not.toBeNull()
  }
})

/** What somebody says in his own name, put where a replica would put it, if it lets it in. */
function say(secret: Uint8Array, body: Fields): string | null {
  const writer = publicKeyOf(secret)
  const { bytes } = sign({ network: party.genesis.networkId, batch: 2, ...body }, secret)
  const key = documentKey[body.type as 'results' | 'audit'](writer, 2, bytes)
  const reason = admit(party.genesis, 'results-2', writer, key, { statement: bytes })
  if (reason === null) party.documents.results.push({ statement: bytes })
  return reason
}

test('what strangers sign about his units, and replicas let in, changes nothing of his', () => {
  const at = { round: 7, beacon: beaconAt(7) }
  const shown = messages.find(({ kind }) => kind === 'results')!
  const { size, root, block } = envelopeOf(shown.value.statement as Uint8Array).body
  const wrongClaims: AuditBody['claims'] = theirs.map(({ window, unit }) => {
    return [2, window.toString(), unit, 1, new Uint8Array(64).fill(5)]
  })
  const reasons: (string | null)[] = []
  for (const secret of [...strangers, ...gang.map(({ nodeSecret }) => nodeSecret)]) {
    // The victim's own block, shown by another.
    reasons.push(say(secret, { type: 'results', size, root, block, ...at }))
    if (strangers.includes(secret)) reasons.push(say(secret, { type: 'audit', ...at, claims: wrongClaims }))
  }
  expect(reasons.filter((reason) => reason !== null)).toEqual([])
  const state = party.state()
  expect(recordOf(state)).toBe(record)
  for (const unit of theirs) expect(state.answers.units.get(keyOfUnit(unit))!.results.size).toBeGreaterThan(6)
})

test('a gang in the reserve that declines to call itself up, and lies with one voice, is not called by that', () => {
  const lies = theirs.map((unit) => party.result(unit, party.claim(unit, 9)))
  for (const { node } of gang) party.show(node, lies, 8)
  expect(recordOf(party.state())).toBe(record)
  for (const { node } of gang) for (const unit of theirs) party.decline(node, unit)
  const state = party.state()
  for (const unit of theirs) {
    const { status, refused } = state.settlements.get(keyOfUnit(unit))!
    expect(status).toBe('certified')
    for (const { node } of gang) expect(refused.get(node)).toBe('not-assigned')
  }
  // Who showed the victim's result as his own, and then another, has contradicted himself.
  expect(state.convictions.every(({ node, kind }) => isGang(node) && kind === 'contradiction')).toBe(true)
  expect(recordOf(state)).toBe(record)
})

test('a false claim costs the auditor his account, and the victim nothing, whether anybody looks or not', () => {
  const [unit] = theirs as [Assignment]
  const auditor = units.flatMap(({ quorum }) => quorum).find((node) => !unit.quorum.includes(node) && !isGang(node))!
  const claims: AuditBody['claims'] = [[2, unit.window.toString(), unit.unit, 1, new Uint8Array(64).fill(5)]]
  party.audit(auditor, claims, 2)
  expect(recordOf(party.state())).toBe(record)
  party.learn(unit, 1)
  const state = party.state()
  expect(recordOf(state)).toBe(record)
  const claimed = state.convictions.filter(({ kind }) => kind === 'claim')
  expect(claimed.map(({ node }) => node)).toEqual([auditor])
})

test('all of it again from fresh documents, in another order, gives the same record', () => {
  const copy = (documents: readonly unknown[]) => documents.map((d) => dagCbor.decode(dagCbor.encode(d))).reverse()
  const { accounts, pool, draws, results } = party.documents
  const documents = { accounts: copy(accounts), pool: copy(pool), draws: copy(draws), results: copy(results) }
  const state = stateOf(party.genesis, party.unitsPerWindow, documents, party.knowledge)
  expect(recordOf(state)).toBe(record)
})
