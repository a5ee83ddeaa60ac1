/**
 * `collatz scan`: the hard numbers and the path records of a range, chunk by chunk, with a
 * checkpoint.
 *
 * Chunks are windows, so that any engine counts them; kernels/records.ts finds the numbers that
 * were counted.
 */

import { defineCommand } from 'citty'
import { type Chunk, chunks, LEAST_CHUNK_BITS, padded } from '../../kernels/chunks.ts'
import { cutOf } from '../../kernels/cut.ts'
import { hardNumbersIn, recordSteps, walkedRecords } from '../../kernels/records.ts'
import type { Engine } from '../../kernels/unit.ts'
import { GREATEST_HARD_STEPS, Kernel, leastHardSteps } from '../../kernels/wasm/kernel.ts'
import { bunPlatform } from '../../kernels/wasm/open.ts'
import { interruptible, shared, stoppedAt, wholeNumber } from '../shell/command.ts'
import { EXIT, UserError } from '../shell/errors.ts'
import { lateBar, note, printJson } from '../shell/print.ts'
import { numberOf } from '../shell/whole-numbers.ts'
import { type FoundNumber, ScanCheckpoint } from './checkpoints.ts'
import { engineArgs, engineOptions, openShown } from './engines.ts'

/**
 * Some seconds of work each, so that a stop loses no more: a count alone, and a count with a list.
 */
const RECORD_BITS = 38
const LIST_BITS = 34
const SAVE_MS = 5_000
const WALKED = 1n << BigInt(LEAST_CHUNK_BITS)
const LEAST_HARD_STEPS = leastHardSteps(LEAST_CHUNK_BITS)

export const scan = defineCommand({
  meta: { name: 'scan', description: 'list the hard numbers and the path records of a range' },
  args: {
    from: { type: 'string', description: 'first number, padded down to a window', valueHint: 'A', required: true },
    to: { type: 'string', description: 'end of the range, padded up to a window', valueHint: 'B', required: true },
    records: { type: 'boolean', description: 'path records only' },
    'hard-steps': { type: 'string', description: 'S0 (default 320)', valueHint: 'S0' },
    ...engineArgs,
    ...shared,
  },
  async run({ args }) {
    const job = jobOf(args)
    const { start, end } = padded(job.from, job.to)
    const signal = interruptible()
    const engine = await openShown(engineOptions(args), cutOf(LEAST_CHUNK_BITS, job.hardSteps))
    const name = `${start}-${end}-${job.recordsOnly ? 'records' : job.hardSteps}`
    const checkpoint = new ScanCheckpoint(args.data, name, start, console.error)
    if (checkpoint.state.at > start) note(`Going on from ${checkpoint.state.at}.`)
    const quiet = Boolean(args.json)
    try {
      const search: Search = { engine, kernel: new Kernel(await bunPlatform.module()), ...job, signal }
      await scanRange(search, checkpoint, quiet)
    } finally {
      await engine.close()
    }
    const { records, hardNumbers } = checkpoint.state
    const candidates = hardNumbers.filter(({ sigma }) => sigma === null).map(({ n }) => n)
    if (candidates.length > 0) process.exitCode = EXIT.candidate
    if (!quiet) return console.log(summaryText(job, start, end, checkpoint.state))
    printJson({
      ...{ from: start, to: end, fromZero: start === 0n },
      ...{ records: records.map(({ n, peak }) => ({ n, value: peak })), candidates },
      ...(job.recordsOnly ? {} : { hardSteps: job.hardSteps, hardNumbers }),
    })
  },
})

interface ScanJob {
  readonly from: bigint
  /** Above `from`, at most 2^96. */
  readonly to: bigint
  readonly hardSteps: number
  readonly recordsOnly: boolean
}

/** @throws {UserError} */
function jobOf(args: { from: string; to: string; records?: boolean; 'hard-steps'?: string }): ScanJob {
  const [from, to] = [numberOf('--from', args.from), numberOf('--to', args.to)]
  if (to <= from) throw new UserError(`--to ${to} is not above --from ${from}: give a range`, EXIT.usage)
  if (to > 1n << 96n) throw new UserError(`--to ${to} is out of range: 2^96 is the most`, EXIT.usage)
  const hardSteps =
    args['hard-steps'] === undefined
      ? 320
      : wholeNumber('--hard-steps', args['hard-steps'], LEAST_HARD_STEPS, GREATEST_HARD_STEPS)
  return { from, to, hardSteps, recordsOnly: Boolean(args.records) }
}

/**
 * Scans what the checkpoint does not have yet, and adds to it.
 *
 * @param quiet print nothing that is found
 * @throws {UserError} when the signal fires, saying how to go on
 */
async function scanRange(search: Search, checkpoint: ScanCheckpoint, quiet: boolean): Promise<void> {
  const { from, to, hardSteps, recordsOnly, signal } = search
  const { state } = checkpoint
  const { start, end } = padded(from, to)
  const mostBits = recordsOnly ? RECORD_BITS : Math.min(LIST_BITS, LEAST_CHUNK_BITS + hardSteps - LEAST_HARD_STEPS)
  const bar = lateBar('scan')
  const show = (chunk: Chunk, fraction: number, doing: string) => {
    const numbers = Number(startOf(chunk) - start) + fraction * 2 ** chunk.bits
    bar.update(numbers / Number(end - start), `${doing} from ${startOf(chunk)}`)
  }
  let savedAt = performance.now()
  try {
    for (const chunk of chunks(from, to, mostBits)) {
      if (startOf(chunk) < state.at) continue
      const highest = state.records.at(-1)?.peak ?? 0n
      const found = await scanChunk(search, chunk, highest, (fraction, doing) => show(chunk, fraction, doing))
      if (!quiet && found.records.length + found.hardNumbers.length > 0) {
        bar.hide()
        printFound(found, start === 0n)
      }
      state.at = endOf(chunk)
      for (const record of found.records) state.records.push(record)
      for (const hard of found.hardNumbers) state.hardNumbers.push(hard)
      if (performance.now() - savedAt > SAVE_MS) {
        checkpoint.save()
        savedAt = performance.now()
      }
    }
    checkpoint.remove()
  } catch (error) {
    const isSaved = checkpoint.save()
    throw signal.aborted ? stoppedAt(`at ${state.at}`, isSaved) : error
  } finally {
    bar.stop()
  }
}

function summaryText({ hardSteps, recordsOnly }: ScanJob, start: bigint, end: bigint, state: Found): string {
  const { length: hard } = state.hardNumbers
  const kind =
    start === 0n
      ? 'path records'
      : `hard numbers that climb higher than those before them from ${start} on (any path record of the range is among them)`
  const listed = recordsOnly ? '' : `${hard} hard ${hard === 1 ? 'number' : 'numbers'} at S0 = ${hardSteps}, `
  return `Scanned [${start}, ${end}): ${listed}${state.records.length} ${kind}.`
}

interface Search extends ScanJob {
  readonly engine: Engine
  /** For finding what the engine counted. */
  readonly kernel: Kernel
  readonly signal: AbortSignal
}

interface Found {
  readonly records: readonly FoundNumber[]
  readonly hardNumbers: readonly FoundNumber[]
}

/**
 * Two passes, because a record need not be hard at the S0 asked for (records.ts says at which it
 * is).
 */
async function scanChunk(
  { engine, kernel, hardSteps, recordsOnly, signal }: Search,
  chunk: Chunk,
  highest: bigint,
  share: (fraction: number, doing: string) => void,
): Promise<Found> {
  const { bits, window } = chunk
  const passes = recordsOnly ? 1 : 2
  const pass = (index: number, steps: number, above?: bigint) =>
    hardNumbersIn(engine, kernel, cutOf(bits, steps), window, {
      ...(above === undefined ? {} : { above }),
      signal,
      onProgress: ({ fraction, doing }) => share((index + fraction) / passes, doing),
    })
  const resistant = window === 0n ? [] : await pass(0, recordSteps(chunk), highest)
  const climbers = window === 0n ? [...walkedRecords(WALKED)] : resistant
  const records: FoundNumber[] = []
  let top = highest
  for (const { n, peak } of climbers) {
    if (peak <= top) continue
    top = peak
    records.push({ n, sigma: null, peak })
  }
  // What no rule drops is said whatever was asked for.
  const hardNumbers = recordsOnly ? resistant.filter(({ sigma }) => sigma === null) : await pass(1, hardSteps)
  return { records, hardNumbers }
}

/**
 * @param fromZero else a number may climb higher than those before it in the range and be no path
 * record
 */
function printFound({ records, hardNumbers }: Found, fromZero: boolean): void {
  const word = fromZero ? 'record ' : 'climber'
  const lines = [
    ...records.map(({ n, peak }) => ({ n, line: `${word} ${n}  climbs to ${peak}` })),
    ...hardNumbers.map(({ n, sigma, peak }) => ({ n, line: `hard    ${n}  ${hardText(sigma, peak)}` })),
  ]
  for (const { line } of lines.sort((a, b) => (a.n < b.n ? -1 : a.n > b.n ? 1 : 0))) console.log(line)
}

const hardText = (sigma: number | null, peak: bigint): string =>
  sigma === null ? 'CANDIDATE: no rule drops it; see `collatz verify`' : `sigma ${sigma}  peak ${peak}`

const startOf = ({ bits, window }: Chunk): bigint => window << BigInt(bits)
const endOf = ({ bits, window }: Chunk): bigint => (window + 1n) << BigInt(bits)
