/**
 * Numbers as they are pasted from papers, forums and other programs: read, or answered as numbers.
 */
import { expect, test } from 'bun:test'
import { isNumber, looksLikeNumber, numberOf } from '../../../cli/shell/whole-numbers.ts'

const THIN = '\u2009'
const NO_BREAK = '\u00a0'
const NARROW = '\u202f'

const READ: readonly [text: string, value: bigint][] = [
  ['0', 0n],
  ['1', 1n],
  ['27', 27n],
  ['01', 1n],
  ['0027', 27n],
  [' 27\n', 27n],
  ['10^21', 10n ** 21n],
  ['2^71', 2n ** 71n],
  ['2**71', 2n ** 71n],
  ['2 ** 71 + 1', 2n ** 71n + 1n],
  ['2^71 + 1', 2n ** 71n + 1n],
  ['2^71\u22121', 2n ** 71n - 1n],
  [`2^71${THIN}\u2212${THIN}1`, 2n ** 71n - 1n],
  ['2⁷¹', 2n ** 71n],
  ['2⁷¹−1', 2n ** 71n - 1n],
  ['2¹⁰⁰+1', 2n ** 100n + 1n],
  ['87*2^60+7', 87n * 2n ** 60n + 7n],
  ['87 × 2^60 + 7', 87n * 2n ** 60n + 7n],
  ['87·2⁶⁰+7', 87n * 2n ** 60n + 7n],
  ['２７', 27n],
  ['２＾７１－１', 2n ** 71n - 1n],
  ['2,361,183', 2361183n],
  ['2_361_183', 2361183n],
  ['2 361 183', 2361183n],
  [`2${THIN}361${THIN}183`, 2361183n],
  [`2${NO_BREAK}361${NO_BREAK}183`, 2361183n],
  [`2${NARROW}361${NARROW}183`, 2361183n],
  ['2’361’183', 2361183n],
  ['1^99999999999999999999', 1n],
  ['0^99999999999999999999', 0n],
  ['0^0', 1n],
  ['5^0', 1n],
  ['2^66439-2^66439', 0n],
  ['-1+2', 1n],
]

test.each(READ)('%s is read', (text, value) => {
  expect(isNumber(text)).toBe(true)
  expect(looksLikeNumber(text)).toBe(true)
  expect(numberOf('it', text)).toBe(value)
})

test.each(['-5', '−5', '- 5', '3-5', '2^71-1-2^71', '－１'])('%s is negative', (text) => {
  expect(isNumber(text)).toBe(true)
  expect(() => numberOf('it', text)).toThrow(/is negative/)
})

const ANSWERED = [
  ...['27.0', '2.361.183', '.5', '1,5', '27,', '1/3', '50%'],
  ...['1e21', '1E21', '1.5e3', '2e71+1', '0x1B', '0b11', '0o17', '27n'],
  ...['(2^71)+1', '[27]', '2^(71)', '3*(5+1)', '2^71!', '2^n-1', '3*k'],
  ...['2^3^4', '2^', '^71', '5-', '5+-3', '*3', '++5', '+5', '2^-1', '2--1'],
  ...['1234 567', '12 34', '1,2345', '1,234_567', '2,361 183', '1  234', '27 28'],
  ...['2–1', '½', '٢٧', '٢', 'Ⅷ', '∛8', '①'],
]

test.each(ANSWERED)('%s is answered as a number', (text) => {
  expect(isNumber(text)).toBe(false)
  expect(looksLikeNumber(text)).toBe(true)
  expect(() => numberOf('the number', text)).toThrow(
    `the number is "${text}": give a whole number in decimal digits, such as 27, 2^71 or 2^71+1`,
  )
})

test.each([
  '',
  ' ',
  'abc',
  'window-268435456.json',
  './27',
  '../27.0',
  '/27',
  '~/27',
  'certificates/27.json',
  'M127',
  '27.json',
  '2024-results.json',
])('"%s" does not look like a number', (text) => {
  expect(isNumber(text)).toBe(false)
  expect(looksLikeNumber(text)).toBe(false)
})

test('the largest number that is read, and the smallest that is not', () => {
  const most = 2n ** 131072n - 1n
  expect(numberOf('it', '2^131072-1')).toBe(most)
  expect(numberOf('it', most.toString())).toBe(most)
  expect(numberOf('it', '2*2^131071-1')).toBe(most)
  const refused = /is "[^"]{1,60}": numbers here are below 2\^131072 \(131072 bits, about 39,457 digits\)/
  for (const text of ['2^131072', (most + 1n).toString(), '2^131071*2', '2^131071+2^131071']) {
    expect(() => numberOf('it', text)).toThrow(refused)
  }
  expect(most.toString()).toHaveLength(39_457)
})

test('what is far too large is refused before it is computed', () => {
  const began = performance.now()
  for (const text of ['2^99999999999', `9^${'9'.repeat(400)}`, '9'.repeat(10_000_000), '2^200000*2^200000']) {
    expect(() => numberOf('it', text)).toThrow(/numbers here are below/)
  }
  expect(performance.now() - began).toBeLessThan(5_000)
})
