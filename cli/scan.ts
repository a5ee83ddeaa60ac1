import { defineCommand } from 'citty'
import { cutOf } from '../kernels/cut.ts'
import type { HardNumber } from '../kernels/exact.ts'
import { listHardNumbers } from '../kernels/list.ts'
import { step } from '../kernels/map.ts'
import { classes, leavesOf } from '../kernels/partition.ts'
import type { Engine, HardSummary, Partition } from '../kernels/unit.ts'
import { leastHardSteps } from '../kernels/wasm/kernel.ts'
import { loadKernel } from '../kernels/wasm/spawn.ts'
import { EXIT, interruptible, shared, UserError, wholeNumber } from './command.ts'
import { engineArgs, engineOptions, openEngine } from './engines.ts'
import { printJson, progressBar } from './print.ts'

/** Windows of a scan: large enough to be fast, small enough to be padded to. */
const LEAST_BITS = 20
const MOST_BITS = 40
/** Below this every number is walked: small numbers are too soon below themselves to be hard. */
const WALKED = 1n << 20n

/**
 * A path record climbs higher than every smaller number. It is found among the hard numbers, because a number whose
 * path joins that of a smaller one before its peak has the same peak. That needs S0 below the record's sigma; the least S0
 * that the engine takes for small windows is 78, and no published record above 2^20 has a sigma that low
 * (test/cli/kernels.test.ts). `--records` uses it; otherwise records are reported among the numbers hard at S0.
 */
export const scan = defineCommand({
  meta: { name: 'scan', description: 'list the hard numbers and the path records of a range' },
  args: {
    from: { type: 'string', description: 'first number, padded down to a window', valueHint: 'A', required: true },
    to: { type: 'string', description: 'end of the range, padded up to a window', valueHint: 'B', required: true },
    records: { type: 'boolean', description: 'path records only: with the least S0, so that none is missed' },
    'hard-steps': { type: 'string', description: 'S0 (default 320)', valueHint: 'S0' },
    ...engineArgs,
    json: shared.json,
  },
  async run({ args }) {
    const [from, to] = [numberOf('--from', args.from), numberOf('--to', args.to)]
    if (to <= from) throw new UserError(`--to ${to} is not above --from ${from}: give a range`, EXIT.usage)
    if (to > 1n << 96n) throw new UserError(`--to ${to} is out of range: 2^96 is the most`, EXIT.usage)
    const bits = args.records ? 26 : windowBits(to - from)
    const hardSteps = args.records
      ? leastHardSteps(bits)
      : args['hard-steps'] === undefined
        ? 320
        : wholeNumber('--hard-steps', args['hard-steps'], leastHardSteps(bits), 4000)
    const partition = cutOf(bits, hardSteps)
    const signal = interruptible()
    const engine = await openEngine(
      { ...engineOptions(args), ...(args.engine ? {} : { engine: 'wasm' as const }) },
      partition,
      console.error,
    )
    try {
      const found = await scanRange(engine, partition, from, to, Boolean(args.records), signal, Boolean(args.json))
      if (args.json) printJson({ from: found.from, to: found.to, bits, hardSteps, ...found.lists })
      else console.log(found.summary)
    } catch (error) {
      if (!signal.aborted) throw error
      throw new UserError(
        'stopped. What was printed so far holds; begin again from the last number printed',
        EXIT.interrupted,
      )
    } finally {
      await engine.close()
    }
  },
})

interface Found {
  readonly from: bigint
  readonly to: bigint
  readonly summary: string
  readonly lists: {
    readonly hardNumbers?: readonly HardNumber[]
    readonly records: readonly { readonly n: bigint; readonly value: bigint }[]
  }
}

async function scanRange(
  engine: Engine,
  partition: Partition,
  from: bigint,
  to: bigint,
  recordsOnly: boolean,
  signal: AbortSignal,
  quiet: boolean,
): Promise<Found> {
  const size = 1n << BigInt(partition.bits)
  const [first, end] = [from / size, (to + size - 1n) / size]
  const module = await loadKernel()
  const records: { n: bigint; value: bigint }[] = []
  const hardNumbers: HardNumber[] = []
  let highest = 0n
  const record = (n: bigint, value: bigint) => {
    if (value <= highest) return
    highest = value
    records.push({ n, value })
    if (!quiet) console.log(`record  ${n}  climbs to ${value}`)
  }
  if (first === 0n) for (const { n, value } of walked(WALKED)) record(n, value)
  const bar = progressBar('scan')
  try {
    for (let window = first; window < end; window++) {
      for (const [index] of classes(partition).entries()) {
        signal.throwIfAborted()
        const { leaves } = await engine.verify({ partition, window, index }, { signal })
        const wanted = (leaf: HardSummary) => (recordsOnly ? (leaf.peak?.value ?? 0n) > highest : leaf.count > 0)
        // In ascending order of n, whatever the order of the classes: a record depends on all that are smaller.
        const list = leaves
          .flatMap((leaf, i) =>
            wanted(leaf) ? listHardNumbers(module, partition, window, leavesOf(partition, index)[i]!) : [],
          )
          .sort((a, b) => (a.n < b.n ? -1 : 1))
        for (const hard of list) {
          record(hard.n, hard.peak)
          if (recordsOnly) continue
          if (quiet) hardNumbers.push(hard)
          else console.log(`hard    ${hard.n}  sigma ${hard.sigma}  peak ${hard.peak}`)
        }
        bar.update(Number(window - first) / Number(end - first), `window ${window}`)
      }
    }
    bar.update(1, '')
  } finally {
    bar.stop()
  }
  const [a, b] = [first * size, end * size]
  const summary = `Scanned [${a}, ${b}) at S0 = ${partition.hardSteps}: ${records.length} path records${first > 0n ? ' within the range' : ''}.`
  return { from: a, to: b, summary, lists: recordsOnly ? { records } : { hardNumbers, records } }
}

/** Path records below a bound, by walking every number that is 3 mod 4 until it falls below itself. */
function* walked(bound: bigint): Iterable<{ n: bigint; value: bigint }> {
  let highest = 0n
  for (let n = 3n; n < bound; n += 4n) {
    let top = 0n
    for (let m = n; m >= n; m = step(m)) if (m & 1n) top = 3n * m + 1n > top ? 3n * m + 1n : top
    if (top <= highest) continue
    highest = top
    yield { n, value: top }
  }
}

function windowBits(length: bigint): number {
  return Math.max(LEAST_BITS, Math.min(MOST_BITS, length.toString(2).length - 1))
}

function numberOf(flag: string, text: string): bigint {
  const power = /^2\^([0-9]{1,2})$/.exec(text)
  if (power) return 1n << BigInt(power[1]!)
  if (!/^[0-9]{1,40}$/.test(text)) throw new UserError(`${flag} is "${text}": give a whole number, or 2^K`, EXIT.usage)
  return BigInt(text)
}
