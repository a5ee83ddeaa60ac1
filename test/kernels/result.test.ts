import { describe, expect, test } from 'bun:test'
import {
  decodeLeaf,
  EMPTY,
  encodeLeaf,
  hardNumber,
  inclusionProof,
  inclusionProofs,
  LEAF_BYTES,
  merge,
  merkleRoot,
  mix64,
  sameSummary,
  summarize,
  verifyInclusion,
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
    expect(() => encodeLeaf({ count: 1, checksum: 0n, peak: { ...peak, value: 2n ** 256n } })).toThrow('32 bytes')
    expect(() => encodeLeaf({ count: 1, checksum: 0n, peak: { ...peak, n: 2n ** 128n } })).toThrow('16 bytes')
    expect(() => encodeLeaf({ count: 1, checksum: 2n ** 64n, peak })).toThrow('8 bytes')
    expect(() => encodeLeaf({ count: -1, checksum: 0n, peak })).toThrow('8 bytes')
    expect(() => encodeLeaf({ count: 0.5, checksum: 0n, peak })).toThrow("can't count 0.5")
  })

  test('what no leaf encodes to is refused', () => {
    expect(() => decodeLeaf(new Uint8Array(63))).toThrow('64 bytes, not 63')
    const one = encodeLeaf(hardNumber(27n, 59, 9232n))
    const change = (at: number, length: number, byte: number) => {
      const changed = one.slice()
      changed.fill(byte, at, at + length)
      return changed
    }
    expect(() => decodeLeaf(change(0, 8, 255))).toThrow("can't count")
    expect(() => decodeLeaf(change(16, 16, 0))).toThrow('half a peak')
    expect(() => decodeLeaf(change(32, 32, 0))).toThrow('half a peak')
    expect(() => decodeLeaf(change(0, 8, 0))).toThrow('without hard numbers')
  })
})

describe('Merkle tree', () => {
  // Inputs and roots of the test vectors of certificate-transparency, for the same tree (RFC 6962, RFC 9162).
  const inputs = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f']
  const records = inputs.map((input) => Uint8Array.from(Buffer.from(input, 'hex')))
  const roots = [
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
    'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
    'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
    '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
    'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
    '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  ]

  test.each([...roots.entries()])('the root of %i records is that of the published vectors', (size, root) => {
    expect(hex(merkleRoot(records.slice(0, size)))).toBe(root)
  })

  test('the published inclusion proofs come out', () => {
    expect(inclusionProof(records, 5).map(hex)).toEqual([
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ])
    expect(inclusionProof(records.slice(0, 3), 2).map(hex)).toEqual([roots[2]!])
    expect(inclusionProof(records.slice(0, 1), 0)).toEqual([])
    for (const n of [1, 2, 3, 5, 8]) {
      const some = records.slice(0, n)
      expect(inclusionProofs(some)).toEqual(some.map((_, i) => inclusionProof(some, i)))
    }
    expect(() => inclusionProof(records, 8)).toThrow('no record 8 among 8')
  })

  test('every record of every tree up to 40 is proved, and at no other place, size or root', () => {
    const many = someHard(40).map(encodeLeaf)
    for (let size = 1; size <= many.length; size++) {
      const tree = many.slice(0, size)
      const root = merkleRoot(tree)
      for (let index = 0; index < size; index++) {
        const proof = inclusionProof(tree, index)
        const holds = (at: number, of: number, of_: Uint8Array = tree[index]!, path = proof, top = root) =>
          verifyInclusion(of_, at, of, path, top)
        expect(holds(index, size)).toBe(true)
        expect(holds((index + 1) % size, size)).toBe(size === 1)
        expect(holds(index, index)).toBe(false)
        expect(holds(-1, size)).toBe(false)
        expect(holds(index, size, many[(index + 1) % 40]!)).toBe(false)
        expect(holds(index, size, tree[index]!, [...proof, root])).toBe(false)
        if (proof.length > 0) expect(holds(index, size, tree[index]!, proof.slice(1))).toBe(false)
        expect(holds(index, size, tree[index]!, proof, many[0]!.subarray(0, 32))).toBe(false)
        expect(holds(index, size, tree[index]!, proof, root.subarray(1))).toBe(false)
      }
    }
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
