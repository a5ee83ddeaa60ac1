/** The wasm engine against the exact engine, and against known answers from outside. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createExactEngine, survivorsOf } from '../../kernels/exact.ts'
import { trajectory } from '../../kernels/map.ts'
import { classes, leavesOf } from '../../kernels/partition.ts'
import { EMPTY, hardNumber, merge } from '../../kernels/result.ts'
import { children, ROOT, ruleP } from '../../kernels/rules.ts'
import { sigma } from '../../kernels/sigma.ts'
import type { ClassState, Engine, HardSummary, Partition, Unit } from '../../kernels/unit.ts'
import { buildKernel } from '../../kernels/wasm/build.ts'
import type { WasmEngine } from '../../kernels/wasm/engine.ts'
import { Kernel } from '../../kernels/wasm/kernel.ts'
import { KNOWN_ANSWERS } from '../../kernels/wasm/known-answers.ts'
import { checkWitness, preimageOf, witnessOf } from '../../kernels/witness.ts'

const M64 = (1n << 64n) - 1n
const exact: Engine = createExactEngine()
let wasm: WasmEngine
let bytes: Uint8Array<ArrayBuffer>
let openWasmEngine: typeof import('../../kernels/wasm/engine.ts').openWasmEngine

beforeAll(async () => {
  bytes = new Uint8Array(readFileSync(await buildKernel()))
  // Imports the kernel, which is there only now.
  ;({ openWasmEngine } = await import('../../kernels/wasm/engine.ts'))
  wasm = await openWasmEngine()
})
afterAll(() => wasm.close())

const partition = (bits: number, units: number, leaves: number, hardSteps = bits + 58): Partition => ({
  map: '3n+1',
  bits,
  units,
  leaves,
  hardSteps,
})

/** The leaf of a partition that holds n, as (unit, leaf). */
function leafWith(n: bigint, of: Partition): { unit: Unit; leaf: number } {
  const holds = ({ depth, residue }: { depth: number; residue: bigint }) => BigInt.asUintN(depth, n) === residue
  const index = classes(of).findIndex(holds)
  return {
    unit: { partition: of, window: n >> BigInt(of.bits), index },
    leaf: leavesOf(of, index).findIndex(holds),
  }
}

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

  test('on 200 random units of mixed windows', async () => {
    for (let i = 0; i < 200; i++) {
      const bits = 20 + Number(random(5n))
      const height = 20n + random(77n)
      const highest = (1n << (height > 96n ? 96n : height)) >> BigInt(bits)
      const of = partition(bits, 2 ** (bits - 18), 1 + Number(random(12n)), bits + 58 + Number(random(60n)))
      await expectEqual({
        partition: of,
        window: highest && random(highest),
        index: Number(random(BigInt(classes(of).length))),
      })
    }
  }, 60_000)

  for (const bits of [20, 22, 26]) {
    test(`on the first window of 2^${bits} numbers`, async () => {
      const of = partition(bits, 3, 5)
      for (const index of classes(of).keys()) await expectEqual({ partition: of, window: 0n, index })
    })
  }

  for (const height of [64, 71, 80, 90, 96]) {
    test(`on the windows on either side of 2^${height}`, async () => {
      for (const bits of [20, 23]) {
        const of = partition(bits, 2, 4)
        const above = 1n << BigInt(height - bits)
        for (const window of height < 96 ? [above - 1n, above, above + 1n] : [above - 2n, above - 1n]) {
          for (const index of classes(of).keys()) await expectEqual({ partition: of, window, index })
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
          const both = children(state)
          state = both[Number(random(BigInt(both.length)))]!
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

  test('hard numbers by true arithmetic, S0 = 128', async () => {
    expect(await whole(30, 2n ** 41n, 128)).toMatchObject({ count: 23602, checksum: 0xfcebef4aafc5b6ben })
    expect(await whole(28, 5n, 128)).toMatchObject({ count: 5811, checksum: 0xb858e0b490798eefn })
    expect(await whole(28, 123456789n, 128)).toMatchObject({ count: 5890, checksum: 0x0a0d558d0a28dfdfn })
  })

  test('the 2^40 numbers from 2^71 have 8741 hard numbers at S0 = 320', async () => {
    expect(await whole(40, 2n ** 31n, 320)).toMatchObject({ count: 8741, checksum: 0x4ac598ebce2e8e03n })
  }, 120_000)

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
  }, 60_000)

  test('the number that a wrong merge rule loses is there', async () => {
    const n = 2n ** 71n + 1070573620327n
    const end = sigma(n)
    expect(end.kind === 'fired' && end.step).toBeGreaterThan(320)
    const { unit, leaf } = leafWith(n, partition(40, 4096, 4096, 320))
    const { count, peak } = await wasm.verifyLeaf(unit, leaf)
    expect(count).toBe(1)
    expect(peak?.n).toBe(n)
  })

  const tasks = [
    [98999215n, 225865785455n],
    [98999216n, 585714939119n],
    [98999217n, 350224008639n],
    [98999218n, 90451186779n],
    [98999219n, 1000868809979n],
    [98999220n, 705488991903n],
  ] as const
  for (const [id, offset] of tasks) {
    test(`Barina's task ${id}: the number with the greatest value is hard, or joins a smaller number`, async () => {
      const n = (id << 40n) + offset
      const fired = sigma(n)
      if (fired.kind !== 'fired') throw new Error(`${n} is open`)
      const witness = preimageOf(n) ?? (fired.step <= 320 ? witnessOf(n, fired) : null)
      if (witness) expect(checkWitness(witness)).toBe(true)
      else {
        const { unit, leaf } = leafWith(n, partition(40, 16, 256, 320))
        expect((await wasm.verifyLeaf(unit, leaf)).peak!.value).toBeGreaterThanOrEqual(trajectory(n).max)
      }
    })
  }
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
function inThread(make: () => Kernel) {
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
    const engine = await openWasmEngine({
      workers: 1,
      platform: inThread(() => {
        const kernel = new Kernel(new WebAssembly.Module(bytes), 110)
        const outcome = kernel.outcome.bind(kernel)
        kernel.outcome = () => {
          const found = outcome()
          handedOver.push(...found.handedOver)
          return found
        }
        return kernel
      }),
    })
    expect(await engine.verify(unit)).toEqual(await exact.verify(unit))
    expect(handedOver.length).toBeGreaterThan(100)
  })

  test('is refused before any work when it is a matter of size', async () => {
    const unit = { partition: partition(24, 1, 8), window: 0n, index: 0 }
    const refused = (of: Partial<Partition>, window = 0n) =>
      expect(wasm.verify({ ...unit, partition: { ...unit.partition, ...of }, window })).rejects
    await refused({ bits: 19 }).toThrow('windows of 2^20 to 2^71 numbers, not 2^19')
    await refused({ hardSteps: 81 }).toThrow('82 to 4000 hard steps for windows of 2^24, not 81; use the exact engine')
    await refused({}, 2n ** 72n).toThrow('below 2^96')
    await refused({}, -1n).toThrow('below 2^96')
    await refused({ map: '5n+1' }).toThrow('not 5n+1: use the exact engine')
    await expect(wasm.verifyLeaf(unit, 1000)).rejects.toThrow('no leaf 1000')
    await expect(openWasmEngine({ workers: 0 })).rejects.toThrow('workers')
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
    const { spawnWorker } = await import('../../kernels/wasm/spawn.ts')
    const platform = { spawn: spawnWorker, module: async () => new WebAssembly.Module(wrong) }
    await expect(openWasmEngine({ workers: 1, platform })).rejects.toThrow(
      'this machine, runtime or build miscalculates',
    )
  })

  test('of a worker fails what is under way and what follows', async () => {
    const { loadKernel } = await import('../../kernels/wasm/spawn.ts')
    const spawn = () => new Worker('data:text/javascript,throw new Error("no luck")')
    await expect(openWasmEngine({ workers: 1, platform: { spawn, module: loadKernel } })).rejects.toThrow('no luck')
  })

  test('closing fails what is under way', async () => {
    const engine = await openWasmEngine({ workers: 1 })
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
}, 60_000)
