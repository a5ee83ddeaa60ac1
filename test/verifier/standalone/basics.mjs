/** Bytes, shapes, Merkle trees, signatures and beacon rounds: what a certificate is made of. */
import { createHash } from 'node:crypto'
import * as dagCbor from '@ipld/dag-cbor'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import { ed25519 } from '@noble/curves/ed25519.js'
import { base32 } from 'multiformats/bases/base32'

/** @throws {Error} with a sentence, unless it holds */
export function must(holds, otherwise) {
  if (!holds) throw new Error(otherwise)
}
/** What make() gives; its errors say what they are about. */
export function within(name, make) {
  try {
    return make()
  } catch (error) {
    throw new Error(`${name}: ${error.message}`)
  }
}
const attempt = (make) => {
  try {
    return make()
  } catch {
    return false
  }
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
export const toBig = (bytes) => BigInt(`0x0${hex(bytes)}`)
export const same = (a, b) => Buffer.compare(a, b) === 0
export const cidOf = (bytes, codec = 0x71) => base32.encode(Uint8Array.of(1, codec, 0x12, 32, ...sha(bytes)))
export const isAscending = (list) => list.every((x, i) => i === 0 || list[i - 1] < x)
export const distinct = (list) => new Set(list).size

/** Bytes, read from the front. */
export class Reader {
  constructor(bytes) {
    Object.assign(this, { bytes, at: 0 })
  }
  take(length) {
    must(this.at + length <= this.bytes.length, 'there are too few bytes')
    this.at += length
    return this.bytes.subarray(this.at - length, this.at)
  }
  /** LEB128, 7 bits a byte, the lowest first. */
  varint() {
    for (let [value, shift] = [0n, 0n]; ; shift += 7n) {
      const [byte] = this.take(1)
      must(shift < 77n && (byte > 0 || shift === 0n), 'a number is too long')
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return value
    }
  }
  end() {
    must(this.at === this.bytes.length, 'there are too many bytes')
  }
}

// --- Shapes: what may stand where. A function says so itself; a list or an object has exactly these entries.
export const int =
  (low, high = Number.MAX_SAFE_INTEGER) =>
  (x) =>
    Number.isSafeInteger(x) && x >= low && x <= high
export const text = (pattern) => (x) => typeof x === 'string' && pattern.test(x)
export const bytes = (length) => (x) => x instanceof Uint8Array && x.length === (length ?? x.length)
export const oneOf =
  (...values) =>
  (x) =>
    values.includes(x)
export const orNull = (shape) => (x) => x === null || fits(shape, x)
export const list = (shape, low, high) => (x) =>
  Array.isArray(x) && x.length >= low && x.length <= high && x.every((entry) => fits(shape, entry))
export function fits(shape, x) {
  if (typeof shape === 'function') return shape(x)
  const isOfKind = Array.isArray(shape) ? Array.isArray(x) : x !== null && Object.getPrototypeOf(x) === Object.prototype
  const fields = Object.entries(shape)
  const isOf = ([key, of]) => Object.hasOwn(x, key) && fits(of, x[key])
  return isOfKind && Object.keys(x).length === fields.length && fields.every(isOf)
}

/** What a block says, in its one canonical encoding. */
export function read(name, shape, encoded, codec = dagCbor) {
  const isDeep = (error) => /call stack|too deep/.test(error.message)
  let value
  try {
    value = codec.decode(encoded)
  } catch (error) {
    throw new Error(`${name} is ${isDeep(error) ? 'nested too deeply' : 'neither dag-cbor nor dag-json'}`)
  }
  must(fits(shape, value), `${name} is not of its form`)
  must(same(codec.encode(value), encoded), `${name} is not in canonical form`)
  return value
}

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
const { Signature, hash: toCurve, verify: isOfKey } = bls12_381.shortSignatures
const sound = new Set()
export function randomnessOf(publicKey, round, signature) {
  const name = `${round} ${hex(signature)} ${hex(publicKey)}`
  const isSound = () => {
    const [point, tag] = [Signature.fromBytes(signature), 'BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_']
    return same(Signature.toBytes(point), signature) && isOfKey(point, toCurve(sha(uint(round, 8)), tag), publicKey)
  }
  must(sound.has(name) || (round >= 1 && attempt(isSound)), `beacon round ${round} carries a wrong signature`)
  sound.add(name)
  return sha(signature)
}
/** Whether a chain's key is one, and its hash that of what it says. */
export function isChain({ publicKey, period, genesisTime, groupHash, beaconId, hash }) {
  const id = beaconId === 'default' ? '' : beaconId
  const isHash = hex(sha(uint(period, 4), uint(genesisTime, 8), publicKey, groupHash, id)) === hash
  return isHash && attempt(() => !bls12_381.G2.Point.fromBytes(publicKey).is0())
}

// --- Statements: { body, key, sig }; Ed25519 (RFC 8032, strict) over a tag and the body.
export function open(name, shape, encoded) {
  const { body, key, sig } = read(name, { body: shape, key: bytes(32), sig: bytes(64) }, encoded)
  const message = Buffer.concat([Buffer.from('collatz/statement/1\0'), dagCbor.encode(body)])
  must(
    attempt(() => ed25519.verify(sig, message, key, { zip215: false })),
    `${name} carries a wrong signature`,
  )
  return { ...body, signer: hex(key), id: cidOf(encoded) }
}
