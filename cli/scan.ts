import { defineCommand } from 'citty'
import { type Chunk, chunks, LEAST_CHUNK_BITS, padded } from '../kernels/chunks.ts'
import { cutOf } from '../kernels/cut.ts'
import { hardNumbersIn, recordSteps, walkedRecords } from '../kernels/records.ts'
import type { Engine } from '../kernels/unit.ts'
import { GREATEST_HARD_STEPS, Kernel, leastHardSteps } from '../kernels/wasm/kernel.ts'
import { loadKernel } from '../kernels/wasm/spawn.ts'
import { type FoundNumber, ScanCheckpoint, type ScanState } from './checkpoints.ts'
import { EXIT, interruptible, sameCommand, shared, UserError, wholeNumber } from './command.ts'
import { engineArgs, engineOptions, openEngine } from './engines.ts'
import { numberOf } from './numbers.ts'
import { lateBar, printJson } from './print.ts'

const MOST_BITS = 40
const SAVE_MS = 5_000
const WALKED = 1n << BigInt(LEAST_CHUNK_BITS)

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
    const [from, to] = [numberOf('--from', args.from), numberOf('--to', args.to)]
    if (to <= from) throw new UserError(`--to ${to} is not above --from ${from}: give a range`, EXIT.usage)
    if (to > 1n << 96n) throw new UserError(`--to ${to} is out of range: 2^96 is the most`, EXIT.usage)
    const least = leastHardSteps(LEAST_CHUNK_BITS)
    const hardSteps =
      args['hard-steps'] === undefined
        ? 320
        : wholeNumber('--hard-steps', args['hard-steps'], least, GREATEST_HARD_STEPS)
    const recordsOnly = Boolean(args.records)
    const mostBits = recordsOnly ? MOST_BITS : Math.min(MOST_BITS, LEAST_CHUNK_BITS + hardSteps - least)
    const quiet = Boolean(args.json)
    const signal = interruptible()
    const options = engineOptions(args)
    const engine = await openEngine(options, cutOf(LEAST_CHUNK_BITS, hardSteps), console.error)
    const { start, end } = padded(from, to)
    const checkpoint = new ScanCheckpoint(
      args.data,
      `${start}-${end}-${recordsOnly ? 'records' : hardSteps}`,
      console.error,
    )
    let state: ScanState = checkpoint.read() ?? { at: start, records: [], hardNumbers: [] }
    if (state.at > start) console.error(`Going on from ${state.at}.`)
    const search = { engine, kernel: new Kernel(await loadKernel()), hardSteps, recordsOnly, signal }
    const bar = lateBar('scan')
    let saved = performance.now()
    try {
      for (const chunk of chunks(from, to, mostBits)) {
        if (startOf(chunk) < state.at) continue
        const share = (fraction: number) =>
          bar.update(
            (Number(startOf(chunk) - start) + fraction * 2 ** chunk.bits) / Number(end - start),
            `at ${startOf(chunk)}`,
          )
        share(0)
        const found = await scanChunk(search, chunk, state.records.at(-1)?.peak ?? 0n, share)
        if (!quiet) {
          bar.hide()
          printFound(found)
        }
        state = {
          at: endOf(chunk),
          records: [...state.records, ...found.records],
          hardNumbers: [...state.hardNumbers, ...found.hardNumbers],
        }
        if (performance.now() - saved > SAVE_MS) {
          checkpoint.save(state)
          saved = performance.now()
        }
      }
      checkpoint.remove()
    } catch (error) {
      if (!signal.aborted) throw error
      bar.stop()
      throw new UserError(
        checkpoint.save(state)
          ? `stopped at ${state.at}; what is done is kept. Go on with the same command: ${sameCommand()}`
          : `stopped at ${state.at}; nothing is kept`,
        EXIT.interrupted,
      )
    } finally {
      bar.stop()
      await engine.close()
    }
    if (quiet) {
      const records = state.records.map(({ n, peak }) => ({ n, value: peak }))
      const hard = { hardSteps, hardNumbers: state.hardNumbers }
      return printJson({ from: start, to: end, fromZero: start === 0n, records, ...(recordsOnly ? {} : hard) })
    }
    const { length } = state.records
    const kind = start === 0n ? 'path records' : `numbers that climb higher than all from ${start} on`
    console.log(
      `Scanned [${start}, ${end}): ${recordsOnly ? '' : `${state.hardNumbers.length} hard numbers at S0 = ${hardSteps}, `}${length} ${kind}.`,
    )
  },
})

interface Search {
  readonly engine: Engine
  /** For finding what the engine counted. */
  readonly kernel: Kernel
  readonly hardSteps: number
  readonly recordsOnly: boolean
  readonly signal: AbortSignal
}

interface Found {
  readonly records: readonly FoundNumber[]
  readonly hardNumbers: readonly FoundNumber[]
}

/** Two passes, because a record need not be hard at the S0 asked for (records.ts says at which it is). */
async function scanChunk(
  { engine, kernel, hardSteps, recordsOnly, signal }: Search,
  chunk: Chunk,
  highest: bigint,
  share: (fraction: number) => void,
): Promise<Found> {
  const { bits, window } = chunk
  const passes = recordsOnly ? 1 : 2
  const pass = (index: number, steps: number, above?: bigint) =>
    hardNumbersIn(engine, kernel, cutOf(bits, steps), window, {
      ...(above === undefined ? {} : { above }),
      signal,
      onProgress: ({ fraction }) => share((index + fraction) / passes),
    })
  const climbers = window === 0n ? [...walkedRecords(WALKED)] : await pass(0, recordSteps(chunk), highest)
  const records: FoundNumber[] = []
  let top = highest
  for (const { n, peak } of climbers) {
    if (peak <= top) continue
    top = peak
    records.push({ n, sigma: null, peak })
  }
  return { records, hardNumbers: recordsOnly ? [] : await pass(1, hardSteps) }
}

function printFound({ records, hardNumbers }: Found): void {
  const lines = [
    ...records.map(({ n, peak }) => ({ n, line: `record  ${n}  climbs to ${peak}` })),
    ...hardNumbers.map(({ n, sigma, peak }) => ({ n, line: `hard    ${n}  ${hardText(sigma, peak)}` })),
  ]
  for (const { line } of lines.sort((a, b) => (a.n < b.n ? -1 : a.n > b.n ? 1 : 0))) console.log(line)
}

const hardText = (sigma: number | null, peak: bigint): string =>
  sigma === null ? 'CANDIDATE: no rule drops it; see `collatz verify`' : `sigma ${sigma}  peak ${peak}`

const startOf = ({ bits, window }: Chunk): bigint => window << BigInt(bits)
const endOf = ({ bits, window }: Chunk): bigint => (window + 1n) << BigInt(bits)
