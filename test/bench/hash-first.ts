/**
 * What a cheat saves that hashes each candidate first and throws away what cannot be an item:
 * `taskset -c 0 bun test/bench/hash-first.ts [--rounds 7] [--scale 1]`.
 *
 * The kernel is compiled anew with a test before the first jump. With a hash that costs next to
 * nothing this shows what there is to save; with the definition's SHA-256, in the kernel, and as
 * fast as the processor's own instructions make a block, what there is to pay. Items are in 1 of
 * 1,800 numbers that carry the flag (tier 1 of a unit of the main network), so nearly all are
 * thrown away.
 */
import { createHash } from 'node:crypto'
import { parseArgs } from 'node:util'
import { compileKernel, kernelSources } from '../../kernels/wasm/build.ts'
import { Kernel } from '../../kernels/wasm/kernel.ts'
import { median } from './median.ts'
import { sample } from './sample.ts'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '7' }, scale: { type: 'string', default: '1' } },
})

/** The kernel with a test of each candidate, `v` its value, before its first jump. */
async function withTest(name: string, imports: string, test: string): Promise<{ name: string; kernel: Kernel }> {
  const sources = kernelSources()
  const place = 'const v = first + a * step, e = entry(v), f = row(e)'
  const bottom = sources.get('bottom.ts')!
  if (bottom.split(place).length !== 2) throw new Error(`bottom.ts has not one line "${place}"`)
  sources.set('bottom.ts', imports + bottom.replace(place, `${test}\n${place}`))
  return { name, kernel: new Kernel(new WebAssembly.Module(await compileKernel(sources))) }
}

const cheap = `let x = (first + a * step) * 0x9e3779b97f4a7c15
if (x >> 32 >= (1 << 32) / 1800) continue`
const sha = `if (itemHash(1, first + a * step, 0) >= 0xffffffffffffffff / 1800) continue`
const kernels = [
  await withTest('honest', '', ''),
  await withTest('a hash of one multiplication', '', cheap),
  await withTest('SHA-256 in wasm', "import { itemHash } from './sha256'\n", sha),
]

const work = sample('2^60', 60, 2n ** 11n, 38, Math.max(1, Math.round(20 * Number(values.scale))))
const times = kernels.map(() => [] as number[])
let candidates = 0
for (let round = -1; round < Number(values.rounds); round++) {
  for (const [i, { kernel }] of kernels.entries()) {
    const start = process.cpuUsage().user
    candidates = 0
    for (const state of work.states) {
      candidates += kernel.leaf({ bits: work.bits, window: work.window, hardSteps: 320, state }).counters.candidates
    }
    if (round >= 0) times[i]!.push((process.cpuUsage().user - start) * 1000)
  }
}
const each = times.map((list) => median(list) / candidates)
for (const [i, { name }] of kernels.entries()) console.log(`${name}: ${each[i]!.toFixed(1)} ns a candidate`)

const megabytes = new Uint8Array(2 ** 24)
const blocks = Array.from({ length: 7 }, () => {
  const start = process.cpuUsage().user
  createHash('sha256').update(megabytes).digest()
  return ((process.cpuUsage().user - start) * 1000) / (megabytes.length / 64)
})
const saved = each[0]! - each[1]!
console.log(`SHA-256 by the processor's own instructions: ${median(blocks).toFixed(1)} ns a block`)
console.log(
  `Thrown away for nothing, candidates save ${saved.toFixed(1)} ns each, ${((100 * saved) / each[0]!).toFixed(0)} %. A block of SHA-256 costs ${(median(blocks) / saved).toFixed(1)} times that.`,
)
