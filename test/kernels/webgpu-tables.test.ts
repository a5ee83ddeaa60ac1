/** The tables and the CPU's side of the webgpu engine: no GPU needed. */
import { beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hardNumbersOf, hardOf } from '../../kernels/exact.ts'
import { EMPTY, hardNumber, merge } from '../../kernels/result.ts'
import { children, minOdds, ROOT, ruleP } from '../../kernels/rules.ts'
import { sigma } from '../../kernels/sigma.ts'
import type { ClassState } from '../../kernels/unit.ts'
import { buildKernel } from '../../kernels/wasm/build.ts'
import { Kernel } from '../../kernels/wasm/kernel.ts'
import { BatchBuilder, classesAt, GROUP_WORDS, SEED_WORDS } from '../../kernels/webgpu/batch.ts'
import { headroom, headroomStep, windows } from '../../kernels/webgpu/dip.ts'
import { LeafSum } from '../../kernels/webgpu/finish.ts'
import { DEEP_ANSWERS } from '../../kernels/webgpu/known-answers.ts'
import { classOf, PLANT_STEPS, plant } from '../../kernels/webgpu/plants.ts'
import { checkSettings, DEFAULTS, SOFTWARE } from '../../kernels/webgpu/settings.ts'
import { halve, type Slice, slicesOf } from '../../kernels/webgpu/slices.ts'
import { jumps, level, limbs, lookahead, patterns, ROWS, rowWords, survivors } from '../../kernels/webgpu/tables.ts'
import { extract } from '../../kernels/webgpu/windows.ts'
import { Random } from './random.ts'

// Seconds of arithmetic, and the machine may be busy with other things.
setDefaultTimeout(2_400_000)

/**
 * The number that a table that takes a window's start for an odd step would lose (hard to S0 =
 * 320).
 */
const EASILY_LOST = 2n ** 71n + 1070573620327n

/** (c, T^k(n)) after k steps. */
function after(n: bigint, k: number): { odds: number; value: bigint } {
  let value = n
  let odds = 0
  for (let i = 0; i < k; i++) {
    if (value & 1n) {
      value = (3n * value + 1n) >> 1n
      odds++
    } else value >>= 1n
  }
  return { odds, value }
}

describe('dips', () => {
  test('image and odd steps of every window of 12 are those of the map', () => {
    const table = windows(12)
    for (let x = 0; x < 4096; x++) {
      const { odds, value } = after(BigInt(x), 12)
      expect([table.image[x], table.odds[x]]).toEqual([Number(value), odds])
    }
  })

  test('a dip that reaches the headroom proves that a rule fires in the window, wherever it begins', () => {
    const random = new Random(1)
    const tables = [5, 10, 16].map(windows)
    let deaths = 0
    for (let i = 0; i < 4000; i++) {
      const n = random.bits(60) | 3n
      const fired = sigma(n)
      const step = fired.kind === 'fired' ? fired.step : Number.POSITIVE_INFINITY
      for (const { length, dip } of tables) {
        for (let k = 0; k < step && k < 60; k += 7) {
          const { odds, value } = after(n, k)
          if (dip[Number(value % BigInt(2 ** length))]! < headroom(odds, k)) continue
          expect(step).toBeLessThanOrEqual(k + length)
          deaths++
        }
      }
    }
    expect(deaths).toBeGreaterThan(4000)
  })

  test('a window as long as sigma sees most deaths: the dips are not merely sound', () => {
    const { dip, length } = windows(16)
    const random = new Random(2)
    let fired = 0
    let seen = 0
    for (let i = 0; i < 4000; i++) {
      const n = random.bits(60)
      const found = sigma(n)
      if (found.kind !== 'fired' || found.step > length) continue
      fired++
      if (dip[Number(n & 0xffffn)]! >= headroom(0, 0)) seen++
    }
    expect(seen / fired).toBeGreaterThan(0.999)
  })

  test('the number that is lost when evens are miscounted at a window edge survives every window', () => {
    for (const table of [10, 15, 20].map(windows)) {
      for (let k = 0; k <= 320 - table.length; k++) {
        const { odds, value } = after(EASILY_LOST, k)
        expect(table.dip[Number(value % BigInt(2 ** table.length))]!).toBeLessThan(headroom(odds, k))
      }
    }
  })

  test('headrooms are rounded up, also over steps', () => {
    for (let k = 0; k < 100; k++) {
      const exact = (c: number, j: number) => (c * Math.log2(3) - j) * 256
      expect(headroom(minOdds('3n+1', k), k)).toBeGreaterThan(exact(minOdds('3n+1', k), k))
      expect(headroomStep(k % 11, 10)).toBeGreaterThanOrEqual(exact(k % 11, 10))
    }
  })

  test('windows longer than 20 are refused', () => {
    expect(() => windows(21)).toThrow('1 to 20 steps, not 21')
  })
})

describe('tables', () => {
  test('the survivors of a class are among the patterns of its headroom, and each pattern has its child', () => {
    const random = new Random(3)
    const bits = 9
    const table = patterns(bits)
    for (let round = 0; round < 20; round++) {
      let state: ClassState = ROOT
      while (state.depth < 24) {
        const below = children(state)
        state = below[random.below(below.length)]!
      }
      const count = survivors(table, headroom(state.odds, state.depth))
      const found = new Set<string>()
      for (let j = 0; j < count; j++) {
        const residue = BigInt(table.words[2 * j]! & (2 ** bits - 1))
        // The child whose image at this depth is the pattern's residue, by search instead of by the
        // inverse of 3^c.
        let a = 0n
        while ((state.image + a * 3n ** BigInt(state.odds) - residue) % 512n !== 0n) a++
        found.add(String(state.residue + (a << BigInt(state.depth))))
      }
      expect(found.size).toBe(count)
      const exact = [...classesAt(state, state.depth + bits)]
      for (const { residue } of exact) expect(found.has(String(residue))).toBe(true)
      // Rules M and O look back over the class's edge, where the patterns do not: a few more.
      expect(count).toBeLessThan(1.35 * exact.length + 8)
    }
  })

  test('a number that no rule drops soon after depth K is left by look-ahead and mod 9', () => {
    const depth = 30
    const look = windows(16)
    const words = lookahead(look, depth)
    const tables = level(depth)
    const random = new Random(4)
    let left = 0
    let tried = 0
    while (tried < 3000) {
      const base = (random.bits(40) << 36n) + random.bits(30)
      const { odds } = after(base, depth)
      const row = odds - minOdds('3n+1', depth)
      if (row < 0 || row >= 16) continue
      for (let a = 0; a < 64; a += 5, tried++) {
        const n = base + (BigInt(a) << BigInt(depth))
        const inverse = BigInt(tables[4 * row + 2]!)
        const position = Number((after(base, depth).value * inverse) % 65536n) + a
        const bit = (words[row * rowWords(16) + (position >> 5)]! >>> (position & 31)) & 1
        const nine = 4 * (ROWS + Number(base % 9n))
        const allowed = (tables[nine + (a >> 5)]! >>> (a & 31)) & 1
        expect(allowed).toBe(ruleP(n) ? 0 : 1)
        const fired = sigma(n)
        if (fired.kind !== 'fired' || fired.step > depth + 16) expect(bit).toBe(1)
        left += bit
      }
    }
    expect(left).toBeLessThan(tried)
  })

  test('a jump entry is ten steps', () => {
    const words = jumps()
    for (let x = 0; x < 1024; x++) {
      const { odds, value } = after(BigInt(x), 10)
      const entry = words[x]!
      expect([entry & 0xffff, (entry >>> 16) & 15]).toEqual([Number(value), odds])
      expect(words[1024 + odds]! & 0xffff).toBe(3 ** odds)
    }
  })
})

describe('batches', () => {
  test('a seed stands for its class in its window', () => {
    const bits = 40
    const base = 5n << 60n
    const builder = new BatchBuilder(bits, 320, base, patterns)
    const seeds = [...classesAt(ROOT, 24)].slice(0, 200)
    for (const state of seeds) builder.add(7, state)
    builder.complete(7)
    const batch = builder.build()
    expect(batch.completes).toEqual([7])
    seeds.forEach((state, i) => {
      const n = base + state.residue
      const words = [...batch.seeds.subarray(SEED_WORDS * i, SEED_WORDS * (i + 1))]
      expect(words.slice(0, 4)).toEqual(limbs(after(n, 24).value, 4))
      expect(words[4]).toBe(Number(n % 9n))
      expect(batch.origins[i]).toEqual({ leaf: 7, base: n, depth: 24 })
      const group = batch.groups.subarray(GROUP_WORDS * words[5]!)
      expect([...group.subarray(0, 4)]).toEqual(limbs(3n ** BigInt(state.odds), 4))
      expect(group[8]).toBe(state.odds)
      expect(batch.classes[i]).toBe(group[5]!)
    })
  })

  test('seeds whose members may pass 2^128 are marked wide', () => {
    const steep = classOf(2n ** 30n - 1n, 30)
    const wide = (base: bigint) => {
      const builder = new BatchBuilder(40, 320, base, patterns)
      builder.add(0, steep)
      return builder.build().seeds[6]
    }
    expect([wide(2n ** 100n), wide(2n ** 120n)]).toEqual([0, 1])
  })

  test('slices hold every pattern of every seed once, and so do their halves', () => {
    const classes = [5, 0, 900, 3, 17, 64, 1, 1, 250]
    const covered = (slices: readonly Slice[]) => {
      const counts = classes.map((count) => new Array<number>(count).fill(0))
      for (const { from, to, first, end } of slices) {
        for (let seed = from; seed < to; seed++) {
          for (let j = first; j < Math.min(end, classes[seed]!); j++) counts[seed]![j]!++
        }
      }
      return counts.flat()
    }
    for (const room of [1, 10, 100, 10_000]) {
      const slices = slicesOf(classes, room)
      expect(covered(slices).every((count) => count === 1)).toBe(true)
      expect(Math.max(...slices.map((slice) => slice.classes))).toBeLessThanOrEqual(room)
      expect(slices.reduce((sum, slice) => sum + slice.classes, 0)).toBe(1241)
      let pieces = [slices]
      for (let depth = 0; depth < 4; depth++) {
        pieces = pieces.flatMap((piece) =>
          piece.length > 1 || piece[0]!.classes > 1 ? halve(piece, classes) : [piece],
        )
        expect(covered(pieces.flat()).every((count) => count === 1)).toBe(true)
      }
    }
  })

  test('plants are hard for every S0 of the engine, and are members of the class they are planted in', () => {
    for (let turn = 0; turn < 6; turn++) {
      const { n, state, offset, base } = plant(turn, 40, 22)
      const fired = sigma(n)
      expect(fired.kind === 'fired' && fired.step > PLANT_STEPS && !ruleP(n)).toBe(true)
      expect(base + (BigInt(offset) << 40n)).toBe(n)
      expect(base >= 0n && base % 2n ** 40n === state.residue).toBe(true)
    }
    expect(new Set([0, 3, 6, 9].map((turn) => plant(turn, 40, 22).offset)).size).toBe(4)
  })

  for (const { job, answer } of DEEP_ANSWERS) {
    test(`the known answer in a window of 2^${job.bits} is that of the exact engine`, () => {
      let sum = EMPTY
      for (const { n, sigma, peak } of hardNumbersOf(job.state, job.window, {
        ...job,
        map: '3n+1',
        units: 1,
        leaves: 1,
      })) {
        sum = merge(sum, hardNumber(n, sigma, peak))
      }
      expect(sum).toEqual(answer)
    })
  }

  test('settings out of range are named', () => {
    for (const good of [DEFAULTS, SOFTWARE]) expect(() => checkSettings(good)).not.toThrow()
    expect(() => checkSettings({ ...DEFAULTS, expandBits: 21 })).toThrow(
      'expandBits must be a whole number from 8 to 20',
    )
    expect(() => checkSettings({ ...DEFAULTS, threads: 48 })).toThrow('threads must be 32, 64 or 128')
    expect(() => checkSettings({ ...DEFAULTS, batchMs: 500 })).toThrow('batchMs must be a whole number from 1 to 199')
  })
})

describe('finishing', () => {
  let kernel: Kernel
  beforeAll(async () => {
    kernel = new Kernel(new WebAssembly.Module(readFileSync(await buildKernel())))
  })
  const random = new Random(5)
  const around = (base: bigint, count: number) => Array.from({ length: count }, () => base + random.bits(38))
  const cases: [string, number, bigint[]][] = [
    ['small numbers', 20, Array.from({ length: 3000 }, (_, i) => BigInt(i))],
    ['numbers around 2^40', 12, around(2n ** 40n - 2n ** 37n, 1500)],
    ['numbers above 2^71', 12, [...around(2n ** 71n, 1500), EASILY_LOST]],
    ['numbers below 2^128', 12, around(2n ** 128n - 2n ** 38n, 1500)],
    ['steep numbers', 12, Array.from({ length: 120 }, (_, i) => 2n ** BigInt(i + 7) - 1n)],
    ['records of the stopping time', 320, [0, 1, 2].map((turn) => plant(turn, 1, 0).n)],
  ]
  for (const [name, hardSteps, numbers] of cases) {
    test(`adds up ${name} as the exact engine does`, () => {
      const sum = new LeafSum(kernel, { hardSteps })
      let exact = EMPTY
      for (const n of numbers) {
        sum.add(n)
        const hard = hardOf(n, { map: '3n+1', hardSteps })
        if (hard) exact = merge(exact, hardNumber(n, hard.sigma, hard.peak))
      }
      expect(exact.count).toBeGreaterThan(0)
      expect(sum.summary()).toEqual(exact)
      expect(sum.candidates).toEqual([])
    })
  }
})

test('embedded files are put into a folder once, and again when another version lies there', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'collatz-dawn-'))
  try {
    const source = join(folder, 'embedded')
    await Bun.write(source, 'library')
    const target = join(folder, 'own')
    await extract([['dawn.node', source]], target)
    const { mtimeMs } = statSync(join(target, 'dawn.node'))
    await extract([['dawn.node', source]], target)
    expect(statSync(join(target, 'dawn.node')).mtimeMs).toBe(mtimeMs)
    await Bun.write(source, 'newer library')
    expect(await extract([['dawn.node', source]], target)).toBe(target)
    expect(await Bun.file(join(target, 'dawn.node')).text()).toBe('newer library')
    expect(readdirSync(target)).toEqual(['dawn.node'])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
