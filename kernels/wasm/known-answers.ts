/**
 * Known answers that each worker computes before it accepts work, in some 40 ms: a processor, a
 * runtime or a build that miscalculates stops here. wasm.test.ts computes the same leaves with the
 * exact engine; wasm-faults.test.ts plants faults, and each is found.
 *
 * They are classes of 2^18 numbers of windows of 2^71, the size with the largest values in the
 * tree. They cover the first window, the one from 2^71, one above 2^80, and the last that the
 * kernel takes, where values outgrow the filter; and each state of an odd run. One sum over the
 * tables is added, because so few numbers read only a part of them.
 */
import { isKnownEvidence, KNOWN_EVIDENCE } from '../evidence/known-answer.ts'
import type { ClassState, HardSummary } from '../unit.ts'
import type { Kernel, LeafJob } from './kernel.ts'

export interface KnownAnswer {
  readonly job: LeafJob
  readonly answer: HardSummary
}

/** One size only, so that its tables are made once. */
const bits = 71

const knownAnswer = (
  window: bigint,
  hardSteps: number,
  state: Omit<ClassState, 'depth'>,
  count: number,
  checksum: bigint,
  n: bigint,
  value: bigint,
): KnownAnswer => ({
  job: { bits, window, hardSteps, state: { depth: 53, ...state } },
  answer: { count, checksum, peak: { n, value } },
})

export const KNOWN_ANSWERS: readonly KnownAnswer[] = [
  knownAnswer(
    0n,
    129,
    { residue: 787870086970107n, image: 1458772280319728n, odds: 34, evens: 0, run: 1 },
    169,
    13518959802393255425n,
    1902312263272129739515n,
    324918112129072731534070708n,
  ),
  knownAnswer(
    1n,
    129,
    { residue: 716679110814875n, image: 1326959403626398n, odds: 34, evens: 1, run: 2 },
    187,
    14229418337914311806n,
    3849218310993419005083n,
    2635308800776552436911375720n,
  ),
  knownAnswer(
    2n ** 9n + 1n,
    200,
    { residue: 6539006449213691n, image: 36321678561100349n, odds: 35, evens: 2, run: 0 },
    24,
    325441609393767332n,
    1212693339443510176571643n,
    3498675345285491908665850880392n,
  ),
  knownAnswer(
    2n ** 25n - 1n,
    250,
    { residue: 2692771956882847n, image: 44871953353710950n, odds: 36, evens: 0, run: 3 },
    10,
    12761525248219568365n,
    79228161670211395402977213855n,
    12053856991202987762186229538482532n,
  ),
]

/** tablesChecksum() for windows of 2^71. */
const TABLES = 10110302110506213790n

/** @throws {Error} naming the first answer that is wrong */
export function checkKnownAnswers(kernel: Kernel): void {
  const consequence =
    'this machine, runtime or build miscalculates; repeat on another, and report it if it does there too'
  for (const { job, answer } of KNOWN_ANSWERS) {
    const { summary, handedOver } = kernel.leaf(job)
    const right =
      summary.count === answer.count &&
      summary.checksum === answer.checksum &&
      summary.peak?.n === answer.peak?.n &&
      summary.peak?.value === answer.peak?.value &&
      handedOver.length === 0
    if (!right) {
      const place = `class ${job.state.residue} mod 2^${job.state.depth} of window ${job.window}`
      throw new Error(
        `The wasm engine finds ${summary.count} hard numbers, not ${answer.count}, or wrong ones, in ${place}: ${consequence}`,
      )
    }
  }
  const { evidence } = kernel.leaf(KNOWN_EVIDENCE)
  if (!evidence || !isKnownEvidence(evidence)) {
    throw new Error(
      `The wasm engine lists wrong evidence, ${evidence?.map(({ length }) => length)} items: ${consequence}`,
    )
  }
  if (BigInt.asUintN(64, kernel.exports.tablesChecksum()) !== TABLES) {
    throw new Error(`The wasm engine makes wrong tables: ${consequence}`)
  }
}
