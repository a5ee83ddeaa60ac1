/**
 * An entry of a log: OrbitDB's version 2 block, in the one form that this network accepts. Refused
 * is whatever could make two readers see two things in the same block, or one reader store it under
 * another name: fields beyond the nine, bytes that are not canonical dag-cbor, an identity that is
 * not the key itself.
 */
import * as dagCbor from '@ipld/dag-cbor'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import { cidOf } from '../../rules/base/cid.ts'

/** Most bytes of an entry's block. Larger things are blocks of their own, named by a document. */
export const MAX_ENTRY = 1 << 18
/** Most heads that one entry takes as its parents. */
export const MAX_PARENTS = 32
const MAX_KEY = 200

export interface LogEntry {
  /** The block's CID (CIDv1, dag-cbor, sha2-256) in base58btc. Not part of the block. */
  readonly hash: string
  /** The database's address. */
  readonly id: string
  readonly payload: { readonly op: 'PUT'; readonly key: string; readonly value: unknown }
  /** Hashes of the parents. */
  readonly next: readonly string[]
  /** Shortcuts into the past; this network has none. */
  readonly refs: readonly string[]
  /** Lamport time: one more than the parents' greatest, 1 for the first. */
  readonly clock: { readonly id: string; readonly time: number }
  readonly v: 2
  /** The writer's Ed25519 public key, 64 lower-case hex digits; also `identity` and `clock.id`. */
  readonly key: string
  readonly identity: string
  /** Ed25519 over the canonical dag-cbor of the six fields above `key`, 128 hex digits. */
  readonly sig: string
}

/** The form of a CIDv1 of dag-cbor and sha2-256 in base58btc. */
const HASH = /^zdpu[1-9A-HJ-NP-Za-km-z]{45}$/
const KEY = /^[0-9a-f]{64}$/
const SIGNATURE = /^[0-9a-f]{128}$/
const FIELDS = 'clock id identity key next payload refs sig v'

export const isHash = (value: unknown): value is string => typeof value === 'string' && HASH.test(value)
export const hashOf = (block: Uint8Array): string => cidOf(block).toString(base58btc)
/** The key under which the blockstore has an entry's block. @param hash one that `isHash` */
export const multihashOf = (hash: string): Uint8Array => CID.parse(hash, base58btc).multihash.bytes

/** @throws when the bytes are no dag-cbor map */
export function decodeEntry(block: Uint8Array, hash = hashOf(block)): LogEntry {
  const value = dagCbor.decode<Record<string, unknown>>(block)
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw new Error('an entry that is no map')
  return { ...value, hash } as unknown as LogEntry
}

/** The block that an entry of the right form was read from. */
export const blockOf = ({ hash: _, ...block }: LogEntry): Uint8Array => dagCbor.encode(block)

const fieldsOf = (value: unknown): string =>
  value !== null && typeof value === 'object' ? Object.keys(value).sort().join(' ') : ''

const signedPart = ({ id, payload, next, refs, clock, v }: LogEntry) => ({ id, payload, next, refs, clock, v })

/** The bytes that `sig` signs. */
export const signedBytes = (entry: LogEntry): Uint8Array => dagCbor.encode(signedPart(entry))

/** @returns what is wrong with the form of an entry that claims to be one, or null */
export function envelopeFault(entry: LogEntry): string | null {
  const { hash, ...block } = entry
  if (fieldsOf(block) !== FIELDS) return 'an entry of the wrong form'
  const { next, refs, clock, payload, key, identity, sig } = block
  if (block.v !== 2 || typeof block.id !== 'string' || !Array.isArray(refs) || refs.length > 0) {
    return 'an entry of the wrong form'
  }
  if (!Array.isArray(next) || next.length > MAX_PARENTS || !next.every(isHash) || new Set(next).size !== next.length) {
    return 'an entry of the wrong form'
  }
  if (typeof key !== 'string' || !KEY.test(key) || identity !== key) return 'an entry whose identity is not its key'
  if (typeof sig !== 'string' || !SIGNATURE.test(sig)) return 'an entry with a wrong signature'
  if (fieldsOf(clock) !== 'id time' || clock.id !== key) return "an entry whose clock is not its writer's"
  if (!Number.isSafeInteger(clock.time) || clock.time < 1) return 'an entry with an impossible clock'
  if (fieldsOf(payload) !== 'key op value') return 'an entry of the wrong form'
  // History is only appended to: nothing is ever deleted by a message.
  if (payload.op !== 'PUT') return 'an operation other than PUT'
  if (typeof payload.key !== 'string' || payload.key.length > MAX_KEY) return 'a document without a proper key'
  if (!payload.key.startsWith(`${key}/`)) return "a document under another's key"
  const bytes = dagCbor.encode(block)
  if (bytes.length > MAX_ENTRY) return 'an entry that is too large'
  // OrbitDB stores the entry as it encodes it: another encoding would give a head whose block no
  // node has.
  return hashOf(bytes) === hash ? null : 'an entry that is not canonical'
}
