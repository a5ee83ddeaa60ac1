/** The kernel's tables against the rules themselves, on BigInt. */
import { beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { minOdds, type RuleState, ruleAtEven } from '../../kernels/rules.ts'
import { buildKernel } from '../../kernels/wasm/build.ts'
import { Kernel } from '../../kernels/wasm/kernel.ts'

// Seconds of arithmetic, and the machine may be busy with other things.
setDefaultTimeout(2_400_000)

const W = 15
const B = 20
const A = 7
const ROWS = 9
const ROW_WORDS = (1 << (B - 6)) + 2

let kernel: Kernel
beforeAll(async () => {
  kernel = new Kernel(new WebAssembly.Module(readFileSync(await buildKernel())))
})

const memory = () => new DataView(kernel.exports.memory.buffer)
const address = (name: 'jumps' | 'lookahead' | 'leastOdds' | 'end') =>
  kernel.exports.layout({ jumps: 1, lookahead: 2, leastOdds: 3, end: 5 }[name])

/** The high bits of a linear congruential sequence: the same numbers at every run. */
function* sequence(seed: number): Generator<number> {
  for (let x = seed; ; x = (Math.imul(x, 1664525) + 1013904223) >>> 0) yield x >>> 8
}

/**
 * Whether a rule fires in the `steps` steps that start at `value`, from a state that may be any.
 */
function dies(start: RuleState, value: bigint, steps: number): boolean {
  let state = start
  for (let v = value, j = 0; j < steps; j++) {
    const depth = state.depth + 1
    if (v & 1n) {
      const run = state.run & 1 ? state.run : state.odds < minOdds('3n+1', depth) ? 1 : 3
      state = { depth, odds: state.odds + 1, evens: 0, run }
      v = (3n * v + 1n) >> 1n
    } else {
      if (ruleAtEven(state)) return true
      state = { depth, odds: state.odds, evens: state.evens < 0 ? -1 : state.evens + 1, run: state.run === 1 ? 2 : 0 }
      v >>= 1n
    }
  }
  return false
}

describe('headroom', () => {
  test('485 c - 306 k < 0 exactly when 3^c < 2^k, for k up to 484', () => {
    for (let k = 0; k <= 484; k++) {
      for (let c = 0; c <= k; c++) expect(485 * c - 306 * k < 0).toBe(3n ** BigInt(c) < 2n ** BigInt(k))
    }
  })

  test('is never below 0 where 3^c >= 2^k, at any step', () => {
    for (let k = 0; k <= 4096; k++) expect(485 * minOdds('3n+1', k) - 306 * k).toBeGreaterThanOrEqual(0)
  })

  test('the least odd counts are exact to 4096 steps', () => {
    for (let k = 0; k <= 4096; k++) {
      expect(memory().getInt32(address('leastOdds') + 4 * k, true)).toBe(minOdds('3n+1', k))
    }
  })
})

describe('jumps', () => {
  test('each entry has T^15 of its residue and its odd count', () => {
    for (let x = 0; x < 1 << W; x++) {
      let value = x
      let odds = 0
      for (let j = 0; j < W; j++) {
        odds += value % 2
        value = value % 2 ? (3 * value + 1) / 2 : value / 2
      }
      expect(memory().getUint32(address('jumps') + 8 * x, true)).toBe(8 * value)
      expect(memory().getUint16(address('jumps') + 8 * x + 4, true)).toBe(32 * odds)
    }
  })

  /** The dip is kept as a multiple of 4, rounded down. */
  const dipOf = (x: number) => 4 * memory().getUint16(address('jumps') + 8 * x + 6, true)

  test('the dip tells whether a rule fires, from any headroom, to one part in 75 of a step', () => {
    const random = sequence(1)
    for (let i = 0; i < 20000; i++) {
      const x = random.next().value % (1 << W)
      const depth = 20 + (random.next().value % 200)
      const odds = minOdds('3n+1', depth) + (random.next().value % 12)
      const dip = dipOf(x)
      const fires = dies({ depth, odds, evens: -1, run: 0 }, BigInt(x), W)
      const headroom = 485 * odds - 306 * depth
      if (dip > headroom || dip + 3 <= headroom) expect(dip > headroom).toBe(fires)
    }
  })

  test('what the dip drops is dropped whatever went before', () => {
    const random = sequence(2)
    for (let i = 0; i < 20000; i++) {
      const x = random.next().value % (1 << W)
      const depth = 20 + (random.next().value % 200)
      const odds = minOdds('3n+1', depth) + (random.next().value % 4)
      const dip = dipOf(x)
      if (dip <= 485 * odds - 306 * depth) continue
      // Histories that are possible: a run that began r odd steps ago, or e evens.
      const r = random.next().value % 5
      const began = odds - r < minOdds('3n+1', depth - r + 1) ? 1 : 3
      const before: RuleState =
        r > 0
          ? { depth, odds, evens: 0, run: began }
          : { depth, odds, evens: 1 + (random.next().value % 2) * 2, run: 0 }
      expect(dies(before, BigInt(x), W)).toBe(true)
    }
  })
})

describe('look-ahead', () => {
  for (const bits of [20, 40, 71]) {
    test(`of windows of 2^${bits} numbers drops exactly what a rule drops within 20 steps`, () => {
      kernel.exports.size(bits)
      const random = sequence(bits)
      const depth = bits - A
      for (let row = 0; row < ROWS; row++) {
        const odds = minOdds('3n+1', depth) + row
        for (let i = 0; i < 1500; i++) {
          const index = random.next().value % (1 << B)
          const value = BigInt.asUintN(B, BigInt(index) * 3n ** BigInt(odds))
          const word = address('lookahead') + 8 * (row * ROW_WORDS + (index >> 6))
          const bit = (memory().getBigUint64(word, true) >> BigInt(index & 63)) & 1n
          expect(bit).toBe(dies({ depth, odds, evens: -1, run: 0 }, value, B) ? 0n : 1n)
        }
        const first = address('lookahead') + 8 * row * ROW_WORDS
        expect(memory().getBigUint64(first + 8 * (ROW_WORDS - 2), true)).toBe(memory().getBigUint64(first, true))
      }
    })
  }

  test('everything lies within the memory', () => {
    expect(address('end')).toBeLessThanOrEqual(kernel.exports.memory.buffer.byteLength)
  })
})
