/**
 * The registration puzzle: what makes the ten-thousandth account cost ten thousand times the first.
 *
 *     challenge = SHA-256( utf8("collatz/puzzle/1") || 0x00 || utf8(networkId) || 0x00 || account
 *     key, 32 bytes
 *                          || beacon round as 8 bytes big endian || that round's randomness, 32
 *                          bytes )
 *     value     = scrypt(password = nonce as 8 bytes big endian, salt = challenge, N, r, p, 8
 *               bytes), big endian
 *
 * (RFC 7914). A nonce solves the puzzle if value * tries < 2^64, so one in `tries` does. A try
 * takes 128 * N * r bytes of memory, read in an order nobody can foretell, which is what makes
 * special hardware poor at it. The account and the network are inside, so a solution is of use to
 * one account of one network; the beacon round is inside, so none can be made before that round,
 * and accounts can't be stockpiled for longer than the age that the pool allows it.
 *
 * Solving takes `tries` tries on average and is memoryless: one solver in twenty needs more than
 * three times that. Checking takes one, and MAX_WORK keeps that under 50 ms even in plain
 * JavaScript (18 ms on the machine below).
 */
import { scrypt } from '@noble/hashes/scrypt.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { u64 } from '../base/bytes.ts'
import { RuleError } from '../base/statement.ts'

/** The greatest N * r * p. */
const MAX_WORK = 2 ** 15
/**
 * Core-seconds of native scrypt for each unit of N * r * p: one core of a 2-core virtual machine,
 * 19 ms for 2^16.
 */
const SECONDS_PER_WORK = 3e-7

/** What a registration costs. Part of the genesis. */
export interface PuzzlePrice {
  /** scrypt's N: a power of two, 2 or more. */
  readonly N: number
  /** scrypt's r and p, 1 or more. N * r * p is at most 32,768. */
  readonly r: number
  readonly p: number
  /** Tries that a solution takes on average, 1 or more. */
  readonly tries: number
}

/** What a solution is a solution of. */
export interface PuzzleInput {
  /** CID of the genesis, as text. */
  readonly networkId: string
  /** 64 hex digits. */
  readonly account: string
  /** A recent beacon round, and its 32 bytes of randomness as verifyRound() returned them. */
  readonly round: number
  readonly randomness: Uint8Array
}

/**
 * The price whose solving takes about so many core-seconds: 4 MiB a try. 0 gives the least price,
 * one try.
 */
export const priceOf = (coreSeconds: number): PuzzlePrice => {
  if (!(coreSeconds >= 0 && coreSeconds <= 1e9)) throw new RuleError(`${coreSeconds} core-seconds is not a price`)
  const [N, r, p] = [4096, 8, 1]
  return { N, r, p, tries: Math.max(1, Math.round(coreSeconds / (SECONDS_PER_WORK * N * r * p))) }
}

/** Core-seconds that solving takes on average, on the machine of the comment above. */
export const coreSecondsOf = ({ N, r, p, tries }: PuzzlePrice): number => SECONDS_PER_WORK * N * r * p * tries

/** @throws {RuleError} when a genesis sets a price that can't be checked, or not fast enough */
export function checkPrice({ N, r, p, tries }: PuzzlePrice): void {
  const whole = [N, r, p, tries].every((n) => Number.isSafeInteger(n) && n >= 1)
  if (!whole || N < 2 || !Number.isInteger(Math.log2(N)) || N * r * p > MAX_WORK) {
    throw new RuleError(
      `a registration puzzle of N = ${N}, r = ${r}, p = ${p}, ${tries} tries: N must be a power of two, and N * r * p ` +
        `at most ${MAX_WORK}`,
    )
  }
}

/** The 32 bytes that scrypt takes as its salt. */
export const challengeOf = ({ networkId, account, round, randomness }: PuzzleInput): Uint8Array =>
  sha256(concatBytes(utf8ToBytes(`collatz/puzzle/1\0${networkId}\0`), hexToBytes(account), u64(round), randomness))

/** The 8 bytes that scrypt takes as its password. */
export const nonceBytes = (nonce: number): Uint8Array => u64(nonce)

/** Whether the 8 bytes that scrypt gave are those of a solution. */
export const isSolution = (price: PuzzlePrice, value: Uint8Array): boolean =>
  new DataView(value.buffer, value.byteOffset).getBigUint64(0) * BigInt(price.tries) < 1n << 64n

/**
 * Checks a solution. The caller has checked that the round is one of the chain, and recent.
 *
 * @param nonce 0 to 2^53 - 1
 * @throws {RuleError} when it is none
 */
export function verifyPuzzle(price: PuzzlePrice, input: PuzzleInput, nonce: number): void {
  checkPrice(price)
  if (!/^[0-9a-f]{64}$/.test(input.account) || input.randomness.length !== 32) {
    throw new RuleError('a puzzle of an account key or a randomness that is not 32 bytes')
  }
  if (![nonce, input.round].every((n) => Number.isSafeInteger(n) && n >= 0)) {
    throw new RuleError('a puzzle whose nonce or round is not a whole number')
  }
  const { N, r, p } = price
  if (!isSolution(price, scrypt(nonceBytes(nonce), challengeOf(input), { N, r, p, dkLen: 8 }))) {
    throw new RuleError(`the registration of account ${input.account} does not solve its puzzle`)
  }
}
