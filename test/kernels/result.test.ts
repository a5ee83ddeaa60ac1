import { describe, expect, test } from 'bun:test'
import { merkleRoot } from '../../kernels/merkle.ts'
import {
  decodeLeaf,
  EMPTY,
  encodeLeaf,
  hardNumber,
  LEAF_BYTES,
  merge,
  mix64,
  sameSummary,
  summarize,
} from '../../kernels/result.ts'
import type { HardSummary } from '../../kernels/unit.ts'
import { Random } from './random.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const random = new Random(5)
const someHard = (count: number): HardSummary[] =>
  Array.from({ length: count }, () => hardNumber(random.bits(100), 80 + random.below(200), random.bits(150)))

describe('mix64', () => {
  test('it is the finaliser of MurmurHash3, of the low half and the mixed high half', () => {
    // fmix64(1), as the reference implementation has it.
    expect(mix64(1n).toString(16)).toBe('b456bcfc34c2cb2c')
    expect(mix64(0n)).toBe(0n)
    expect(mix64(2n ** 64n)).toBe(mix64(mix64(1n)))
    expect(mix64((5n << 64n) | 7n)).toBe(mix64(7n ^ mix64(5n)))
  })

  test('numbers of 128 bits are the last that it takes', () => {
    expect(mix64(2n ** 128n - 1n)).toBeLessThan(2n ** 64n)
    expect(() => mix64(2n ** 128n)).toThrow('0 to 2^128 - 1')
    expect(() => mix64(-1n)).toThrow('0 to 2^128 - 1')
  })
})

describe('sums', () => {
  test('order and grouping do not matter', () => {
    const all = someHard(40)
    const forwards = all.reduce(merge, EMPTY)
    expect(all.toReversed().reduce(merge, EMPTY)).toEqual(forwards)
    expect(merge(all.slice(0, 13).reduce(merge, EMPTY), all.slice(13).reduce(merge, EMPTY))).toEqual(forwards)
    expect(forwards.count).toBe(40)
  })

  test('the greater peak wins, and of equal peaks that of the smaller number', () => {
    const [a, b, c] = [hardNumber(9n, 80, 100n), hardNumber(7n, 80, 100n), hardNumber(5n, 80, 99n)]
    expect(merge(merge(a, b), c).peak).toEqual({ n: 7n, value: 100n })
    expect(merge(b, a).peak).toEqual({ n: 7n, value: 100n })
    expect(merge(EMPTY, c).peak).toEqual({ n: 5n, value: 99n })
  })

  test.each([
    [1, 1n],
    [479, 479n],
    [480, 480n],
    [481, 480n],
    [5000, 480n],
  ])('a sigma of %i weighs %i in a checksum', (sigma, weight) => {
    expect(hardNumber(27n, sigma, 1n).checksum).toBe((mix64(27n) * weight) % 2n ** 64n)
  })

  test('the checksum is the sum of mix64(n)*sigma mod 2^64', () => {
    const sum = merge(hardNumber(27n, 59, 9232n), hardNumber(2n ** 80n, 3, 1n))
    expect(sum.checksum).toBe((mix64(27n) * 59n + mix64(2n ** 80n) * 3n) % 2n ** 64n)
  })

  test('a candidate counts, and adds nothing else', () => {
    expect(hardNumber(5n, null, 20n)).toEqual({ count: 1, checksum: 0n, peak: null })
  })

  test('summaries are the same only if every field is', () => {
    const a = hardNumber(27n, 59, 9232n)
    expect(sameSummary(a, { ...a, peak: { ...a.peak! } })).toBe(true)
    expect(sameSummary(EMPTY, EMPTY)).toBe(true)
    for (const b of [
      { ...a, count: 2 },
      { ...a, checksum: 0n },
      { ...a, peak: null },
      { ...a, peak: { n: 28n, value: 9232n } },
      { ...a, peak: { n: 27n, value: 9233n } },
    ]) {
      expect(sameSummary(a, b)).toBe(false)
      expect(sameSummary(b, a)).toBe(false)
    }
  })
})

describe('record', () => {
  test('it is count, checksum, peak number and peak value, big endian, in 64 bytes', () => {
    const record = encodeLeaf({
      count: 0x0102,
      checksum: 0xa1b2c3d4e5f60718n,
      peak: { n: 2n ** 72n + 3n, value: 2n ** 248n },
    })
    expect(hex(record)).toBe(
      '0000000000000102' +
        'a1b2c3d4e5f60718' +
        '00000000000001000000000000000003' +
        '0100000000000000000000000000000000000000000000000000000000000000',
    )
    expect(record.length).toBe(LEAF_BYTES)
    expect(hex(encodeLeaf(EMPTY))).toBe('00'.repeat(64))
  })

  test('what is written is read back, with and without a peak', () => {
    for (const leaf of [EMPTY, hardNumber(5n, null, 0n), ...someHard(50)]) {
      expect(decodeLeaf(encodeLeaf(leaf))).toEqual(leaf)
    }
  })

  test('what does not fit is refused', () => {
    const peak = { n: 1n, value: 4n }
    const largest = { n: 2n ** 128n - 1n, value: 2n ** 256n - 1n }
    for (const [change, refusal] of [
      [{ peak: largest }, null],
      [{ peak: { ...largest, n: 2n ** 128n } }, '16 bytes'],
      [{ peak: { ...largest, value: 2n ** 256n } }, '32 bytes'],
      [{ checksum: 2n ** 64n - 1n }, null],
      [{ checksum: 2n ** 64n }, '8 bytes'],
      [{ checksum: -1n }, '8 bytes'],
      [{ count: Number.MAX_SAFE_INTEGER }, null],
      [{ count: Number.MAX_SAFE_INTEGER + 1 }, "can't count 9007199254740992"],
      [{ count: -1 }, '8 bytes'],
      [{ count: 0.5 }, "can't count 0.5"],
    ] as const) {
      const leaf = { count: 1, checksum: 0n, peak, ...change }
      if (refusal === null) expect(decodeLeaf(encodeLeaf(leaf))).toEqual(leaf)
      else expect(() => encodeLeaf(leaf)).toThrow(refusal)
    }
  })

  test('what no leaf encodes to is refused', () => {
    expect(() => decodeLeaf(new Uint8Array(63))).toThrow('64 bytes, not 63')
    expect(() => decodeLeaf(new Uint8Array(65))).toThrow('64 bytes, not 65')
    const record = encodeLeaf(hardNumber(27n, 59, 9232n))
    const change = (offset: number, length: number, byte: number) => {
      const changed = record.slice()
      changed.fill(byte, offset, offset + length)
      return changed
    }
    expect(() => decodeLeaf(change(0, 8, 255))).toThrow("can't count")
    expect(() => decodeLeaf(change(16, 16, 0))).toThrow('half a peak')
    expect(() => decodeLeaf(change(32, 32, 0))).toThrow('half a peak')
    expect(() => decodeLeaf(change(0, 8, 0))).toThrow('without hard numbers')
  })
})

describe('unit', () => {
  test('its sums are those of its leaves, its root is over their records, its candidates are sorted', () => {
    const leaves = someHard(7)
    const result = summarize(leaves, [17n, 5n])
    expect(result).toMatchObject({ ...leaves.reduce(merge, EMPTY), leaves, candidates: [5n, 17n] })
    expect(hex(result.root)).toBe(hex(merkleRoot(leaves.map(encodeLeaf))))
  })

  test('a change of any leaf changes the root, and so does their order', () => {
    const leaves = someHard(9)
    const root = hex(summarize(leaves).root)
    for (const i of leaves.keys()) {
      expect(hex(summarize(leaves.with(i, { ...leaves[i]!, count: 2 })).root)).not.toBe(root)
    }
    expect(hex(summarize(leaves.toReversed()).root)).not.toBe(root)
  })
})
