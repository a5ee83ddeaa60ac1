import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { reportNumber } from '../../kernels/number.ts'
import { meetsSmallerNumber } from '../../kernels/smaller.ts'

// Seconds of arithmetic, and the machine may be busy with other things.
setDefaultTimeout(2_400_000)

describe('report on a number', () => {
  test('27: its trajectory, when it falls below itself, and the number it meets then', () => {
    const report = reportNumber(27n)
    expect(report).toMatchObject({
      bits: 5,
      converges: true,
      candidate: false,
      trajectory: { steps: 70, oddSteps: 41, glide: 59, max: 9232n },
      verdict: { kind: 'fired', rule: 'D', step: 59, peak: 9232n },
      smallerNumber: { smaller: 23n, stepsOfN: 59, stepsOfSmaller: 0 },
      preimage: null,
    })
  })

  test('15 and 95 meet smaller numbers by merge and by odd-even-even before they fall below themselves', () => {
    expect(reportNumber(15n)).toMatchObject({ verdict: { rule: 'M', step: 6 }, smallerNumber: { smaller: 13n } })
    expect(reportNumber(95n)).toMatchObject({ verdict: { rule: 'O', step: 7 }, smallerNumber: { smaller: 47n } })
  })

  test('31 lies on the path of 27, by its residue mod 9', () => {
    const { preimage } = reportNumber(31n)
    expect(preimage).toEqual({ rule: 'P', n: 31n, smaller: 27n, stepsOfN: 0, stepsOfSmaller: 3 })
    expect(meetsSmallerNumber(preimage!)).toBe(true)
  })

  test('1 converges without a smaller number to name', () => {
    expect(reportNumber(1n)).toMatchObject({ converges: true, smallerNumber: null, preimage: null, candidate: false })
  })

  test('the number that must not be lost is hard up to step 330, and converges', () => {
    const n = 2n ** 71n + 1070573620327n
    expect(reportNumber(n)).toMatchObject({
      bits: 72,
      converges: true,
      verdict: { rule: 'D', step: 330, peak: 116786187066412552202535796n },
    })
  })

  test('a number of 10,000 bits is no harder to say this of', () => {
    const report = reportNumber(2n ** 10_000n - 1n)
    expect(report).toMatchObject({ bits: 10_000, converges: true, verdict: { rule: 'O', step: 10_002 } })
    expect(report.smallerNumber!.smaller).toBe(2n ** 9999n - 1n)
  })

  test('what takes long says how far it is', () => {
    const told: number[] = []
    reportNumber(2n ** 20_000n - 1n, '3n+1', undefined, (fraction) => told.push(fraction))
    expect(told.length).toBeGreaterThan(10)
    expect(told).toEqual(told.toSorted((a, b) => a - b))
    expect(told[0]).toBeGreaterThanOrEqual(0)
    expect(told.at(-1)).toBeGreaterThan(0.85)
    expect(told.at(-1)).toBeLessThanOrEqual(1)
  })

  test('on a drill map a cycle makes a candidate, and what falls into it from above does not', () => {
    expect(reportNumber(5n, '3n-1')).toMatchObject({
      converges: false,
      candidate: true,
      trajectory: { end: { kind: 'cycle', cycle: { start: 5n, length: 3, trivial: false } } },
      smallerNumber: null,
    })
    expect(reportNumber(7n, '3n-1')).toMatchObject({ converges: false, candidate: false })
    expect(reportNumber(13n, '5n+1')).toMatchObject({ candidate: true, smallerNumber: null })
    expect(reportNumber(1n, '3n-1')).toMatchObject({ converges: true, candidate: false })
  })

  test('what does not finish within the limits is a candidate, and the limit is named', () => {
    expect(reportNumber(7n, '5n+1')).toMatchObject({ candidate: true, trajectory: { end: { kind: 'steps' } } })
    const cutShort = reportNumber(27n, '3n+1', { steps: 20, bits: 64 })
    expect(cutShort).toMatchObject({ candidate: true, converges: false, verdict: { kind: 'open', end: 'steps' } })
  })

  test('there is nothing to report on 0 or below', () => {
    expect(() => reportNumber(0n)).toThrow('at least 1')
    expect(() => reportNumber(-5n)).toThrow('at least 1')
  })
})
