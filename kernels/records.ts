/**
 * Path records: n whose trajectory climbs higher than that of every smaller number.
 *
 * A record is found among the hard numbers. From step sigma on, where rule D, M or O fires, the
 * path of n is also that of a smaller number, so a record has its peak before. By rule P it is none
 * at all. It remains to show that a record is hard at the S0 that is asked for: sigma > S0.
 *  - A number with sigma <= S0 cannot climb far. When D or M fires, c < 1 + S0 * log 2 / log 3 of
 *    the steps were odd. When O fires, that holds before the last run of odd steps. The run begins
 *    at m < 2n, is no longer than m has bits, and ends below 2 * (m+1)^1.585. So the number climbs
 *    to max(2 * (3/2)^c * n, 2 * (2n+1)^1.585) at most, up to a factor of 1 + S0/n. Where a smaller
 *    number climbs higher, nothing remains to show.
 *  - Elsewhere S0 is far below what records have. For chunks of 2^j numbers, which start at 2^j or
 *    above (chunks.ts), it is j + 58 below 2^28 and j + 118 from there on. Of the published records
 *    above 2^20 (the tables are complete to beyond 2^60) those below 2^28 have sigma >= j + 77, the
 *    others sigma >= j + 150. test/kernels/records.test.ts computes that for all those below 2^50.
 *  - Below 2^20 every number is walked.
 *
 * Measured on one core: all 50 path records below 2^36 in 5 s.
 */
import type { Chunk } from './chunks.ts'
import { type HardNumber, hardNumbersBySlice } from './exact.ts'
import { listHardNumbers } from './list.ts'
import { step } from './map.ts'
import { classes, leavesOf } from './partition.ts'
import type { Engine, Partition } from './unit.ts'
import { type Kernel, leastHardSteps } from './wasm/kernel.ts'

export interface PathRecord {
  readonly n: bigint
  /** Greatest 3m+1 over the odd m of its trajectory. */
  readonly peak: bigint
}

/**
 * The path records from 3 on, by walking each number until it falls below itself. Records are 3 mod
 * 4: an even number climbs as high as its half, and n = 1 mod 4 falls below itself after 3n+1,
 * which the climb of n - 2 surpasses.
 *
 * @param bound exclusive; 2^20 takes half a second
 */
export function* walkedRecords(bound: bigint): Generator<PathRecord> {
  let highest = 0n
  for (let n = 3n; n < bound; n += 4n) {
    let peak = 0n
    for (let m = n; m >= n; m = step(m)) if (m & 1n && 3n * m + 1n > peak) peak = 3n * m + 1n
    if (peak <= highest) continue
    highest = peak
    yield { n, peak }
  }
}

const MANY_STEPS_FROM = 1n << 28n

/**
 * The S0 at which all path records of a chunk are hard. The larger, the faster: fewer numbers need
 * exact arithmetic.
 */
export const recordSteps = ({ bits, window }: Chunk): number =>
  leastHardSteps(bits) + (window << BigInt(bits) >= MANY_STEPS_FROM ? 60 : 0)

export interface ListOptions {
  /** Only hard numbers that climb above this. */
  readonly above?: bigint
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: ListProgress) => void
}

export interface ListProgress {
  /** Of counting and listing together, 0 to 1. */
  readonly fraction: number
  readonly doing: 'counting' | 'listing'
}

/**
 * The hard numbers of a window themselves: counted by the engine leaf by leaf, and then looked for
 * in the leaves that have some.
 *
 * @param kernel for the search, of this call alone; the exact engine does without
 * @returns in ascending order
 */
export async function hardNumbersIn(
  engine: Engine,
  kernel: Kernel,
  partition: Partition,
  window: bigint,
  { above, signal, onProgress }: ListOptions = {},
): Promise<HardNumber[]> {
  const numbers: HardNumber[] = []
  const units = classes(partition).length
  // A list of all takes about as long as the count; a list of few next to nothing.
  const listing = above === undefined ? 0.5 : 0.1
  for (let index = 0; index < units; index++) {
    const report = (done: number, doing: ListProgress['doing']) =>
      onProgress?.({ fraction: (index + done) / units, doing })
    const result = await engine.verify(
      { partition, window, index },
      {
        ...(signal ? { signal } : {}),
        onProgress: ({ fraction }) => report((1 - listing) * fraction, 'counting'),
      },
    )
    const states = leavesOf(partition, index)
    for (const [i, leaf] of result.leaves.entries()) {
      report(1 - listing + (listing * i) / states.length, 'listing')
      if (leaf.count === 0) continue
      // A number that resists all rules has no peak: its leaf is looked at whatever the bound.
      if (above !== undefined && result.candidates.length === 0 && (leaf.peak?.value ?? 0n) <= above) continue
      const listed =
        engine.name === 'exact'
          ? (await Array.fromAsync(hardNumbersBySlice(states[i]!, window, partition, signal))).filter(
              ({ sigma, peak }) => sigma === null || peak > (above ?? -1n),
            )
          : listHardNumbers(kernel, partition, window, states[i]!, above)
      if (above === undefined && listed.length !== leaf.count) {
        throw new Error(
          `Leaf ${i} of unit ${index} was counted to have ${leaf.count} hard numbers, and ${listed.length} were found: run \`collatz selftest\``,
        )
      }
      numbers.push(...listed)
      await new Promise((resolve) => setTimeout(resolve))
      signal?.throwIfAborted()
    }
  }
  return numbers.sort((a, b) => (a.n < b.n ? -1 : 1))
}
