/**
 * What more workers add, and what they cost: `bun test/bench/workers.ts [--workers 2] [--bits 40] [--rounds 5]`.
 *
 * In each round one worker and then all of them do the same window from 2^71, so that what else the machine does hits both
 * alike. Each run is a process of its own: its memory is that of one engine, and its first result that of a cold start.
 */
import { parseArgs } from 'node:util'
import { cutOf } from '../../kernels/cut.ts'
import { classes } from '../../kernels/partition.ts'
import { EMPTY, merge } from '../../kernels/result.ts'
import type { HardSummary } from '../../kernels/unit.ts'
import { openWasmEngine } from '../../kernels/wasm/open.ts'
import { checksumHex } from '../../orbit/rules/message/bodies.ts'
import { median } from './median.ts'

const { values } = parseArgs({
  options: {
    workers: { type: 'string', default: '2' },
    bits: { type: 'string', default: '40' },
    rounds: { type: 'string', default: '5' },
    /** One run in this process, for the other. */
    once: { type: 'string' },
  },
})
const bits = Number(values.bits)

interface Run {
  /** From the process's start to the first leaf, and from the first leaf on to the last. */
  readonly firstResult: number
  readonly seconds: number
  readonly count: number
  readonly checksum: string
  /** Most memory that the process had, and what it had before the engine was opened. MiB. */
  readonly peak: number
  readonly before: number
}

const MIB = 2 ** 20
const sinceStart = () => (Date.now() - performance.timeOrigin) / 1000

async function once(workers: number): Promise<Run> {
  const partition = cutOf(bits)
  const window = 1n << BigInt(71 - bits)
  const before = process.memoryUsage().rss / MIB
  const engine = await openWasmEngine({ workers })
  let firstResult = 0
  const onLeaf = () => {
    firstResult ||= sinceStart()
  }
  let total: HardSummary = EMPTY
  for (const index of classes(partition).keys()) {
    total = merge(total, await engine.verify({ partition, window, index }, { onLeaf }))
  }
  const seconds = sinceStart() - firstResult
  await engine.close()
  const peak = (process.resourceUsage().maxRSS * 1024) / MIB
  return { firstResult, seconds, count: total.count, checksum: checksumHex(total.checksum), peak, before }
}

function apart(workers: number): Run {
  const child = Bun.spawnSync([process.execPath, import.meta.path, '--once', String(workers), '--bits', String(bits)], {
    stderr: 'inherit',
  })
  if (child.exitCode !== 0) throw new Error(`a run with ${workers} workers ended with ${child.exitCode}`)
  return JSON.parse(child.stdout.toString()) as Run
}

if (values.once !== undefined) console.log(JSON.stringify(await once(Number(values.once))))
else {
  const counts = [1, Number(values.workers)]
  const runs = counts.map((): Run[] => [])
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [i, workers] of counts.entries()) runs[i]!.push(apart(workers))
  }
  const [one, all] = runs as [Run[], Run[]]
  const first = one[0]!
  for (const { count, checksum } of [...one, ...all]) {
    if (count !== first.count || checksum !== first.checksum) throw new Error('two runs differ in their results')
  }
  console.log(`window of 2^${bits} from 2^71: ${first.count} hard numbers, checksum ${first.checksum}`)
  for (const [i, workers] of counts.entries()) {
    const of = (pick: (run: Run) => number) => median(runs[i]!.map(pick))
    const rate = of(({ seconds }) => 2 ** bits / seconds)
    const memory = of(({ peak }) => peak)
    const own = of(({ peak, before }) => (peak - before) / workers)
    console.log(
      `${workers} ${workers === 1 ? 'worker' : 'workers'}: ${rate.toExponential(3)} numbers/s, first result after ` +
        `${of(({ firstResult }) => firstResult).toFixed(2)} s, ${memory.toFixed(0)} MiB at most, ${own.toFixed(0)} a worker`,
    )
  }
  const gain = median(one.map(({ seconds }, round) => seconds / all[round]!.seconds))
  console.log(`${values.workers} workers are ${gain.toFixed(2)} times one (median of ${values.rounds} rounds)`)
}
