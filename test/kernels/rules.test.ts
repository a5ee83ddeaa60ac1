import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { weightOf } from '../../kernels/partition.ts'
import { children, halves, minOdds, ROOT, ruleP } from '../../kernels/rules.ts'
import { isCandidate, sigma } from '../../kernels/sigma.ts'
import type { ClassState, MapName } from '../../kernels/unit.ts'
import { bruteSigma } from './brute.ts'
import { PATH_RECORDS } from './path-records.ts'
import { Random } from './random.ts'

// Seconds of arithmetic, and the machine may be busy with other things.
setDefaultTimeout(2_400_000)

/**
 * Walks down the tree to the class of n at `depth`; a dropped class comes back as the rule and its
 * depth.
 */
function descend(n: bigint, depth: number, map: MapName = '3n+1'): ClassState | { rule: string; depth: number } {
  let state = ROOT
  while (state.depth < depth) {
    const bit = Number((n >> BigInt(state.depth)) & 1n)
    const half = halves(state, map)[bit]!
    if (half.rule) return { rule: half.rule, depth: half.state.depth }
    state = half.state
  }
  return state
}

describe('powers', () => {
  test.each(['3n+1', '5n+1'] as const)('minOdds of %s is the least c with a^c >= 2^k', (map) => {
    const a = BigInt(map[0]!)
    for (const k of [...Array(200).keys(), 1054, 1055, 4999]) {
      const c = BigInt(minOdds(map, k))
      expect(a ** c >= 2n ** BigInt(k)).toBe(true)
      if (c > 0n) expect(a ** (c - 1n) < 2n ** BigInt(k)).toBe(true)
    }
  })
})

describe('tree', () => {
  test('the image of a class is T^k of its residue, and its members follow it by 3^c', () => {
    const random = new Random(1)
    for (let i = 0; i < 300; i++) {
      const n = random.bits(60)
      const state = descend(n, 5 + random.below(20))
      if ('rule' in state) continue
      let [value, odds] = [n, 0]
      for (let k = 0; k < state.depth; k++) {
        if (value & 1n) odds++
        value = value & 1n ? (3n * value + 1n) >> 1n : value >> 1n
      }
      expect(state.odds).toBe(odds)
      expect(state.image + (n >> BigInt(state.depth)) * 3n ** BigInt(odds)).toBe(value)
      expect(n & ((1n << BigInt(state.depth)) - 1n)).toBe(state.residue)
    }
  })

  test('the two halves of a class are its two residues, low one first, and the odd one always survives', () => {
    let level: readonly ClassState[] = [ROOT]
    for (let depth = 0; depth < 14; depth++) {
      for (const state of level) {
        const [low, high] = halves(state)
        expect(low.state.residue).toBe(state.residue)
        expect(high.state.residue).toBe(state.residue + (1n << BigInt(depth)))
        const odd = state.image & 1n ? low : high
        expect(odd.rule).toBeNull()
      }
      level = level.flatMap((state) => children(state))
    }
  })

  test.each([
    [16, 2114n],
    [20, 27328n],
    [24, 286581n],
    [28, 3524586n],
    [32, 41347483n],
  ])('of the residues mod 2^%i, %s survive descent alone (OEIS A076227)', (bits, count) => {
    // 3n-1 has rule D alone, and the coefficients of 3n+1.
    expect(weightOf(ROOT, { map: '3n-1', bits })).toBe(count)
  })

  test('descent alone leaves the same 2,114 residues mod 2^16 by counting odd steps of each', () => {
    let survivors = 0
    for (let r = 0; r < 1 << 16; r++) {
      let [value, odds, alive] = [r, 0, true]
      for (let k = 1; k <= 16 && alive; k++) {
        if (value % 2) odds++
        value = value % 2 ? (3 * value + 1) / 2 : value / 2
        alive = 3 ** odds >= 2 ** k
      }
      if (alive) survivors++
    }
    expect(survivors).toBe(2114)
  })
})

describe('sigma', () => {
  const places: [string, bigint][] = [
    ['2', 2n],
    ['2^32', 2n ** 32n],
    ['2^64', 2n ** 64n - 5000n],
    ['2^71', 2n ** 71n],
    ['2^80', 2n ** 80n - 5000n],
    ['3^100', 3n ** 100n],
  ]
  test.each(places)('near %s it is the first step at which the values themselves show a smaller number', (_, from) => {
    for (let n = from; n < from + 20_000n; n++) {
      const verdict = sigma(n)
      const { step, peak } = bruteSigma(n)
      if (verdict.kind !== 'fired' || verdict.step !== step || verdict.peak !== peak) {
        expect({ n, verdict }).toEqual({ n, verdict: { step, peak } } as never)
      }
    }
  })

  test('it is the depth at which the tree drops the class of n, by the same rule', () => {
    const random = new Random(2)
    for (let i = 0; i < 20_000; i++) {
      const n = random.bits(1 + random.below(100))
      const verdict = sigma(n)
      if (verdict.kind !== 'fired') throw new Error(`no rule fires for ${n}`)
      expect(descend(n, 10_000)).toEqual({ rule: verdict.rule, depth: verdict.step })
    }
  })

  test('each rule fires where it should', () => {
    const fired = (n: bigint) => {
      const verdict = sigma(n)
      return verdict.kind === 'fired' ? [verdict.rule, verdict.step] : verdict
    }
    expect([0n, 1n, 5n, 27n].map(fired)).toEqual([
      ['D', 1],
      ['D', 2],
      ['D', 2],
      ['D', 59],
    ])
    // 15 23 35 53 80 40 20: 20 = 2 mod 3 is also the image of 13.
    expect(fired(15n)).toEqual(['M', 6])
    // 95 143 215 323 485 728 364 182, and 47 71 107 161 242 121 182.
    expect(fired(95n)).toEqual(['O', 7])
    expect(() => sigma(-1n)).toThrow('not for -1')
  })

  test('2^71 + 1070573620327 survives 320 steps: a merge rule that counts evens before the first odd step loses it', () => {
    const n = 2n ** 71n + 1070573620327n
    expect(sigma(n)).toMatchObject({ kind: 'fired', rule: 'D', step: 330 })
    expect(ruleP(n)).toBe(false)
    const state = descend(n, 71)
    expect('rule' in state).toBe(false)
    // What that rule would have looked at: T^36(n) = 1 mod 3 has no odd preimage to merge with.
    let value = n
    for (let i = 0; i < 36; i++) value = value & 1n ? (3n * value + 1n) >> 1n : value >> 1n
    expect(value % 3n).toBe(1n)
  })

  test('no rule drops a path record before its peak', () => {
    for (const { n, value } of PATH_RECORDS) {
      expect(ruleP(n)).toBe(false)
      expect(sigma(n)).toMatchObject({ kind: 'fired', peak: value })
    }
  })

  test('the peaks before sigma find exactly the path records from 27 to 2^19', () => {
    const records: { n: bigint; value: bigint }[] = []
    let highest = 0n
    for (let n = 1n; n < 1n << 19n; n++) {
      const verdict = sigma(n)
      if (verdict.kind !== 'fired') throw new Error(`no rule fires for ${n}`)
      if (verdict.peak > highest) {
        highest = verdict.peak
        if (n >= 27n) records.push({ n, value: verdict.peak })
      }
    }
    expect(records).toEqual(PATH_RECORDS.filter(({ n }) => n < 1n << 19n) as typeof records)
  })

  test('no rule fires on the cycles of 3n-1, and only those that are not of 1 are candidates', () => {
    const open = new Map<bigint, boolean>()
    for (let n = 0n; n < 5000n; n++) {
      const verdict = sigma(n, '3n-1')
      if (verdict.kind === 'open') open.set(n, isCandidate(verdict))
    }
    expect(open).toEqual(
      new Map([
        [1n, false],
        [5n, true],
        [17n, true],
      ]),
    )
  })

  test('what meets a limit is open, says which, and is a candidate only if it was never below itself', () => {
    expect(sigma(7n, '5n+1')).toMatchObject({ kind: 'open', end: 'steps', below: false })
    expect(sigma(7n, '5n+1', { steps: 5000, bits: 32 })).toMatchObject({ kind: 'open', end: 'bits' })
    expect(isCandidate({ kind: 'open', end: 'steps', cycle: null, steps: 9, below: true })).toBe(false)
    expect(isCandidate({ kind: 'open', end: 'steps', cycle: null, steps: 9, below: false })).toBe(true)
  })

  test('2^5000 - 1 is within reach of limits that fit it', () => {
    const n = 2n ** 5000n - 1n
    expect(sigma(n)).toMatchObject({ kind: 'open', end: 'bits' })
    expect(sigma(n, '3n+1', { steps: 100_000, bits: 100_000 })).toMatchObject({ kind: 'fired', step: 5002 })
  })
})
