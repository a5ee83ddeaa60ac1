import { defineCommand } from 'citty'
import { cutOf } from '../kernels/cut.ts'
import { deviations, expectedHard } from '../kernels/expected.ts'
import { classes } from '../kernels/partition.ts'
import { EMPTY, merge } from '../kernels/result.ts'
import type { Engine, Progress } from '../kernels/unit.ts'
import { tuneWebgpu } from '../kernels/webgpu/open.ts'
import { CHOICES } from '../kernels/webgpu/tune.ts'
import { checksumHex } from '../orbit/rules/events.ts'
import { interruptible, shared, wholeNumber } from './command.ts'
import { engineArgs, engineOptions, openEngine } from './engines.ts'
import { rememberSettings } from './gpu-settings.ts'
import { durationText, lateBar, printJson, rateText, table } from './print.ts'
import { windowNumber } from './verify/window.ts'

export const bench = defineCommand({
  meta: {
    name: 'bench',
    description: 'how fast this machine is, stage by stage, and whether its counts are what theory expects',
  },
  args: {
    window: { type: 'string', description: 'W (default: the first window from 2^71)', valueHint: 'W' },
    bits: { type: 'string', description: 'window size: 2^BITS numbers (20 to 71; default 40)', valueHint: 'BITS' },
    units: {
      type: 'string',
      description: 'units of the window to do (default: all, but 1 of a window above 2^44)',
      valueHint: 'K',
    },
    tune: { type: 'boolean', description: 'measure the best sizes for this GPU, and remember them' },
    ...engineArgs,
    ...shared,
  },
  async run({ args }) {
    if (args.tune) return tune(args.data, Boolean(args.json))
    const bits = args.bits === undefined ? 40 : wholeNumber('--bits', args.bits, 20, 71)
    const partition = cutOf(bits)
    const window = args.window === undefined ? 1n << BigInt(71 - bits) : windowNumber(args.window, bits)
    const all = classes(partition).length
    const units = args.units === undefined ? (bits > 44 ? 1 : all) : wholeNumber('--units', args.units, 1, all)
    const options = engineOptions(args)
    const signal = interruptible()
    const runs: Run[] = []
    // One core and then all: what a second core adds is part of the answer.
    for (const workers of new Set([1, options.workers])) {
      const engine = await openEngine({ ...options, workers }, partition, console.error)
      try {
        runs.push(await measure(engine, partition, window, units, workers, signal))
      } finally {
        await engine.close()
      }
      if (runs[0]!.engine !== 'wasm') break
    }
    if (args.json) return printJson({ bits, window, units, of: all, runs })
    console.log(text(bits, window, units, all, runs))
  },
})

interface Run {
  readonly engine: Engine['name']
  readonly workers: number
  readonly seconds: number
  /** Consecutive numbers that the units stand for, a second. */
  readonly rate: number
  readonly count: number
  readonly checksum: string
  readonly expected: number
  readonly standardDeviation: number
  readonly deviations: number
  /** Numbers or nodes left at each stage. */
  readonly stages: Readonly<Record<string, number>>
}

async function measure(
  engine: Engine,
  partition: ReturnType<typeof cutOf>,
  window: bigint,
  units: number,
  workers: number,
  signal: AbortSignal,
): Promise<Run> {
  const states = classes(partition)
  // The tables are made once a window and are no part of the rate.
  await engine.verifyLeaf({ partition, window, index: 0 }, 0)
  const before = countersOf(engine)
  const began = performance.now()
  const bar = lateBar(`${engine.name}, ${workers} ${workers === 1 ? 'worker' : 'workers'}`)
  let total = EMPTY
  let mean = 0
  let variance = 0
  try {
    for (let index = 0; index < units; index++) {
      const onProgress = ({ fraction }: Progress) =>
        bar.update((index + fraction) / units, `unit ${index + 1} of ${units}`)
      total = merge(total, await engine.verify({ partition, window, index }, { signal, onProgress }))
      const expected = expectedHard(partition, states[index]!)
      mean += expected.mean
      variance += expected.standardDeviation ** 2
    }
  } finally {
    bar.stop()
  }
  const seconds = (performance.now() - began) / 1000
  const expected = { mean, standardDeviation: Math.sqrt(variance) }
  return {
    engine: engine.name,
    workers,
    seconds,
    // Units are of like expected hard numbers, so a unit stands for that share of the window.
    rate: (2 ** partition.bits * (mean / expectedHard(partition).mean)) / seconds,
    count: total.count,
    checksum: checksumHex(total.checksum),
    expected: mean,
    standardDeviation: expected.standardDeviation,
    deviations: deviations(total.count, expected),
    stages: Object.fromEntries(Object.entries(countersOf(engine)).map(([key, value]) => [key, value - before[key]!])),
  }
}

/** A copy of what the engine has counted so far; the exact engine counts nothing. */
function countersOf(engine: Engine): Record<string, number> {
  const { counters = {} } = engine as Engine & { counters?: Record<string, unknown> }
  return Object.fromEntries(
    Object.entries(counters).filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
  )
}

function text(bits: number, window: bigint, units: number, all: number, runs: readonly Run[]): string {
  const rows = runs.map((r) => [
    r.engine,
    r.workers,
    durationText(r.seconds * 1000),
    rateText(r.rate),
    r.count,
    `${r.expected.toFixed(1)} ± ${r.standardDeviation.toFixed(1)}`,
  ])
  const last = runs.at(-1)!
  const stages = Object.entries(last.stages).map(([stage, n]) => [stage, n.toExponential(3)])
  const gain =
    runs.length > 1 ? `\n${last.workers} workers are ${(last.rate / runs[0]!.rate).toFixed(2)} times one.` : ''
  return `window ${window} of 2^${bits}, ${units} of ${all} units, S0 = 320

${table(['engine', 'workers', 'time', 'rate', 'hard', 'theory'], rows)}
${gain}
${stages.length > 0 ? table(['stage', 'left'], stages) : ''}
checksum ${last.checksum}, ${last.deviations.toFixed(1)} standard deviations from theory`
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
