/**
 * Whole numbers as people write them: `27`, `2^71`, `2^71-1`, `87*2^60+7`, `2,361,183,241`. Products before sums, powers
 * before products, no brackets.
 */
import { EXIT, UserError } from './errors.ts'

/** About 20,000 digits: what is larger takes minutes to follow. */
const MOST_BITS = 66_439

const DIGITS = '[0-9]+(?:[_,][0-9]{3})*'
const POWER = `${DIGITS}(?:\\^${DIGITS})?`
const PRODUCT = `${POWER}(?:\\*${POWER})*`
const SUM = new RegExp(`^${PRODUCT}(?:[+-]${PRODUCT})*$`)

/** Whether a text is meant as a number. */
export const isNumber = (text: string): boolean => SUM.test(text)

/**
 * The value of such a text.
 *
 * @throws {UserError} `NAME is "TEXT": …` when it is none, is negative, or has more than 20,000 digits
 */
export function numberOf(name: string, text: string): bigint {
  const wrong = (why: string) => new UserError(`${name} is "${text.slice(0, 60)}": ${why}`, EXIT.usage)
  if (!isNumber(text)) throw wrong('give a whole number, such as 27, 2^71 or 2^71+1')
  const tooLarge = wrong('20,000 digits are the most')
  const limited = (bits: number) => {
    if (bits > MOST_BITS) throw tooLarge
  }
  const digits = (word: string): bigint => {
    const plain = word.replace(/[_,]/g, '')
    limited(plain.length * Math.log2(10) - 4)
    return BigInt(plain)
  }
  const power = (word: string): bigint => {
    const [base, exponent = 1n] = word.split('^').map(digits) as [bigint, bigint?]
    if (base > 1n) limited((base.toString(2).length - 1) * Number(exponent))
    return base ** exponent
  }
  const product = (word: string): bigint => {
    const factors = word.split('*').map(power)
    limited(factors.reduce((bits, factor) => bits + factor.toString(2).length - 1, 0))
    return factors.reduce((value, factor) => value * factor, 1n)
  }
  let sum = 0n
  for (const [, sign, word] of text.matchAll(/([+-]?)([^+-]+)/g)) {
    sum += sign === '-' ? -product(word!) : product(word!)
  }
  if (sum < 0n) throw wrong('it is negative')
  return sum
}
