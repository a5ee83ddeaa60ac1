import { describe, expect, test } from 'bun:test'
import { bitLength, CycleFinder, isCycle, LIMITS, limitsFor, step, trajectory } from '../../kernels/map.ts'
import { PATH_RECORDS } from './path-records.ts'

/** The smallest element of the cycle that n runs into, or how the walk ended. */
const endOf = (n: bigint, map: '3n+1' | '3n-1' | '5n+1') => {
  const { end } = trajectory(n, map)
  return end.kind === 'cycle' ? end.cycle.start : end.kind
}

describe('maps', () => {
  test('T halves even numbers and takes odd n to (a*n+b)/2', () => {
    expect([6n, 7n].map((n) => step(n))).toEqual([3n, 11n])
    expect([6n, 7n].map((n) => step(n, '3n-1'))).toEqual([3n, 10n])
    expect([6n, 7n].map((n) => step(n, '5n+1'))).toEqual([3n, 18n])
    expect(() => step(7n, '7n+1' as never)).toThrow('unknown map 7n+1')
  })

  test('27 takes 111 steps without the shortcut, 41 of them odd, and falls below itself after 59 steps of T', () => {
    const walk = trajectory(27n)
    expect(walk).toMatchObject({ steps: 70, oddSteps: 41, glide: 59, max: 9232n })
    expect(walk.end).toEqual({ kind: 'cycle', cycle: { start: 1n, length: 2, trivial: true } })
  })

  test('1 is where trajectories end, and there is none from 0', () => {
    expect(trajectory(1n)).toMatchObject({ steps: 0, glide: null, max: 1n })
    expect(() => trajectory(0n)).toThrow('no trajectory from 0')
  })

  test.each(PATH_RECORDS)('the path record $n climbs to $value', ({ n, value }) => {
    expect(trajectory(n).max).toBe(value)
  })

  test('every number below 20,000 reaches 1, and only path records climb higher than all before them', () => {
    const records: { n: bigint; value: bigint }[] = []
    let highest = 0n
    for (let n = 1n; n < 20_000n; n++) {
      const { max, end } = trajectory(n)
      expect(end.kind === 'cycle' && end.cycle.trivial).toBe(true)
      if (max > highest) {
        highest = max
        if (n >= 27n) records.push({ n, value: max })
      }
    }
    expect(records).toEqual(PATH_RECORDS.filter(({ n }) => n < 20_000n) as typeof records)
  })
})

describe('cycles', () => {
  const cycles = {
    '3n-1': [
      [5n, 7n, 10n],
      [17n, 25n, 37n, 55n, 82n, 41n, 61n, 91n, 136n, 68n, 34n],
    ],
    '5n+1': [
      [13n, 33n, 83n, 208n, 104n, 52n, 26n],
      [17n, 43n, 108n, 54n, 27n, 68n, 34n],
    ],
  } as const

  test.each(['3n-1', '5n+1'] as const)('the cycles of %s are found from each of their elements', (map) => {
    for (const cycle of cycles[map]) {
      for (const [i, n] of cycle.entries()) {
        expect(step(n, map)).toBe(cycle[(i + 1) % cycle.length]!)
        const { end } = trajectory(n, map)
        expect(end).toEqual({ kind: 'cycle', cycle: { start: cycle[0], length: cycle.length, trivial: false } })
      }
      expect(isCycle(cycle[0], cycle.length, map)).toBe(true)
    }
  })

  test('under 3n-1 all numbers below 1,000 end in the cycle of 1, 5 or 17', () => {
    const ends = new Set<unknown>()
    for (let n = 1n; n < 1000n; n++) ends.add(endOf(n, '3n-1'))
    expect(ends).toEqual(new Set([1n, 5n, 17n]))
  })

  test('the walk counts the steps to the smallest element of the cycle, not the laps it took to notice', () => {
    expect(trajectory(7n, '3n-1')).toMatchObject({ steps: 2, oddSteps: 1, max: 20n, glide: 2 })
    expect(trajectory(5n, '3n-1')).toMatchObject({ steps: 0, glide: null })
  })

  test('a claimed cycle is refused when it does not close, closes early, or is not led by its smallest element', () => {
    for (const [start, length, map, closes] of [
      [5n, 3, '3n-1', true],
      [5n, 0, '3n-1', false],
      [5n, 2, '3n-1', false],
      [5n, 4, '3n-1', false],
      [5n, 6, '3n-1', false],
      [7n, 3, '3n-1', false],
      [5n, 3, '3n+1', false],
      [0n, 1, '3n+1', false],
      [1n, 1, '3n+1', false],
      [1n, 2, '3n+1', true],
      [1n, 3, '3n+1', false],
    ] as const) {
      expect([start, length, map, isCycle(start, length, map)]).toEqual([start, length, map, closes])
    }
  })

  test('a cycle finder names the length of the loop, whatever leads into it', () => {
    for (const tail of [0, 1, 5, 100]) {
      for (const loop of [1, 2, 7, 64]) {
        const value = (i: number) => BigInt(i < tail ? i : tail + ((i - tail) % loop))
        const finder = new CycleFinder(value(0))
        let length = 0
        let i = 0
        while (length === 0) length = finder.see(value(++i))
        expect(length).toBe(loop)
        expect(i).toBeLessThanOrEqual(3 * (tail + loop))
      }
    }
  })
})

describe('limits', () => {
  test('7 under 5n+1 is given up at the limit it meets, and says which', () => {
    expect(endOf(7n, '5n+1')).toBe('steps')
    expect(trajectory(7n, '5n+1', { steps: 5000, bits: 64 }).end).toEqual({ kind: 'bits' })
    expect(trajectory(27n, '3n+1', { steps: 69, bits: 64 })).toMatchObject({ steps: 69, end: { kind: 'steps' } })
    expect(trajectory(27n, '3n+1', { steps: 70, bits: 64 })).toMatchObject({ steps: 70, end: { kind: 'cycle' } })
  })

  test('limits grow with the number, so that 2^1000 - 1 is finished', () => {
    expect(limitsFor(7n)).toEqual(LIMITS)
    expect(trajectory(2n ** 1000n - 1n).end).toMatchObject({ kind: 'cycle', cycle: { start: 1n } })
  })

  test('bit lengths are exact at the edges', () => {
    for (const bits of [1, 2, 3, 4, 5, 8, 31, 32, 33, 63, 64, 65, 128, 1000]) {
      const power = 1n << BigInt(bits - 1)
      expect([bitLength(power), bitLength(2n * power - 1n)]).toEqual([bits, bits])
    }
    expect(bitLength(0n)).toBe(0)
  })
})
