/**
 * Results: how hard numbers add up, and the bytes of a leaf.
 *
 * A hard number n with sigma(n) = s adds 1 to the count, mix64(n)*min(s, 480) to the checksum mod
 * 2^64, and its peak. A candidate (no rule fires within the limits) is hard too, but has no sigma:
 * it adds 1 to the count and nothing else. The sums are the same in any order.
 *
 * A leaf's record is 64 bytes, big endian: count u64, checksum u64, peak's n u128, peak's value
 * u256. The last 48 are zero when there is no peak. A unit's root is the Merkle root over its
 * leaves' records (merkle.ts).
 */
import { mergeItems } from './evidence/items.ts'
import { merkleRoot } from './merkle.ts'
import type { HardSummary, LeafResult, Peak, UnitResult, VerifyOptions } from './unit.ts'

const M64 = (1n << 64n) - 1n
const M128 = (1n << 128n) - 1n

/** Bytes of a leaf's record. */
export const LEAF_BYTES = 64

/** No hard number. */
export const EMPTY: HardSummary = { count: 0, checksum: 0n, peak: null }

/** The finaliser of MurmurHash3 (Appleby, public domain) on a u64. */
function finalise(x: bigint): bigint {
  let h = x ^ (x >> 33n)
  h = (h * 0xff51afd7ed558ccdn) & M64
  h ^= h >> 33n
  h = (h * 0xc4ceb9fe1a85ec53n) & M64
  return h ^ (h >> 33n)
}

/**
 * mix(lo ^ mix(hi)) of the two 64-bit halves of n.
 *
 * @param n 0 <= n < 2^128
 * @throws {RangeError} when n is out of range
 */
export function mix64(n: bigint): bigint {
  if (n < 0n || n > M128) throw new RangeError(`${n} has no mix64: it is defined for 0 to 2^128 - 1`)
  return finalise((n & M64) ^ finalise(n >> 64n))
}

/** The greater peak; the smaller n when they tie. */
function greaterPeak(a: Peak | null, b: Peak | null): Peak | null {
  if (a === null || b === null) return a ?? b
  if (a.value !== b.value) return a.value > b.value ? a : b
  return a.n <= b.n ? a : b
}

/**
 * The most that sigma weighs in a checksum. The reference answers were agreed on with that cap (the
 * window of 2^40 from 2^71: 4ac598ebce2e8e03), so it is part of the definition. Peaks have no cap.
 */
export const SIGMA_CAP = 480
export const weightOfSigma = (sigma: number): number => Math.min(sigma, SIGMA_CAP)

/**
 * What one hard number adds.
 *
 * @param sigma the step at which a rule fires, or null for a candidate
 * @param peakValue greatest a*m+b over odd m in its first sigma steps
 */
export function hardNumber(n: bigint, sigma: number | null, peakValue: bigint): HardSummary {
  if (sigma === null) return { count: 1, checksum: 0n, peak: null }
  return { count: 1, checksum: (mix64(n) * BigInt(weightOfSigma(sigma))) & M64, peak: { n, value: peakValue } }
}

/** The summary of two disjoint sets of hard numbers together. */
export function merge(a: HardSummary, b: HardSummary): HardSummary {
  return {
    count: a.count + b.count,
    checksum: (a.checksum + b.checksum) & M64,
    peak: greaterPeak(a.peak, b.peak),
  }
}

/** Whether two summaries are the same, to the bit. */
export function sameSummary(a: HardSummary, b: HardSummary): boolean {
  return a.count === b.count && a.checksum === b.checksum && a.peak?.n === b.peak?.n && a.peak?.value === b.peak?.value
}

/**
 * The 64 bytes of a leaf's record.
 *
 * @throws {RangeError} when a number does not fit its field
 */
export function encodeLeaf(leaf: HardSummary): Uint8Array {
  const bytes = new Uint8Array(LEAF_BYTES)
  if (!Number.isSafeInteger(leaf.count)) throw new RangeError(`a leaf can't count ${leaf.count} numbers`)
  write(bytes, 0, 8, BigInt(leaf.count), 'count')
  write(bytes, 8, 8, leaf.checksum, 'checksum')
  write(bytes, 16, 16, leaf.peak?.n ?? 0n, "peak's number")
  write(bytes, 32, 32, leaf.peak?.value ?? 0n, "peak's value")
  return bytes
}

/**
 * Reads a leaf's record.
 *
 * @throws {RangeError} when it is not the 64 bytes that encodeLeaf writes
 */
export function decodeLeaf(bytes: Uint8Array): HardSummary {
  if (bytes.length !== LEAF_BYTES) throw new RangeError(`a leaf's record has 64 bytes, not ${bytes.length}`)
  const count = read(bytes, 0, 8)
  if (count > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError(`a leaf can't count ${count} numbers`)
  const n = read(bytes, 16, 16)
  const value = read(bytes, 32, 32)
  if ((n === 0n) !== (value === 0n)) throw new RangeError('a leaf has half a peak: its number or its value is zero')
  if (count === 0n && (n !== 0n || read(bytes, 8, 8) !== 0n)) {
    throw new RangeError('a leaf without hard numbers has a checksum or a peak')
  }
  return { count: Number(count), checksum: read(bytes, 8, 8), peak: n === 0n ? null : { n, value } }
}

function write(bytes: Uint8Array, offset: number, length: number, value: bigint, what: string): void {
  if (value < 0n || value >> BigInt(8 * length) !== 0n) {
    throw new RangeError(`the ${what} ${value} of a leaf does not fit ${length} bytes`)
  }
  let remaining = value
  for (let i = length - 1; i >= 0; i--) {
    bytes[offset + i] = Number(remaining & 255n)
    remaining >>= 8n
  }
}

function read(bytes: Uint8Array, offset: number, length: number): bigint {
  let value = 0n
  for (let i = 0; i < length; i++) value = (value << 8n) | BigInt(bytes[offset + i]!)
  return value
}

/**
 * A leaf of a checkpoint, as far as it is of use: when evidence is wanted, one without has to be
 * computed again.
 */
export function knownLeaf({ done, evidence }: VerifyOptions, index: number): LeafResult | undefined {
  const leaf = done?.get(index)
  if (!leaf || !leaf.evidence === !evidence) return leaf
  return evidence ? undefined : { count: leaf.count, checksum: leaf.checksum, peak: leaf.peak }
}

/**
 * The result of a unit from its leaves, in order. It has evidence when all leaves have.
 *
 * @param candidates of the whole unit, in any order; they come back sorted
 * @throws {RangeError} when a leaf does not fit its record
 */
export function summarize(leaves: readonly LeafResult[], candidates: readonly bigint[] = []): UnitResult {
  const parts = leaves.flatMap(({ evidence }) => (evidence ? [evidence] : []))
  return {
    ...leaves.reduce(merge, EMPTY),
    leaves: leaves.map(({ count, checksum, peak }) => ({ count, checksum, peak })),
    root: merkleRoot(leaves.map(encodeLeaf)),
    candidates: [...candidates].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)),
    ...(parts.length > 0 && parts.length === leaves.length && { evidence: mergeItems(parts) }),
  }
}
