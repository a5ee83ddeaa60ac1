import { describe, expect, test } from 'bun:test'
import { createHash, scryptSync } from 'node:crypto'
import { RuleError } from '../../../../orbit/rules/base/statement.ts'
import {
  challengeOf,
  checkPrice,
  coreSecondsOf,
  isSolution,
  type PuzzleInput,
  type PuzzlePrice,
  priceOf,
  verifyPuzzle,
} from '../../../../orbit/rules/network/puzzle.ts'

const cheap: PuzzlePrice = { N: 16, r: 1, p: 1, tries: 40 }
const input: PuzzleInput = {
  networkId: 'bafyreigenesis',
  account: 'ab'.repeat(32),
  round: 1000,
  randomness: new Uint8Array(32).fill(5),
}

/** The puzzle again from its description, with the runtime's scrypt. */
function solves(price: PuzzlePrice, { networkId, account, round, randomness }: PuzzleInput, nonce: number): boolean {
  const u64 = (n: number) => Buffer.from(n.toString(16).padStart(16, '0'), 'hex')
  const salt = createHash('sha256')
    .update('collatz/puzzle/1\0')
    .update(`${networkId}\0`)
    .update(Buffer.from(account, 'hex'))
    .update(u64(round))
    .update(randomness)
    .digest()
  const value = scryptSync(u64(nonce), salt, 8, { N: price.N, r: price.r, p: price.p })
  return BigInt(`0x${value.toString('hex')}`) < 2n ** 64n / BigInt(price.tries)
}

const accepted = (price: PuzzlePrice, of: PuzzleInput, nonce: number) => {
  try {
    verifyPuzzle(price, of, nonce)
    return true
  } catch (error) {
    if (error instanceof RuleError) return false
    throw error
  }
}
const solution = Array.from({ length: 1000 }, (_, nonce) => nonce).find((nonce) => solves(cheap, input, nonce))!

describe('the registration puzzle', () => {
  test('accepts what solves it by its description and refuses the rest', () => {
    for (let nonce = 0; nonce < 400; nonce++) {
      expect(accepted(cheap, input, nonce)).toBe(solves(cheap, input, nonce))
    }
  })

  test('one nonce in `tries` is a solution', () => {
    let found = 0
    for (let nonce = 0; nonce < 8000; nonce++) if (accepted(cheap, input, nonce)) found++
    expect(Math.abs(found - 200)).toBeLessThan(3 * Math.sqrt(200))
  })

  test('the edge of a solution is value * tries < 2^64', () => {
    const value = (n: bigint) => Uint8Array.from(Buffer.from(n.toString(16).padStart(16, '0'), 'hex'))
    const price = { ...cheap, tries: 4 }
    expect(isSolution(price, value(2n ** 62n - 1n))).toBe(true)
    expect(isSolution(price, value(2n ** 62n))).toBe(false)
    expect(isSolution({ ...cheap, tries: 1 }, value(2n ** 64n - 1n))).toBe(true)
  })

  test('a solution is of one account, one network and one beacon round', () => {
    expect(accepted(cheap, input, solution)).toBe(true)
    const challenge = Buffer.from(challengeOf(input)).toString('hex')
    const strict = { ...cheap, tries: 2 ** 40 }
    for (const change of [
      { account: 'ac'.repeat(32) },
      { networkId: 'bafyreianother' },
      { round: 1001 },
      { randomness: new Uint8Array(32).fill(6) },
    ]) {
      expect(Buffer.from(challengeOf({ ...input, ...change })).toString('hex')).not.toBe(challenge)
      expect(() => verifyPuzzle(strict, { ...input, ...change }, solution)).toThrow('does not solve its puzzle')
    }
  })

  test('the price in core-seconds sets the tries', () => {
    for (const seconds of [1, 60, 600, 86_400]) {
      expect(Math.abs(coreSecondsOf(priceOf(seconds)) - seconds)).toBeLessThan(0.02)
      checkPrice(priceOf(seconds))
    }
    expect(priceOf(0).tries).toBe(1)
    expect(() => priceOf(-1)).toThrow(RuleError)
    expect(() => priceOf(Number.NaN)).toThrow(RuleError)
  })

  test('a price that could not be checked, or not fast, is refused', () => {
    for (const change of [{ N: 8192, r: 8 }, { N: 1 }, { N: 24 }, { r: 0 }, { p: 1.5 }, { tries: 0 }, { p: 2 ** 14 }]) {
      expect(() => checkPrice({ ...cheap, ...change })).toThrow(RuleError)
    }
  })

  test('a malformed claim is refused', () => {
    for (const nonce of [-1, 0.5, 2 ** 53]) expect(() => verifyPuzzle(cheap, input, nonce)).toThrow('whole number')
    expect(() => verifyPuzzle(cheap, { ...input, account: 'zz'.repeat(32) }, 0)).toThrow(RuleError)
    expect(() => verifyPuzzle(cheap, { ...input, randomness: new Uint8Array(31) }, 0)).toThrow(RuleError)
    expect(() => verifyPuzzle(cheap, { ...input, round: -1 }, 0)).toThrow(RuleError)
  })
})
