/**
 * What a registration may call its account: by code points, the same for every version of Unicode.
 */
import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { accountName, MAX_NAME_POINTS } from '../../../../orbit/rules/message/account-name.ts'

const SCHEMA = join(import.meta.dir, '../../../../orbit/rules/certificate/certificate.schema.json')
const { registration } = JSON.parse(readFileSync(SCHEMA, 'utf8')).$defs
const published = new RegExp(registration.properties.body.properties.name.pattern, 'u')

/** The program's schema and the published one always say the same. */
function admits(name: string): boolean {
  const { success } = accountName.safeParse(name)
  expect(published.test(name)).toBe(success)
  return success
}

const point = (code: number): string => String.fromCodePoint(code)
const FAMILY = '👨‍👩‍👧‍👦'
/** Two persons of different skins: the longest emoji there is. */
const KISS = '👩🏽‍❤️‍💋‍👨🏿'

describe('admitted', () => {
  test.each([
    ['a letter', 'a'],
    ['words', 'Ada Lovelace'],
    ['any script', 'Ада 毕导 مرحبا Nguyễn Thị'],
    ['not composed', 'e\u0301'],
    ['markup, which is for whoever shows it to escape', '<b>x</b>" onmouseover=x a|b'],
    ['40 letters, as ever', 'x'.repeat(40)],
    ['ten families', FAMILY.repeat(10)],
    ['forty emoji of the longest kind', KISS.repeat(40)],
    ['a non-joiner in a word', 'می\u200cخواهم'],
    ['what is not assigned yet', point(0x0378)],
  ])('%s', (_, name) => expect(admits(name)).toBe(true))
})

describe('refused', () => {
  test.each([
    ['nothing', ''],
    ['a space', ' '],
    ['spaces of other kinds', '\u00a0\u2003\u3000'],
    ['a space before', ' a'],
    ['a space after', 'a\u3000'],
    ['a joiner before', '\u200da'],
    ['a joiner after', 'a\u200c'],
    ['two joiners together', 'a\u200d\u200cb'],
  ])('%s', (_, name) => expect(admits(name)).toBe(false))
})

test('the most code points, and one more', () => {
  expect(admits('x'.repeat(MAX_NAME_POINTS))).toBe(true)
  expect(admits('x'.repeat(MAX_NAME_POINTS + 1))).toBe(false)
  expect(admits('😀'.repeat(MAX_NAME_POINTS))).toBe(true)
  expect(admits(`${'😀'.repeat(MAX_NAME_POINTS)}x`)).toBe(false)
  expect([...KISS]).toHaveLength(MAX_NAME_POINTS / 40)
})

/**
 * First and last of each range that is refused wherever it stands; their neighbours are not, but
 * where they are in another.
 */
const RANGES: readonly [name: string, first: number, last: number][] = [
  ['C0 controls', 0x00, 0x1f],
  ['delete and C1 controls', 0x7f, 0x9f],
  ['the Arabic letter mark', 0x61c, 0x61c],
  ['a space of no width', 0x200b, 0x200b],
  ['marks of direction', 0x200e, 0x200f],
  ['separators, embeddings and overrides', 0x2028, 0x202e],
  ['joiners of words, invisible operators, isolates and deprecated controls', 0x2060, 0x206f],
  ['the byte order mark', 0xfeff, 0xfeff],
  ['tags', 0xe0000, 0xe0fff],
]

test.each(RANGES)('%s, each of them and no neighbour', (_, first, last) => {
  for (let code = first; code <= last; code++) expect([code, admits(`a${point(code)}b`)]).toEqual([code, false])
  const neighbours = [first - 1, last + 1].filter((code) => code >= 0)
  for (const code of neighbours) expect([code, admits(`a${point(code)}b`)]).toEqual([code, true])
})

test('nothing else is refused in the middle of a name', () => {
  const inRange = (code: number) => RANGES.some(([, first, last]) => code >= first && code <= last)
  const surprises: number[] = []
  for (let code = 0; code <= 0x10ffff; code++) {
    if (code >= 0xd800 && code <= 0xdfff) continue
    if (accountName.safeParse(`a${point(code)}b`).success === inRange(code)) surprises.push(code)
  }
  expect(surprises).toEqual([])
})

test('a long text is refused at once', () => {
  const began = performance.now()
  expect(admits('\u200d '.repeat(1_000_000))).toBe(false)
  expect(admits(`${'a '.repeat(199)} `)).toBe(false)
  expect(performance.now() - began).toBeLessThan(2_000)
})
