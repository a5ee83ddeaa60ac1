/**
 * `collatz verify window`: any window, here and now, without a network.
 *
 * Separate from `collatz work`, which computes single units of a deal and signs them.
 */
import { hexToBytes } from '@noble/hashes/utils.js'
import { defineCommand } from 'citty'
import { CID } from 'multiformats/cid'
import { cutOf } from '../../kernels/cut.ts'
import { evidenceOf, thresholdsOf, tiersOf } from '../../kernels/evidence/tiers.ts'
import { deviations, expectedHard } from '../../kernels/expected.ts'
import { classes, weightOf } from '../../kernels/partition.ts'
import { EMPTY, merge } from '../../kernels/result.ts'
import type { Engine, EvidenceItems, EvidenceRequest, HardSummary, Partition } from '../../kernels/unit.ts'
import { checksumHex, peakText as peakJson } from '../../orbit/rules/message/bodies.ts'
import { Checkpoint } from '../compute/checkpoints.ts'
import { engineArgs, engineOptions, openShown } from '../compute/engines.ts'
import { interruptible, shared, stoppedAt, wholeNumber } from '../shell/command.ts'
import { EXIT, UserError } from '../shell/errors.ts'
import { durationText, lateBar, peakText, printJson, rateText } from '../shell/print.ts'
import { numberOf } from '../shell/whole-numbers.ts'

const SAVE_MS = 5_000

export const windowArgs = {
  bits: { type: 'string', description: 'window size: 2^BITS numbers (20 to 71; default 40)', valueHint: 'BITS' },
  'hard-steps': { type: 'string', description: 'S0 (default 320)', valueHint: 'S0' },
  evidence: { type: 'string', description: 'list the evidence of a node, 64 hex digits', valueHint: 'SIGNER' },
  seed: {
    type: 'string',
    description: 'for --evidence: randomness of the beacon round, 64 hex digits',
    valueHint: 'HEX',
  },
  network: {
    type: 'string',
    description: 'for --evidence: id of the network (default: 32 zero bytes)',
    valueHint: 'ID',
  },
  ...engineArgs,
  ...shared,
} as const

export const verifyWindow = defineCommand({
  meta: {
    name: 'window',
    description:
      'verify the window [W*2^BITS, (W+1)*2^BITS) here and now; needs no network. Exit code 3: a candidate was found',
  },
  args: { window: { type: 'positional', description: 'W', required: true }, ...windowArgs },
  async run({ args }) {
    const bits = args.bits === undefined ? 40 : wholeNumber('--bits', args.bits, 20, 71)
    const hardSteps =
      args['hard-steps'] === undefined ? 320 : wholeNumber('--hard-steps', args['hard-steps'], bits, 4000)
    const partition = cutOf(bits, hardSteps)
    const window = windowNumber(args.window, bits)
    const request = evidenceAsked(args)
    const signal = interruptible()
    const engine = await openShown(engineOptions(args), partition)
    const began = performance.now()
    try {
      const found = await computeWindow(engine, partition, window, args.data, signal, request)
      const seconds = (performance.now() - began) / 1000
      const { text, exitCode } = report(partition, window, found, engine.name, seconds)
      process.exitCode = exitCode
      if (!args.json) return console.log(found.evidence ? `${text}\n${evidenceText(partition, found.evidence)}` : text)
      const { mean, standardDeviation } = expectedHard(partition)
      printJson({
        window,
        bits,
        hardSteps,
        count: found.summary.count,
        checksum: checksumHex(found.summary.checksum),
        peak: peakJson(found.summary.peak),
        candidates: found.candidates,
        expected: mean,
        standardDeviation,
        seconds,
        engine: engine.name,
        leavesFromCheckpoint: found.known,
        ...(found.evidence && { evidence: found.evidence }),
      })
    } finally {
      await engine.close()
    }
  },
})

/**
 * Whose evidence is asked for, if anybody's. Evidence goes into no checkpoint of a window: it is
 * another for each signer.
 *
 * @throws {UserError}
 */
function evidenceAsked(args: { evidence?: string; seed?: string; network?: string }): EvidenceRequest | undefined {
  if (args.evidence === undefined) {
    if (args.seed === undefined && args.network === undefined) return undefined
    throw new UserError('--seed and --network are for --evidence SIGNER', EXIT.usage)
  }
  if (args.seed === undefined)
    throw new UserError('--evidence needs --seed HEX, the randomness of a beacon round', EXIT.usage)
  const bytes = (name: string, text: string) => {
    if (!/^[0-9a-f]{64}$/i.test(text)) throw new UserError(`${name} ${text}: it has 64 hex digits`, EXIT.usage)
    return hexToBytes(text)
  }
  return {
    ...{ signer: bytes('--evidence', args.evidence), seed: bytes('--seed', args.seed) },
    network: args.network === undefined ? new Uint8Array(32) : networkDigest(args.network),
  }
}

function networkDigest(id: string): Uint8Array {
  try {
    return CID.parse(id).multihash.digest
  } catch {
    throw new UserError(`--network ${id}: that is no network id`, EXIT.usage)
  }
}

/** By unit, how much there is of each tier. */
function evidenceText(partition: Partition, evidence: readonly EvidenceItems[]): string {
  const tiers = tiersOf(partition)
  const lines = evidence.map((items, unit) => {
    const means = thresholdsOf(partition, classes(partition)[unit]!, evidenceOf(partition).items)
    const of = items.map(
      (numbers, tier) =>
        `${numbers.length} of ${(Number(means[tier]!.mean) / 2 ** 32).toFixed(1)} after ${tiers[tier]!.steps} steps`,
    )
    return `  evidence   unit ${unit}: ${of.join(', ')} (--json lists them)`
  })
  return lines.join('\n')
}

/** @throws {UserError} */
export function windowNumber(text: string, bits: number): bigint {
  const window = numberOf('the window', text)
  if ((window + 1n) << BigInt(bits) > 1n << 96n) {
    throw new UserError(
      `window ${text} of 2^${bits} numbers is out of range: its numbers must be below 2^96`,
      EXIT.usage,
    )
  }
  return window
}

export interface WindowResult {
  readonly summary: HardSummary
  /** Numbers that no rule drops and that were not brought below themselves. */
  readonly candidates: readonly bigint[]
  /** Leaves that came from a checkpoint. */
  readonly known: number
  /** By unit, if it was asked for. */
  readonly evidence?: readonly EvidenceItems[]
}

/** All units of a window, with progress, from a checkpoint if there is one. */
export async function computeWindow(
  engine: Engine,
  partition: Partition,
  window: bigint,
  data: string | undefined,
  signal: AbortSignal,
  request?: EvidenceRequest,
): Promise<WindowResult> {
  const units = classes(partition)
  const weights = units.map((state) => Number(weightOf(state, partition)))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const checkpoint = new Checkpoint(data, partition, window, console.error)
  const { known } = checkpoint
  const bar = lateBar(`window ${window}`)
  const timer = setInterval(() => checkpoint.save(), SAVE_MS)
  let summary: HardSummary = EMPTY
  const candidates: bigint[] = []
  const evidence: EvidenceItems[] = []
  let doneBefore = 0
  try {
    for (const [index, weight] of weights.entries()) {
      signal.throwIfAborted()
      const result = await engine.verify(
        { partition, window, index },
        {
          signal,
          ...(request
            ? { evidence: request }
            : { done: checkpoint.of(index), onLeaf: (leaf, value) => checkpoint.add(index, leaf, value) }),
          onProgress: ({ fraction }) =>
            bar.update((doneBefore + fraction * weight) / total, `unit ${index + 1} of ${units.length}`),
        },
      )
      summary = merge(summary, result)
      candidates.push(...result.candidates)
      if (result.evidence) evidence.push(result.evidence)
      doneBefore += weight
    }
    checkpoint.remove()
    const { count, checksum, peak } = summary
    return { summary: { count, checksum, peak }, candidates, known, ...(request && { evidence }) }
  } catch (error) {
    const isSaved = checkpoint.save()
    throw signal.aborted ? stoppedAt('', isSaved) : error
  } finally {
    clearInterval(timer)
    bar.stop()
  }
}

/** What a window came to: a theorem, unless there are candidates. */
export function report(
  partition: Partition,
  window: bigint,
  { summary, candidates, known }: WindowResult,
  engine: string,
  seconds: number,
): { text: string; exitCode: number } {
  const { bits, hardSteps } = partition
  const expected = expectedHard(partition)
  const [start, end] = [window << BigInt(bits), (window + 1n) << BigInt(bits)]
  const rate = known > 0 ? '(resumed)' : rateText(2 ** bits / seconds)
  const shown =
    candidates.length > 0
      ? candidates.map((n) => `CANDIDATE: ${n} was not brought below itself; see \`collatz verify ${n}\``)
      : start === 0n
        ? [`Every n in [1, ${end}) converges.`]
        : [`Every n in [${start}, ${end}) converges if every smaller one does.`]
  const text = `${shown.join('\n')}
  hard       ${summary.count} numbers at S0 = ${hardSteps} (theory: ${expected.mean.toFixed(1)} ± ${expected.standardDeviation.toFixed(1)}, ${deviations(summary.count, expected).toFixed(1)} standard deviations off)
  checksum   ${checksumHex(summary.checksum)}
  peak       ${peakText(summary.peak)}
  engine     ${engine}, ${durationText(seconds * 1000)}, ${rate}`
  return { text, exitCode: candidates.length > 0 ? EXIT.candidate : 0 }
}
