/**
 * Known answers that each worker computes before it accepts work: a processor, a runtime or a build that miscalculates
 * stops here, in some 40 ms. test/kernels/wasm.test.ts computes the same windows with the exact engine.
 *
 * Whole windows of 2^22 numbers: the first, one above 2^71, one with many hard steps below 2^80, and the last that the
 * kernel takes, whose last number is the hardest on words: 2^96 - 1 climbs to 2^153.
 */
import { ROOT } from '../rules.ts'
import type { HardSummary } from '../unit.ts'
import type { Kernel, LeafJob } from './kernel.ts'

export interface KnownAnswer {
  readonly job: LeafJob
  readonly answer: HardSummary
}

/** One size only, so that its tables are made once. */
const bits = 22
const state = ROOT

export const KNOWN_ANSWERS: readonly KnownAnswer[] = [
  {
    job: { bits, window: 0n, hardSteps: 80, state },
    answer: { count: 873, checksum: 362867894972896538n, peak: { n: 3873535n, value: 858555169576n } },
  },
  {
    job: { bits, window: 2n ** 49n + 1n, hardSteps: 84, state },
    answer: {
      count: 820,
      checksum: 15320115776412630857n,
      peak: { n: 2361183241434828438943n, value: 91771799707379371177574730448n },
    },
  },
  {
    job: { bits, window: 2n ** 58n - 1n, hardSteps: 200, state },
    answer: {
      count: 4,
      checksum: 5454275354934293284n,
      peak: { n: 1208925819614629170682651n, value: 40238482269052880545663234672n },
    },
  },
  {
    job: { bits, window: 2n ** 74n - 1n, hardSteps: 82, state },
    answer: {
      count: 834,
      checksum: 5766517263486541736n,
      peak: { n: 79228162514264337593543950335n, value: 12725370882271884716949657525077068461780432640n },
    },
  },
]

/** @throws {Error} naming the first answer that is wrong */
export function checkKnownAnswers(kernel: Kernel): void {
  for (const { job, answer } of KNOWN_ANSWERS) {
    const { summary, handedOver } = kernel.leaf(job)
    const right =
      summary.count === answer.count &&
      summary.checksum === answer.checksum &&
      summary.peak?.n === answer.peak?.n &&
      summary.peak?.value === answer.peak?.value &&
      handedOver.length === 0
    if (!right) {
      throw new Error(
        `The wasm engine computes window ${job.window} of 2^${job.bits} numbers wrongly (count ${summary.count} instead of ` +
          `${answer.count}): this machine, runtime or build miscalculates, and does not work until it is mended`,
      )
    }
  }
}
