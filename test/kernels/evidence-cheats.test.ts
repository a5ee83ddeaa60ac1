/**
 * Kernels that do less than the work and list real evidence of what they do are alarmed, and the
 * same kernel is not while it is honest. test/bench/cheats.ts has more accounts, and times.
 */
import { beforeAll, describe, expect, test } from 'bun:test'
import { falseItemOf } from '../../kernels/evidence/item.ts'
import { evidenceTest } from '../../kernels/evidence/request.ts'
import { alarmsOfUnit, talliesOf } from '../../kernels/evidence/shortfall.ts'
import { buildKernel } from '../../kernels/wasm/build.ts'
import { Kernel } from '../../kernels/wasm/kernel.ts'
import { BITS, outcomeOf, type Pruning, prune, pruningKernel, units } from './cheating-kernel.ts'
import { firstAlarm, realTallies, sharesOf } from './cheats.ts'
import { alarmChances, drawnTallies } from './poisson.ts'
import { Random } from './random.ts'

let kernel: Kernel
beforeAll(async () => {
  kernel = await pruningKernel()
}, 300_000)

const seeds = (count: number) => Array.from({ length: count }, (_, i) => i + 1)

describe('the kernel of the cheats', () => {
  test('lists what the real one does while it prunes nothing', async () => {
    const real = new Kernel(new WebAssembly.Module(await Bun.file(await buildKernel()).bytes()))
    prune(kernel, BITS, {})
    for (const { unit, request } of units(3).take(2)) {
      expect(outcomeOf(kernel, unit, request)).toEqual(outcomeOf(real, unit, request))
    }
  }, 120_000)

  const CHEATS: readonly Pruning[] = [{ early: 75 }, { early: 348 }, { late: 700 }]
  test.each(CHEATS)(
    'lists sound items alone, part of the honest ones, when it prunes %o',
    (pruning) => {
      const [{ unit, request }] = units(4).take(1).toArray() as [{ unit: never; request: never }]
      prune(kernel, BITS, {})
      const honest = outcomeOf(kernel, unit, request)
      prune(kernel, BITS, pruning)
      const { items, test, hard } = outcomeOf(kernel, unit, request)
      expect(falseItemOf(items, unit, test)).toBeNull()
      for (const [tier, numbers] of items.entries()) {
        const all = new Set(honest.items[tier])
        expect(numbers.every((n) => all.has(n))).toBe(true)
      }
      expect(items.flat().length).toBeLessThan(honest.items.flat().length)
      expect(hard).toBeLessThanOrEqual(honest.hard)
    },
    120_000,
  )
})

test('three dozen units of an honest account raise no alarm', () => {
  expect(firstAlarm(realTallies(kernel, {}, 1), 36)).toBeNull()
}, 300_000)

describe('a cheat that prunes before the work', () => {
  // Headroom, per cent of the candidates that are saved, accounts, units within which each is
  // alarmed. What is saved goes in steps: none is at 38 %.
  const CASES: readonly [early: number, saved: number, accounts: number, most: number][] = [
    [346, 35, 12, 3],
    [348, 40, 12, 3],
    [60, 9, 2, 150],
    [75, 11, 2, 150],
  ]
  test.each(CASES)(
    'and with %d of headroom saves %d %% is alarmed, each of %d accounts, within %d units',
    (early, saved, accounts, most) => {
      const { candidates } = sharesOf(kernel, { early }, 3)
      expect(Math.round(100 * (1 - candidates))).toBe(saved)
      for (const seed of seeds(accounts)) {
        expect(firstAlarm(realTallies(kernel, { early }, seed), most), `seed ${seed}`).not.toBeNull()
      }
    },
    600_000,
  )
})

describe('a cheat that serves tier 1 in full and prunes before tier 2', () => {
  const CHEAT = { late: 700 }
  /** Of a unit of the main network. */
  const MEANS = [215.04, 256, 40.96].map((mean) => BigInt(Math.round(mean * 2 ** 32)))
  let kept: readonly number[]
  /** How probable an alarm of tier 2 is over 1, 2, 3, ... units. */
  let chances: readonly number[]
  beforeAll(() => {
    const shares = sharesOf(kernel, CHEAT, 4)
    kept = shares.kept
    // What grows wide is a quarter of the time.
    expect(shares.candidates).toBe(1)
    expect(shares.wide).toBeLessThan(0.65)
    chances = alarmChances(MEANS[1]!, Math.round(1000 * kept[1]!))
      .take(20)
      .toArray()
  }, 300_000)
  const surely = () => 1 + chances.findIndex((chance) => chance >= 0.999)
  const half = () => 1 + chances.findIndex((chance) => chance >= 0.5)

  test('keeps all of tier 1, and four fifths of tier 2', () => {
    expect(kept[0]).toBe(1)
    expect(kept[1]).toBeGreaterThan(0.78)
    expect(kept[1]).toBeLessThan(0.84)
    const [{ unit, request }] = units(6).take(1).toArray() as [{ unit: never; request: never }]
    prune(kernel, BITS, {})
    const honest = outcomeOf(kernel, unit, request).items
    prune(kernel, BITS, CHEAT)
    expect(outcomeOf(kernel, unit, request).items[0]).toEqual(honest[0]!)
  }, 120_000)

  test('is alarmed by tier 2, never by tier 1, within the units that theory says, each of 8 accounts', () => {
    expect([half(), surely()]).toEqual([3, 7])
    const alarms = seeds(8).map((seed) => firstAlarm(realTallies(kernel, CHEAT, seed), surely()))
    for (const alarm of alarms) {
      expect(alarm?.lines).toContain(1)
      expect(alarm?.lines).not.toContain(0)
    }
  }, 300_000)

  test('is alarmed as often as theory says or more, 400 accounts drawn', () => {
    const random = new Random(12)
    const when = seeds(400).map(() => firstAlarm(drawnTallies(MEANS, random, kept), 20)?.units ?? 21)
    for (const [i, chance] of chances.entries()) {
      const share = when.filter((units) => units <= i + 1).length / 400
      expect(share).toBeGreaterThanOrEqual(chance - 4 * Math.sqrt((chance * (1 - chance)) / 400))
    }
  }, 120_000)
})

test('what these units expect of evidence is what units of the main network do, but for tier 3', () => {
  const [{ unit, request }] = units(1).take(1).toArray() as [{ unit: never; request: never }]
  const means = evidenceTest(unit, request).tiers.map(({ mean }) => Number(mean) / 2 ** 32)
  expect(means[0]).toBeCloseTo(215.04, 1)
  expect(means[1]).toBeCloseTo(256, 1)
  expect(means[2]).toBeLessThan(20)
  prune(kernel, BITS, {})
  const { items, test } = outcomeOf(kernel, unit, request)
  expect(alarmsOfUnit(talliesOf(items, test))).toEqual([])
}, 60_000)
