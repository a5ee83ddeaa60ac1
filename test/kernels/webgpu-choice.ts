/**
 * What webgpu-choice.test.ts runs in a process of its own: which engine a command gets when the GPU
 * is good, errs, has no room, gives no device, is lost on the way, or is none; and what is said.
 */
import { runCommand } from 'citty'
import { bench } from '../../cli/compute/bench.ts'
import { type EngineOptions, openEngine } from '../../cli/compute/engines.ts'
import { rememberedSettings } from '../../cli/compute/gpu-settings.ts'
import { sameSummary } from '../../kernels/result.ts'
import type { Partition, Unit } from '../../kernels/unit.ts'
import { openWasmEngine } from '../../kernels/wasm/open.ts'
import { dawn } from '../../kernels/webgpu/dawn.ts'
import { tuneWebgpu } from '../../kernels/webgpu/open.ts'
import { SOFTWARE } from '../../kernels/webgpu/settings.ts'
import { FAULTS, HookedGpu, type Hooks } from './webgpu-faults.ts'

const small: Partition = { map: '3n+1', bits: 20, units: 1, leaves: 4, hardSteps: 80 }

/** Which engine came, what it found in a small window, what was said; or why none came. */
async function choose(engine: EngineOptions['engine'], change: Partial<Partition> = {}, data = '/nonexistent') {
  const partition = { ...small, ...change }
  const lines: string[] = []
  try {
    const opened = await openEngine({ engine, workers: 1, gpuDuty: 1, data }, partition, (line) => lines.push(line))
    const { count } = await opened.verify({ partition, window: 5n, index: 0 })
    await opened.close()
    return { engine: opened.name, count, lines }
  } catch (error) {
    return { error: `${(error as Error).name}: ${(error as Error).message}`, lines }
  }
}

/** From here on, the GPU of this process. */
function pin(gpu: GPU): void {
  const pinned = globalThis as typeof globalThis & { collatzDawn?: GPU }
  pinned.collatzDawn = gpu
}

/** On a GPU that is real but for its hooks. */
async function hooked() {
  process.env.COLLATZ_SOFTWARE_GPU = '1'
  const gpu = new HookedGpu(await dawn())
  const both = async (hooks: Hooks) => {
    pin(gpu.with(hooks))
    return { auto: await choose('auto'), webgpu: await choose('webgpu') }
  }
  const good = await both({})
  const steps = {
    manyForTheGpu: await choose('auto', { hardSteps: 961 }),
    manyForTheGpuByName: await choose('webgpu', { hardSteps: 961 }),
    manyForBoth: await choose('auto', { hardSteps: 4001 }),
    manyForBothByName: await choose('wasm', { hardSteps: 4001 }),
    few: await choose('auto', { hardSteps: 77 }),
    otherMap: await choose('auto', { map: '3n-1' }),
  }
  const wrongAnswer = await both(FAULTS['a wrong table entry']!)
  const badShader = await both({ source: (code) => code.replace('vec4(10u)', 'vec4(10.5)') })
  const broken = await both({
    size: () => {
      throw new Error('out of luck.\nand more')
    },
  })
  const noDevice = await both({
    request: (descriptor) => ({ ...descriptor, requiredLimits: { maxComputeWorkgroupSizeX: 2 ** 30 } }),
  })
  // Buffers for survivors that are beyond the device's limit, but for one size that only a tuning
  // tries.
  const room = 2 ** 21
  const refusedRooms = [SOFTWARE.survivorRoom, 2 ** 22, 2 ** 24]
  const noRoom: Hooks = { size: (bytes) => (refusedRooms.includes(bytes / 8) ? 2 ** 40 : bytes) }
  const noRoomAtFirst = await both(noRoom)
  const data = process.argv[3]!
  // Shaders of other sizes fail at once, because software Vulkan takes seconds to compile each.
  const same = `const PATTERNS_A_GROUP = ${SOFTWARE.patterns}u;`
  const threads = `const THREADS = ${SOFTWARE.threads}u;`
  pin(gpu.with({ ...noRoom, source: (code) => (code.includes(same) && code.includes(threads) ? code : 'none') }))
  await runCommand(bench, { rawArgs: ['--tune', '--json', '--data', data] })
  const tuned = Object.values(rememberedSettings(data))
  const noRoomTuned = await choose('auto', {}, data)
  pin(gpu.with({ size: () => 2 ** 40 }))
  const noRoomAtAll = await tuneWebgpu({ allowSoftware: true, trialMs: 100, choices: [] }).then(
    () => 'tuned',
    (error: Error) => `${error.name}: ${error.message}`,
  )
  return {
    ...{ good, steps, wrongAnswer, badShader, broken, noDevice, noRoomAtFirst },
    ...{ room, tuned, noRoomTuned, noRoomAtAll },
    lost: await lost(gpu),
  }
}

/**
 * The device goes in the middle of two units, and says so only after it has failed what was under
 * way.
 */
async function lost(gpu: HookedGpu) {
  pin(gpu.with({ lostAfter: 300 }))
  const partition: Partition = { map: '3n+1', bits: 33, units: 16, leaves: 64, hardSteps: 128 }
  const units = [1, 2].map((index): Unit => ({ partition, window: 2n ** 38n, index }))
  const lines: string[] = []
  const options = { engine: 'auto', workers: 1, gpuDuty: 1, data: '/nonexistent' } as const
  const engine = await openEngine(options, partition, (line) => lines.push(line))
  const before = engine.name
  const told: number[] = []
  let byGpu = 0
  const onLeaf = (index: number) => {
    told.push(index)
    if (told.length === 5) {
      byGpu = engine.name === 'webgpu' ? told.length : 0
      gpu.destroy()
    }
  }
  const [first, second] = await Promise.all([engine.verify(units[0]!, { onLeaf }), engine.verify(units[1]!)])
  const wasm = await openWasmEngine({ workers: 1 })
  const truth = [await wasm.verify(units[0]!), await wasm.verify(units[1]!)]
  const right = [first, second].every(
    (result, i) =>
      sameSummary(result, truth[i]!) && result.leaves.every((leaf, j) => sameSummary(leaf, truth[i]!.leaves[j]!)),
  )
  const found = {
    ...{ before, after: engine.name, lines, byGpu, right, told: told.length, toldOnce: new Set(told).size },
    leaves: first.leaves.length,
    counted: Object.keys(engine.counters!),
  }
  await Promise.all([engine.close(), wasm.close()])
  return found
}

/** On whatever there is in this process's environment. */
async function plain() {
  return { auto: await choose('auto'), webgpu: await choose('webgpu') }
}

const SCENARIOS = { hooked, plain }
export type Found = { [Name in keyof typeof SCENARIOS]: Awaited<ReturnType<(typeof SCENARIOS)[Name]>> }

if (import.meta.main) {
  console.log(JSON.stringify(await SCENARIOS[process.argv[2] as keyof Found]()))
  process.exit(0)
}
