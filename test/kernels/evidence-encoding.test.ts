/** The bytes of evidence: one encoding a list, boundaries of the class, and what is refused. */
import { describe, expect, test } from 'bun:test'
import { decodeItems, encodeItems } from '../../kernels/evidence/encoding.ts'
import { classes } from '../../kernels/partition.ts'
import type { ClassState, EvidenceItems, Partition } from '../../kernels/unit.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'hex'))
/** r = 3 mod 2^4 of a window of 2^20: 16 bits, two bytes an item. */
const state = { depth: 4, residue: 3n } as ClassState
const window = 2n ** 51n
const first = 2n ** 71n + 3n
const item = (a: bigint) => first + 16n * a
const encode = (items: EvidenceItems) => encodeItems(items, { bits: 20 }, window, state)
const decode = (text: string) => decodeItems(bytes(text), { bits: 20 }, window, state)

describe('a list', () => {
  const CASES: readonly [string, EvidenceItems, string][] = [
    ['of nothing', [[], [], []], '000000000000'],
    ['of the first number of the class', [[item(0n)], [], []], '0001000000000000'],
    ['of the last', [[], [], [item(65_535n)]], '000000000001ffff'],
    ['of all tiers', [[item(1n), item(2n)], [item(2n)], [item(256n)]], '0002000100020001000200010100'],
  ]
  test.each(CASES)('%s has these bytes, and is read from them', (_, items, text) => {
    expect(hex(encode(items))).toBe(text)
    expect(decode(text)).toEqual(items)
  })

  test('is refused when it is not one of the class, in order', () => {
    const refused = (items: EvidenceItems) => expect(() => encode(items)).toThrow(RangeError)
    refused([[], []])
    refused([[item(1n), item(1n)], [], []])
    refused([[item(2n), item(1n)], [], []])
    refused([[item(-1n)], [], []])
    refused([[item(65_536n)], [], []])
    refused([[item(5n) + 1n], [], []])
    refused([Array.from({ length: 65_536 }, (_, i) => item(BigInt(i))), [], []])
    expect(encode([Array.from({ length: 65_535 }, (_, i) => item(BigInt(i))), [], []])).toHaveLength(6 + 2 * 65_535)
  })

  test.each([
    ['cut short in a count', '0000000000', 'ends within a tier'],
    ['cut short in an item', '00000000000100', 'ends within a tier'],
    ['followed by a byte', '00000000000000', 'followed by 1 bytes'],
    ['with an item twice', '00020001000100000000', 'must ascend'],
    ['out of order', '00020002000100000000', 'must ascend'],
  ])('%s is refused', (_, text, reason) => {
    expect(() => decode(text)).toThrow(reason)
  })

  test('beyond the class is refused where its bits do not fill the bytes', () => {
    const odd = { depth: 3, residue: 3n } as ClassState
    const read = (text: string) => decodeItems(bytes(text), { bits: 20 }, window, odd)
    expect(read('000101ffff00000000')).toEqual([[first + 8n * 0x1ffffn], [], []])
    expect(() => read('000102000000000000')).toThrow('within their class')
  })
})

test('a unit of the main network takes 6 bytes an item', () => {
  const main: Partition = { map: '3n+1', bits: 60, units: 16_384, leaves: 256, hardSteps: 320 }
  const widths = classes(main).map(({ depth }) => Math.ceil((60 - depth) / 8))
  expect(Math.max(...widths)).toBe(6)
  expect(Math.min(...widths)).toBeGreaterThanOrEqual(4)
}, 30_000)
