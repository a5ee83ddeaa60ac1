import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { deviations, expectedHard } from '../../kernels/expected.ts'
import { classes, leavesOf, weightOf } from '../../kernels/partition.ts'
import { ROOT } from '../../kernels/rules.ts'
import type { Partition } from '../../kernels/unit.ts'
import { GOLDEN_LEAVES, GOLDEN_UNITS, GOLDEN_WINDOWS, nameOf } from './golden.ts'

// Seconds of arithmetic, and the machine may be busy with other things.
setDefaultTimeout(2_400_000)

const main: Partition = { map: '3n+1', bits: 40, units: 64, leaves: 256, hardSteps: 320 }

describe('expected hard numbers', () => {
  test('2^40 numbers have 8,735.6 +- 93 at S0 = 320', () => {
    const { mean, standardDeviation } = expectedHard(main)
    expect(mean).toBeCloseTo(8735.6, 1)
    expect(standardDeviation).toBeCloseTo(93.46, 2)
  })

  test('the 8,741 counted from 2^71 are a perfectly usual number', () => {
    expect(Math.abs(deviations(8741, expectedHard(main)))).toBeLessThan(0.1)
  })

  test('units add up to their window, and leaves to their unit', () => {
    const sum = (parts: readonly { mean: number; standardDeviation: number }[]) => ({
      mean: parts.reduce((total, { mean }) => total + mean, 0),
      standardDeviation: Math.sqrt(parts.reduce((total, part) => total + part.standardDeviation ** 2, 0)),
    })
    const close = (a: ReturnType<typeof sum>, b: ReturnType<typeof sum>) => {
      expect(a.mean / b.mean).toBeCloseTo(1, 10)
      expect(a.standardDeviation / b.standardDeviation).toBeCloseTo(1, 10)
    }
    close(sum(classes(main).map((state) => expectedHard(main, state))), expectedHard(main))
    close(sum(leavesOf(main, 9).map((state) => expectedHard(main, state))), expectedHard(main, classes(main)[9]!))
  })

  test('at S0 = bits all survivors are hard but for those that rule P drops', () => {
    const partition = { ...main, hardSteps: 40 }
    expect(expectedHard(partition).mean / ((Number(weightOf(ROOT, main)) * 5) / 9)).toBeCloseTo(1, 12)
  })

  test('all golden counts together are within 3 standard deviations, and each within 4', () => {
    let counted = 0
    let mean = 0
    let variance = 0
    const add = (name: string, count: number, expectation: ReturnType<typeof expectedHard>) => {
      const off = Math.abs(deviations(count, expectation))
      if (off > 4) throw new Error(`${name}: ${count} hard numbers, ${off} standard deviations off`)
      counted += count
      mean += expectation.mean
      variance += expectation.standardDeviation ** 2
    }
    for (const { bits, window, hardSteps, summary } of GOLDEN_WINDOWS) {
      if (window > 0n) add(`window ${window}`, summary.count, expectedHard({ map: '3n+1', bits, hardSteps }))
    }
    for (const { unit, summary } of GOLDEN_UNITS) {
      const state = classes(unit.partition)[unit.index]!
      if (unit.window > 0n) add(nameOf(unit), summary.count, expectedHard(unit.partition, state))
    }
    for (const { unit, leaf, summary } of GOLDEN_LEAVES) {
      const state = leavesOf(unit.partition, unit.index)[leaf]!
      if (unit.window > 0n) add(nameOf(unit), summary.count, expectedHard(unit.partition, state))
    }
    expect(counted).toBeGreaterThan(20_000)
    expect(Math.abs(counted - mean) / Math.sqrt(variance)).toBeLessThan(3)
  })

  test('deviations have a sign, and nothing expected is nothing off', () => {
    expect(deviations(120, { mean: 100, standardDeviation: 10 })).toBe(2)
    expect(deviations(80, { mean: 100, standardDeviation: 10 })).toBe(-2)
    expect(deviations(0, { mean: 0, standardDeviation: 0 })).toBe(0)
  })
})
