/**
 * What nodes say: one schema a message; what carries them is in documents.ts. No message carries a
 * total, a level, a rank or a frontier: a node that receives these computes those (state/state.ts).
 */

import { bytesToHex } from '@noble/hashes/utils.js'
import { z } from 'zod'
import type { HardSummary } from '../../../kernels/unit.ts'
import { field } from '../base/fields.ts'
import { MAX_ALLOWANCE } from '../network/genesis.ts'
import { accountName } from './account-name.ts'

const network = field.network

/**
 * An account takes a node for its own. Signed by the account; the node's consent lies beside it in
 * the document.
 */
export const registrationBody = z.strictObject({
  type: z.literal('registration'),
  network,
  account: field.key,
  node: field.key,
  /** Shown to readers; chosen by the account, unique to nobody. */
  name: accountName,
  /**
   * A beacon round that was out when the puzzle was solved, and its BLS signature: accounts can't
   * be stockpiled.
   */
  round: field.count,
  beacon: field.bytes(48),
  /** Solves the registration puzzle (puzzle.ts). */
  nonce: field.count,
})
export type RegistrationBody = z.infer<typeof registrationBody>

/**
 * A node agrees to work for an account: without it, an account could claim another's node. Signed
 * by the node.
 */
export const consentBody = z.strictObject({ type: z.literal('consent'), network, account: field.key, node: field.key })
export type ConsentBody = z.infer<typeof consentBody>

/** Draws that one heartbeat witnesses. */
export const MAX_WITNESSED = 64

/**
 * A node is there. It carries the newest beacon signature its node has seen, so it can't be from
 * the future; and it says which draws had reached the node before their beacon round existed, and
 * hold as far as it can tell (check.ts).
 */
export const heartbeatBody = z.strictObject({
  type: z.literal('heartbeat'),
  network,
  node: field.key,
  round: field.count,
  /** The BLS signature of that round. */
  beacon: field.bytes(48),
  /**
   * Units the node takes on besides those that it owes as of `round`; 0: none, for now or for good.
   */
  capacity: z.number().int().min(0).max(4096),
  engines: z
    .array(z.enum(['exact', 'wasm', 'webgpu']))
    .min(1)
    .max(3),
  /** By epoch, ascending: the CID of the draw. */
  witnessed: z
    .array(z.strictObject({ epoch: field.count, draw: field.cid }))
    .max(MAX_WITNESSED)
    .refine((all) => all.every(({ epoch }, i) => i === 0 || all[i - 1]!.epoch < epoch), 'must ascend by epoch'),
})
export type HeartbeatBody = z.infer<typeof heartbeatBody>

/** Nodes that one draw deals to, and accounts that it leaves out. */
export const MAX_ROSTER = 512

export const rosterEntry = z.strictObject({
  node: field.key,
  account: field.key,
  capacity: z.number().int().min(1).max(4096),
})
export type RosterEntry = z.infer<typeof rosterEntry>

/**
 * Runs of units that one draw offers. With all else at its most, the draw still fits into an entry
 * of the log.
 */
export const MAX_OFFERS = 512

/** Units [from, to) of a window, on offer. */
export const offer = z.strictObject({
  window: field.natural,
  from: z.number().int().min(0).max(65535),
  to: z.number().int().min(1).max(65536),
})

/** Heads of one pool database that a draw cites. */
export const MAX_HEADS = 64

/** What a coordinator seals before R(epoch) exists. Signed by the coordinator's node key. */
export const drawBody = z.strictObject({
  type: z.literal('draw'),
  network,
  epoch: field.count,
  /**
   * Heads of the pool databases that the roster was computed from: what lies under them is all that
   * it may follow from.
   */
  pool: z.array(z.strictObject({ span: field.count, heads: z.array(field.text(0, 100)).max(MAX_HEADS) })).max(4),
  /**
   * Accounts that are left out because they missed too often or are convicted, ascending: whoever
   * doubts it, checks it.
   */
  excluded: z.array(field.key).max(MAX_ROSTER),
  /**
   * Accounts on the roster that are TRUSTED or better, ascending; none unless replication is
   * adaptive (audit.ts).
   */
  trusted: z.array(field.key).max(MAX_ROSTER),
  /**
   * Tickets that accounts on the roster may have which have shown work (allowance.ts). By account,
   * ascending.
   */
  allowances: z
    .array(z.strictObject({ account: field.key, units: z.number().int().min(1).max(MAX_ALLOWANCE) }))
    .max(MAX_ROSTER),
  roster: z.array(rosterEntry).min(1).max(MAX_ROSTER),
  offers: z.array(offer).min(1).max(MAX_OFFERS),
})
export type DrawBody = z.infer<typeof drawBody>

const peak = z.strictObject({ n: field.natural, value: field.natural }).nullable()

/** A unit as a deal names it. */
const unitId = {
  /** The epoch of the deal. */
  epoch: field.count,
  window: field.natural,
  unit: z.number().int().min(0).max(65535),
}

/**
 * What a node computed for a unit that a deal named it for, and what its evidence comes to. Signed
 * through the root of the statement that covers it (answer/results.ts).
 */
export const resultItem = z.strictObject({
  ...unitId,
  count: field.count,
  /** 16 hex digits. */
  checksum: z.string().regex(/^[0-9a-f]{16}$/),
  peak,
  /** RFC 9162 root over the unit's leaves. */
  root: field.bytes(32),
  /** CID of the raw block that holds the leaves' 64-byte records in order. */
  leaves: field.rawCid,
  /** RFC 9162 root over the records of the unit's evidence for this signer. */
  evidence: field.bytes(32),
  /** How many records. */
  items: field.count,
})
export type ResultItem = z.infer<typeof resultItem>

/** Most results under one statement. */
export const MAX_RESULTS = 128
/** Bytes of one document in a results database. */
export const MAX_ANSWER_BYTES = 16_384

/**
 * A node shows what it computed: one root over its results, which lie in a block of their own.
 * Signed by the node.
 */
export const resultsBody = z.strictObject({
  type: z.literal('results'),
  network,
  /** The epoch in which it was made. */
  batch: field.count,
  /**
   * A beacon round that was out when it was made, and its BLS signature: what the reserve's turn
   * hangs on (seats.ts).
   */
  round: field.count,
  beacon: field.bytes(48),
  size: z.number().int().min(1).max(MAX_RESULTS),
  /** RFC 9162 root over the items. */
  root: field.bytes(32),
  /** CID of the raw block that holds them, with their evidence. */
  block: field.rawCid,
})
export type ResultsBody = z.infer<typeof resultsBody>

/**
 * A node gives back a unit that the deal named it for, so that the reserve need not wait. Signed by
 * the node.
 */
export const declineBody = z.strictObject({ type: z.literal('decline'), network, ...unitId })
export type DeclineBody = z.infer<typeof declineBody>

/** Most leaves in one audit document. */
export const MAX_AUDITED = 64

/**
 * A node has computed leaves of units that others did, and says what their records are: whoever is
 * wrong, the auditor or those audited, has signed it. Signed by the node.
 */
export const auditBody = z.strictObject({
  type: z.literal('audit'),
  network,
  batch: field.count,
  /** The beacon round that drew the leaves, and its BLS signature. */
  round: field.count,
  beacon: field.bytes(48),
  /** [epoch of the deal, window, unit, leaf, record of 64 bytes] */
  claims: z
    .array(z.tuple([unitId.epoch, unitId.window, unitId.unit, z.number().int().min(0).max(65535), field.bytes(64)]))
    .min(1)
    .max(MAX_AUDITED),
})
export type AuditBody = z.infer<typeof auditBody>

/** What lies in a results database. */
export const answerBody = z.discriminatedUnion('type', [resultsBody, declineBody, auditBody])

/**
 * Two results agree when all of this is equal: count, checksum, peak, root, and with the root the
 * leaves behind it.
 */
export const resultKey = (r: ResultItem): string =>
  `${r.count} ${r.checksum} ${r.peak?.n} ${r.peak?.value} ${bytesToHex(r.root)} ${r.leaves}`

export const checksumHex = (checksum: bigint): string => checksum.toString(16).padStart(16, '0')
export const peakText = (p: HardSummary['peak']): z.infer<typeof peak> =>
  p && { n: p.n.toString(), value: p.value.toString() }
