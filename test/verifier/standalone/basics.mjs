/** Bytes, codecs, shapes, Merkle trees, signatures and beacon rounds: what a certificate is made of. */
import { createHash } from 'node:crypto'
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import { ed25519 } from '@noble/curves/ed25519.js'
import { base32 } from 'multiformats/bases/base32'

/** @throws {Error} with a sentence, unless it holds */
export function must(holds, otherwise) {
  if (!holds) throw new Error(otherwise)
}
export const sha = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest()
export const hex = (bytes) => Buffer.from(bytes).toString('hex')
export const uint = (value, length) =>
  Buffer.from(
    BigInt(value)
      .toString(16)
      .padStart(2 * length, '0'),
    'hex',
  )
export const toBig = (bytes) => (bytes.length === 0 ? 0n : BigInt(`0x${hex(bytes)}`))
export const same = (a, b) => Buffer.compare(a, b) === 0
export const cidOf = (bytes, codec = 0x71) => base32.encode(Uint8Array.of(1, codec, 0x12, 32, ...sha(bytes)))
export const isAscending = (list) => list.every((x, i) => i === 0 || list[i - 1] < x)
export const distinct = (list) => new Set(list).size

// --- Shapes: what may stand where. A record has exactly these fields; one that is null in the list may be missing.
const LARGEST = Number.MAX_SAFE_INTEGER
export const int =
  (low, high = LARGEST) =>
  (x) =>
    Number.isSafeInteger(x) && x >= low && x <= high
export const text = (pattern) => (x) => typeof x === 'string' && pattern.test(x)
export const bytes = (length) => (x) => x instanceof Uint8Array && (length === undefined || x.length === length)
export const list = (of, low, high) => (x) => Array.isArray(x) && x.length >= low && x.length <= high && x.every(of)
export const tuple =
  (...of) =>
  (x) =>
    Array.isArray(x) && x.length === of.length && of.every((is, i) => is(x[i]))
export const one =
  (...values) =>
  (x) =>
    values.includes(x)
export const orNull = (is) => (x) => x === null || is(x)
export const record =
  (fields, optional = {}) =>
  (x) => {
    if (typeof x !== 'object' || x === null || Object.getPrototypeOf(x) !== Object.prototype) return false
    const isMore = Object.keys(x).some((key) => !Object.hasOwn(fields, key) && !Object.hasOwn(optional, key))
    const holds = ([key, is]) => Object.hasOwn(x, key) && is(x[key])
    const isRight = ([key, is]) => !Object.hasOwn(x, key) || is(x[key])
    return !isMore && Object.entries(fields).every(holds) && Object.entries(optional).every(isRight)
  }

/** A block in the one canonical encoding of what it says. */
export function read(name, shape, encoded, codec = dagCbor) {
  let value
  try {
    value = codec.decode(encoded)
  } catch (error) {
    const isDeep = error instanceof RangeError && /call stack/.test(error.message)
    must(false, isDeep ? `${name} is nested too deeply` : `${name} is neither dag-cbor nor dag-json`)
  }
  must(shape(value), `${name} is not of its form`)
  must(same(codec.encode(value), encoded), `${name} is not in canonical form`)
  return value
}
export const codecOf = (file) => (file[0] === 0x7b ? dagJson : dagCbor)

// --- Merkle trees (RFC 9162, section 2.1): the root over records, and the root by the inclusion proof of one.
const nodeHash = (left, right) => sha(Uint8Array.of(1), left, right)
const leafHash = (record) => sha(Uint8Array.of(0), record)
const splitOf = (n) => 2 ** Math.ceil(Math.log2(n) - 1)
export function rootOf(records) {
  if (records.length < 2) return records.length === 0 ? sha() : leafHash(records[0])
  const k = splitOf(records.length)
  return nodeHash(rootOf(records.slice(0, k)), rootOf(records.slice(k)))
}
export function rootBy(path, record, index, n) {
  must(index < n && n > 1 === path.length > 0, 'an inclusion proof has the wrong length')
  if (n === 1) return leafHash(record)
  const [k, rest, sibling] = [splitOf(n), path.slice(0, -1), path.at(-1)]
  if (index < k) return nodeHash(rootBy(rest, record, index, k), sibling)
  return nodeHash(sibling, rootBy(rest, record, index - k, n - k))
}

// --- Beacon rounds: drand's unchained scheme in G1 (RFC 9380), in its one canonical encoding. Gives the randomness.
const rounds = new Set()
export function randomnessOf(publicKey, round, signature) {
  const name = `${round} ${hex(signature)} ${hex(publicKey)}`
  if (!rounds.has(name)) {
    let isValid = false
    try {
      const { Signature, hash, verify } = bls12_381.shortSignatures
      const [point, tag] = [Signature.fromBytes(signature), 'BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_']
      isValid = same(Signature.toBytes(point), signature) && verify(point, hash(sha(uint(round, 8)), tag), publicKey)
    } catch {} // Bytes that are no point of the group.
    must(isValid && round >= 1, `beacon round ${round} carries a wrong signature`)
    rounds.add(name)
  }
  return sha(signature)
}
/** Whether a chain's key is one, and its hash that of what it says. */
export function isChain({ publicKey, period, genesisTime, groupHash, beaconId, hash }) {
  const id = beaconId === 'default' ? '' : beaconId
  if (hex(sha(uint(period, 4), uint(genesisTime, 8), publicKey, groupHash, id)) !== hash) return false
  try {
    return !bls12_381.G2.Point.fromBytes(publicKey).is0()
  } catch {
    return false
  }
}

// --- Statements: { body, key, sig }; Ed25519 (RFC 8032, strict) over a tag and the body.
const opened = new Map()
export function open(name, shape, encoded) {
  const id = cidOf(encoded)
  const known = opened.get(`${name} ${id}`)
  if (known) return known
  const { body, key, sig } = read(name, record({ body: shape, key: bytes(32), sig: bytes(64) }), encoded)
  const message = Buffer.concat([Buffer.from('collatz/statement/1\0'), dagCbor.encode(body)])
  let isSigned = false
  try {
    isSigned = ed25519.verify(sig, message, key, { zip215: false })
  } catch {} // A key that is no point of the curve.
  must(isSigned, `${name} carries a wrong signature`)
  const statement = { ...body, signer: hex(key), id }
  opened.set(`${name} ${id}`, statement)
  return statement
}
