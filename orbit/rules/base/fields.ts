/**
 * Schemas that several statements share: keys, numbers, texts, bytes and CIDs, as one field each.
 * Statements are dag-cbor, whose integers end at 2^64 and whose bytes are Uint8Arrays.
 */
import { z } from 'zod'

/**
 * `bytes` is for the published schema (certificate/schema.ts): how many, or null for any number.
 */
const blob = z.custom<Uint8Array>((value) => value instanceof Uint8Array, 'must be bytes').meta({ bytes: null })
const sized = (length: number) =>
  z
    .custom<Uint8Array>((value) => value instanceof Uint8Array && value.length === length, `must be ${length} bytes`)
    .meta({ bytes: length })

export const envelope = z.strictObject({ body: z.unknown(), key: sized(32), sig: sized(64) })

/** Schemas that several statements share. */
export const field = {
  key: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hex digits'),
  /**
   * A number of the mathematics: decimal, no sign, no leading zeros. dag-cbor's integers end at
   * 2^64.
   */
  natural: z.string().regex(/^(0|[1-9][0-9]{0,99})$/, 'must be a decimal number'),
  network: z.string().regex(/^b[a-z2-7]{58}$/, 'must be a network id'),
  /** CIDv1 in base32: dag-cbor or raw, sha2-256. */
  cid: z.string().regex(/^b[a-z2-7]{58}$/, 'must be a CID'),
  /**
   * The one CIDv1 of a raw block by sha2-256, in base32 without stray bits: a block has this name
   * and no second one.
   */
  rawCid: z.string().regex(/^bafkrei[a-h][a-z2-7]{50}[aeimquy4]$/, 'must be the CID of a raw block'),
  count: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  positive: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
  /** Of so many characters, counted as JSON Schema counts them: by code points. */
  text: (least: number, most: number) =>
    z.string().regex(new RegExp(`^[\\s\\S]{${least},${most}}$`, 'u'), `must be ${least} to ${most} characters`),
  bytes: sized,
  blob,
}
