/** Names where they are given: taken as every reader will see them, or refused with the reason. */
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { accountNameOf, networkNameOf } from '../../../cli/network/names.ts'
import { accountName } from '../../../orbit/rules/message/account-name.ts'
import { shownName } from '../../../site/text.ts'
import { Desk } from '../program.ts'

setDefaultTimeout(2_400_000)

const desk = new Desk()
afterAll(() => desk.dispose())

const FAMILY = '👨‍👩‍👧‍👦'
const SCIENTIST = '👩‍🔬'
const KISS = '👩🏽‍❤️‍💋‍👨🏿'

const TAKEN: readonly [given: string, name: string][] = [
  ['ada', 'ada'],
  ['  Ada   Lovelace ', 'Ada Lovelace'],
  ['Ada\n', 'Ada'],
  ['x'.repeat(40), 'x'.repeat(40)],
  ['e\u0301'.repeat(40), 'é'.repeat(40)],
  ['毕导 Ада مرحبا', '毕导 Ада مرحبا'],
  ['a|b', 'a|b'],
  ['<b>x</b>', '<b>x</b>'],
  ['" onmouseover=x', '" onmouseover=x'],
  [SCIENTIST.repeat(10), SCIENTIST.repeat(10)],
  [FAMILY.repeat(40), FAMILY.repeat(40)],
  [KISS.repeat(40), KISS.repeat(40)],
  ['❤️🇳🇱☝🏽', '❤️🇳🇱☝🏽'],
]

test.each(TAKEN)('"%s" is taken', (given, name) => {
  expect(accountNameOf(given)).toBe(name)
  expect(shownName(name)).toBe(name)
  expect(accountName.safeParse(name).success).toBe(true)
})

const REFUSED: readonly [given: string, why: RegExp][] = [
  ['', /is empty/],
  [' \t\u00a0\u3000 ', /is empty/],
  ['x'.repeat(41), /has 41 characters: 40 are the most/],
  ['e\u0301'.repeat(41), /has 41 characters/],
  [FAMILY.repeat(41), /has 41 characters/],
  ['abc\u202egnp.exe', /has U\+202E, which readers are not shown/],
  ['a\u2066b\u2069', /U\+2066/],
  ['a\u200eb', /U\+200E/],
  ['a\u061cb', /U\+061C/],
  ['a\nb', /U\+000A/],
  ['a\tb', /U\+0009/],
  ['a\u001b[31mb', /U\+001B/],
  ['a\u0085b', /U\+0085/],
  ['\u200b', /U\+200B/],
  ['a\u200bb', /U\+200B/],
  ['a\u2060b', /U\+2060/],
  ['a\ufeffb', /U\+FEFF/],
  ['a\u200db', /U\+200D/],
  ['a\u00adb', /U\+00AD/],
  ['\u3164', /U\+3164/],
  ['\u2800', /U\+2800/],
  ['a\u0378', /U\+0378/],
  ['\ue000', /U\+E000/],
  ['a\u{e0041}', /U\+E0041/],
  ['a\u00a0b', /U\+00A0/],
  [`z${'\u0335'.repeat(3)}`, /U\+0335/],
]

test.each(REFUSED)('%j is refused', (given, why) => {
  expect(() => accountNameOf(given)).toThrow(why)
  expect(() => accountNameOf(given)).toThrow(/^--name /)
})

test('a network’s name: 64 code points at most, as the genesis counts them', () => {
  expect(networkNameOf('x'.repeat(64))).toBe('x'.repeat(64))
  expect(() => networkNameOf('x'.repeat(65))).toThrow('--network has 65 characters: 64 are the most')
  expect(networkNameOf(`${SCIENTIST.repeat(21)}x`)).toBe(`${SCIENTIST.repeat(21)}x`)
  expect(() => networkNameOf(SCIENTIST.repeat(22))).toThrow('--network has 66 code points: 64 are the most')
})

test('without a name it is that of the system’s user, where that is one', () => {
  const { USER, LOGNAME } = process.env
  try {
    process.env.USER = ' ada '
    expect(accountNameOf(undefined)).toBe('ada')
    process.env.USER = 'a\u202eb'
    expect(accountNameOf(undefined)).toBe('anonymous')
    delete process.env.USER
    delete process.env.LOGNAME
    expect(accountNameOf(undefined)).toBe('anonymous')
  } finally {
    if (USER !== undefined) process.env.USER = USER
    if (LOGNAME !== undefined) process.env.LOGNAME = LOGNAME
  }
})

test('the program: the name is the same in its status, in a certificate, on the page and in the page’s data', async () => {
  const name = `${SCIENTIST.repeat(10)} <é>`
  const refused = await desk.run('init', '--local', '--name', 'a\u202eb')
  expect(refused).toMatchObject({ code: 64, stderr: expect.stringMatching(/^collatz: --name has U\+202E/) })
  expect((await desk.run('init', '--local', '--bits', '36', '--name', `${SCIENTIST.repeat(10)} <e\u0301>`)).code).toBe(
    0,
  )
  expect((await desk.run('work', '--units', '1')).code).toBe(0)
  expect((await desk.run('status')).stdout).toContain(`\n${name}  `)
  expect(JSON.parse((await desk.run('status', '--json')).stdout).accounts[0].name).toBe(name)
  const file = (await desk.run('certificate')).stdout.trim()
  expect((await desk.run('verify', file, '--seconds', '1')).stdout).toContain(`, by ${name} (`)
  expect((await desk.run('account', 'show', name)).stdout).toStartWith(`account   ${name} (your own)\n`)
  await desk.run('leaderboard', 'build', '--out', desk.path('page'))
  expect(JSON.parse(readFileSync(desk.path('page', 'data.json'), 'utf8')).accounts[0].name).toBe(name)
  expect(readFileSync(desk.path('page', 'index.html'), 'utf8')).toContain(
    `<bdi>${SCIENTIST.repeat(10)} &lt;é&gt;</bdi>`,
  )
})
