/** The smaller numbers that rules name: the theorem, its bound, and what lies below it. */
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { LIMITS, step, trajectory } from '../../kernels/map.ts'
import { halves, ROOT, type Rule } from '../../kernels/rules.ts'
import { sigma } from '../../kernels/sigma.ts'
import {
  coefficientBound,
  directCandidates,
  EXCEPTIONS,
  meetsSmallerNumber,
  preimageOf,
  type SmallerNumber,
  smallerNumberOf,
} from '../../kernels/smaller.ts'
import type { ClassState, Unit } from '../../kernels/unit.ts'
import { Random } from './random.ts'

// Seconds of arithmetic, and the machine may be busy with other things.
setDefaultTimeout(2_400_000)

function smallerOf(n: bigint, map: '3n+1' | '3n-1' | '5n+1' = '3n+1'): SmallerNumber {
  const verdict = sigma(n, map, { steps: LIMITS.steps, bits: 100_000 })
  if (verdict.kind !== 'fired') throw new Error(`no rule fires for ${n}`)
  return smallerNumberOf(n, verdict)
}

/** By the whole trajectories: whether the value at which they are said to meet lies on both. */
function pathsMeet({ n, smaller, stepsOfN }: SmallerNumber): boolean {
  let meeting = n
  for (let i = 0; i < stepsOfN; i++) meeting = step(meeting)
  let value = smaller
  for (let i = 0; i < 100_000; i++) {
    if (value === meeting) return true
    if (value === 1n) return false
    value = step(value)
  }
  return false
}

describe('theorem', () => {
  test('whatever rule fires, for numbers of 21 to 1,000 bits: the number it names is smaller and shares the path', () => {
    const random = new Random(3)
    const tally: Record<Rule, number> = { D: 0, M: 0, O: 0, P: 0 }
    for (let i = 0; i < 20_000; i++) {
      const bits = i % 50 === 0 ? 1000 : 21 + random.below(108)
      // Low ones make long odd runs, so that every rule fires often.
      const ones = (1n << BigInt(random.below(14))) - 1n
      const n = random.bits(bits) | ones | (1n << BigInt(bits))
      for (const claim of [smallerOf(n), preimageOf(n)]) {
        if (!claim) continue
        tally[claim.rule]++
        if (!(claim.smaller >= 1n && claim.smaller < n && meetsSmallerNumber(claim) && pathsMeet(claim))) {
          throw new Error(`rule ${claim.rule} names ${claim.smaller} for ${n}`)
        }
      }
    }
    for (const rule of ['D', 'M', 'O', 'P'] as const) expect(tally[rule]).toBeGreaterThan(500)
  })

  test('a dropped class names a smaller number for all its members, in windows of every height', () => {
    const random = new Random(4)
    for (let i = 0; i < 2000; i++) {
      let state: ClassState = ROOT
      let rule: Rule | null = null
      while (!rule) {
        const half = halves(state)[random.below(2)]!
        rule = half.rule
        state = half.state
      }
      const n = state.residue + (random.bits(10 + random.below(90)) + 2n ** 21n) * 2n ** BigInt(state.depth)
      const claim = smallerOf(n)
      expect([claim.rule, claim.stepsOfN]).toEqual([rule, state.depth])
      expect(meetsSmallerNumber(claim)).toBe(true)
    }
  })

  test('the bound above which that is proved is 1,166,298 for all steps that sigma walks', () => {
    expect(LIMITS.steps).toBe(5000)
    expect(coefficientBound(LIMITS.steps)).toBe(1166298n)
  })

  test('up to the bound every number was tried: only 0 and 1 name no smaller number', () => {
    const exceptions: bigint[] = []
    for (let n = 0n; n <= 1166298n; n++) {
      const { smaller } = smallerOf(n)
      if (smaller < 1n || smaller >= n) exceptions.push(n)
    }
    expect(exceptions).toEqual(EXCEPTIONS['3n+1'] as bigint[])
  })

  test('below 3,000 every number named is met, by walking both paths', () => {
    for (let n = 2n; n < 3000n; n++) {
      for (const claim of [smallerOf(n), preimageOf(n)]) if (claim) expect(meetsSmallerNumber(claim)).toBe(true)
    }
  })

  test('a number that is not smaller, or is not met, or is met elsewhere, is refused', () => {
    const claim = { rule: 'O', n: 95n, smaller: 47n, stepsOfN: 7, stepsOfSmaller: 6 } as const
    expect(smallerOf(95n)).toEqual(claim)
    for (const [change, holds] of [
      [{}, true],
      [{ smaller: 46n }, false],
      [{ smaller: 48n }, false],
      [{ stepsOfN: 6 }, false],
      [{ stepsOfN: 8 }, false],
      [{ stepsOfSmaller: 5 }, false],
      [{ stepsOfSmaller: 7 }, false],
      [{ stepsOfN: 8, stepsOfSmaller: 7 }, true],
      [{ smaller: 95n, stepsOfSmaller: 7 }, false],
      [{ n: 1n, smaller: 1n, stepsOfN: 2, stepsOfSmaller: 0 }, false],
      [{ n: 1n, smaller: 0n, stepsOfN: 0, stepsOfSmaller: 0 }, false],
    ] as const) {
      expect([change, meetsSmallerNumber({ ...claim, ...change })]).toEqual([change, holds])
    }
  })

  test('rule P: 2, 5 and 8 mod 9 are one step, 4 mod 9 three steps from a smaller number, the others none', () => {
    expect(preimageOf(11n)).toEqual({ rule: 'P', n: 11n, smaller: 7n, stepsOfN: 0, stepsOfSmaller: 1 })
    expect(preimageOf(13n)).toEqual({ rule: 'P', n: 13n, smaller: 11n, stepsOfN: 0, stepsOfSmaller: 3 })
    const residues = [...Array(9).keys()].filter((r) => preimageOf(900n + BigInt(r)) === null)
    expect(residues).toEqual([0, 1, 3, 6, 7])
  })
})

describe('other maps', () => {
  test('under 3n-1 descent always names a smaller number, but for 0', () => {
    const exceptions: bigint[] = []
    for (let n = 0n; n < 20_000n; n++) {
      const verdict = sigma(n, '3n-1')
      if (verdict.kind === 'fired' && smallerNumberOf(n, verdict).smaller >= n) exceptions.push(n)
    }
    expect(exceptions).toEqual(EXCEPTIONS['3n-1'] as bigint[])
  })

  test('under 5n+1 descent by coefficients loses the cycles of 13 and 17, which the first unit names itself', () => {
    const exceptions: bigint[] = []
    for (let n = 0n; n < 3000n; n++) {
      const verdict = sigma(n, '5n+1', { steps: 1000, bits: 200 })
      if (verdict.kind === 'fired' && smallerNumberOf(n, verdict).smaller >= n) exceptions.push(n)
    }
    expect(exceptions).toEqual(EXCEPTIONS['5n+1'] as bigint[])
    for (const n of [13n, 17n]) expect(trajectory(n, '5n+1').end).toMatchObject({ cycle: { start: n, length: 7 } })
    const unit = (map: '3n+1' | '3n-1' | '5n+1', window: bigint, index: number): Unit => ({
      partition: { map, bits: 20, units: 8, leaves: 8, hardSteps: 80 },
      window,
      index,
    })
    for (const [map, window, index, candidates] of [
      ['5n+1', 0n, 0, [13n, 17n]],
      ['5n+1', 1n, 0, []],
      ['5n+1', 0n, 1, []],
      ['3n+1', 0n, 0, []],
      ['3n-1', 0n, 0, []],
    ] as const) {
      expect(directCandidates(unit(map, window, index))).toEqual(candidates)
    }
  })
})
