/**
 * What nodes say: one schema a message, and the documents that carry them. No message carries a total, a level, a
 * rank or a frontier: whoever receives these computes those (state.ts).
 */
import { z } from 'zod'
import type { HardSummary } from '../../kernels/unit.ts'
import { cidOf } from './genesis.ts'
import { field } from './statement.ts'

const network = field.network

/** An account takes a node for its own. Signed by the account; the node's consent lies beside it in the document. */
export const registrationBody = z.strictObject({
  type: z.literal('registration'),
  network,
  account: field.key,
  node: field.key,
  /** Shown to readers; chosen by the account, unique to nobody. */
  name: z.string().min(1).max(40),
  /** A beacon round that was out when the puzzle was solved, and its BLS signature: accounts can't be stockpiled. */
  round: field.count,
  beacon: field.bytes(48),
  /** Solves the registration puzzle (puzzle.ts). */
  nonce: field.count,
})
export type RegistrationBody = z.infer<typeof registrationBody>

/** A node agrees to work for an account: without it, an account could claim another's node. Signed by the node. */
export const consentBody = z.strictObject({ type: z.literal('consent'), network, account: field.key, node: field.key })
export type ConsentBody = z.infer<typeof consentBody>

/** A node is there. It carries the newest beacon signature its node has seen, so it can't be from the future. */
export const heartbeatBody = z.strictObject({
  type: z.literal('heartbeat'),
  network,
  node: field.key,
  round: field.count,
  /** The BLS signature of that round. */
  beacon: field.bytes(48),
  /** Units the node is ready to owe at a time; 0: it is leaving. */
  capacity: z.number().int().min(0).max(4096),
  engines: z
    .array(z.enum(['exact', 'wasm', 'webgpu']))
    .min(1)
    .max(3),
})
export type HeartbeatBody = z.infer<typeof heartbeatBody>

export const rosterEntry = z.strictObject({
  node: field.key,
  account: field.key,
  capacity: z.number().int().min(1).max(4096),
})
export type RosterEntry = z.infer<typeof rosterEntry>

/** Units [from, to) of a window, on offer. */
export const offer = z.strictObject({
  window: field.natural,
  from: z.number().int().min(0).max(65535),
  to: z.number().int().min(1).max(65536),
})

/** What a coordinator seals before R(epoch) exists. Signed by the coordinator's node key. */
export const drawBody = z.strictObject({
  type: z.literal('draw'),
  network,
  epoch: field.count,
  /** Heads of the pool database that the roster was computed from. */
  heads: z.array(z.string().max(100)).max(64),
  roster: z.array(rosterEntry).min(1).max(512),
  offers: z.array(offer).min(1).max(64),
})
export type DrawBody = z.infer<typeof drawBody>

const peak = z.strictObject({ n: field.natural, value: field.natural }).nullable()

/** A node says what it computed for a unit that the deal of an epoch named it for. Signed by the node. */
export const resultBody = z.strictObject({
  type: z.literal('result'),
  network,
  epoch: field.count,
  window: field.natural,
  unit: z.number().int().min(0).max(65535),
  count: field.count,
  /** 16 hex digits. */
  checksum: z.string().regex(/^[0-9a-f]{16}$/),
  peak,
  /** RFC 9162 root over the unit's leaves. */
  root: field.bytes(32),
  /** CID of the raw block that holds the leaves' 64-byte records in order. */
  leaves: z.string().regex(/^b[a-z2-7]{58}$/),
  /** From the reserve, after a deadline: a beacon round that is past it, and its BLS signature (seats.ts). */
  overtime: z.strictObject({ round: field.count, beacon: field.bytes(48) }).nullable(),
})
export type ResultBody = z.infer<typeof resultBody>

/** A node gives back a unit that the deal named it for, so that the reserve need not wait. Signed by the node. */
export const declineBody = z.strictObject({
  type: z.literal('decline'),
  network,
  epoch: field.count,
  window: field.natural,
  unit: z.number().int().min(0).max(65535),
})
export type DeclineBody = z.infer<typeof declineBody>

/** What lies in a results database. */
export const answerBody = z.discriminatedUnion('type', [resultBody, declineBody])
export type AnswerBody = z.infer<typeof answerBody>

/** Two results agree when all of this is equal: count, checksum, peak and root. */
export const sameResult = (a: ResultBody, b: ResultBody): boolean => resultKey(a) === resultKey(b)
export const resultKey = (r: ResultBody): string => [r.count, r.checksum, r.peak?.n, r.peak?.value, ...r.root].join(' ')

export const checksumHex = (checksum: bigint): string => checksum.toString(16).padStart(16, '0')
export const peakText = (p: HardSummary['peak']): z.infer<typeof peak> =>
  p && { n: p.n.toString(), value: p.value.toString() }

/** The databases of a network. A document's key begins with its writer's node key; only that key can write it. */
export type DatabaseKind = 'accounts' | 'pool' | 'draws' | 'results'

/** `pool` and `results` are cut by epoch, so that old ones can be dropped whole. */
export const databaseName = (kind: DatabaseKind, span?: number): string =>
  span === undefined ? kind : `${kind}-${span}`
export const spanOf = (epoch: number, perDatabase: number): number => Math.floor(epoch / perDatabase)

export const documentKey = {
  registration: (node: string) => `${node}/registration`,
  heartbeat: (node: string) => `${node}/heartbeat`,
  /** By content, so that a coordinator that seals two draws for an epoch leaves both behind. */
  draw: (coordinator: string, epoch: number, statement: Uint8Array) =>
    `${coordinator}/draw/${epoch}/${cidOf(statement)}`,
  beacon: (writer: string, round: number) => `${writer}/beacon/${round}`,
  result: (node: string, epoch: number, window: string, unit: number) => `${node}/${epoch}/${window}/${unit}`,
  decline: (node: string, epoch: number, window: string, unit: number) => `${node}/${epoch}/${window}/${unit}/decline`,
}

/** The documents, as they lie in OrbitDB. */
export const registrationDocument = z.strictObject({
  registration: field.blob,
  consent: field.blob,
})
export const statementDocument = z.strictObject({ statement: field.blob })
/** A beacon round proves itself. */
export const beaconDocument = z.strictObject({ round: field.count, signature: field.bytes(48) })
