/**
 * What a signer is asked for: from the draw's seed, the unit and the signer follow a key, a flag
 * and the thresholds.
 *
 *   key  = SHA-256("collatz evidence 1" | network 32 | seed 32 | window u128 | index u32 | signer 32)
 *          of 134 bytes, the tag in ASCII, integers big endian
 *   flag = the first J bits of key
 *   hash = the first 64 bits, big endian, of SHA-256(key 32 | tier u32 | n u128), tier 1, 2 or 3
 *
 * n is an item of a tier when its hash is below the tier's threshold (tiers.ts), rule P leaves it,
 * no rule D, M or O fires within the tier's S steps, and, in tiers 1 and 2, T^S(n) mod 2^J is the
 * flag.
 *
 * The hash is one block of SHA-256. It can be computed before any step is done, but costs more than
 * the steps that it would save (test/bench/hash-first.ts). The flag cannot be known before.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { classes } from '../partition.ts'
import type { EvidenceRequest, Unit } from '../unit.ts'
import { assertItems, evidenceOf, type Threshold, type Tier, thresholdsOf, tiersOf } from './tiers.ts'

const DOMAIN = new TextEncoder().encode('collatz evidence 1')
const NETWORK = DOMAIN.length
const SEED = NETWORK + 32
const WINDOW = SEED + 32
const INDEX = WINDOW + 16
const SIGNER = INDEX + 4
const KEY_INPUT_BYTES = SIGNER + 32

/** Bytes of what an item's hash is taken of. */
const ITEM_BYTES = 52

/** A tier with its threshold. */
export type TierTest = Tier & Threshold

/**
 * What makes a number of a unit an item, for one signer. Plain data, so that it can be posted to a
 * worker.
 */
export interface EvidenceTest {
  /** 32 bytes. */
  readonly key: Uint8Array
  /** J. */
  readonly flagBits: number
  /** 0 to 2^J - 1. */
  readonly flag: number
  /** Three: tier 1 first. */
  readonly tiers: readonly TierTest[]
}

function writeBig(bytes: Uint8Array, at: number, length: number, value: bigint): void {
  let rest = value
  for (let i = length - 1; i >= 0; i--) {
    bytes[at + i] = Number(rest & 255n)
    rest >>= 8n
  }
}

/**
 * The test of a unit's numbers for one request.
 *
 * @throws {RangeError} when seed, network or signer is not 32 bytes, or the unit or the number of
 *   items out of range
 */
export function evidenceTest(unit: Unit, request: EvidenceRequest): EvidenceTest {
  const { partition, window, index } = unit
  const { flagBits, items: usual } = evidenceOf(partition)
  const { seed, network, signer, items = usual } = request
  assertItems(items)
  for (const [name, bytes] of Object.entries({ seed, network, signer })) {
    if (bytes.length !== 32) throw new RangeError(`the ${name} of evidence has 32 bytes, not ${bytes.length}`)
  }
  const state = classes(partition)[index]
  if (!state || window < 0n || window >> 128n !== 0n)
    throw new RangeError(`there is no unit ${index} of window ${window}`)
  const input = new Uint8Array(KEY_INPUT_BYTES)
  input.set(DOMAIN)
  input.set(network, NETWORK)
  input.set(seed, SEED)
  writeBig(input, WINDOW, 16, window)
  writeBig(input, INDEX, 4, BigInt(index))
  input.set(signer, SIGNER)
  const key = sha256(input)
  const thresholds = thresholdsOf(partition, state, items)
  return {
    key,
    flagBits,
    flag: ((key[0]! << 8) | key[1]!) >> (16 - flagBits),
    tiers: tiersOf(partition).map((tier, i) => ({ ...tier, ...thresholds[i]! })),
  }
}

/**
 * The hash of a number, 0 to 2^64 - 1.
 *
 * @param tier 1, 2 or 3
 * @param n 0 to 2^128 - 1
 */
export function itemHash(key: Uint8Array, tier: number, n: bigint): bigint {
  const input = new Uint8Array(ITEM_BYTES)
  input.set(key)
  input[35] = tier
  writeBig(input, 36, 16, n)
  const digest = sha256(input)
  return new DataView(digest.buffer, digest.byteOffset).getBigUint64(0)
}
