/**
 * `collatz bench`: how fast this machine is, stage by stage, and whether its counts are what theory
 * expects.
 *
 * By work it does units of a network; by time its leaves are small, so that it ends near the time.
 */
import { defineCommand } from 'citty'
import { cutOf } from '../../kernels/cut.ts'
import { deviations, expectedHard } from '../../kernels/expected.ts'
import { classes, leavesOf, weightOf } from '../../kernels/partition.ts'
import { EMPTY, merge } from '../../kernels/result.ts'
import { ROOT } from '../../kernels/rules.ts'
import type { Engine, HardSummary, Partition, StageCounts } from '../../kernels/unit.ts'
import { tuneWebgpu } from '../../kernels/webgpu/open.ts'
import { CHOICES } from '../../kernels/webgpu/tune.ts'
import { checksumHex } from '../../orbit/rules/message/bodies.ts'
import { interruptible, shared, wholeNumber } from '../shell/command.ts'
import { EXIT, UserError } from '../shell/errors.ts'
import { durationText, type LateBar, lateBar, printJson, rateText, table } from '../shell/print.ts'
import { windowNumber } from '../verify/verify-window.ts'
import { engineArgs, engineOptions, openEngine } from './engines.ts'
import { rememberSettings } from './gpu-settings.ts'

const SECONDS = 20

export const bench = defineCommand({
  meta: {
    name: 'bench',
    description: 'how fast this machine is, stage by stage, and whether its counts are what theory expects',
  },
  args: {
    window: { type: 'string', description: 'W (default: the first window from 2^71)', valueHint: 'W' },
    bits: {
      type: 'string',
      description: 'window size: 2^BITS numbers (20 to 71; default 40, 30 for the exact engine)',
      valueHint: 'BITS',
    },
    seconds: {
      type: 'string',
      description: `stop each run after so many seconds (1 to 86400; default ${SECONDS})`,
      valueHint: 'S',
    },
    units: { type: 'string', description: 'do so many units of the window, or `all`, however long', valueHint: 'K' },
    tune: { type: 'boolean', description: 'measure the best sizes for this GPU, and remember them' },
    ...engineArgs,
    ...shared,
  },
  async run({ args }) {
    if (args.tune) {
      refuseBeside(args)
      return tune(args.data, Boolean(args.json))
    }
    const options = engineOptions(args)
    const exact = options.engine === 'exact'
    const bits = args.bits === undefined ? (exact ? 30 : 40) : wholeNumber('--bits', args.bits, 20, 71)
    const window = args.window === undefined ? 1n << BigInt(71 - bits) : windowNumber(args.window, bits)
    if (args.units !== undefined && args.seconds !== undefined) {
      throw new UserError('--units and --seconds exclude each other: bench by work, or by time', EXIT.usage)
    }
    const seconds = wholeNumber('--seconds', args.seconds ?? String(SECONDS), 1, 86_400)
    // By work, units are those of a network; by time a leaf is small, so that it ends near the
    // time.
    const byTime = args.units === undefined
    const partition = byTime ? benchCut(bits, exact) : cutOf(bits)
    const total = classes(partition).length
    const units = byTime || args.units === 'all' ? total : wholeNumber('--units', args.units!, 1, total)
    const job: Job = { partition, window, units, limit: byTime ? seconds : null }
    const signal = interruptible()
    const runs: Run[] = []
    // One core and then all: what a second core adds is part of the answer.
    for (const workers of new Set([1, options.workers])) {
      const bar = lateBar(`${options.engine}, ${workers} ${workers === 1 ? 'worker' : 'workers'}`)
      const began = performance.now()
      let engine: Engine | undefined
      try {
        engine = await openEngine({ ...options, workers }, partition, console.error)
        const firstResult = await warmUp(engine, job, workers, began, signal)
        const run = await measure(engine, job, workers, bar, signal)
        const residentMiB = Math.round(process.memoryUsage().rss / 2 ** 20)
        runs.push({ ...run, workers, firstResult, residentMiB })
      } finally {
        bar.stop()
        await engine?.close()
      }
      if (runs[0]!.engine !== 'wasm') break
    }
    if (args.json) return printJson({ bits, window, units, of: total, runs })
    console.log(text(job, runs))
  },
})

interface Job {
  readonly partition: Partition
  readonly window: bigint
  /** To be done, from the first one on. */
  readonly units: number
  /** Seconds, or null for as long as it takes. */
  readonly limit: number | null
}

interface Measured {
  readonly engine: Engine['name']
  readonly seconds: number
  /** Leaves done. */
  readonly leaves: number
  /** Consecutive numbers that they stand for. */
  readonly numbers: number
  /** The same, a second. */
  readonly rate: number
  /** Hard numbers found, and how many theory expects. */
  readonly count: number
  readonly checksum: string
  readonly expected: number
  readonly standardDeviation: number
  readonly deviations: number
  /** Numbers or nodes left at each stage. */
  readonly stages: StageCounts
  /**
   * Share of the time that the GPU computed, by its own clock; null where there is none that tells.
   */
  readonly utilisation: number | null
}

interface Run extends Measured {
  readonly workers: number
  /** Seconds from the engine's opening to its first leaf. */
  readonly firstResult: number
  /** The whole process, with the tables of all workers. */
  readonly residentMiB: number
}

/** Classes that it takes a second or two to find. */
const MOST_CLASSES = 2 ** 16

/**
 * A cut whose leaves take a fraction of a second: 2^35 numbers, or 2^22 for the exact engine.
 * Seconds from 2^68 on.
 */
function benchCut(bits: number, exact: boolean): Partition {
  const cut = cutOf(bits)
  const wanted = 2 ** (bits - (exact ? 22 : 35))
  const units = Math.min(MOST_CLASSES, Math.max(cut.units, Math.sqrt(wanted)))
  const leaves = Math.min(MOST_CLASSES, Math.max(cut.leaves, wanted / units))
  return { ...cut, units: Math.ceil(units), leaves: Math.ceil(leaves) }
}

/**
 * What is made once a window is no part of the rate: a leaf for each worker.
 * @returns seconds to the first of them
 */
async function warmUp(
  engine: Engine,
  { partition, window }: Job,
  workers: number,
  began: number,
  signal: AbortSignal,
): Promise<number> {
  const unit = { partition, window, index: 0 }
  const leaves = leavesOf(partition, 0).slice(0, workers)
  const work = leaves.map((_, leaf) => engine.verifyLeaf(unit, leaf, { signal }))
  await Promise.race(work)
  const first = (performance.now() - began) / 1000
  await Promise.all(work)
  return first
}

/** Has the units of the job done one after the other, and tells of each leaf. */
async function eachLeaf(
  engine: Engine,
  { partition, window, units }: Job,
  workers: number,
  signal: AbortSignal,
  onLeaf: (unit: number, leaf: number, summary: HardSummary) => void,
): Promise<void> {
  if (engine.name === 'webgpu') {
    // A GPU takes many leaves at once.
    for (let index = 0; index < units; index++) {
      await engine.verify({ partition, window, index }, { signal, onLeaf: (i, leaf) => onLeaf(index, i, leaf) })
    }
    return
  }
  function* everyLeaf() {
    for (let index = 0; index < units; index++) {
      for (const leaf of leavesOf(partition, index).keys()) yield { index, leaf }
    }
  }
  const next = everyLeaf()
  // One at work and one waiting for each worker.
  const lanes = Array.from({ length: engine.name === 'wasm' ? 2 * workers : 1 }, async () => {
    for (const { index, leaf } of next) {
      onLeaf(index, leaf, await engine.verifyLeaf({ partition, window, index }, leaf, { signal }))
    }
  })
  await Promise.all(lanes)
}

/** What the leaves that are done come to. */
class Tally {
  private readonly partition: Partition
  /** Leaves done. */
  leaves = 0
  weight = 0
  total: HardSummary = EMPTY
  private mean = 0
  private variance = 0

  constructor(partition: Partition) {
    this.partition = partition
  }

  add(unit: number, leaf: number, summary: HardSummary): void {
    const state = leavesOf(this.partition, unit)[leaf]!
    const expected = expectedHard(this.partition, state)
    this.total = merge(this.total, summary)
    this.mean += expected.mean
    this.variance += expected.standardDeviation ** 2
    this.weight += Number(weightOf(state, this.partition))
    this.leaves++
  }

  get expected(): { mean: number; standardDeviation: number } {
    return { mean: this.mean, standardDeviation: Math.sqrt(this.variance) }
  }

  /**
   * By weight: that is what an engine's time goes by, and a window's rate is to be told from a part
   * of it.
   */
  get numbers(): number {
    return 2 ** this.partition.bits * (this.weight / Number(weightOf(ROOT, this.partition)))
  }
}

/**
 * The job, until it is done or the time is over. What is under way when the time is over does not
 * count, nor does its time; but one leaf is waited for, as nothing can be said of none.
 */
async function measure(
  engine: Engine,
  job: Job,
  workers: number,
  bar: LateBar,
  signal: AbortSignal,
): Promise<Measured> {
  const { partition, units, limit } = job
  const asked = classes(partition)
    .slice(0, units)
    .reduce((sum, state) => sum + Number(weightOf(state, partition)), 0)
  const countersBefore = { ...engine.counters }
  const gpuBefore = engine.gpuMs
  const tally = new Tally(partition)
  const timeIsUp = new AbortController()
  const began = performance.now()
  const limitMs = limit === null ? Number.POSITIVE_INFINITY : limit * 1000
  let last = began
  const timer = limit === null ? undefined : setTimeout(() => tally.leaves > 0 && timeIsUp.abort(), limitMs)
  const onLeaf = (unit: number, leaf: number, summary: HardSummary) => {
    tally.add(unit, leaf, summary)
    last = performance.now()
    const share = Math.max(tally.weight / asked, (last - began) / limitMs)
    bar.update(Math.min(1, share), `unit ${unit + 1} of ${units}, ${tally.leaves} leaves`)
    if (last - began >= limitMs) timeIsUp.abort()
  }
  try {
    await eachLeaf(engine, job, workers, AbortSignal.any([signal, timeIsUp.signal]), onLeaf)
  } catch (error) {
    if (signal.aborted || !timeIsUp.signal.aborted) throw error
  } finally {
    clearTimeout(timer)
  }
  const seconds = (last - began) / 1000
  const { numbers, total, expected } = tally
  const stages = Object.entries(engine.counters ?? {}).map(([stage, left]) => [
    stage,
    left - (countersBefore[stage] ?? 0),
  ])
  return {
    ...{ engine: engine.name, seconds, leaves: tally.leaves, numbers, rate: numbers / seconds },
    ...{ count: total.count, checksum: checksumHex(total.checksum) },
    ...{ expected: expected.mean, standardDeviation: expected.standardDeviation },
    deviations: deviations(total.count, expected),
    stages: Object.fromEntries(stages),
    utilisation:
      gpuBefore === undefined || engine.gpuMs === undefined ? null : (engine.gpuMs - gpuBefore) / (seconds * 1000),
  }
}

function text({ partition, window }: Job, runs: readonly Run[]): string {
  const rows = runs.map((r) => [
    r.engine,
    r.workers,
    durationText(r.seconds * 1000),
    r.leaves,
    rateText(r.rate),
    r.count,
    `${r.expected.toFixed(1)} ± ${r.standardDeviation.toFixed(1)}`,
    `${r.residentMiB} MiB`,
    durationText(r.firstResult * 1000),
  ])
  const header = ['engine', 'workers', 'time', 'leaves', 'rate', 'hard', 'theory', 'memory', 'first leaf after']
  const last = runs.at(-1)!
  const stages = Object.entries(last.stages).map(([stage, n]) => [stage, n.toExponential(3)])
  const { bits, hardSteps } = partition
  const share = last.numbers / 2 ** bits
  const lines = [
    `window ${window} of 2^${bits}, ${share > 0.999_999 ? 'all of it' : `${(100 * share).toPrecision(2)} % of it`} (${last.leaves} ${last.leaves === 1 ? 'leaf' : 'leaves'}), S0 = ${hardSteps}`,
    '',
    table(header, rows),
    '',
    ...(runs.length > 1
      ? [`${last.workers} workers are ${(last.rate / runs[0]!.rate).toFixed(2)} times one.`, '']
      : []),
    ...(stages.length > 0 ? [table(['stage', 'left'], stages), ''] : []),
    ...(last.utilisation === null ? [] : [`the GPU was busy ${(100 * last.utilisation).toFixed(0)} % of the time`]),
    `checksum ${last.checksum}, ${last.deviations.toFixed(1)} standard deviations from theory`,
  ]
  return lines.join('\n')
}

/** What says how and how long to bench is nothing to a tuning. @throws {UserError} */
function refuseBeside(args: Record<string, unknown>): void {
  const unused = ['window', 'bits', 'seconds', 'units', 'cpu', 'gpu-duty'].filter((flag) => args[flag] !== undefined)
  if (!['auto', 'webgpu', undefined].includes(args.engine as string | undefined)) unused.push('engine')
  if (unused.length === 0) return
  const flags = unused.map((flag) => `--${flag}`).join(' and ')
  throw new UserError(`--tune measures the GPU, in its own way: leave ${flags} out`, EXIT.usage)
}

const TRIALS = CHOICES.reduce((sum, [, values]) => sum + values.length, 1)

async function tune(data: string | undefined, json: boolean): Promise<void> {
  const bar = lateBar('tune')
  let tried = 0
  const { key, settings, trials } = await tuneWebgpu({
    allowSoftware: process.env.COLLATZ_SOFTWARE_GPU === '1',
    signal: interruptible(),
    onTrial: () => bar.update(++tried / TRIALS, `${tried} of ${TRIALS} trials`),
  }).finally(() => bar.stop())
  rememberSettings(data, key, settings)
  if (json) printJson({ key, settings, trials })
  else console.log(`Remembered for ${key}:\n${JSON.stringify(settings, null, 2)}`)
}
