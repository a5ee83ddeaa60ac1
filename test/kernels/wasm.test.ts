/** The wasm engine against the exact engine, and against known answers from outside. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createExactEngine, survivorsOf } from '../../kernels/exact.ts'
import { classes, leavesOf } from '../../kernels/partition.ts'
import { EMPTY, hardNumber, merge } from '../../kernels/result.ts'
import { children, ROOT, ruleP } from '../../kernels/rules.ts'
import { sigma } from '../../kernels/sigma.ts'
import type { ClassState, Engine, HardSummary, Partition, Unit } from '../../kernels/unit.ts'
import { buildKernel } from '../../kernels/wasm/build.ts'
import { WasmEngine } from '../../kernels/wasm/engine.ts'
import { Kernel } from '../../kernels/wasm/kernel.ts'
import { KNOWN_ANSWERS } from '../../kernels/wasm/known-answers.ts'
import type { Platform } from '../../kernels/wasm/pool.ts'
import { GOLDEN_LEAVES, GOLDEN_UNITS, GOLDEN_WINDOWS, nameOf } from './golden.ts'
import { randomLeaves, randomUnits } from './random-units.ts'
import { agreesWithTask, BARINA_TASKS, EASILY_LOST, HARD_WINDOWS, leafOfEasilyLost } from './truth.ts'

// Seconds of arithmetic, and the machine may be busy with other things.
setDefaultTimeout(2_400_000)

const M64 = (1n << 64n) - 1n
const exact: Engine = createExactEngine()
let wasm: WasmEngine
let bytes: Uint8Array<ArrayBuffer>
let bun: Platform

beforeAll(async () => {
  bytes = new Uint8Array(readFileSync(await buildKernel()))
  // Imports the kernel, which is there only now.
  bun = (await import('../../kernels/wasm/open.ts')).bunPlatform
  wasm = await WasmEngine.open(bun)
})
afterAll(() => wasm.close())

const partition = (bits: number, units: number, leaves: number, hardSteps = bits + 58): Partition => ({
  map: '3n+1',
  bits,
  units,
  leaves,
  hardSteps,
})

async function expectEqual(unit: Unit): Promise<void> {
  expect(await wasm.verify(unit)).toEqual(await exact.verify(unit))
}

describe('equal to the exact engine, to the bit', () => {
  /** The same numbers at every run. */
  let seed = 1n
  const random = (below: bigint) => {
    seed = (seed * 6364136223846793005n + 1442695040888963407n) & M64
    return ((seed >> 16n) * below) >> 48n
  }

  test('on the 200 random units of mixed windows that webgpu.test.ts gives the GPU too', async () => {
    const units = randomUnits()
    expect(units).toHaveLength(200)
    for (const unit of units) await expectEqual(unit)
  })

  test('on leaves of units of 2^36, 2^40 and 2^56 numbers', async () => {
    for (const { unit, leaf } of randomLeaves()) {
      expect(await wasm.verifyLeaf(unit, leaf)).toEqual(await exact.verifyLeaf(unit, leaf))
    }
  })

  for (const bits of [20, 22, 26]) {
    test(`on the first window of 2^${bits} numbers`, async () => {
      const cut = partition(bits, 3, 5)
      for (const index of classes(cut).keys()) await expectEqual({ partition: cut, window: 0n, index })
    })
  }

  for (const height of [64, 71, 80, 90, 96]) {
    test(`on the windows on either side of 2^${height}`, async () => {
      for (const bits of [20, 23]) {
        const cut = partition(bits, 2, 4)
        const above = 1n << BigInt(height - bits)
        for (const window of height < 96 ? [above - 1n, above, above + 1n] : [above - 2n, above - 1n]) {
          for (const index of classes(cut).keys()) await expectEqual({ partition: cut, window, index })
        }
      }
    })
  }

  /** What the exact engine says of a class of a window. */
  function exactly(state: ClassState, window: bigint, bits: number, hardSteps: number): HardSummary {
    let summary = EMPTY
    for (const n of survivorsOf(state, window, partition(bits, 1, 1))) {
      const end = sigma(n)
      if (end.kind !== 'fired') throw new Error(`${n} is open`)
      if (!ruleP(n) && end.step > hardSteps) summary = merge(summary, hardNumber(n, end.step, end.peak))
    }
    return summary
  }

  test('on single classes of large windows, up to 2^96', () => {
    const kernel = new Kernel(new WebAssembly.Module(bytes))
    for (const bits of [40, 48, 56, 60, 64, 71]) {
      for (const height of [bits, 71, 72, 80, 88, 92, 96]) {
        let state = ROOT
        while (state.depth < bits - 12) {
          const halves = children(state)
          state = halves[Number(random(BigInt(halves.length)))]!
        }
        const windows = 1n << BigInt(height - bits)
        const window = windows - 1n - random(windows > 1000n ? 1000n : windows)
        const hardSteps = bits + 58 + Number(random(100n))
        const { summary, handedOver } = kernel.leaf({ bits, window, hardSteps, state })
        expect(handedOver).toEqual([])
        expect(summary).toEqual(exactly(state, window, bits, hardSteps))
      }
    }
  })

  test('on the known answers that every worker computes', () => {
    for (const { job, answer } of KNOWN_ANSWERS) {
      expect(exactly(job.state, job.window, job.bits, job.hardSteps)).toEqual(answer)
    }
  })
})

describe('known answers from outside', () => {
  /** Of a whole window. */
  async function whole(bits: number, window: bigint, hardSteps: number): Promise<HardSummary> {
    return wasm.verify({ partition: partition(bits, 1, 64, hardSteps), window, index: 0 })
  }

  test.each(HARD_WINDOWS.map((known) => [`window ${known.window} of 2^${known.bits}`, known] as const))(
    'hard numbers by true arithmetic: %s',
    async (_, { bits, window, hardSteps, ...known }) => {
      expect(await whole(bits, window, hardSteps)).toMatchObject(known)
      // All of it would take the exact engine half a minute (exact.test.ts does one of them): these
      // leaves of 64 are a part.
      const unit: Unit = { partition: partition(bits, 1, 64, hardSteps), window, index: 0 }
      for (const leaf of [7, 42]) expect(await wasm.verifyLeaf(unit, leaf)).toEqual(await exact.verifyLeaf(unit, leaf))
    },
  )

  test('a path record is the peak of its window', async () => {
    const records: [bigint, bigint][] = [
      [1042431n, 90239155648n],
      [6631675n, 60342610919632n],
      [319804831n, 1414236446719942480n],
      [1410123943n, 7125885122794452160n],
      [8528817511n, 18144594937356598024n],
      [12327829503n, 20722398914405051728n],
      [23035537407n, 68838156641548227040n],
      [45871962271n, 82341648902022834004n],
      [3716509988199n, 207936463344549949044875464n],
      [9016346070511n, 252229527183443335194424192n],
      [1254251874774375n, 3646072622928560527441864282048n],
    ]
    for (const [n, value] of records) {
      for (const bits of n >> 27n ? [20, 27] : [20]) {
        expect((await whole(bits, n >> BigInt(bits), bits + 58)).peak).toEqual({ n, value })
      }
    }
  })

  test('the number that a wrong merge rule loses is there', async () => {
    const end = sigma(EASILY_LOST)
    expect(end.kind === 'fired' && end.step).toBeGreaterThan(320)
    expect(await leafOfEasilyLost(wasm)).toMatchObject({ count: 1, peak: { n: EASILY_LOST } })
  })

  test.each(BARINA_TASKS.map((task) => [String(task.id), task] as const))(
    "Barina's task %s: the number with the greatest value is hard, or joins a smaller number",
    async (_, task) => {
      expect(await agreesWithTask(wasm, task)).toMatchObject({ right: true })
    },
  )
})

describe('golden results', () => {
  test.each(GOLDEN_WINDOWS.map((golden) => [`${golden.window} of 2^${golden.bits}`, golden] as const))(
    'window %s',
    async (_, { bits, window, hardSteps, summary }) => {
      expect(await wasm.verify({ partition: partition(bits, 1, 16, hardSteps), window, index: 0 })).toMatchObject(
        summary,
      )
    },
  )

  test.each(GOLDEN_UNITS.map((golden) => [nameOf(golden.unit), golden] as const))('%s', async (_, golden) => {
    const result = await wasm.verify(golden.unit)
    expect(result).toMatchObject({ ...golden.summary, candidates: [] })
    expect(result.leaves.length).toBe(golden.leaves)
    expect(Buffer.from(result.root).toString('hex')).toBe(golden.root)
  })

  test.each(GOLDEN_LEAVES.map((golden) => [`leaf ${golden.leaf} of ${nameOf(golden.unit)}`, golden] as const))(
    '%s',
    async (_, { unit, leaf, summary }) => {
      expect(await wasm.verifyLeaf(unit, leaf)).toEqual(summary)
    },
  )
})

describe('an interrupted unit', () => {
  test('aborts with the reason, and goes on from the leaves that were told', async () => {
    const unit: Unit = { partition: partition(34, 2, 64, 128), window: 2n ** 37n, index: 1 }
    const done = new Map<number, HardSummary>()
    const abort = new AbortController()
    const onLeaf = (index: number, leaf: HardSummary) => {
      done.set(index, leaf)
      if (done.size === 20) abort.abort()
    }
    await expect(wasm.verify(unit, { signal: abort.signal, onLeaf })).rejects.toThrow(abort.signal.reason)
    expect(abort.signal.reason.name).toBe('AbortError')
    expect(done.size).toBe(20)

    let computed = 0
    const fractions: number[] = []
    const resumed = await wasm.verify(unit, {
      done,
      onLeaf: () => computed++,
      onProgress: ({ fraction }) => fractions.push(fraction),
    })
    expect(computed).toBe(leavesOf(unit.partition, unit.index).length - 20)
    expect(resumed).toEqual(await wasm.verify(unit))
    expect(fractions[0]).toBeGreaterThan(0)
    expect(fractions.at(-1)).toBeCloseTo(1, 9)
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b))
  })

  test('a signal that has fired before is obeyed', async () => {
    const unit: Unit = { partition: partition(20, 1, 4), window: 0n, index: 0 }
    await expect(wasm.verify(unit, { signal: AbortSignal.abort() })).rejects.toThrow('abort')
    await expect(wasm.verifyLeaf(unit, 0, { signal: AbortSignal.abort() })).rejects.toThrow('abort')
  })

  test('one leaf alone is what it is in its unit, also while units are computed', async () => {
    const unit: Unit = { partition: partition(32, 2, 32, 128), window: 2n ** 39n, index: 0 }
    const other: Unit = { partition: partition(24, 2, 16), window: 2n ** 40n, index: 1 }
    const [whole, small, leaf] = await Promise.all([wasm.verify(unit), wasm.verify(other), wasm.verifyLeaf(unit, 7)])
    expect(leaf).toEqual(whole.leaves[7]!)
    expect(small).toEqual(await exact.verify(other))
  })
})

/** A platform whose workers are objects in this thread, with a kernel made by `make`. */
function inThread(make: () => Kernel): Platform {
  return {
    module: async () => new WebAssembly.Module(bytes),
    spawn: () => {
      const kernel = make()
      const worker = {
        onmessage: null as ((event: { data: unknown }) => void) | null,
        postMessage(message: { type: string; id: number; job: Parameters<Kernel['leaf']>[0] }) {
          const data =
            message.type === 'start'
              ? { type: 'ready' }
              : { type: 'done', id: message.id, outcome: kernel.leaf(message.job) }
          queueMicrotask(() => worker.onmessage?.({ data }))
        },
        terminate() {},
      }
      return worker as unknown as Worker
    },
  }
}

describe('what the kernel cannot decide', () => {
  test('goes to the exact engine, and the result is the same', async () => {
    const unit: Unit = { partition: partition(24, 1, 8), window: 2n ** 47n, index: 0 }
    const handedOver: bigint[] = []
    const platform = inThread(() => {
      const kernel = new Kernel(new WebAssembly.Module(bytes), 110)
      const outcome = kernel.outcome.bind(kernel)
      kernel.outcome = () => {
        const result = outcome()
        handedOver.push(...result.handedOver)
        return result
      }
      return kernel
    })
    const engine = await WasmEngine.open(platform, { workers: 1 })
    expect(await engine.verify(unit)).toEqual(await exact.verify(unit))
    expect(handedOver.length).toBeGreaterThan(100)
  })

  test('is refused before any work when it is a matter of size', async () => {
    const unit = { partition: partition(24, 1, 8), window: 0n, index: 0 }
    const refused = (change: Partial<Partition>, window = 0n) =>
      expect(wasm.verify({ ...unit, partition: { ...unit.partition, ...change }, window })).rejects
    await refused({ bits: 19 }).toThrow('windows of 2^20 to 2^71 numbers, not 2^19')
    await refused({ hardSteps: 81 }).toThrow('82 to 4000 hard steps for windows of 2^24, not 81; use the exact engine')
    await refused({}, 2n ** 72n).toThrow('below 2^96')
    await refused({}, -1n).toThrow('below 2^96')
    await refused({ map: '5n+1' }).toThrow('not 5n+1; use the exact engine')
    await expect(wasm.verifyLeaf(unit, 1000)).rejects.toThrow('no leaf 1000')
  })

  test.each([-1, 0, 0.5, Number.NaN])('and %p workers are none', async (workers) => {
    await expect(WasmEngine.open(bun, { workers })).rejects.toThrow('a whole number of workers from 1')
  })
})

describe("a leaf that the kernel's words do not hold", () => {
  const refused = /fixes \d+ to \d+ bits, not/
  const at = (depth: number) => {
    let state = ROOT
    while (state.depth < depth) state = children(state)[0]!
    return state
  }

  test.each([20, 64, 71])('is refused, one bit too deep or too shallow: windows of 2^%d', (bits) => {
    const kernel = new Kernel(new WebAssembly.Module(bytes))
    const start = (depth: number) =>
      kernel.start({ bits, window: 1n, hardSteps: bits + 58, state: { ...at(Math.max(0, depth)), depth } })
    expect(() => start(bits - 7)).toThrow(refused)
    expect(() => start(bits - 8)).not.toThrow()
    expect(() => start(Math.max(0, bits - 61))).not.toThrow()
    expect(() => start(Math.max(0, bits - 61) - 1)).toThrow(refused)
  })

  test('is refused before it reaches a worker, whose other leaves go on', async () => {
    const coarse: Unit = { partition: partition(71, 1, 8), window: 0n, index: 0 }
    const reason = 'leaves that fix at least 10 of the 71 bits of a number, and this cut has larger ones'
    const small: Unit = { partition: partition(20, 1, 4), window: 5n, index: 0 }
    const running = wasm.verify(small)
    await expect(wasm.verify(coarse)).rejects.toThrow(RangeError)
    await expect(wasm.verify(coarse)).rejects.toThrow(reason)
    await expect(wasm.verifyLeaf(coarse, 0)).rejects.toThrow(reason)
    expect(await running).toEqual(await exact.verify(small))
  })
})

describe('a fault', () => {
  test('of the build stops the engine before it works', async () => {
    // A constant of mix64, as it lies in the code: signed LEB128, seven bits a byte.
    const septets: number[] = []
    for (let x = BigInt.asIntN(64, 0xff51afd7ed558ccdn); septets.length < 8; x >>= 7n)
      septets.push(Number(x & 127n) | 128)
    const wrong = Buffer.from(bytes)
    const at = wrong.indexOf(Buffer.from(septets))
    expect(at).toBeGreaterThan(0)
    wrong[at]! ^= 1
    const platform = { ...bun, module: async () => new WebAssembly.Module(wrong) }
    await expect(WasmEngine.open(platform, { workers: 1 })).rejects.toThrow(
      'this machine, runtime or build miscalculates',
    )
  })

  test('of a worker fails what is under way and what follows', async () => {
    const spawn = () => new Worker('data:text/javascript,throw new Error("no luck")')
    await expect(WasmEngine.open({ ...bun, spawn }, { workers: 1 })).rejects.toThrow('no luck')
  })

  test('closing fails what is under way', async () => {
    const engine = await WasmEngine.open(bun, { workers: 1 })
    const unit: Unit = { partition: partition(40, 1, 8, 320), window: 2n ** 31n, index: 0 }
    const running = engine.verify(unit)
    await engine.close()
    await expect(running).rejects.toThrow('closed')
    await expect(engine.verify(unit)).rejects.toThrow('closed')
  })
})

test('the engine works inside a compiled binary', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'collatz-wasm-'))
  try {
    const root = join(import.meta.dirname, '../..')
    const binary = join(directory, 'program')
    const entries = ['test/kernels/wasm-program.ts', 'kernels/wasm/worker.ts']
    const build = Bun.spawnSync([process.execPath, 'build', '--compile', ...entries, '--outfile', binary], {
      cwd: root,
    })
    expect(build.stderr.toString()).not.toContain('error')
    const run = Bun.spawnSync([binary], { cwd: directory })
    expect(run.stderr.toString()).toBe('')
    expect(run.stdout.toString()).toBe('5811 b858e0b490798eef\n')
  } finally {
    rmSync(directory, { recursive: true })
  }
})
