/**
 * The Merkle tree over the records of a unit's leaves: RFC 9162, section 2.1, with SHA-256.
 *
 * A Merkle leaf is the hash of a record after a byte 0x00, an inner hash that of two hashes after a
 * byte 0x01, and n records are split at the greatest power of two below n. So the root of a result
 * commits to each of its leaves, and a proof of log2(n) hashes shows one record to a reader who has
 * the root alone.
 *
 * It is apart from result.ts because it knows nothing of numbers: records are bytes of any length.
 */
import { sha256 } from '@noble/hashes/sha2.js'

/** The Merkle leaf of a record, RFC 9162 section 2.1.1. 32 bytes. */
function merkleLeaf(record: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1 + record.length)
  bytes.set(record, 1)
  return sha256(bytes)
}

/**
 * Scratch space of innerHash(), which never waits: one buffer for all calls takes a third off the
 * time.
 */
const pair = new Uint8Array(65)
pair[0] = 1

function innerHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  pair.set(left, 1)
  pair.set(right, 33)
  return sha256(pair)
}

/** The greatest power of two below n, for n > 1. */
const splitOf = (n: number): number => 2 ** (31 - Math.clz32(n - 1))

/** The root over records of any length, RFC 9162 section 2.1.1. 32 bytes. */
export function merkleRoot(records: readonly Uint8Array[]): Uint8Array {
  return records.length === 0 ? sha256(new Uint8Array()) : rootOfHashes(records.map(merkleLeaf))
}

function rootOfHashes(hashes: readonly Uint8Array[]): Uint8Array {
  if (hashes.length === 1) return hashes[0]!
  const k = splitOf(hashes.length)
  return innerHash(rootOfHashes(hashes.slice(0, k)), rootOfHashes(hashes.slice(k)))
}

/**
 * The inclusion proof of record `index`, RFC 9162 section 2.1.3.1: hashes of 32 bytes, from the
 * Merkle leaf up.
 *
 * @throws {RangeError} when there is no such record
 */
export function inclusionProof(records: readonly Uint8Array[], index: number): readonly Uint8Array[] {
  if (!Number.isInteger(index) || index < 0 || index >= records.length) {
    throw new RangeError(`there is no record ${index} among ${records.length}`)
  }
  const prove = (hashes: readonly Uint8Array[], at: number): Uint8Array[] => {
    if (hashes.length === 1) return []
    const k = splitOf(hashes.length)
    return at < k
      ? [...prove(hashes.slice(0, k), at), rootOfHashes(hashes.slice(k))]
      : [...prove(hashes.slice(k), at - k), rootOfHashes(hashes.slice(0, k))]
  }
  return prove(records.map(merkleLeaf), index)
}

/**
 * The inclusion proofs of all records, in order: what inclusionProof() gives for each, at the cost
 * of one tree.
 */
export function inclusionProofs(records: readonly Uint8Array[]): readonly (readonly Uint8Array[])[] {
  const hashes = records.map(merkleLeaf)
  const proofs: Uint8Array[][] = records.map(() => [])
  const build = (from: number, to: number): Uint8Array => {
    if (to - from === 1) return hashes[from]!
    const middle = from + splitOf(to - from)
    const [left, right] = [build(from, middle), build(middle, to)]
    for (let i = from; i < to; i++) proofs[i]!.push(i < middle ? right : left)
    return innerHash(left, right)
  }
  if (records.length > 0) build(0, records.length)
  return proofs
}

/**
 * Whether `record` is the one at `index` among the `size` under `root`, RFC 9162 section 2.1.3.2.
 *
 * @param size number of records in the tree
 */
export function verifyInclusion(
  record: Uint8Array,
  index: number,
  size: number,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return false
  let position = index
  let last = size - 1
  let hash = merkleLeaf(record)
  for (const sibling of proof) {
    if (last === 0 || sibling.length !== 32) return false
    if (position % 2 === 1 || position === last) {
      hash = innerHash(sibling, hash)
      while (position % 2 === 0 && position !== 0) {
        position /= 2
        last = Math.floor(last / 2)
      }
    } else hash = innerHash(hash, sibling)
    position = Math.floor(position / 2)
    last = Math.floor(last / 2)
  }
  return last === 0 && root.length === 32 && root.every((byte, i) => byte === hash[i])
}
