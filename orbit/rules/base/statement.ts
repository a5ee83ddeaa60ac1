/**
 * Signed statements: the only thing that one party believes of another.
 *
 * A statement is { body, key, sig } in canonical dag-cbor (https://ipld.io/specs/codecs/dag-cbor/spec/). `sig` is an
 * Ed25519 signature (RFC 8032, strict: no malleable encodings) over
 *
 *     utf8("collatz/statement/1") || 0x00 || dag-cbor(body)
 *
 * and every body but the genesis itself names its network by the genesis block's CID, so that nothing signed for one
 * network can be played on another. Statements travel and are kept as these bytes; whoever receives them checks them.
 */
import * as dagCbor from '@ipld/dag-cbor'
import { ed25519 } from '@noble/curves/ed25519.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { z } from 'zod'
import { UserError } from './errors.ts'

const DOMAIN = new TextEncoder().encode('collatz/statement/1\0')

/** A rule was broken: what was refused, and why. Shown to users as it is. */
export class RuleError extends UserError {
  override readonly name = 'RuleError'
}

/** An Ed25519 public key as 64 lower-case hex digits: the name of an account or of a node. */
export type KeyHex = string

export interface Statement<Body> {
  readonly body: Body
  /** The signer's Ed25519 public key. */
  readonly signer: KeyHex
  /** The statement as it travels. */
  readonly bytes: Uint8Array
}

/** `bytes` is for the published schema (schema.ts): how many, or null for any number. */
const blob = z.custom<Uint8Array>((value) => value instanceof Uint8Array, 'must be bytes').meta({ bytes: null })
const sized = (length: number) =>
  z
    .custom<Uint8Array>((value) => value instanceof Uint8Array && value.length === length, `must be ${length} bytes`)
    .meta({ bytes: length })

export const envelope = z.strictObject({ body: z.unknown(), key: sized(32), sig: sized(64) })

const message = (body: unknown): Uint8Array => {
  const encoded = dagCbor.encode(body)
  const out = new Uint8Array(DOMAIN.length + encoded.length)
  out.set(DOMAIN)
  out.set(encoded, DOMAIN.length)
  return out
}

/** Signs a body. `secret` is the 32-byte Ed25519 seed. */
export function sign<Body>(body: Body, secret: Uint8Array): Statement<Body> {
  const key = ed25519.getPublicKey(secret)
  const sig = ed25519.sign(message(body), secret)
  return { body, signer: bytesToHex(key), bytes: dagCbor.encode({ body, key, sig }) }
}

/** What was opened once need not be again: keyed by the very bytes, which nobody changes. */
const opened = new WeakMap<Uint8Array, { schema: z.ZodType; statement: Statement<unknown> }>()

/**
 * Opens a statement: canonical bytes, the schema, the signature.
 *
 * @param what names it in the error, e.g. "the draw of epoch 7"
 * @throws {RuleError} saying what is wrong with it
 */
export function open<Body>(bytes: Uint8Array, schema: z.ZodType<Body>, what: string): Statement<Body> {
  const known = opened.get(bytes)
  if (known?.schema === schema) return known.statement as Statement<Body>
  let value: unknown
  let canonical: Uint8Array
  try {
    value = dagCbor.decode(bytes)
    // What is nested deep enough can be read and not be written again: no statement either.
    canonical = dagCbor.encode(value)
  } catch {
    throw new RuleError(`${what} is not valid dag-cbor`)
  }
  const outer = envelope.safeParse(value)
  if (!outer.success) throw new RuleError(`${what} is not a signed statement`)
  const { body, key, sig } = outer.data
  if (!equalBytes(canonical, bytes)) throw new RuleError(`${what} is not in canonical form`)
  const inner = schema.safeParse(body)
  if (!inner.success) {
    const issue = inner.error.issues[0]
    throw new RuleError(`${what} does not fit its schema: ${issue?.path.join('.') || 'body'}: ${issue?.message}`)
  }
  let valid = false
  try {
    valid = ed25519.verify(sig, message(body), key, { zip215: false })
  } catch {
    // A key that is not a point of the curve: as invalid as a wrong signature.
  }
  if (!valid) throw new RuleError(`${what} carries a wrong signature`)
  const statement = { body: inner.data, signer: bytesToHex(key), bytes }
  opened.set(bytes, { schema, statement })
  return statement
}

export const publicKeyOf = (secret: Uint8Array): KeyHex => bytesToHex(ed25519.getPublicKey(secret))

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** In byte order: below, at or above zero. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const n = Math.min(a.length, b.length)
  for (let i = 0; i < n; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return a.length - b.length
}

/** Schemas that several statements share. */
export const field = {
  key: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hex digits'),
  /** A number of the mathematics: decimal, no sign, no leading zeros. dag-cbor's integers end at 2^64. */
  natural: z.string().regex(/^(0|[1-9][0-9]{0,99})$/, 'must be a decimal number'),
  network: z.string().regex(/^b[a-z2-7]{58}$/, 'must be a network id'),
  /** CIDv1 in base32: dag-cbor or raw, sha2-256. */
  cid: z.string().regex(/^b[a-z2-7]{58}$/, 'must be a CID'),
  /** The one CIDv1 of a raw block by sha2-256, in base32 without stray bits: a block has this name and no second one. */
  rawCid: z.string().regex(/^bafkrei[a-h][a-z2-7]{50}[aeimquy4]$/, 'must be the CID of a raw block'),
  count: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  positive: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
  /** Of so many characters, counted as JSON Schema counts them: by code points. */
  text: (least: number, most: number) =>
    z.string().regex(new RegExp(`^[\\s\\S]{${least},${most}}$`, 'u'), `must be ${least} to ${most} characters`),
  bytes: sized,
  blob,
}
