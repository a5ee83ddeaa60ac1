import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { createExactEngine, hardNumbersOf, hardOf } from '../../kernels/exact.ts'
import { reportNumber } from '../../kernels/number.ts'
import { classes, leavesOf } from '../../kernels/partition.ts'
import { decodeLeaf, EMPTY, encodeLeaf, sameSummary, summarize } from '../../kernels/result.ts'
import { meetsSmallerNumber } from '../../kernels/smaller.ts'
import type { ClassState, HardSummary, MapName, Partition, Progress, Unit } from '../../kernels/unit.ts'
import { bruteHard, bruteSigma } from './brute.ts'
import { GOLDEN_LEAVES, GOLDEN_UNITS, GOLDEN_WINDOWS, nameOf } from './golden.ts'
import { PATH_RECORDS } from './path-records.ts'
import { BARINA_TASKS, HARD_WINDOWS } from './truth.ts'

// Seconds of arithmetic, and the machine may be busy with other things.
setDefaultTimeout(2_400_000)

const engine = createExactEngine()
const cut = (bits: number, hardSteps: number, units = 8, leaves = 16, map: MapName = '3n+1'): Partition => ({
  map,
  bits,
  units,
  leaves,
  hardSteps,
})

async function wholeWindow(partition: Partition, window: bigint) {
  const units = []
  for (const index of classes(partition).keys()) units.push(await engine.verify({ partition, window, index }))
  return summarize(
    units,
    units.flatMap(({ candidates }) => [...candidates]),
  )
}

describe('golden results', () => {
  test.each(GOLDEN_WINDOWS.map((golden) => [`${golden.window} of 2^${golden.bits}`, golden] as const))(
    'window %s',
    async (_, { bits, window, hardSteps, summary }) => {
      expect(await wholeWindow(cut(bits, hardSteps), window)).toMatchObject({ ...summary, candidates: [] })
    },
  )

  test.each(GOLDEN_UNITS.map((golden) => [nameOf(golden.unit), golden] as const))('%s', async (_, golden) => {
    const result = await engine.verify(golden.unit)
    expect(result).toMatchObject({ ...golden.summary, candidates: [] })
    expect(result.leaves.length).toBe(golden.leaves)
    expect(Buffer.from(result.root).toString('hex')).toBe(golden.root)
  })

  test.each(GOLDEN_LEAVES.map((golden) => [`leaf ${golden.leaf} of ${nameOf(golden.unit)}`, golden] as const))(
    '%s',
    async (_, { unit, leaf, summary }) => {
      expect(await engine.verifyLeaf(unit, leaf)).toEqual(summary)
    },
  )
})

test('the 2^28 numbers from 5 * 2^28 have the hard numbers that other programs find by true arithmetic', async () => {
  const { bits, window, hardSteps, ...known } = HARD_WINDOWS[0]
  expect(await wholeWindow(cut(bits, hardSteps), window)).toMatchObject(known)
})

describe('definition', () => {
  test.each(GOLDEN_WINDOWS.filter(({ bits }) => bits === 20).map((golden) => [String(golden.window), golden] as const))(
    'the 2^20 numbers of window %s, each looked at by its values alone',
    (_, { window, hardSteps, summary }) => {
      expect(bruteHard(window << 20n, (window + 1n) << 20n, hardSteps)).toEqual(summary)
    },
  )

  test('the cut does not matter: any units and leaves add up to the same window', async () => {
    const uncut = await wholeWindow(cut(20, 80, 1, 1), 2n ** 51n)
    for (const [units, leaves] of [
      [3, 5],
      [64, 256],
      [1000, 1],
    ] as const) {
      const summary = await wholeWindow(cut(20, 80, units, leaves), 2n ** 51n)
      expect(sameSummary(uncut, summary)).toBe(true)
    }
  })

  test('more hard steps leave a part of the hard numbers', () => {
    const partition = cut(20, 80)
    const all = classes(partition).flatMap((unit) => [...hardNumbersOf(unit, 5n, partition)])
    expect(all.length).toBe(241)
    for (const { n, sigma, peak } of all) {
      expect(bruteSigma(n)).toEqual({ step: sigma!, peak })
      expect(hardOf(n, { ...partition, hardSteps: sigma! - 1 })).not.toBeNull()
      expect(hardOf(n, { ...partition, hardSteps: sigma! })).toBeNull()
    }
  })

  test('a path record is the peak of its leaf, up to the next record', () => {
    const holds = ({ depth, residue }: ClassState, n: bigint) => (n & ((1n << BigInt(depth)) - 1n)) === residue
    for (const [i, record] of PATH_RECORDS.entries()) {
      if (record.n < 2n ** 19n) continue
      // The last of the list is the peak of all of its window.
      const end = PATH_RECORDS[i + 1]?.n ?? 2n ** 128n
      const partition = record.n < 2n ** 24n ? cut(20, 50) : cut(40, 98, 65536, 16)
      const window = record.n >> BigInt(partition.bits)
      const index = classes(partition).findIndex((unit) => holds(unit, record.n))
      const leaf = leavesOf(partition, index).find((state) => holds(state, record.n))!
      const before = [...hardNumbersOf(leaf, window, partition)].filter(({ n }) => n < end)
      const highest = before.reduce((a, b) => (b.peak > a.peak ? b : a))
      expect({ n: highest.n, value: highest.peak }).toEqual(record)
    }
  })

  // Tasks of Barina's project: ids, and where the highest climb starts among the numbers that his
  // sieve leaves.
  test.each(BARINA_TASKS.map(({ id, offset }) => [id, offset] as const))(
    'task %s: its number survives with its full climb as its peak, or a smaller number is named',
    async (id, offset) => {
      const n = id * 2n ** 40n + offset
      const { trajectory, verdict, smallerNumber } = reportNumber(n)
      const partition = cut(40, 270, 65536, 16)
      const indexIn = (states: readonly ClassState[]) =>
        states.findIndex(({ depth, residue }) => (n & ((1n << BigInt(depth)) - 1n)) === residue)
      const index = indexIn(classes(partition))
      if (id === 98999218n) {
        expect(verdict).toMatchObject({ rule: 'M', step: 19 })
        expect(meetsSmallerNumber(smallerNumber!)).toBe(true)
        expect(reportNumber(smallerNumber!.smaller).trajectory.max).toBeGreaterThanOrEqual(trajectory.max)
      } else {
        expect(hardOf(n, partition)).toMatchObject({ peak: trajectory.max })
        const unit = { partition, window: id, index }
        const { peak } = await engine.verifyLeaf(unit, indexIn(leavesOf(partition, index)))
        expect(peak!.value).toBeGreaterThanOrEqual(trajectory.max)
      }
    },
  )
})

describe('drills', () => {
  test('the first window of 3n-1 has the cycles of 5 and 17 as its candidates, and other windows have none', async () => {
    const partition = cut(20, 80, 8, 16, '3n-1')
    const { candidates, count } = await wholeWindow(partition, 0n)
    expect(candidates).toEqual([5n, 17n])
    // Hard: what no rule brings down in 80 steps, and 1, 5 and 17, which none ever does.
    expect(count).toBeGreaterThan(3)
    expect((await wholeWindow(partition, 1n)).candidates).toEqual([])
  })

  test('the first unit of 5n+1 starts with the cycles that its sieve would lose', async () => {
    const partition = cut(20, 80, 4096, 1, '5n+1')
    const unit: Unit = { partition, window: 0n, index: 0 }
    const done = new Map(leavesOf(partition, 0).map((_, i) => [i, EMPTY]))
    expect((await engine.verify(unit, { done })).candidates).toEqual([13n, 17n])
  })
})

describe('engine', () => {
  const unit: Unit = { partition: cut(24, 96, 8, 32), window: 2n ** 47n, index: 3 }

  test('progress rises to 1 and ends with all leaves done', async () => {
    const seen: Progress[] = []
    await engine.verify(unit, { onProgress: (progress) => seen.push(progress) })
    expect(seen.length).toBeGreaterThanOrEqual(32)
    for (const [i, { fraction, leavesDone, leavesTotal }] of seen.entries()) {
      expect(leavesTotal).toBe(32)
      expect(fraction).toBeGreaterThanOrEqual(seen[i - 1]?.fraction ?? 0)
      expect(leavesDone).toBeGreaterThanOrEqual(seen[i - 1]?.leavesDone ?? 0)
    }
    expect(seen.at(-1)).toEqual({ leavesDone: 32, leavesTotal: 32, fraction: 1 })
  })

  test('an abort stops it; with the leaves that it had reported the rest is computed, and the result is the same', async () => {
    const whole = await engine.verify(unit)
    const reported = new Map<number, HardSummary>()
    const abort = new AbortController()
    const stopped = engine.verify(unit, {
      signal: abort.signal,
      onLeaf: (index, leaf) => {
        reported.set(index, decodeLeaf(encodeLeaf(leaf)))
        if (reported.size === 10) abort.abort()
      },
    })
    expect(await stopped.catch((error) => error.name)).toBe('AbortError')
    expect(reported.size).toBe(10)
    const fresh: number[] = []
    const resumed = await engine.verify(unit, { done: reported, onLeaf: (index) => fresh.push(index) })
    expect(resumed).toEqual(whole)
    expect(fresh).toEqual([...Array(32).keys()].slice(10))
  })

  test('an abort is heard within a leaf, and one that came before the start too', async () => {
    const large: Unit = { partition: cut(40, 98, 8, 1), window: 2n ** 31n, index: 0 }
    const abort = new AbortController()
    const running = engine.verifyLeaf(large, 0, { signal: abort.signal })
    setTimeout(() => abort.abort(), 20)
    expect(await running.catch((error) => error.name)).toBe('AbortError')
    expect(await engine.verify(unit, { signal: AbortSignal.abort() }).catch((error) => error.name)).toBe('AbortError')
  })

  test('the event loop turns while it computes', async () => {
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    await engine.verify({ ...unit, partition: cut(24, 96, 8, 1) })
    clearInterval(timer)
    expect(turns).toBeGreaterThan(2)
  })

  test('each leaf alone is what it is in the unit', async () => {
    const { leaves } = await engine.verify(unit)
    for (const index of [0, 7, 31]) expect(await engine.verifyLeaf(unit, index)).toEqual(leaves[index]!)
  })

  test('a leaf with a candidate is not reported, so that a restart does not forget it', async () => {
    const partition = cut(20, 80, 1, 64, '3n-1')
    const reported = new Map<number, HardSummary>()
    const drill: Unit = { partition, window: 0n, index: 0 }
    const first = await engine.verify(drill, { onLeaf: (index, leaf) => reported.set(index, leaf) })
    expect(first.candidates).toEqual([5n, 17n])
    expect(first.leaves.length - reported.size).toBe(2)
    expect((await engine.verify(drill, { done: reported })).candidates).toEqual([5n, 17n])
  })

  test('a unit without hard numbers has an empty summary', async () => {
    const deep = await engine.verify({ ...unit, partition: { ...unit.partition, hardSteps: 2000 } })
    expect(deep).toMatchObject(EMPTY)
  })

  test('windows and leaves that do not exist are refused', async () => {
    const refusal = async (work: Promise<unknown>) => work.then(() => 'none').catch((error) => String(error))
    expect(await refusal(engine.verify({ ...unit, window: -1n }))).toContain('does not lie between 0 and 2^128')
    expect(await refusal(engine.verify({ ...unit, window: 2n ** 104n }))).toContain('does not lie between')
    expect(await refusal(engine.verify({ ...unit, index: 99 }))).toContain('there is no unit 99')
    expect(await refusal(engine.verifyLeaf(unit, 32))).toContain('unit 3 has no leaf 32')
  })
})
