/**
 * Known answers that the GPU computes before the engine takes work. webgpu-tables.test.ts computes
 * them by the exact engine.
 *
 * The wasm engine's own list reaches every branch, but has shallow seeds, whose powers of 3 are
 * short. So there are classes deep in large windows too, where all limbs carry.
 */
import { ROOT } from '../rules.ts'
import type { ClassState, HardSummary } from '../unit.ts'
import { KNOWN_ANSWERS as WINDOWS } from '../wasm/known-answers.ts'
import { classOf } from './plants.ts'
import type { Settings } from './settings.ts'

export interface KnownAnswer {
  readonly job: {
    readonly bits: number
    readonly window: bigint
    readonly hardSteps: number
    readonly state: ClassState
  }
  readonly answer: HardSummary
}

/**
 * Classes of 2^18 numbers each, most of them dropped, in a window of 2^56, of 2^71 and of 2^64
 * numbers.
 */
export const DEEP_ANSWERS: readonly KnownAnswer[] = [
  {
    job: { bits: 56, window: 2n ** 15n, hardSteps: 116, state: classOf(207717517479n, 38) },
    answer: {
      count: 75,
      checksum: 6909248566943600801n,
      peak: { n: 2361214998012251457703n, value: 209578247155478277303965080n },
    },
  },
  {
    job: { bits: 71, window: 1n, hardSteps: 131, state: classOf(8130271571200167n, 53) },
    answer: {
      count: 704,
      checksum: 15833293912474617638n,
      peak: { n: 2867296890631035406503n, value: 5590095097066541946555848872n },
    },
  },
  {
    job: { bits: 64, window: 2n ** 32n - 1n, hardSteps: 124, state: classOf(37865990768807n, 46) },
    answer: {
      count: 307,
      checksum: 14485915046867387306n,
      peak: { n: 79228162496131405616113371303n, value: 15223840306373434568963295551252632n },
    },
  },
]

/**
 * A whole window of 2^28 numbers, for tables of more than 16 bits, which the others leave too few
 * bits open to use. The count and the checksum are from outside (a program that follows each
 * number).
 */
export const WIDE_ANSWER: KnownAnswer = {
  job: { bits: 28, window: 5n, hardSteps: 128, state: ROOT },
  answer: { count: 5811, checksum: 0xb858e0b490798eefn, peak: { n: 1410123943n, value: 7125885122794452160n } },
}

/** Answers that together read all tables of an engine with these settings. */
export function knownAnswers({ expandBits }: Settings): readonly KnownAnswer[] {
  return [...WINDOWS, ...DEEP_ANSWERS, ...(expandBits > 16 ? [WIDE_ANSWER] : [])]
}
