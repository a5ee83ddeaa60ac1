import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { survivorsOf } from '../../kernels/exact.ts'
import { classes, leavesOf, OPEN_BITS, weightOf } from '../../kernels/partition.ts'
import { children, halves, ROOT, ruleP } from '../../kernels/rules.ts'
import { sigma } from '../../kernels/sigma.ts'
import { EXCEPTIONS, meetsSmallerNumber, preimageOf, smallerNumberOf } from '../../kernels/smaller.ts'
import type { ClassState, MapName, Partition } from '../../kernels/unit.ts'

// Seconds of arithmetic, and the machine may be busy with other things.
setDefaultTimeout(2_400_000)

const cut = (bits: number, units: number, leaves: number, map: MapName = '3n+1'): Partition => ({
  map,
  bits,
  units,
  leaves,
  hardSteps: bits + 60,
})

/**
 * Numbers of a window below `top` that lie in one of the classes, and that rules drop above them;
 * throws if a class is met twice or not at all.
 */
function cover(top: ClassState, parts: readonly ClassState[], { map, bits }: Partition) {
  const left = new Set(parts.map((part) => `${part.residue} mod 2^${part.depth}`))
  let inside = 0n
  let dropped = 0n
  const stack = [top]
  for (let state = stack.pop(); state; state = stack.pop()) {
    if (left.delete(`${state.residue} mod 2^${state.depth}`)) {
      inside += 1n << BigInt(bits - state.depth)
      continue
    }
    if (state.depth >= bits - OPEN_BITS) throw new Error(`no class holds ${state.residue} mod 2^${state.depth}`)
    for (const half of halves(state, map)) {
      if (half.rule) dropped += 1n << BigInt(bits - half.state.depth)
      else stack.push(half.state)
    }
  }
  if (left.size > 0) throw new Error(`classes that are not in the tree: ${[...left]}`)
  return { inside, dropped }
}

const PARTITIONS: [string, Partition][] = [
  ['2^20 in 8', cut(20, 8, 16)],
  ['2^20 in as many as there are', cut(20, 1000, 256)],
  ['2^24 in 64', cut(24, 64, 256)],
  ['2^40 in 64', cut(40, 64, 256)],
  ['2^56 in 1,000', cut(56, 1000, 256)],
  ['2^60 in 1,000', cut(60, 1000, 256)],
  ['2^71 in 4,096', cut(71, 4096, 256)],
  ['2^20 of 3n-1', cut(20, 16, 16, '3n-1')],
  ['2^20 of 5n+1', cut(20, 16, 16, '5n+1')],
]

describe('cover', () => {
  test.each(PARTITIONS)('%s: classes and dropped classes are all numbers of a window, each once', (_, partition) => {
    const units = classes(partition)
    const { inside, dropped } = cover(ROOT, units, partition)
    expect(inside + dropped).toBe(1n << BigInt(partition.bits))
  })

  test.each(PARTITIONS)('%s: the leaves of a unit and what is dropped are all numbers of it', (_, partition) => {
    const units = classes(partition)
    for (const index of new Set([0, 1, units.length >> 1, units.length - 1])) {
      const { inside, dropped } = cover(units[index]!, leavesOf(partition, index), partition)
      expect(inside + dropped).toBe(1n << BigInt(partition.bits - units[index]!.depth))
    }
  })

  test.each([
    ['0', 0n],
    ['2^71', 2n ** 51n],
  ])('each number of the 2^20 from %s is in one class, or is dropped and meets a smaller number', (_, window) => {
    const partition = cut(20, 64, 64)
    const leaves = classes(partition).flatMap((_unit, index) => leavesOf(partition, index))
    const owners = new Uint8Array(1 << 20)
    for (const { residue, depth } of leaves) {
      for (let r = Number(residue); r < 1 << 20; r += 2 ** depth) owners[r]!++
    }
    const smallestDepth = Math.min(...leaves.map(({ depth }) => depth))
    const largestDepth = Math.max(...leaves.map(({ depth }) => depth))
    const exceptions: bigint[] = []
    let [inClasses, dropped] = [0, 0]
    for (let r = 0; r < 1 << 20; r++) {
      const n = window * 2n ** 20n + BigInt(r)
      const verdict = sigma(n)
      if (verdict.kind !== 'fired') throw new Error(`no rule fires for ${n}`)
      if (owners[r] === 1) {
        inClasses++
        if (verdict.step <= smallestDepth) throw new Error(`${n} is in a class, but is dropped at ${verdict.step}`)
        continue
      }
      dropped++
      if (owners[r] !== 0) throw new Error(`${n} is in ${owners[r]} classes`)
      if (verdict.step > largestDepth) throw new Error(`${n} is in no class, but survives to ${verdict.step}`)
      if (smallerNumberOf(n, verdict).smaller >= n || smallerNumberOf(n, verdict).smaller < 1n) exceptions.push(n)
      else if (r % 64 === 0 && !meetsSmallerNumber(smallerNumberOf(n, verdict)))
        throw new Error(`${n} meets no smaller number`)
    }
    expect(inClasses + dropped).toBe(1 << 20)
    expect(inClasses).toBe(Number(leaves.reduce((sum, { depth }) => sum + 2 ** (20 - depth), 0)))
    expect(exceptions).toEqual(window === 0n ? [...EXCEPTIONS['3n+1']] : [])
  })

  test('every number of a unit survives all 20 steps, or is dropped; rule P then drops only what has a preimage', () => {
    const partition = cut(20, 8, 16)
    for (const [index, unit] of classes(partition).entries()) {
      const survivors = leavesOf(partition, index).flatMap((leaf) => [...survivorsOf(leaf, 2n ** 44n, partition)])
      expect(BigInt(survivors.length)).toBe(weightOf(unit, partition))
      for (const n of survivors) {
        const verdict = sigma(n)
        if (verdict.kind === 'fired' && verdict.step <= 20) throw new Error(`${n} should have been dropped`)
        const preimage = preimageOf(n)
        if (ruleP(n) !== (preimage !== null && meetsSmallerNumber(preimage))) throw new Error(`${n} has a wrong mod 9`)
      }
    }
  })
})

describe('cut', () => {
  test('there are as many classes as asked for, or one more, unless the window is too small', () => {
    for (const units of [1, 2, 3, 8, 64, 1000]) {
      const found = classes(cut(56, units, 256)).length
      expect(found - units).toBeWithin(0, 2)
    }
    const small = classes(cut(20, 1000, 256))
    expect(small.length).toBeLessThan(1000)
    expect(small.every(({ depth }) => depth === 20 - OPEN_BITS)).toBe(true)
    expect(leavesOf(cut(20, 1000, 256), 0)).toEqual([small[0]!])
  })

  test('classes and leaves leave at least 8 bits open', () => {
    for (const bits of [20, 21, 24, 30]) {
      const partition = cut(bits, 200, 4096)
      const depths = classes(partition).flatMap((_, i) => leavesOf(partition, i).map(({ depth }) => depth))
      expect(Math.max(...depths)).toBe(bits - OPEN_BITS)
    }
  })

  test('the list is in depth-first order, 0 before 1 from the lowest bit up', () => {
    const lowFirst = ({ residue, depth }: ClassState) =>
      residue.toString(2).padStart(depth, '0').split('').reverse().join('')
    for (const partition of [cut(20, 8, 16), cut(56, 1000, 256)]) {
      for (const list of [classes(partition), leavesOf(partition, 5)]) {
        expect(list.map(lowFirst)).toEqual(list.map(lowFirst).sort())
      }
    }
  })

  test('it is the plain algorithm: the greatest weight, then the smaller depth, then the smaller residue, is split', () => {
    for (const partition of [cut(24, 40, 8), cut(56, 100, 8)]) {
      const parts: ClassState[] = [ROOT]
      while (parts.length < partition.units) {
        const open = parts.filter(({ depth }) => depth < partition.bits - OPEN_BITS)
        open.sort((a, b) => {
          const [wa, wb] = [weightOf(a, partition), weightOf(b, partition)]
          if (wa !== wb) return wa > wb ? -1 : 1
          return a.depth - b.depth || (a.residue < b.residue ? -1 : 1)
        })
        parts.splice(parts.indexOf(open[0]!), 1, ...children(open[0]!))
      }
      const key = ({ residue, depth }: ClassState) => `${depth} ${residue}`
      expect(classes(partition).map(key).sort()).toEqual(parts.map(key).sort())
    }
  })

  test('the main network has units of like cost: none above twice the mean', () => {
    const partition = cut(56, 1000, 256)
    const weights = classes(partition).map((state) => Number(weightOf(state, partition)))
    const mean = weights.reduce((a, b) => a + b) / weights.length
    expect(Math.max(...weights) / mean).toBeLessThan(1.7)
    expect(Math.min(...weights) / mean).toBeGreaterThan(0.5)
  })

  test('a weight is the number of members that survive, counted', () => {
    const partition = cut(20, 8, 16)
    expect(weightOf(ROOT, partition)).toBe(BigInt([...survivorsOf(ROOT, 0n, partition)].length))
    const minus = cut(20, 8, 16, '3n-1')
    expect(weightOf(ROOT, minus)).toBe(27328n)
  })

  test('what survives 40, 60 and 71 steps is the share that theory gives', () => {
    for (const [bits, share] of [
      [40, 1.9326e-3],
      [60, 5.997e-4],
      [71, 3.2773e-4],
    ] as const) {
      const found = ((Number(weightOf(ROOT, { map: '3n+1', bits })) / 2 ** bits) * 5) / 9
      expect(found / share).toBeCloseTo(1, 3)
    }
  })

  test('the same list is not made twice', () => {
    const partition = cut(57, 1003, 256)
    expect(classes({ ...partition })).toBe(classes(partition))
    expect(leavesOf({ ...partition }, 77)).toBe(leavesOf(partition, 77))
  })

  test.each<[change: Partial<Partition>, refusal: string | null]>([
    [{ bits: 19 }, 'a window of 2^19'],
    [{ bits: 20 }, null],
    [{ bits: 20.5 }, 'a window of 2^20.5'],
    [{ bits: 71 }, null],
    [{ bits: 72 }, 'a window of 2^72'],
    [{ units: 0 }, '0 units'],
    [{ units: 1 }, null],
    [{ leaves: 0 }, '0 leaves'],
    [{ leaves: 1 }, null],
    [{ hardSteps: 39 }, "hard steps can't be 39"],
    [{ hardSteps: 40 }, null],
    [{ hardSteps: 4999 }, null],
    [{ hardSteps: 5000 }, "hard steps can't be 5000"],
  ])('of 2^40 in 8 units of 8 leaves, with %j: %p', (change, refusal) => {
    const partition = { ...cut(40, 8, 8), ...change }
    if (change.bits !== undefined) partition.hardSteps = 100
    if (refusal === null) expect(classes(partition).length).toBeGreaterThan(0)
    else expect(() => classes(partition)).toThrow(refusal)
  })

  test.each([-1, 0, 7, 8])('of 8 units, unit %i has leaves or does not exist', (index) => {
    const partition = cut(20, 8, 8)
    if (index in classes(partition)) expect(leavesOf(partition, index).length).toBeGreaterThanOrEqual(8)
    else expect(() => leavesOf(partition, index)).toThrow(`there is no unit ${index}`)
  })
})
