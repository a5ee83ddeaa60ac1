/**
 * One message of each kind that a replica lets in, with all that lies around it: what tests take
 * apart field by field.
 */
import * as dagCbor from '@ipld/dag-cbor'
import { encodeLeaf } from '../../../kernels/result.ts'
import { sign } from '../../../orbit/rules/base/statement.ts'
import { admit } from '../../../orbit/rules/message/admit.ts'
import {
  auditBody,
  consentBody,
  declineBody,
  drawBody,
  heartbeatBody,
  registrationBody,
  resultsBody,
} from '../../../orbit/rules/message/bodies.ts'
import { documentKey } from '../../../orbit/rules/message/documents.ts'
import type { Assignment } from '../../../orbit/rules/message/unit.ts'
import { beaconAt, Party } from './party.ts'

export type Fields = Record<string, unknown>
export interface Envelope {
  readonly body: Fields
  readonly key: Uint8Array
  readonly sig: Uint8Array
}
export const envelopeOf = (bytes: Uint8Array): Envelope => dagCbor.decode(bytes)

/** A signed part of a document. */
export interface Part {
  /** The field of the document that holds it. */
  readonly at: string
  /** Whoever may sign it. */
  readonly secret: Uint8Array
  /** The fields that its schema knows. */
  readonly fields: readonly string[]
}

export interface Message {
  readonly kind: string
  readonly database: string
  readonly writer: string
  readonly value: Fields
  readonly parts: readonly Part[]
  /** The key that a document of this body asks for. */
  keyOf(body: Fields, bytes: Uint8Array): string
}

/** 12 accounts; each epoch has a database of its own; a puzzle that one nonce in 64 solves. */
/**
 * Who was dealt most, but for the coordinator: with several results there are proofs in what it
 * says.
 */
export function busiest(party: Party, units: readonly Assignment[]): string {
  const seats = (node: string) => units.filter(({ quorum }) => quorum.includes(node)).length
  const nodes = party.members.slice(1).map(({ node }) => node)
  return nodes.reduce((most, node) => (seats(node) > seats(most) ? node : most))
}

export const newParty = (): Party =>
  new Party({
    accounts: 12,
    changes: {
      epoch: { rounds: 3, perDatabase: 1 },
      registration: { N: 2, r: 1, p: 1, tries: 64 },
      trust: { verified: 1, trusted: 3, elite: 1000, idleRounds: 1_000_000 },
    },
  })

/**
 * The key that its content asks for; that of the message itself where the content is beyond
 * reading.
 */
export function keyOf(message: Message, value: Fields = message.value): string {
  const [part] = message.parts
  if (!part) return message.keyOf(value, new Uint8Array())
  const bytes = value[part.at] as Uint8Array
  const body = envelopeOf(bytes)?.body
  return body && typeof body === 'object' ? message.keyOf(body, bytes) : keyOf(message)
}

/** @returns null when it is let in, else why not */
export const judge = ({ genesis }: Pick<Party, 'genesis'>, message: Message, value: unknown, key: string) =>
  admit(genesis, message.database, message.writer, key, value)

/** The document with a body in place of one of its own, signed by whoever signed that. */
export const resigned = ({ value }: Message, { at, secret }: Part, body: unknown): Fields => ({
  ...value,
  [at]: sign(body, secret).bytes,
})

/**
 * The messages that a node is the writer of. Everybody has answered the units dealt in epoch 2.
 *
 * @param coordinator whose draw it is
 */
export function messagesOf(party: Party, units: readonly Assignment[], writer: string): Message[] {
  const { accountSecret, nodeSecret } = party.member(writer)
  const { genesis, documents } = party
  const coordinator = party.members[0]!
  const network = genesis.networkId
  const own = (at: string, secret: Uint8Array, schema: { shape: object }): Part => ({
    ...{ at, secret, fields: Object.keys(schema.shape) },
  })
  const statement = (schema: { shape: object }, secret = nodeSecret) => [own('statement', secret, schema)]
  const said = (type: string, by: Uint8Array): Fields => {
    const found = (documents.results as { statement: Uint8Array }[]).find(({ statement: bytes }) => {
      const { body, key } = envelopeOf(bytes)
      return body.type === type && Buffer.from(key).equals(by)
    })
    return found as unknown as Fields
  }
  const nodeKey = new Uint8Array(Buffer.from(writer, 'hex'))
  const [first, second] = units as [Assignment, Assignment]
  const record = (leaf: number) => encodeLeaf(party.claim(first)[leaf]!)
  const at = { epoch: 2, window: first.window.toString(), unit: first.unit }
  const signed = (body: object, secret = nodeSecret): Fields => ({ statement: sign(body, secret).bytes })
  const heartbeat = {
    ...{ type: 'heartbeat', network, node: writer, round: 6, beacon: beaconAt(6), capacity: 7 },
    engines: ['wasm', 'webgpu'],
    witnessed: [2, 5].map((epoch) => ({ epoch, draw: network })),
  }
  const draw = {
    ...{ type: 'draw', network, epoch: 5, pool: [{ span: 4, heads: ['zdpuHead', 'zdpuOther'] }] },
    excluded: [party.members[5]!.account],
    trusted: [party.members[2]!.account],
    allowances: [{ account: party.members[2]!.account, units: 2 ** 20 }],
    roster: party.members
      .slice(0, 4)
      .map(({ node, account }) => ({ node, account, capacity: 3 }))
      .sort((a, b) => (a.node < b.node ? -1 : 1)),
    offers: [{ window: first.window.toString(), from: 0, to: 2 }],
  }
  const claims = [second, first].map(({ unit }, i) => [2, first.window.toString(), unit, i + 1, record(i + 1)])
  return [
    {
      ...{ kind: 'registration', database: 'accounts', writer, value: { ...party.registration(writer) } },
      parts: [own('registration', accountSecret, registrationBody), own('consent', nodeSecret, consentBody)],
      keyOf: (body) => documentKey.registration(writer, String(body.account)),
    },
    {
      ...{ kind: 'heartbeat', database: 'pool-2', writer, value: signed(heartbeat), parts: statement(heartbeatBody) },
      keyOf: ({ round, witnessed }) =>
        documentKey.heartbeat(writer, Math.floor(Number(round) / 3), { witnessed: (witnessed ?? []) as never }),
    },
    {
      ...{ kind: 'draw', database: 'draws', writer: coordinator.node, value: signed(draw, coordinator.nodeSecret) },
      parts: statement(drawBody, coordinator.nodeSecret),
      keyOf: ({ epoch }, bytes) => documentKey.draw(coordinator.node, Number(epoch), bytes),
    },
    {
      ...{ kind: 'beacon', database: 'draws', writer: coordinator.node, parts: [] },
      value: { round: 6, signature: beaconAt(6) },
      keyOf: ({ round }) => documentKey.beacon(coordinator.node, Number(round)),
    },
    {
      ...{
        kind: 'results',
        database: 'results-2',
        writer,
        value: said('results', nodeKey),
        parts: statement(resultsBody),
      },
      keyOf: ({ batch }, bytes) => documentKey.results(writer, Number(batch), bytes),
    },
    {
      ...{ kind: 'decline', database: 'results-2', writer, parts: statement(declineBody) },
      value: signed({ type: 'decline', network, ...at }),
      keyOf: ({ epoch, window, unit }) => documentKey.decline(writer, Number(epoch), String(window), Number(unit)),
    },
    {
      ...{ kind: 'audit', database: 'results-2', writer, parts: statement(auditBody) },
      value: signed({ type: 'audit', network, batch: 2, round: 6, beacon: beaconAt(6), claims }),
      keyOf: ({ batch }, bytes) => documentKey.audit(writer, Number(batch), bytes),
    },
  ]
}
