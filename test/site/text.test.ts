import { describe, expect, test } from 'bun:test'
import { boundText, byteSize, digitGroups, duration, exponentOfTwo, log2, signed, utc } from '../../site/format.ts'
import { plainText, webAddress } from '../../site/text.ts'
import { sample } from './sample.ts'

describe('a name chosen by a stranger', () => {
  test('is shown as it is when it is a name in any script', () => {
    for (const name of ['Ada Lovelace', 'Ада', 'مرحبا', '毕导', 'Nguyễn Thị', 'π ≈ 3', "O'Neil-77"]) {
      expect(plainText(name, 32)).toBe(name.normalize('NFC'))
    }
  })

  test('cannot turn the direction of the text around it', () => {
    expect(plainText('abc\u202Egnp.exe\u2066\u2069\u200F\u061C', 32)).toBe('abcgnp.exe')
  })

  test('cannot be invisible or blank', () => {
    for (const name of [
      '',
      ' \t\n',
      '\u200B\u200D\uFEFF',
      '\u3164\u115F\uFFA0',
      '\u2800',
      '\u{E0041}\u{E0042}',
      '\u0301',
    ]) {
      expect(plainText(name, 32)).toBe('')
    }
  })

  test('cannot hold control characters, lines or escape sequences', () => {
    expect(plainText('a\u001B[31mb\r\nc\u2028d\u0000e', 32)).toBe('a[31mb c de')
  })

  test('cannot stack accents over the lines above it', () => {
    const marks = (text: string): number => (text.match(/\p{M}/gu) ?? []).length
    expect(marks(plainText(`z${'\u0335\u0302'.repeat(50)}`, 32))).toBeLessThanOrEqual(2)
  })

  test('keeps the joiners of an emoji, and no others', () => {
    for (const name of ['👩‍🔬'.repeat(10), '👨‍👩‍👧‍👦', '❤️', '🏳️‍🌈', '🇳🇱']) expect(plainText(name, 10)).toBe(name)
    expect(plainText('a\u200Db👩\u200D\u200D🔬x\uFE0F', 32)).toBe('ab👩🔬x')
  })

  test('is counted as its readers count', () => {
    expect(plainText('👩‍🔬'.repeat(32), 32)).toBe('👩‍🔬'.repeat(32))
    expect(plainText('👩‍🔬'.repeat(33), 32)).toBe(`${'👩‍🔬'.repeat(31)}…`)
  })

  test('is cut to its limit with an ellipsis, never inside a character', () => {
    expect(plainText('😀'.repeat(40), 32)).toBe(`${'😀'.repeat(31)}…`)
    expect(plainText(`a\uD83D`, 32)).toBe('a\uFFFD')
    expect([...plainText('x'.repeat(1_000_000), 32)]).toHaveLength(32)
  })
})

test('only plain web addresses are linked', () => {
  expect(webAddress('https://doi.org/10.1007/s11227')).toBe('https://doi.org/10.1007/s11227')
  for (const url of [
    'javascript:alert(1)',
    'data:text/html,x',
    '//host/path',
    'https://user:pw@host/',
    'no address',
    '',
  ]) {
    expect(webAddress(url)).toBeNull()
  }
})

describe('numbers', () => {
  test('are grouped by three from the right', () => {
    expect(digitGroups(2n ** 71n).join(' ')).toBe('2 361 183 241 434 822 606 848')
    expect(digitGroups(0)).toEqual(['0'])
    expect(digitGroups(1000)).toEqual(['1', '000'])
  })

  test('are named by powers only when they are what the name says', () => {
    const { network } = sample()
    const limit = 2n ** 71n
    expect(boundText(network, limit)).toBe('2^71')
    expect(boundText(network, limit + 2n ** 40n)).toBe('2^71 + 2^40')
    expect(boundText(network, limit + 5n * 2n ** 40n)).toBe('2^71 + 5·2^40')
    expect(boundText(network, limit + 1n)).toBe((limit + 1n).toString())
    expect(boundText({ ...network, baseline: { ...network.baseline, value: 0n } }, 3n << 40n)).toBe('3·2^40')
    expect(exponentOfTwo(0n)).toBeNull()
    expect(exponentOfTwo(1n)).toBe(0)
  })

  test('have a logarithm at any length', () => {
    expect(log2(1n)).toBe(0)
    expect(log2(2n ** 5000n)).toBe(5000)
    expect(log2(3n * 2n ** 100n)).toBeCloseTo(101.58496, 5)
  })

  test('keep their sign, and zero has none', () => {
    expect([signed(1.234, 2), signed(-1.234, 2), signed(-0.001, 2)]).toEqual(['+1.23', '−1.23', '0.00'])
  })

  test('of bytes and milliseconds have their units', () => {
    expect([byteSize(1), byteSize(812), byteSize(3482), byteSize(1_300_000)]).toEqual([
      '1 byte',
      '812 bytes',
      '3.4 KiB',
      '1.2 MiB',
    ])
    expect([duration(1000), duration(119_000), duration(7_199_000), duration(86_400_000 * 12)]).toEqual([
      '1 second',
      '119 seconds',
      '119 minutes',
      '12 days',
    ])
    expect(utc(1_795_397_003_000)).toBe('2026-11-23 01:23 UTC')
  })
})
