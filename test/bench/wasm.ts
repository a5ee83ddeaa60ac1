/**
 * How fast the kernel is on one core, side by side with other builds: `bun test/bench/wasm.ts [--peer FILE]... [--rounds 5]
 * [--work NAME]... [--scale S]`. Pin it to one core (`taskset -c 0 bun ...`) for steady figures.
 *
 * In each round every engine does the same classes, in turn, so that what else the machine does hits all alike. Shown are
 * the median rate in numbers a second, and the median over the rounds of the ratio to each peer.
 *
 * A peer is a WebAssembly file with the exports of the prototypes: init(window, bits), run(),
 * runp(depth, residue lo, hi, image lo, hi, odds, evens, run, residue mod 9), get(i): get(4) is the count, get(5) the
 * checksum. All must find the same, to the bit, or there is nothing to compare.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { EMPTY, merge } from '../../kernels/result.ts'
import { buildKernel } from '../../kernels/wasm/build.ts'
import { Kernel } from '../../kernels/wasm/kernel.ts'
import { checksumHex } from '../../orbit/rules/message/bodies.ts'
import { median } from './median.ts'
import { sample, type Work, whole } from './sample.ts'

const HARD_STEPS = 320
const M64 = (1n << 64n) - 1n

interface Outcome {
  readonly seconds: number
  readonly count: number
  readonly checksum: bigint
}

interface Runner {
  readonly name: string
  run(work: Work): Outcome
}

function ours(name: string, module: WebAssembly.Module): Runner {
  const kernel = new Kernel(module)
  return {
    name,
    run({ bits, window, states }) {
      const job = { bits, window, hardSteps: HARD_STEPS }
      kernel.start({ ...job, state: states[0]! }) // makes the tables
      let total = EMPTY
      const start = performance.now()
      for (const state of states) total = merge(total, kernel.leaf({ ...job, state }).summary)
      return { seconds: (performance.now() - start) / 1000, count: total.count, checksum: total.checksum }
    },
  }
}

interface PeerExports {
  init(window: bigint, bits: number): void
  runp(...args: (number | bigint)[]): void
  get(i: number): bigint
}

function peer(file: string): Runner {
  const module = new WebAssembly.Module(readFileSync(file))
  const instances = new Map<Work, PeerExports>()
  return {
    name: file.replace(/.*\//, ''),
    run(work) {
      // its tables can't be made twice
      let instance = instances.get(work)
      if (!instance) {
        instance = new WebAssembly.Instance(module, {}).exports as unknown as PeerExports
        instance.init(work.window, work.bits)
        instances.set(work, instance)
      }
      const [count, checksum] = [instance.get(4), instance.get(5)]
      const start = performance.now()
      for (const { depth, residue, image, odds, evens, run } of work.states) {
        const mod9 = Number(residue % 9n)
        instance.runp(depth, residue & M64, residue >> 64n, image & M64, image >> 64n, odds, evens, run, mod9)
      }
      const seconds = (performance.now() - start) / 1000
      return {
        seconds,
        count: Number(instance.get(4) - count),
        checksum: BigInt.asUintN(64, instance.get(5) - checksum),
      }
    },
  }
}

const { values } = parseArgs({
  options: {
    peer: { type: 'string', multiple: true, default: [] },
    ours: { type: 'string', multiple: true, default: [] },
    work: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string', default: '5' },
    scale: { type: 'string', default: '1' },
  },
})
const scale = Number(values.scale)
const runners = [
  ours('kernel', new WebAssembly.Module(readFileSync(await buildKernel()))),
  ...values.ours.map((file) => ours(file.replace(/.*\//, ''), new WebAssembly.Module(readFileSync(file)))),
  ...values.peer.map(peer),
]
const samples = (n: number) => Math.max(1, Math.round(n * scale))
const works: readonly (() => Work)[] = [
  () => whole('2^40 at 2^71', 40, 2n ** 31n),
  () => whole('2^36 at 2^71', 36, 2n ** 35n),
  () => sample('classes of 2^40 at 2^71', 40, 2n ** 31n, 20, samples(600)),
  () => sample('classes of 2^56 at 2^71', 56, 2n ** 15n, 34, samples(150)),
  () => sample('classes of 2^60 at 2^71', 60, 2n ** 11n, 38, samples(150)),
  () => sample('classes of [2^71, 2^72)', 71, 1n, 48, samples(100)),
]
for (const make of works) {
  const work = make()
  if (values.work.length > 0 && !values.work.some((name) => work.name.includes(name))) continue
  const seconds = runners.map(() => [] as number[])
  for (let round = -1; round < Number(values.rounds); round++) {
    // round -1 warms up
    const results = runners.map((runner) => runner.run(work))
    for (const [i, { count, checksum, seconds: s }] of results.entries()) {
      const kernel = results[0]!
      if (count !== kernel.count || checksum !== kernel.checksum) {
        throw new Error(
          `${runners[i]!.name} finds ${count} hard numbers, checksum ${checksumHex(checksum)}, in ${work.name}, not ${kernel.count}, ${checksumHex(kernel.checksum)}`,
        )
      }
      if (round >= 0) seconds[i]!.push(s)
    }
  }
  console.log(`${work.name}: ${work.numbers.toExponential(3)} numbers`)
  for (const [i, { name }] of runners.entries()) {
    const ratio = median(seconds[i]!.map((s, round) => s / seconds[0]![round]!))
    const rate = work.numbers / median(seconds[i]!)
    console.log(
      `  ${name.padEnd(16)} ${rate.toExponential(3)} numbers/s  ${i ? `kernel is ${ratio.toFixed(3)} times` : ''}`,
    )
  }
}
