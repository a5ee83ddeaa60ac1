/**
 * Beacon rounds in drand's format: public randomness that anyone can check offline and nobody can
 * know in advance.
 *
 * Scheme `bls-unchained-g1-rfc9380` (https://docs.drand.love/docs/cryptography): round r is the BLS
 * signature over BLS12-381, 48 bytes in G1, under a public key of 96 bytes in G2, of the message
 *
 *     SHA-256(r as 8 bytes, big endian)
 *
 * hashed to the curve by RFC 9380 with the tag below. A key has exactly one signature of a message,
 * so a round has exactly one value, and rounds do not hang on one another: a missed one can be had
 * later. The round's randomness is the SHA-256 of the signature's bytes. Signatures must therefore
 * be in their one canonical encoding, or two nodes could hold two randomnesses for the same point.
 *
 * Rounds are numbered from 1, at genesisTime, and are plain numbers up to 2^53 - 1. One check takes
 * about 15 ms.
 */

import { bls12_381 } from '@noble/curves/bls12-381.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { equalBytes, u64 } from '../base/bytes.ts'
import { createMemory, type Memory } from '../base/memory.ts'
import { RuleError } from '../base/statement.ts'

export const SCHEME = 'bls-unchained-g1-rfc9380'
const TAG = 'BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_'
const LOCAL_TAG = utf8ToBytes('collatz/local-chain/1')

/** A beacon chain: all that is needed to check its rounds. drand calls this the chain info. */
export interface ChainInfo {
  readonly scheme: typeof SCHEME
  /** 96 bytes: a point of G2, compressed. */
  readonly publicKey: Uint8Array
  /** Seconds from a round to the next. */
  readonly period: number
  /** Unix seconds of round 1. */
  readonly genesisTime: number
  /** 32 bytes: drand's hash of the group that made the key. Only the chain's hash depends on it. */
  readonly groupHash: Uint8Array
  /** drand's name of the chain, e.g. `quicknet`. */
  readonly beaconId: string
  /** The chain's hash, 64 hex digits: see chainHash(). */
  readonly hash: string
}

/** One round, checked. */
export interface BeaconRound {
  readonly round: number
  /** 48 bytes: a point of G1, compressed. */
  readonly signature: Uint8Array
  /** 32 bytes: SHA-256 of the signature. */
  readonly randomness: Uint8Array
}

/**
 * The League of Entropy's quicknet: a round every 3 s since 23 August 2023. Source:
 * https://api.drand.sh/52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971/info
 */
export const QUICKNET: ChainInfo = {
  scheme: SCHEME,
  publicKey: hexToBytes(
    '83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451' +
      '0d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a',
  ),
  period: 3,
  genesisTime: 1692803367,
  groupHash: hexToBytes('f477d5c89f21a17c863a7f937c6a6d15859414d2be09cd448d4279af331c5d3e'),
  beaconId: 'quicknet',
  hash: '52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971',
}

/** The chains of the League of Entropy that a genesis may call drand. */
export const KNOWN_CHAINS: readonly ChainInfo[] = [QUICKNET]

/** Where quicknet is served over HTTP: the relays of the League of Entropy and of Cloudflare. */
export const QUICKNET_RELAYS: readonly string[] = [
  'https://api.drand.sh',
  'https://api2.drand.sh',
  'https://api3.drand.sh',
  'https://drand.cloudflare.com',
].map((relay) => `${relay}/${QUICKNET.hash}`)

/**
 * The chain's hash, as drand computes it: SHA-256 of
 *
 *     period u32 BE || genesisTime i64 BE || publicKey || groupHash || utf8(beaconId)
 *
 * where the id is left out if it is `default`.
 */
export function chainHash(chain: Omit<ChainInfo, 'hash' | 'scheme'>): string {
  const head = new DataView(new ArrayBuffer(12))
  head.setUint32(0, chain.period)
  head.setBigInt64(4, BigInt(chain.genesisTime))
  const id = utf8ToBytes(chain.beaconId === 'default' ? '' : chain.beaconId)
  return bytesToHex(sha256(concatBytes(new Uint8Array(head.buffer), chain.publicKey, chain.groupHash, id)))
}

/**
 * Checks what a genesis says of its chain: the key is a point of the right group and not zero, the
 * hash is right.
 *
 * @throws {RuleError}
 */
export function checkChain(chain: ChainInfo): void {
  if (chain.scheme !== SCHEME) throw new RuleError(`the beacon chain's scheme is ${chain.scheme}, not ${SCHEME}`)
  if (!isIntegerIn(chain.period, 1, 0xffff_ffff) || !isIntegerIn(chain.genesisTime, 0, Number.MAX_SAFE_INTEGER)) {
    throw new RuleError('the beacon chain has a period or a genesis time that is out of range')
  }
  let zero = true
  try {
    zero = bls12_381.G2.Point.fromBytes(chain.publicKey).is0()
  } catch {
    // Not a point of the group: reported below.
  }
  if (zero || chain.publicKey.length !== 96) throw new RuleError("the beacon chain's public key is not one of G2")
  if (chain.groupHash.length !== 32 || chainHash(chain) !== chain.hash) {
    throw new RuleError("the beacon chain's hash does not fit its key, period and genesis time")
  }
}

/**
 * The newest round that exists at a time; 0 before the first. Times are unix seconds, fractions
 * allowed.
 */
export const roundAt = (chain: Pick<ChainInfo, 'genesisTime' | 'period'>, unixSeconds: number): number =>
  Math.max(0, Math.floor((unixSeconds - chain.genesisTime) / chain.period) + 1)

/** When a round comes into being, in unix seconds. */
export const timeOf = (chain: Pick<ChainInfo, 'genesisTime' | 'period'>, round: number): number =>
  chain.genesisTime + (round - 1) * chain.period

/** The 32 bytes of randomness of a round whose signature has been checked. */
export const randomnessOf = (signature: Uint8Array): Uint8Array => sha256(signature)

/**
 * A pairing costs 15 ms, and all heartbeats of a round carry the same: rounds found right, by all
 * that was checked.
 */
const checkedRounds = () => new Set<string>()
const REMEMBERED = 4096

/**
 * Checks one round.
 *
 * @param signature 48 bytes
 * @returns the round's randomness, 32 bytes
 * @throws {RuleError} when this is not the chain's signature of this round
 */
export function verifyRound(
  chain: Pick<ChainInfo, 'publicKey'>,
  round: number,
  signature: Uint8Array,
  memory: Memory = createMemory(),
): Uint8Array {
  if (!isIntegerIn(round, 1, Number.MAX_SAFE_INTEGER)) throw new RuleError(`${round} is not a beacon round`)
  const identity = `${round}/${bytesToHex(signature)}/${bytesToHex(chain.publicKey)}`
  const checked = memory.table(checkedRounds)
  if (checked.has(identity)) return randomnessOf(signature)
  let valid = false
  try {
    const point = bls12_381.shortSignatures.Signature.fromBytes(signature)
    valid =
      equalBytes(bls12_381.shortSignatures.Signature.toBytes(point), signature) &&
      bls12_381.shortSignatures.verify(point, messageOf(round), chain.publicKey)
  } catch {
    // Bytes that are no point of the group, or the point at infinity: as invalid as a wrong
    // signature.
  }
  if (!valid) throw new RuleError(`beacon round ${round} carries a wrong signature`)
  if (checked.size >= REMEMBERED) checked.clear()
  checked.add(identity)
  return randomnessOf(signature)
}

/** Signs a round of a local chain. `secret` is 32 bytes, big endian, a scalar of BLS12-381. */
export const signRound = (secret: Uint8Array, round: number): Uint8Array =>
  bls12_381.shortSignatures.sign(messageOf(round), secret).toBytes(true)

/**
 * The chain of a key that one operator holds, for private and test networks. The operator knows
 * every round in advance: it is trusted, and only it.
 *
 * @param secret      32 bytes
 * @param genesisTime unix seconds of round 1
 * @param period      seconds a round
 */
export function localChain(secret: Uint8Array, genesisTime: number, period: number): ChainInfo {
  const publicKey = bls12_381.shortSignatures.getPublicKey(secret).toBytes(true)
  const groupHash = sha256(concatBytes(LOCAL_TAG, publicKey))
  const unnamed = { scheme: SCHEME, publicKey, period, genesisTime, groupHash, beaconId: 'local' } as const
  return { ...unnamed, hash: chainHash(unnamed) }
}

/** Makes a local chain's secret of 48 random bytes. */
export const localSecret = (seed: Uint8Array): Uint8Array => bls12_381.shortSignatures.keygen(seed).secretKey

const messageOf = (round: number) => bls12_381.shortSignatures.hash(sha256(u64(round)), TAG)

const isIntegerIn = (value: number, low: number, high: number): boolean =>
  Number.isSafeInteger(value) && value >= low && value <= high
