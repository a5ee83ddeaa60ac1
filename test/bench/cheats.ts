/**
 * What cheats save and when they are alarmed: `taskset -c 0 bun test/bench/cheats.ts [--accounts 20]
 * [--drawn 1000] [--rounds 8] [--honest 100000]`.
 *
 * The kernels are those of test/kernels/cheating-kernel.ts, which list real evidence. The work saved
 * is told by candidates, by candidates that grow wide, and by time: least CPU times of each leaf,
 * all cheats in turn, in one instance, as a process has few instances with fast memory. Accounts are
 * followed unit by unit to their first alarm: real units of 2^30 numbers of windows of 2^36, and
 * units of the main network drawn from the shares that the real ones keep.
 */
import { parseArgs } from 'node:util'
import { evidenceTest } from '../../kernels/evidence/request.ts'
import { alarmsOfAccount, alarmsOfUnit, type UnitTallies } from '../../kernels/evidence/shortfall.ts'
import { leavesOf } from '../../kernels/partition.ts'
import type { ClassState } from '../../kernels/unit.ts'
import { BITS, type Pruning, prune, pruningKernel, units } from '../kernels/cheating-kernel.ts'
import { type AccountAlarm, accountOf, firstAlarm, realTallies, sharesOf } from '../kernels/cheats.ts'
import { alarmChances, drawnTallies } from '../kernels/poisson.ts'
import { Random } from '../kernels/random.ts'
import { sample } from './sample.ts'

const { values } = parseArgs({
  options: {
    accounts: { type: 'string', default: '20' },
    drawn: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '8' },
    honest: { type: 'string', default: '100000' },
  },
})
const HARD_STEPS = 320
const MOST_UNITS = 1000
const CHEATS: readonly Pruning[] = [
  { early: 346 },
  { early: 348 },
  { early: 60 },
  { early: 75 },
  { late: 700 },
  { early: 30, late: 300 },
]

const kernel = await pruningKernel()
const bytes = new Uint8Array(32)
const main = {
  partition: { map: '3n+1', bits: 60, units: 16_384, leaves: 256, hardSteps: HARD_STEPS },
  window: 2n ** 11n,
} as const
const means = evidenceTest({ ...main, index: 0 }, { network: bytes, seed: bytes, signer: bytes }).tiers.map(
  ({ mean }) => mean,
)

/** The time of each cheat for some leaves, to that of the honest kernel. */
function timesOf(bits: number, window: bigint, states: readonly ClassState[]): readonly number[] {
  const all: readonly Pruning[] = [{}, ...CHEATS]
  const least = all.map(() => states.map(() => Number.POSITIVE_INFINITY))
  const job = { bits, window, hardSteps: HARD_STEPS }
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const i of round % 2 ? [...all.keys()].toReversed() : all.keys()) {
      kernel.leaf({ ...job, state: states[0]! }) // makes the tables of this size
      prune(kernel, bits, all[i]!)
      kernel.leaf({ ...job, state: states[0]! })
      for (const [j, state] of states.entries()) {
        const start = process.cpuUsage().user
        kernel.leaf({ ...job, state })
        least[i]![j] = Math.min(least[i]![j]!, process.cpuUsage().user - start)
      }
    }
  }
  const sums = least.map((times) => times.reduce((a, b) => a + b, 0))
  return sums.slice(1).map((sum) => sum / sums[0]!)
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`
const saved = (share: number) => percent(1 - share)

function spread(alarms: readonly (AccountAlarm | null)[]): string {
  const when = alarms.map((alarm) => alarm?.units ?? Number.POSITIVE_INFINITY).toSorted((a, b) => a - b)
  const at = (q: number) => when[Math.min(when.length - 1, Math.floor(q * when.length))]
  const lines = Map.groupBy(
    alarms.flatMap((alarm) => alarm?.lines ?? []),
    (line) => line,
  )
  const by = [...lines].map(([line, { length }]) => `${line === 'pooled' ? line : `tier ${line + 1}`} ${length}`)
  return `least ${at(0)}, median ${at(0.5)}, 99 % ${at(0.99)}, most ${at(1)} units; by ${by.join(', ')}`
}

/** Theory: within how many units a line is alarmed in half of all cases, and in 999 of 1000. */
function soonest(kept: readonly number[]): string {
  const tiers = means.map((mean, tier) => ({ name: `tier ${tier + 1}`, mean, kept: kept[tier]! }))
  const all = means.reduce((a, b) => a + b, 0n)
  const share = means.reduce((sum, mean, tier) => sum + Number(mean) * kept[tier]!, 0) / Number(all)
  let [best, text] = [MOST_UNITS, 'none']
  for (const { name, mean, kept } of [...tiers, { name: 'pooled', mean: all, kept: share }]) {
    if (kept > 0.99) continue
    let [half, n] = [0, 0]
    for (const chance of alarmChances(mean, Math.round(1000 * kept))) {
      n++
      if (chance >= 0.5 && half === 0) half = n
      if (chance >= 0.999 || n >= best) break
    }
    if (n < best) [best, text] = [n, `${name}, half within ${half}, 99.9 % within ${n}`]
  }
  return text
}

const small = units(7).take(3).toArray()
const small36 = small.flatMap(({ unit }) => leavesOf(unit.partition, unit.index))
const [window36, large] = [small[0]!.unit.window, sample('2^56', 56, 2n ** 15n, 37, 200)]
const [times36, times56] = [timesOf(BITS, window36, small36), timesOf(large.bits, large.window, large.states)]
for (const [i, pruning] of CHEATS.entries()) {
  const { candidates, wide, kept } = sharesOf(kernel, pruning, 8)
  console.log(
    `\n${JSON.stringify(pruning)} saves ${saved(candidates)} of the candidates, ${saved(wide)} of the wide ones, ${saved(times36[i]!)} of the time at W = 36, ${saved(times56[i]!)} at W = 56; loses ${kept.map(saved).join(', ')} of the tiers`,
  )
  const seeds = Array.from({ length: Number(values.accounts) }, (_, seed) => seed + 1)
  console.log(
    `real, seeds 1 to ${seeds.length}: ${spread(seeds.map((seed) => firstAlarm(realTallies(kernel, pruning, seed), MOST_UNITS)))}`,
  )
  const random = new Random(i + 1)
  const drawn = Array.from({ length: Number(values.drawn) }, () =>
    firstAlarm(drawnTallies(means, random, kept), MOST_UNITS),
  )
  console.log(`drawn, ${drawn.length}, seed ${i + 1}: ${spread(drawn)}`)
  console.log(`theory, the soonest line over all units alone: ${soonest(kept)}`)
}

const seed = 2027
const random = new Random(seed)
let [looks, alarms] = [0, 0]
while (looks < Number(values.honest)) {
  const judged: UnitTallies[] = []
  for (const tallies of drawnTallies(means, random)) {
    judged.push(tallies)
    alarms += alarmsOfUnit(tallies).length + alarmsOfAccount(accountOf(judged)).length
    if (judged.length === 500) break
  }
  looks += judged.length
}
console.log(
  `\nhonest, ${looks} units in accounts of 500, seed ${seed}: ${alarms} alarms; theory allows ${((looks * 5) / 1e6).toFixed(2)}`,
)
