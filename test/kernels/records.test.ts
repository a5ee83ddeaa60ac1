/** Path records and lists of hard numbers: the search misses none, and why. */
import { beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { type Chunk, chunks } from '../../kernels/chunks.ts'
import { createExactEngine, hardNumbersOf } from '../../kernels/exact.ts'
import { listHardNumbers } from '../../kernels/list.ts'
import { trajectory } from '../../kernels/map.ts'
import { classes, leavesOf } from '../../kernels/partition.ts'
import { hardNumbersIn, recordSteps, walkedRecords } from '../../kernels/records.ts'
import { sigma } from '../../kernels/sigma.ts'
import type { Partition } from '../../kernels/unit.ts'
import { buildKernel } from '../../kernels/wasm/build.ts'
import { Kernel } from '../../kernels/wasm/kernel.ts'
import { PATH_RECORDS } from './path-records.ts'
import { Random } from './random.ts'

// Seconds of arithmetic, and the machine may be busy with other things.
setDefaultTimeout(2_400_000)

let kernel: Kernel
beforeAll(async () => {
  kernel = new Kernel(new WebAssembly.Module(new Uint8Array(readFileSync(await buildKernel()))))
})

const bitsOf = (n: bigint): number => n.toString(2).length - 1
const log2 = (n: bigint): number => bitsOf(n) + Math.log2(Number(n) / 2 ** bitsOf(n))

describe('a published path record', () => {
  test('has its peak before a rule fires: what follows is the path of a smaller number', () => {
    for (const { n, value } of PATH_RECORDS) expect(sigma(n)).toMatchObject({ kind: 'fired', peak: value })
  })

  test('above 2^20 is hard where the search looks for it, with steps to spare', () => {
    const spare = (n: bigint, bits: number) => {
      const verdict = sigma(n)
      return verdict.kind === 'fired' ? verdict.step - recordSteps({ bits, window: n >> BigInt(bits) }) : Infinity
    }
    for (const { n } of PATH_RECORDS.filter((record) => record.n >= 1n << 20n)) {
      expect(spare(n, Math.min(40, bitsOf(n)))).toBeGreaterThanOrEqual(n < 1n << 28n ? 19 : 32)
    }
  })
})

test('a number that resists for few steps climbs no higher than its bound', () => {
  const random = new Random(71)
  for (let i = 0; i < 4000; i++) {
    const bits = 24 + random.below(70)
    // Half of them end in a long run of ones, which is how rule O comes to fire high up.
    const ones = i % 2 === 0 ? 1n : (1n << BigInt(random.below(bits))) - 1n
    const n = random.bits(bits) | ones | (1n << BigInt(bits))
    const verdict = sigma(n)
    if (verdict.kind !== 'fired' || verdict.peak === 0n) continue
    const odds = 1 + (verdict.step * Math.log(2)) / Math.log(3)
    const climbed = Math.max(1 + odds * Math.log2(1.5) + log2(n), 1 + Math.log2(3) * log2(2n * n + 1n))
    expect(log2(verdict.peak)).toBeLessThanOrEqual(climbed + Math.log2(1 + verdict.step / Number(n)))
  }
})

test('below 2^17 the records are found by walking', () => {
  const found = [...walkedRecords(1n << 17n)].filter(({ n }) => n >= 27n)
  expect(found).toEqual(PATH_RECORDS.filter(({ n }) => n < 1n << 17n).map(({ n, value }) => ({ n, peak: value })))
})

test('walking finds what trajectories to 1 find', () => {
  const records: bigint[] = []
  let highest = trajectory(2n).max
  for (let n = 3n; n < 3000n; n++) {
    const { max } = trajectory(n)
    if (max > highest) records.push(n)
    if (max > highest) highest = max
  }
  expect([...walkedRecords(3000n)].map(({ n }) => n)).toEqual(records)
})

describe('chunks', () => {
  const ends = ({ bits, window }: Chunk) => [window << BigInt(bits), (window + 1n) << BigInt(bits)] as const

  test('follow one another from end to end of the padded range, each no larger than what is before it', () => {
    const random = new Random(72)
    for (let i = 0; i < 200; i++) {
      const from = random.bits(random.below(90))
      const to = from + 1n + random.bits(random.below(44))
      const start = (from >> 20n) << 20n
      let next = start
      for (const chunk of chunks(from, to, 40)) {
        const [first, end] = ends(chunk)
        expect(first).toBe(next)
        expect(chunk.bits).toBeLessThanOrEqual(40)
        if (next > start) expect(end - first).toBeLessThanOrEqual(next - start)
        else expect(chunk.bits).toBe(20)
        next = end
      }
      expect(next).toBe(((to + (1n << 20n) - 1n) >> 20n) << 20n)
    }
  })

  const MIB = 1n << 20n
  test.each<[from: bigint, to: bigint, mostBits: number, expected: [bits: number, window: bigint][]]>([
    [0n, 1n, 40, [[20, 0n]]],
    [0n, MIB, 40, [[20, 0n]]],
    [MIB - 1n, MIB, 40, [[20, 0n]]],
    [
      MIB - 1n,
      MIB + 1n,
      40,
      [
        [20, 0n],
        [20, 1n],
      ],
    ],
    [MIB, MIB + 1n, 40, [[20, 1n]]],
    [
      0n,
      4n * MIB,
      40,
      [
        [20, 0n],
        [20, 1n],
        [21, 1n],
      ],
    ],
    [
      0n,
      4n * MIB + 1n,
      40,
      [
        [20, 0n],
        [20, 1n],
        [21, 1n],
        [20, 4n],
      ],
    ],
    [
      0n,
      4n * MIB,
      20,
      [
        [20, 0n],
        [20, 1n],
        [20, 2n],
        [20, 3n],
      ],
    ],
    [
      MIB,
      4n * MIB,
      40,
      [
        [20, 1n],
        [20, 2n],
        [20, 3n],
      ],
    ],
  ])('from %i to %i, at most 2^%i each', (from, to, mostBits, expected) => {
    expect([...chunks(from, to, mostBits)].map(({ bits, window }) => [bits, window])).toEqual(expected)
  })

  test('from zero on they are the windows 1 of each size', () => {
    expect([...chunks(0n, 1n << 36n, 40)].slice(1)).toEqual(
      Array.from({ length: 16 }, (_, i) => ({ bits: 20 + i, window: 1n })),
    )
  })
})

describe('a list of hard numbers', () => {
  const partition: Partition = { map: '3n+1', bits: 26, units: 1, leaves: 4, hardSteps: 90 }
  const window = (1n << 45n) + 3n
  const leaf = () => leavesOf(partition, 0)[1]!

  test('is what true arithmetic gives', () => {
    const exact = [...hardNumbersOf(leaf(), window, partition)].sort((a, b) => (a.n < b.n ? -1 : 1))
    expect(exact.length).toBeGreaterThan(500)
    expect(listHardNumbers(kernel, partition, window, leaf())).toEqual(exact)
  })

  test('above a bound it has those that climb higher, and no others', () => {
    const all = listHardNumbers(kernel, partition, window, leaf())
    const peaks = all.map(({ peak }) => peak).sort((a, b) => (a < b ? -1 : 1))
    for (const above of [peaks[0]!, peaks[Math.floor(0.9 * peaks.length)]!, peaks.at(-2)!, peaks.at(-1)!]) {
      const higher = all.filter(({ peak }) => peak > above)
      expect(listHardNumbers(kernel, partition, window, leaf(), above)).toEqual(higher)
    }
  })

  test('of a window is the same from the exact engine', async () => {
    const small: Partition = { map: '3n+1', bits: 20, units: 2, leaves: 8, hardSteps: 80 }
    expect(classes(small).length).toBeGreaterThan(1)
    const { openWasmEngine } = await import('../../kernels/wasm/open.ts')
    const wasm = await openWasmEngine({ workers: 1 })
    const [fast, exact] = await Promise.all(
      [wasm, createExactEngine()].map((engine) => hardNumbersIn(engine, kernel, small, 1n << 51n)),
    )
    await wasm.close()
    expect(fast).toEqual(exact!)
    expect(fast!.length).toBe(200)
  })

  test('by the exact engine can be stopped in the middle of a leaf', async () => {
    const oneLeaf: Partition = { map: '3n+1', bits: 22, units: 1, leaves: 1, hardSteps: 80 }
    const stopping = new AbortController()
    let turns = 0
    const turn = () => {
      if (++turns === 3) stopping.abort()
      setTimeout(turn)
    }
    const list = hardNumbersIn(createExactEngine(), kernel, oneLeaf, 1n << 49n, {
      signal: stopping.signal,
      onProgress: ({ doing }) => doing === 'listing' && turns === 0 && turn(),
    })
    await expect(list).rejects.toThrow('aborted')
  })

  test('has all that no rule drops, whatever the bound: here the cycles of 3n-1', async () => {
    const drill: Partition = { map: '3n-1', bits: 20, units: 1, leaves: 4, hardSteps: 80 }
    const list = (above?: bigint) =>
      hardNumbersIn(createExactEngine(), kernel, drill, 0n, above === undefined ? {} : { above })
    const open = (await list()).filter(({ sigma: at }) => at === null)
    expect(open.map(({ n }) => n)).toContain(17n)
    expect(await list(10n ** 100n)).toEqual(open)
  })

  test('tells how far it is, in counting and in listing', async () => {
    const small: Partition = { map: '3n+1', bits: 20, units: 1, leaves: 8, hardSteps: 80 }
    const told: [string, number][] = []
    await hardNumbersIn(createExactEngine(), kernel, small, 1n << 51n, {
      onProgress: ({ fraction, doing }) => told.push([doing, fraction]),
    })
    expect(told.map(([, fraction]) => fraction)).toEqual(told.map(([, fraction]) => fraction).sort((a, b) => a - b))
    expect(told.filter(([doing]) => doing === 'listing').length).toBe(8)
    expect(told.at(-1)![1]).toBeGreaterThan(0.9)
    expect(told.at(-1)![1]).toBeLessThanOrEqual(1)
  })
})
