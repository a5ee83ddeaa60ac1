/**
 * What evidence costs the wasm kernel: `taskset -c 0 bun test/bench/evidence.ts [--rounds 15]
 * [--scale 1] [--work 2^60]`.
 *
 * Each round does the same classes, each with and without a request in turn, half a millisecond at
 * a time. Shown are the median and the quartiles of the rounds' ratios, and the ratio of the least
 * times of each class, which a busy machine disturbs less. Start and end of a class are not timed:
 * some 10 µs, which a unit has once a leaf of a second. The request is a real one: a unit of a
 * network with windows of that size, at J = 15 and k = 512. What is hashed and told is the share of
 * a whole unit, so few items turn up.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { cutOf } from '../../kernels/cut.ts'
import { evidenceTest } from '../../kernels/evidence/request.ts'
import type { ClassState, Partition } from '../../kernels/unit.ts'
import { buildKernel } from '../../kernels/wasm/build.ts'
import { Kernel } from '../../kernels/wasm/kernel.ts'
import { sample } from './sample.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    scale: { type: 'string', default: '1' },
    work: { type: 'string', default: '' },
    ours: { type: 'string' },
  },
})
const HARD_STEPS = 320
/** The main network's cut; else as `collatz init` cuts. */
const cut = (bits: number): Partition => (bits === 60 ? { ...cutOf(bits), units: 16_384 } : cutOf(bits))
const count = (n: number) => Math.max(1, Math.round(n * Number(values.scale)))
const works = [
  sample('2^40', 40, 2n ** 31n, 21, count(600)),
  sample('2^56', 56, 2n ** 15n, 37, count(600)),
  sample('2^60', 60, 2n ** 11n, 44, count(2000)),
]
const kernel = new Kernel(new WebAssembly.Module(readFileSync(values.ours ?? (await buildKernel()))))
const quantile = (sorted: readonly number[], q: number) => sorted[Math.floor(q * (sorted.length - 1))]!

for (const { name, bits, window, states, numbers } of works) {
  if (!name.includes(values.work)) continue
  const bytes = new Uint8Array(32).fill(7)
  const unit = { partition: cut(bits), window, index: 0 }
  const evidence = evidenceTest(unit, { network: bytes, seed: bytes, signer: bytes })
  let exact = [0, 0]
  /** Milliseconds of one class. */
  const time = (state: ClassState, asked: boolean): number => {
    kernel.start({ bits, window, hardSteps: HARD_STEPS, state, ...(asked && { evidence }) })
    const start = performance.now()
    while (kernel.advance(1 << 20));
    const elapsed = performance.now() - start
    exact[asked ? 1 : 0]! += kernel.outcome().counters.exact
    return elapsed
  }
  for (const state of states) time(state, true) // tables are made, code is compiled
  const least = states.map(() => [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY])
  const ratios: number[] = []
  for (let round = 0; round < Number(values.rounds); round++) {
    const sums = [0, 0]
    exact = [0, 0]
    for (const [i, state] of states.entries()) {
      for (const asked of (i + round) % 2 ? [0, 1] : [1, 0]) {
        const elapsed = time(state, asked === 1)
        sums[asked]! += elapsed
        least[i]![asked] = Math.min(least[i]![asked]!, elapsed)
      }
    }
    ratios.push(sums[1]! / sums[0]!)
  }
  ratios.sort((a, b) => a - b)
  const [plain, told] = [0, 1].map((asked) => least.reduce((sum, pair) => sum + pair[asked]!, 0) / 1000)
  const percent = (ratio: number) => `${(100 * (ratio - 1)).toFixed(2)} %`
  console.log(
    `W = ${bits}: ${percent(quantile(ratios, 0.5))} (quartiles ${percent(quantile(ratios, 0.25))}, ${percent(quantile(ratios, 0.75))}); by least times ${percent(told! / plain!)} of ${plain!.toFixed(2)} s, ${(numbers / plain!).toExponential(2)} numbers/s; exact stage ${exact[0]} and ${exact[1]} numbers`,
  )
}
