/**
 * What evidence costs the wasm kernel: `taskset -c 0 bun test/bench/evidence.ts [--rounds 15] [--scale 1] [--work 2^60]`.
 *
 * Each round does the same classes with and without a request, in turn, the order changing from round to round; shown
 * are the median and the quartiles of the ratios of CPU time. The request is a real one: a unit of a network with
 * windows of that size, at J = 15 and k = 512. As few items are found in so small a part, the rates of what is hashed
 * and told are those of a whole unit.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { cutOf } from '../../kernels/cut.ts'
import { evidenceTest } from '../../kernels/evidence/request.ts'
import type { Partition } from '../../kernels/unit.ts'
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
  sample('2^40', 40, 2n ** 31n, 20, count(600)),
  sample('2^56', 56, 2n ** 15n, 34, count(100)),
  sample('2^60', 60, 2n ** 11n, 38, count(100)),
]
const kernel = new Kernel(new WebAssembly.Module(readFileSync(values.ours ?? (await buildKernel()))))
const quantile = (sorted: readonly number[], q: number) => sorted[Math.floor(q * (sorted.length - 1))]!

for (const { name, bits, window, states, numbers } of works) {
  if (!name.includes(values.work)) continue
  const bytes = new Uint8Array(32).fill(7)
  const unit = { partition: cut(bits), window, index: 0 }
  const evidence = evidenceTest(unit, { network: bytes, seed: bytes, signer: bytes })
  let items = 0
  let exact = [0, 0]
  const seconds = (asked: boolean): number => {
    const start = process.cpuUsage().user
    const told = asked ? { evidence } : {}
    exact[asked ? 1 : 0] = 0
    for (const state of states) {
      const outcome = kernel.leaf({ bits, window, hardSteps: HARD_STEPS, state, ...told })
      items += outcome.evidence?.flat().length ?? 0
      exact[asked ? 1 : 0]! += outcome.counters.exact
    }
    return (process.cpuUsage().user - start) / 1e6
  }
  seconds(true) // tables are made, code is compiled
  items = 0
  exact = [0, 0]
  const ratios: number[] = []
  const plain: number[] = []
  for (let round = 0; round < Number(values.rounds); round++) {
    const first = seconds(round % 2 === 1)
    const second = seconds(round % 2 === 0)
    const [without, withEvidence] = round % 2 === 1 ? [second, first] : [first, second]
    plain.push(without)
    ratios.push(withEvidence / without)
  }
  ratios.sort((a, b) => a - b)
  plain.sort((a, b) => a - b)
  const percent = (ratio: number) => `${(100 * (ratio - 1)).toFixed(2)} %`
  console.log(
    `W = ${bits}: ${percent(quantile(ratios, 0.5))} (quartiles ${percent(quantile(ratios, 0.25))}, ${percent(quantile(ratios, 0.75))}) of ${quantile(plain, 0.5).toFixed(2)} s, ${(numbers / quantile(plain, 0.5)).toExponential(2)} numbers/s; exact stage ${exact[0]} and ${exact[1]} numbers, ${items / ratios.length} items`,
  )
}
