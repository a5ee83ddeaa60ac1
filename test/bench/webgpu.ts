/**
 * How fast the webgpu engine is on this machine's GPU: `bun test/bench/webgpu.ts [--bits 56] [--window 32768] [--units 1000]
 * [--leaves 256] [--hard-steps 400] [--unit 500] [--seconds 20] [--duty 1] [--set expandBits=18]... [--tune] [--check]
 * [--software] [--json]`.
 *
 * It works at units, from the one named on, until the time is up, and prints the rate (numbers of the window that the finished
 * leaves stand for, by weight, a second), how much of the time the GPU was busy (timestamp queries, so the compute
 * passes alone), what was left at each stage, and hard numbers against what theory expects. The first two seconds do not count:
 * batches grow to their size. --tune chooses the settings first; --check recomputes one finished leaf by the wasm engine.
 */
import { parseArgs } from 'node:util'
import { deviations, expectedHard } from '../../kernels/expected.ts'
import { classes, leavesOf, weightOf } from '../../kernels/partition.ts'
import { sameSummary } from '../../kernels/result.ts'
import { ROOT } from '../../kernels/rules.ts'
import type { HardSummary, Partition, Unit } from '../../kernels/unit.ts'
import { openWebgpuEngine, tuneWebgpu } from '../../kernels/webgpu/open.ts'
import type { Settings } from '../../kernels/webgpu/settings.ts'

const { values } = parseArgs({
  options: {
    bits: { type: 'string', default: '56' },
    window: { type: 'string' },
    units: { type: 'string', default: '1000' },
    leaves: { type: 'string', default: '256' },
    'hard-steps': { type: 'string', default: '400' },
    unit: { type: 'string' },
    seconds: { type: 'string', default: '20' },
    duty: { type: 'string', default: '1' },
    set: { type: 'string', multiple: true, default: [] },
    tune: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    software: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})
const say = (line: string) => {
  if (!values.json) console.log(line)
}
const bits = Number(values.bits)
const partition: Partition = {
  map: '3n+1',
  bits,
  units: Number(values.units),
  leaves: Number(values.leaves),
  hardSteps: Number(values['hard-steps']),
}
// From 2^71 on, where the window's size allows.
const window = values.window === undefined ? 1n << BigInt(Math.max(0, 71 - bits)) : BigInt(values.window)

let settings: Partial<Settings> = Object.fromEntries(
  values.set.map((pair) => {
    const [name, value] = pair.split('=')
    return [name, Number(value)]
  }),
)
if (values.tune) {
  const onTrial = ({ rate, settings: tried }: { rate: number; settings: Settings }) =>
    say(`  ${rate.toExponential(3)} classes/s  ${JSON.stringify(tried)}`)
  const tuned = await tuneWebgpu({ allowSoftware: values.software, onTrial })
  settings = { ...tuned.settings, ...settings }
  say(`tuned for ${tuned.key}`)
}

const opening = performance.now()
const engine = await openWebgpuEngine({ allowSoftware: values.software, gpuDuty: Number(values.duty), settings })
const openSeconds = (performance.now() - opening) / 1000
say(
  `${engine.adapter.description} (${engine.adapter.vendor} ${engine.adapter.architecture}), open after ${openSeconds.toFixed(2)} s`,
)
say(`settings ${JSON.stringify(engine.settings)}`)

const all = classes(partition)
const windowWeight = Number(weightOf(ROOT, partition))
const firstUnit = values.unit === undefined ? all.length >> 1 : Number(values.unit)
const WARM_UP = 2000
const limit = 1000 * Number(values.seconds) + WARM_UP
const start = performance.now()
/** From the end of the warm-up on. */
let from = start
let before = engine.counters
let busyBefore = engine.gpuMs
let warm = false
let weight = 0
let leaves = 0
let hard = 0
let expected = 0
let variance = 0
let sample: { unit: Unit; leaf: number; summary: HardSummary } | undefined
const abort = new AbortController()

for (let index = firstUnit; !abort.signal.aborted; index = (index + 1) % all.length) {
  const unit: Unit = { partition, window, index }
  const states = leavesOf(partition, index)
  const onLeaf = (leaf: number, summary: HardSummary) => {
    const now = performance.now()
    if (!warm && now - start > WARM_UP) {
      warm = true
      from = now
      before = engine.counters
      busyBefore = engine.gpuMs
      return
    }
    if (now - start > limit) abort.abort()
    if (!warm) return
    weight += Number(weightOf(states[leaf]!, partition))
    leaves++
    hard += summary.count
    const { mean, standardDeviation } = expectedHard(partition, states[leaf]!)
    expected += mean
    variance += standardDeviation ** 2
    sample ??= { unit, leaf, summary }
  }
  try {
    await engine.verify(unit, { signal: abort.signal, onLeaf })
  } catch (error) {
    if (!abort.signal.aborted) throw error
  }
}
const seconds = (performance.now() - from) / 1000
const after = engine.counters
const stage = (name: string) => (after[name] ?? 0) - (before[name] ?? 0)
const standardDeviation = Math.sqrt(variance)
const numbers = (weight / windowWeight) * 2 ** bits
const busy = ((engine.gpuMs ?? 0) - (busyBefore ?? 0)) / 1000

let checked: boolean | null = null
if (values.check && sample) {
  const { openWasmEngine } = await import('../../kernels/wasm/open.ts')
  const wasm = await openWasmEngine()
  checked = sameSummary(await wasm.verifyLeaf(sample.unit, sample.leaf), sample.summary)
  await wasm.close()
}
await engine.close()

const report = {
  adapter: engine.adapter,
  settings: engine.settings,
  partition,
  window: String(window),
  openSeconds,
  seconds,
  leaves,
  numbers,
  numbersPerSecond: numbers / seconds,
  utilisation: engine.adapter.timestamps ? busy / seconds : null,
  numbersPerGpuSecond: engine.adapter.timestamps ? numbers / busy : null,
  batches: stage('batches'),
  msPerBatch: stage('gpuMs') / stage('batches'),
  seeds: stage('seeds'),
  classes: stage('classes'),
  candidates: stage('candidates'),
  survivors: stage('survivors'),
  returned: stage('returned'),
  overflows: stage('overflows'),
  hard,
  expectedHard: expected,
  deviations: deviations(hard, { mean: expected, standardDeviation }),
  checkedByWasm: checked,
}
if (values.json) console.log(JSON.stringify(report, null, 2))
else {
  const per = (name: 'classes' | 'candidates' | 'survivors' | 'returned', of: number) =>
    (report[name] / of).toPrecision(3)
  say(
    `${numbers.toExponential(3)} numbers in ${seconds.toFixed(1)} s: ${report.numbersPerSecond.toExponential(3)} numbers/s`,
  )
  if (report.utilisation !== null) {
    const gpu = report.numbersPerGpuSecond!.toExponential(3)
    say(`the GPU was busy ${(100 * report.utilisation).toFixed(1)} % of the time: ${gpu} numbers/s of its time`)
  }
  say(`${report.batches} batches of ${report.msPerBatch.toFixed(1)} ms, ${report.overflows} overflowed`)
  say(`for each seed      ${per('classes', report.seeds)} classes`)
  say(`for each class     ${per('candidates', report.classes)} candidates`)
  say(
    `for each candidate ${per('survivors', report.candidates)} survivors of 64 bits, ${per('returned', report.candidates)} returned`,
  )
  const odd = `${expected.toFixed(1)} expected, ${report.deviations.toFixed(2)} standard deviations off`
  say(`${hard} hard numbers in ${leaves} leaves, ${odd}`)
  if (checked !== null) say(checked ? 'one leaf agrees with the wasm engine' : 'ONE LEAF DIFFERS FROM THE WASM ENGINE')
}
process.exit(checked === false ? 1 : 0)
