/** Bytes and Merkle trees: what a certificate is made of. */
import { createHash } from 'node:crypto'
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
