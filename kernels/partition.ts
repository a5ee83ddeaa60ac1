/**
 * The fixed cut of every window of a size into units, and of every unit into leaves. All of this is
 * protocol: networks that cut differently agree on nothing.
 *
 * One deterministic integer algorithm cuts the tree of rules.ts: the class of greatest weight is
 * replaced by its children, again and again, until there are as many classes as asked for. The
 * weight of a class is the exact number of its members in a window that survive all `bits` steps of
 * the tree. An engine's cost is near proportional to it, so the units are of like cost, within a
 * factor of two or so. Ties go to the smaller depth, then to the smaller residue. A class of depth
 * bits - 8 is not split, so that engines may treat the last 6 or 7 bits by bitmap. The list is in
 * depth-first order: by the bits of the residue, least significant first, 0 before 1.
 *
 * Bounds: windows of 2^20 to 2^71 numbers.
 *
 * Measured on 2 cores: the classes of 1,000 units at 56 bits take 15 ms, the 256 leaves of one of
 * them 2 ms.
 */
import { LIMITS } from './map.ts'
import { children, minOdds, ROOT, ruleAtEven } from './rules.ts'
import type { ClassState, MapName, Partition } from './unit.ts'

/** Least number of low bits that a leaf leaves open. */
export const OPEN_BITS = 8

/**
 * How many members of the class in a window survive all `bits` steps: its cost, in candidates
 * before rule P.
 *
 * @param state of a class that no rule drops, of depth at most `bits`
 */
export function weightOf(state: ClassState, partition: Pick<Partition, 'map' | 'bits'>): bigint {
  return survivors(memoOf(partition), state.depth, state.odds, state.evens, state.run)
}

interface Memo {
  readonly map: MapName
  readonly bits: number
  readonly counts: Map<number, bigint>
}
/** Memo of survivors(), a pure function: some thousand counts for each map and size of window. */
const memos = new Map<string, Memo>()

function memoOf({ map, bits }: Pick<Partition, 'map' | 'bits'>): Memo {
  const key = `${map} ${bits}`
  let memo = memos.get(key)
  if (!memo) {
    memo = { map, bits, counts: new Map() }
    memos.set(key, memo)
  }
  return memo
}

/**
 * Dynamic program over what the rules see. Of `evens` they see the parity, and whether there was an
 * odd step.
 */
function survivors(memo: Memo, depth: number, odds: number, evens: number, run: ClassState['run']): bigint {
  if (depth >= memo.bits) return 1n
  const folded = evens < 0 ? -1 : evens % 2
  const key = ((depth * 128 + odds) * 3 + folded + 1) * 4 + run
  const remembered = memo.counts.get(key)
  if (remembered !== undefined) return remembered
  const { map } = memo
  const tracked = map === '3n+1'
  const runOn = !tracked ? 0 : run === 1 || run === 3 ? run : odds < minOdds(map, depth + 1) ? 1 : 3
  let count = survivors(memo, depth + 1, odds + 1, 0, runOn)
  if (ruleAtEven({ depth, odds, evens: folded, run }, map) === null) {
    count += survivors(memo, depth + 1, odds, folded < 0 ? -1 : folded + 1, run === 1 ? 2 : 0)
  }
  memo.counts.set(key, count)
  return count
}

interface Weighed {
  readonly state: ClassState
  readonly weight: bigint
}

/** Whether a is to be split before b. */
function before(a: Weighed, b: Weighed): boolean {
  if (a.weight !== b.weight) return a.weight > b.weight
  if (a.state.depth !== b.state.depth) return a.state.depth < b.state.depth
  return a.state.residue < b.state.residue
}

/** A binary heap, first to be split on top. */
class Heap {
  readonly items: Weighed[] = []

  push(item: Weighed): void {
    const { items } = this
    let hole = items.length
    while (hole > 0) {
      const parent = (hole - 1) >> 1
      if (!before(item, items[parent]!)) break
      items[hole] = items[parent]!
      hole = parent
    }
    items[hole] = item
  }

  pop(): Weighed | undefined {
    const { items } = this
    const top = items[0]
    const last = items.pop()
    if (top === undefined || last === undefined || items.length === 0) return top
    let hole = 0
    for (;;) {
      let child = 2 * hole + 1
      if (child >= items.length) break
      if (child + 1 < items.length && before(items[child + 1]!, items[child]!)) child++
      if (!before(items[child]!, last)) break
      items[hole] = items[child]!
      hole = child
    }
    items[hole] = last
    return top
  }
}

/** Splits `top` into at least `count` classes, or as many as there are. */
function split(top: ClassState, count: number, partition: Partition): readonly ClassState[] {
  const deepest = partition.bits - OPEN_BITS
  const open = new Heap()
  const whole: ClassState[] = []
  const add = (state: ClassState) => {
    if (state.depth < deepest) open.push({ state, weight: weightOf(state, partition) })
    else whole.push(state)
  }
  add(top)
  while (open.items.length + whole.length < count) {
    const heaviest = open.pop()
    if (!heaviest) break
    children(heaviest.state, partition.map).forEach(add)
  }
  return [...whole, ...open.items.map(({ state }) => state)].sort(depthFirst)
}

/** By the lowest bit in which two disjoint classes differ, 0 first. */
function depthFirst(a: ClassState, b: ClassState): number {
  const differ = a.residue ^ b.residue
  const lowest = differ & -differ
  return (a.residue & lowest) === 0n ? -1 : 1
}

/** Memo of cut() and leavesOf(), pure functions. */
const cutWindows = new Map<string, { units: readonly ClassState[]; leaves: Map<number, readonly ClassState[]> }>()
/** Leaves of so many units are remembered at once; the oldest is forgotten first. */
const MEMO_UNITS = 64

function cut(partition: Partition) {
  const { map, bits, units, leaves, hardSteps } = partition
  if (!Number.isInteger(hardSteps) || hardSteps < bits || hardSteps >= LIMITS.steps) {
    throw new RangeError(`hard steps can't be ${hardSteps} for windows of 2^${bits}: ${bits} to ${LIMITS.steps - 1}`)
  }
  const key = `${map} ${bits} ${units} ${leaves}`
  let window = cutWindows.get(key)
  if (!window) {
    if (!Number.isInteger(bits) || bits < 20 || bits > 71) {
      throw new RangeError(`a window of 2^${bits} numbers can't be cut: bits must be from 20 to 71`)
    }
    if (!(units >= 1) || !(leaves >= 1)) {
      throw new RangeError(`can't cut into ${units} units of ${leaves} leaves: both must be at least 1`)
    }
    window = { units: split(ROOT, units, partition), leaves: new Map() }
    cutWindows.set(key, window)
  }
  return window
}

/**
 * The classes that are the units of every window of the partition: unit i of a window is class i.
 *
 * @throws {RangeError} when the partition's numbers are out of range
 */
export function classes(partition: Partition): readonly ClassState[] {
  return cut(partition).units
}

/**
 * The leaves of unit `index`, each a class; leaf j of a result is the j-th of them.
 *
 * @throws {RangeError} when there is no such unit
 */
export function leavesOf(partition: Partition, index: number): readonly ClassState[] {
  const { units, leaves } = cut(partition)
  const remembered = leaves.get(index)
  if (remembered) return remembered
  const top = units[index]
  if (!top) throw new RangeError(`there is no unit ${index}: the partition has the units 0 to ${units.length - 1}`)
  const states = split(top, partition.leaves, partition)
  if (leaves.size >= MEMO_UNITS) leaves.delete(leaves.keys().next().value!)
  leaves.set(index, states)
  return states
}
