/**
 * Whole numbers as people write and paste them: `27`, `2^71`, `2**71 - 1`, `87*2^60+7`,
 * `2,361,183`, `2⁷¹−1`.
 *
 * Powers come before products and products before sums; there are no brackets. What looks like a
 * number and is not read as one is answered as one, so that nobody who pastes a number is told that
 * a file is missing.
 */
import { bitLength } from '../../kernels/map.ts'
import { EXIT, UserError } from './errors.ts'

/**
 * 39,457 digits. The longest trajectories of that size, such as that of 2^131072 - 1, take some ten
 * seconds.
 */
export const MOST_BITS = 131_072
/** On the way to a value, as 2^131072 is on the way to 2^131072 - 1. */
const MOST_BITS_BETWEEN = 2 * MOST_BITS

const EXAMPLES = 'give a whole number in decimal digits, such as 27, 2^71 or 2^71+1'

/**
 * What is pasted for the signs of the grammar: typographic minus and times, full-width forms, other
 * programs' power.
 */
const SIGNS: readonly [RegExp, string][] = [
  [/[\u2212\uff0d]/g, '-'],
  [/\uff0b/g, '+'],
  [/[\u00d7\u22c5\u00b7\uff0a]/g, '*'],
  [/\uff3e/g, '^'],
  [/\*\*/g, '^'],
]
const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹'

/**
 * Digits in groups of three, all parted by the same mark; or no marks. Spaces here are of any
 * width.
 */
const GROUPED = String.raw`[0-9]{1,3}(?<mark>[_,'’\s])[0-9]{3}(?:\k<mark>[0-9]{3})*`
const WHOLE = new RegExp(`^(?:[0-9]+|${GROUPED})$`)

/** The signs of the grammar for what was pasted; without spaces around operators. */
function plain(text: string): string {
  const digits = text
    .replace(/[\uff10-\uff19]/g, (digit) => String(digit.charCodeAt(0) - 0xff10))
    .replace(
      new RegExp(`[${SUPERSCRIPTS}]+`, 'g'),
      (run) => `^${[...run].map((c) => SUPERSCRIPTS.indexOf(c)).join('')}`,
    )
  const signs = SIGNS.reduce((result, [pasted, sign]) => result.replace(pasted, sign), digits)
  return signs.trim().replace(/\s*([-+*^])\s*/g, '$1')
}

/** Terms of a sum with their signs, each a product of powers; null when the text is no such sum. */
function parse(text: string): readonly { readonly sign: string; readonly factors: readonly string[][] }[] | null {
  const signed = /^(-?)([^-+].*)$/s.exec(plain(text))
  if (!signed) return null
  const terms = [...`${signed[1] || '+'}${signed[2]}`.matchAll(/([-+])([^-+]*)/g)].map(([, sign, term]) => ({
    sign: sign!,
    factors: term!.split('*').map((factor) => factor.split('^')),
  }))
  const powers = terms.flatMap(({ factors }) => factors)
  return powers.every((power) => power.length <= 2 && power.every((word) => WHOLE.test(word))) ? terms : null
}

/** Whether a text is read as a number. */
export const isNumber = (text: string): boolean => parse(text) !== null

/**
 * `0x1B`, `1e21`, `27n`: digits with the few letters that other programs put into a number; also
 * some in a formula.
 */
const LETTERED = '(?:0[xob][0-9a-f_]+|[0-9][0-9_.,]*(?:e[-+]?[0-9]+)?)n?'
const WITH_LETTERS = new RegExp(`^[-+]?${LETTERED}(?:[-+*^]${LETTERED})*$`, 'i')
/** A formula: `2^n - 1`, `3*k`. */
const FORMULA = /^[-+(\s]*\p{N}.*[\^*]/u

/**
 * Whether a text is meant as a number, read or not: digits of any script and no letters but those
 * of a formula.
 */
export function looksLikeNumber(text: string): boolean {
  const written = plain(text)
  if (/^[./\\~]/.test(written) && !/^\.[0-9]+$/.test(written)) return false
  return (/\p{N}/u.test(written) && !/\p{L}/u.test(written)) || WITH_LETTERS.test(written) || FORMULA.test(written)
}

/**
 * The value of a text.
 *
 * @param name of what the text gives, for the message
 * @returns at least 0, below 2^131072
 * @throws {UserError} `NAME is "TEXT": …` when it is no such number
 */
export function numberOf(name: string, text: string): bigint {
  const wrong = (why: string) => new UserError(`${name} is "${text.slice(0, 60)}": ${why}`, EXIT.usage)
  const tooLarge = wrong(`numbers here are below 2^${MOST_BITS} (${MOST_BITS} bits, about 39,457 digits)`)
  const limit = (bits: number): void => {
    if (bits > MOST_BITS_BETWEEN) throw tooLarge
  }
  const whole = (word: string): bigint => {
    const digits = word.replace(/[^0-9]/g, '')
    limit((digits.length - 1) * Math.log2(10))
    return BigInt(digits)
  }
  const power = ([base, exponent]: readonly string[]): bigint => {
    const value = whole(base!)
    if (exponent === undefined) return value
    const times = whole(exponent)
    if (value <= 1n) return times === 0n ? 1n : value
    limit((bitLength(value) - 1) * Number(times))
    return value ** times
  }
  const product = (factors: readonly (readonly string[])[]): bigint => {
    const values = factors.map(power)
    limit(values.reduce((bits, value) => bits + bitLength(value) - 1, 0))
    return values.reduce((result, value) => result * value, 1n)
  }
  const terms = parse(text)
  if (!terms) throw wrong(EXAMPLES)
  let sum = 0n
  for (const { sign, factors } of terms) sum += sign === '-' ? -product(factors) : product(factors)
  if (sum < 0n) throw wrong('it is negative')
  if (bitLength(sum) > MOST_BITS) throw tooLarge
  return sum
}
