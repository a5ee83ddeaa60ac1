/**
 * Signed statements: the only thing that one party believes of another.
 *
 * A statement is { body, key, sig } in canonical dag-cbor
 * (https://ipld.io/specs/codecs/dag-cbor/spec/). `sig` is an Ed25519 signature (RFC 8032, strict:
 * no malleable encodings) over
 *
 *     utf8("collatz/statement/1") || 0x00 || dag-cbor(body)
 *
 * and every body but the genesis itself names its network by the genesis block's CID, so that
 * nothing signed for one network can be played on another. Statements travel and are kept as these
 * bytes, and each receiver checks them.
 */

import * as dagCbor from '@ipld/dag-cbor'
import { ed25519 } from '@noble/curves/ed25519.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import type { z } from 'zod'
import { equalBytes } from './bytes.ts'
import { UserError } from './errors.ts'
import { envelope } from './fields.ts'
import { createMemory, type Memory } from './memory.ts'

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

/**
 * Reads a block of data: by its codec, of a schema, in the one canonical encoding of what it says.
 *
 * @param what     names it in the error, e.g. "a result"
 * @param mismatch is said of a value that does not fit the schema, before where and why
 * @throws {RuleError}
 */
export function decodeAs<T>(
  bytes: Uint8Array,
  schema: z.ZodType<T>,
  what: string,
  { codec = dagCbor as Codec, mismatch = `${what} does not fit its schema` } = {},
): T {
  let value: unknown
  let canonical: Uint8Array
  try {
    value = codec.decode(bytes)
    // What is nested deep enough can be read and not be written again: refused as well.
    canonical = codec.encode(value)
  } catch {
    throw new RuleError(`${what} is not valid ${codec.name}`)
  }
  const fitting = fit(value, schema, mismatch)
  if (!equalBytes(canonical, bytes)) throw new RuleError(`${what} is not in canonical form`)
  return fitting
}

/** dag-cbor or dag-json. */
export type Codec = Pick<typeof dagCbor, 'decode' | 'encode'> & { readonly name: string }

function fit<T>(value: unknown, schema: z.ZodType<T>, mismatch: string): T {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new RuleError(`${mismatch}: ${issue?.path.join('.') || 'body'}: ${issue?.message}`)
}

/** By the very bytes, which nobody changes. */
const opened = () => new WeakMap<Uint8Array, { schema: z.ZodType; statement: Statement<unknown> }>()

/**
 * Opens a statement: canonical bytes, the schema, the signature.
 *
 * @param what names it in the error, e.g. "the draw of epoch 7"
 * @throws {RuleError} saying what is wrong with it
 */
export function open<Body>(
  bytes: Uint8Array,
  schema: z.ZodType<Body>,
  what: string,
  memory: Memory = createMemory(),
): Statement<Body> {
  const known = memory.table(opened).get(bytes)
  if (known?.schema === schema) return known.statement as Statement<Body>
  const { body, key, sig } = decodeAs(bytes, envelope, what, { mismatch: `${what} is not a signed statement` })
  const checked = fit(body, schema, `${what} does not fit its schema`)
  let valid = false
  try {
    valid = ed25519.verify(sig, message(body), key, { zip215: false })
  } catch {
    // A key that is not a point of the curve: as invalid as a wrong signature.
  }
  if (!valid) throw new RuleError(`${what} carries a wrong signature`)
  const statement = { body: checked, signer: bytesToHex(key), bytes }
  memory.table(opened).set(bytes, { schema, statement })
  return statement
}

export const publicKeyOf = (secret: Uint8Array): KeyHex => bytesToHex(ed25519.getPublicKey(secret))
