/**
 * What webgpu.test.ts runs in a process of its own, because the Vulkan driver is chosen by the
 * environment when Dawn is loaded: one scenario, whose findings are printed as one line of JSON.
 * Compiled, it also shows that a binary has it all.
 */
import { createExactEngine } from '../../kernels/exact.ts'
import { sameSummary } from '../../kernels/result.ts'
import type { Engine, HardSummary, Partition, Unit, UnitResult } from '../../kernels/unit.ts'
import { bunPlatform, openWasmEngine } from '../../kernels/wasm/open.ts'
import { dawn } from '../../kernels/webgpu/dawn.ts'
import { openDevice } from '../../kernels/webgpu/device.ts'
import { WebgpuEngine, type WebgpuOptions } from '../../kernels/webgpu/engine.ts'
import { openWebgpuEngine } from '../../kernels/webgpu/open.ts'
import { DEFAULTS, SOFTWARE } from '../../kernels/webgpu/settings.ts'
import { tune } from '../../kernels/webgpu/tune.ts'
import { GOLDEN_LEAVES, GOLDEN_UNITS, GOLDEN_WINDOWS, nameOf } from './golden.ts'
import { randomLeaves, randomUnits } from './random-units.ts'
import { agreesWithTask, BARINA_TASKS, EASILY_LOST, HARD_WINDOWS, HIGH_RECORDS, leafOfEasilyLost } from './truth.ts'
import { FAULTS, HookedGpu, holdsSeeds } from './webgpu-faults.ts'

// Values of GPUBufferUsage and GPUMapMode (WebGPU, sections 5.1 and 5.2).
const MAP_READ = 1
const COPY_DST = 8
const software: WebgpuOptions = { allowSoftware: true }
const module = await bunPlatform.module()
const partition = (bits: number, units: number, leaves: number, hardSteps = bits + 58): Partition => ({
  map: '3n+1',
  bits,
  units,
  leaves,
  hardSteps,
})
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const same = (a: UnitResult, b: UnitResult) =>
  sameSummary(a, b) &&
  hex(a.root) === hex(b.root) &&
  a.candidates.length === b.candidates.length &&
  a.leaves.length === b.leaves.length &&
  a.leaves.every((leaf, i) => sameSummary(leaf, b.leaves[i]!))

/** What an error says of itself: "DeviceLost: The GPU ...". */
async function errorOf(action: () => Promise<unknown>): Promise<string> {
  try {
    await action()
    return 'none'
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`
  }
}

async function whole(engine: Engine, bits: number, window: bigint, hardSteps: number): Promise<HardSummary> {
  const { count, checksum, peak } = await engine.verify({
    partition: partition(bits, 1, 16, hardSteps),
    window,
    index: 0,
  })
  return { count, checksum, peak }
}

async function golden(engine: WebgpuEngine) {
  const wrong: string[] = []
  for (const { bits, window, hardSteps, summary } of GOLDEN_WINDOWS) {
    if (!sameSummary(await whole(engine, bits, window, hardSteps), summary)) wrong.push(`window ${window} of 2^${bits}`)
  }
  for (const { unit, summary, root } of GOLDEN_UNITS) {
    const result = await engine.verify(unit)
    if (!sameSummary(result, summary) || hex(result.root) !== root) wrong.push(nameOf(unit))
  }
  for (const { unit, leaf, summary } of GOLDEN_LEAVES) {
    if (!sameSummary(await engine.verifyLeaf(unit, leaf), summary)) wrong.push(`leaf ${leaf} of ${nameOf(unit)}`)
  }
  return { wrong }
}

/**
 * The 200 random units and the leaves of large windows that the wasm engine's tests have too, by
 * all three engines.
 */
async function random(webgpu: WebgpuEngine) {
  const exact = createExactEngine()
  const wasm = await openWasmEngine({ workers: 1 })
  const wrong: string[] = []
  const units = randomUnits()
  for (const unit of units) {
    const truth = await exact.verify(unit)
    for (const engine of [wasm, webgpu]) {
      const result = await engine.verify(unit)
      if (!same(result, truth)) wrong.push(`${engine.name}: ${nameOf(unit)}`)
    }
  }
  const leaves = randomLeaves()
  for (const { unit, leaf } of leaves) {
    const truth = await exact.verifyLeaf(unit, leaf)
    for (const engine of [wasm, webgpu]) {
      const found = await engine.verifyLeaf(unit, leaf)
      if (!sameSummary(found, truth)) wrong.push(`${engine.name}: leaf ${leaf} of ${nameOf(unit)}`)
    }
  }
  await wasm.close()
  return { units: units.length, leaves: leaves.length, wrong }
}

/** Where images leave 128 bits, which the wasm engine does not do. */
async function beyond(engine: WebgpuEngine) {
  const exact = createExactEngine()
  const wrong: string[] = []
  let units = 0
  for (const window of [2n ** 108n - 1n, 2n ** 104n + 12345n, 2n ** 100n]) {
    for (let index = 0; index < 4; index++) {
      const unit = { partition: partition(20, 4, 8), window, index }
      units++
      if (!same(await engine.verify(unit), await exact.verify(unit))) wrong.push(nameOf(unit))
    }
  }
  return { units, wrong }
}

/**
 * Known answers from outside: whole windows, path records, Barina's tasks, the number that is
 * easily lost.
 */
async function known(engine: WebgpuEngine) {
  const wrong: string[] = []
  for (const { bits, window, hardSteps, count, checksum } of HARD_WINDOWS) {
    const found = await whole(engine, bits, window, hardSteps)
    if (found.count !== count || found.checksum !== checksum) wrong.push(`window ${window} of 2^${bits}`)
  }
  for (const [i, { n, value }] of HIGH_RECORDS.entries()) {
    for (const bits of i < HIGH_RECORDS.length - 3 ? [20] : [20, 24]) {
      const { peak } = await whole(engine, bits, n >> BigInt(bits), bits + 58)
      if (peak?.n !== n || peak.value !== value) wrong.push(`path record ${n} in a window of 2^${bits}`)
    }
  }
  let hard = 0
  for (const task of BARINA_TASKS) {
    const found = await agreesWithTask(engine, task)
    if (found.hard) hard++
    if (!found.right) wrong.push(`task ${task.id}`)
  }
  const { count, peak } = await leafOfEasilyLost(engine)
  if (count !== 1 || peak?.n !== EASILY_LOST) wrong.push(`${EASILY_LOST}`)
  return { windows: HARD_WINDOWS.length, records: HIGH_RECORDS.length, hardTasks: hard, wrong }
}

async function interrupted(engine: WebgpuEngine) {
  const unit: Unit = { partition: partition(28, 2, 64, 128), window: 2n ** 43n, index: 1 }
  const done = new Map<number, HardSummary>()
  const abort = new AbortController()
  const error = await errorOf(() =>
    engine.verify(unit, {
      signal: abort.signal,
      onLeaf: (index, leaf) => {
        done.set(index, leaf)
        if (done.size >= 5) abort.abort()
      },
    }),
  )
  const early = done.size
  const fractions: number[] = []
  let computed = 0
  const resumed = await engine.verify(unit, {
    done,
    onLeaf: () => computed++,
    onProgress: ({ fraction }) => fractions.push(fraction),
  })
  const known = new Map(resumed.leaves.entries())
  const batches = engine.counters.batches
  const nothingLeft = same(await engine.verify(unit, { done: known }), resumed) && engine.counters.batches === batches
  const [whole, leaf] = await Promise.all([engine.verify(unit), engine.verifyLeaf(unit, 7)])
  return {
    error,
    early,
    computed,
    leaves: whole.leaves.length,
    resumedIsWhole: same(resumed, whole),
    nothingLeft,
    leafIsThatOfTheUnit: sameSummary(leaf, whole.leaves[7]!),
    fractionsRise: fractions.every((fraction, i) => i === 0 || fraction >= fractions[i - 1]!),
    lastFraction: fractions.at(-1),
    before: await errorOf(() => engine.verify(unit, { signal: AbortSignal.abort() })),
  }
}

async function refused(engine: WebgpuEngine) {
  const unit: Unit = { partition: partition(24, 1, 8), window: 0n, index: 0 }
  const refusal = (change: Partial<Partition>, window = 0n) =>
    errorOf(() => engine.verify({ ...unit, partition: { ...unit.partition, ...change }, window }))
  return {
    map: await refusal({ map: '5n+1' }),
    fewSteps: await refusal({ hardSteps: 81 }),
    manySteps: await refusal({ hardSteps: 961 }),
    window: await refusal({}, 2n ** 104n),
    leaf: await errorOf(() => engine.verifyLeaf(unit, 1000)),
    duty: await errorOf(() => openWebgpuEngine({ ...software, gpuDuty: 0 })),
    setting: await errorOf(() => openWebgpuEngine({ ...software, settings: { threads: 100 } })),
    unforced: await errorOf(() => openWebgpuEngine()),
  }
}

async function closed(engine: WebgpuEngine) {
  const unit: Unit = { partition: partition(28, 2, 64, 128), window: 2n ** 43n, index: 1 }
  const running = errorOf(() => engine.verify(unit))
  await engine.close()
  return { running: await running, after: await errorOf(() => engine.verify(unit)) }
}

/** The engine as users have it. */
async function agreement() {
  const engine = await openWebgpuEngine(software)
  return {
    adapter: engine.adapter,
    golden: await golden(engine),
    random: await random(engine),
    beyond: await beyond(engine),
    known: await known(engine),
    interrupted: await interrupted(engine),
    refused: await refused(engine),
    counters: engine.counters,
    gpuMs: engine.gpuMs,
    closed: await closed(engine),
  }
}

/** Buffers so small that most batches overflow. */
async function tiny(gpu: HookedGpu) {
  const unit: Unit = { partition: partition(24, 8, 32), window: 2n ** 47n, index: 3 }
  const engine = await WebgpuEngine.open(gpu.with({}), module, {
    ...software,
    settings: { survivorRoom: 512, resultRoom: 128 },
  })
  const atStart = engine.counters.overflows
  const result = await engine.verify(unit)
  await engine.close()
  return {
    atStart,
    overflows: engine.counters.overflows - atStart,
    equal: same(result, await createExactEngine().verify(unit)),
  }
}

async function planted(gpu: HookedGpu) {
  const caught: Record<string, string> = {}
  for (const [name, hooks] of Object.entries(FAULTS)) {
    // Room for a few survivors only, so that an overflow is there to be hidden.
    const settings = name.includes('overflow') ? { survivorRoom: 64 } : {}
    caught[name] = await errorOf(() => WebgpuEngine.open(gpu.with(hooks), module, { ...software, settings }))
  }
  return caught
}

async function noticed(gpu: HookedGpu) {
  const unit: Unit = { partition: partition(22, 1, 8), window: 5n, index: 0 }
  // After the engine was opened and found good: a driver that drops writes leaves the last batch's
  // seeds in place.
  let stale = false
  const data = (words: Uint32Array<ArrayBuffer>, buffer: GPUBuffer) => (stale && holdsSeeds(buffer) ? null : words)
  const engine = await WebgpuEngine.open(gpu.with({ data }), module, software)
  await engine.verify(unit)
  stale = true
  const staleBuffer = await errorOf(() => engine.verify(unit))
  stale = false
  let dead = false
  const half = await WebgpuEngine.open(gpu.with({ deep: (workgroups) => (dead ? 0 : workgroups) }), module, software)
  dead = true
  const deadKernel = await errorOf(() => half.verify(unit))
  const afterFault = await errorOf(() => half.verify(unit))
  const other = await WebgpuEngine.open(gpu.with({}), module, software)
  const device = await gpu.device
  device.createBuffer({ size: 4, usage: 1 | 2 })
  await new Promise((resolve) => setTimeout(resolve, 50))
  return {
    staleBuffer,
    deadKernel,
    afterFault,
    refusedCommand: await errorOf(() => other.verify(unit)),
    badShader: await errorOf(() =>
      WebgpuEngine.open(gpu.with({ source: (code) => code.replace('vec4(10u)', 'vec4(10.5)') }), module, software),
    ),
  }
}

/** With a quarter of the duty, the GPU rests three times as long as it works. */
async function duty(gpu: HookedGpu) {
  const unit: Unit = { partition: partition(28, 4, 16, 128), window: 2n ** 43n, index: 1 }
  const seconds: number[] = []
  const counts: number[] = []
  for (const gpuDuty of [1, 0.25]) {
    const engine = await WebgpuEngine.open(gpu.with({}), module, { ...software, gpuDuty })
    const start = performance.now()
    counts.push((await engine.verify(unit)).count)
    seconds.push((performance.now() - start) / 1000)
    await engine.close()
  }
  return { seconds, counts }
}

/** What a fast GPU gets: long tables, large workgroups. */
async function large(gpu: HookedGpu) {
  const unit: Unit = { partition: partition(30, 64, 16, 128), window: 2n ** 41n, index: 9 }
  const results: UnitResult[] = []
  for (const settings of [DEFAULTS, SOFTWARE]) {
    const engine = await WebgpuEngine.open(gpu.with({}), module, {
      ...software,
      settings: { ...settings, survivorRoom: 2 ** 20, resultRoom: 2 ** 16 },
    })
    results.push(await engine.verify(unit))
    await engine.close()
  }
  return { equal: same(results[0]!, results[1]!), count: results[0]!.count }
}

async function tuning(gpu: HookedGpu) {
  const tuned = await tune(gpu.with({}), { ...software, trialMs: 100, choices: [['lookBits', [16]]] })
  const engine = await WebgpuEngine.open(gpu.with({}), module, { ...software, settings: tuned.settings })
  const { count } = await whole(engine, 24, 5n, 128)
  await engine.close()
  return { key: tuned.key, rates: tuned.trials.map(({ rate }) => rate), settings: tuned.settings, count }
}

/** Destroys the device. */
async function lost(gpu: HookedGpu) {
  const engine = await WebgpuEngine.open(gpu.with({}), module, software)
  // Large enough for many batches, so that there is work left when the device goes.
  const unit: Unit = { partition: partition(33, 16, 64, 128), window: 2n ** 38n, index: 1 }
  const done = new Map<number, HardSummary>()
  const error = await errorOf(() =>
    engine.verify(unit, {
      onLeaf: (index, leaf) => {
        done.set(index, leaf)
        if (done.size === 5) gpu.destroy()
      },
    }),
  )
  const again = await errorOf(() => engine.verify(unit))
  // What the caller does then: the rest of the unit elsewhere.
  const exact = createExactEngine()
  let right = true
  for (const [index, leaf] of done) right &&= sameSummary(leaf, await exact.verifyLeaf(unit, index))
  return { error, again, leaves: done.size, right }
}

/** The device went away while the engine slept until an answer would be there, and now it reads. */
async function lostAsleep(gpu: HookedGpu) {
  const unheard: string[] = []
  const hear = (reason: unknown) => unheard.push(String(reason))
  process.on('unhandledRejection', hear)
  const device = await openDevice(gpu.with({}), software)
  await device.gpu.lost
  const buffer = device.gpu.createBuffer({ size: 4, usage: MAP_READ | COPY_DST })
  const error = await errorOf(() => device.orLost(buffer.mapAsync(MAP_READ)))
  // Bun tells of an unheard rejection some turns after it.
  for (let turn = 0; turn < 20; turn++) await Bun.sleep(10)
  process.off('unhandledRejection', hear)
  return { error, unheard }
}

/** A GPU that errs. */
async function trouble() {
  const gpu = new HookedGpu(await dawn())
  return {
    tiny: await tiny(gpu),
    planted: await planted(gpu),
    large: await large(gpu),
    duty: await duty(gpu),
    tuning: await tuning(gpu),
    noticed: await noticed(gpu),
    lost: await lost(gpu),
    lostAsleep: await lostAsleep(gpu),
  }
}

async function none() {
  return { error: await errorOf(() => openWebgpuEngine(software)) }
}

async function answer() {
  const engine = await openWebgpuEngine(software)
  const result = await engine.verify({ partition: partition(28, 1, 16, 128), window: 5n, index: 0 })
  await engine.close()
  return { count: result.count, checksum: result.checksum.toString(16) }
}

const SCENARIOS = { agreement, trouble, none, answer }
export type Found = { [Name in keyof typeof SCENARIOS]: Awaited<ReturnType<(typeof SCENARIOS)[Name]>> }

if (import.meta.main) {
  const found = await SCENARIOS[process.argv.at(-1) as keyof Found]()
  console.log(JSON.stringify(found))
  process.exit(0)
}
