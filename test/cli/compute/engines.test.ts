/**
 * A GPU that is lost half way costs nothing but time: the unit goes on with the CPU, from the
 * leaves it had.
 */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { engineOptions, Replaceable } from '../../../cli/compute/engines.ts'
import { cpuEngine } from '../../../kernels/cpu.ts'
import type { Engine, Partition, Unit, VerifyOptions } from '../../../kernels/unit.ts'
import { openWasmEngine } from '../../../kernels/wasm/open.ts'
import { DeviceLost } from '../../../kernels/webgpu/errors.ts'

setDefaultTimeout(2_400_000)

const partition: Partition = { map: '3n+1', bits: 28, units: 2, leaves: 16, hardSteps: 128 }
const unit: Unit = { partition, window: 5n, index: 1 }

/** A real engine whose device goes away after so many leaves. */
class Lost implements Engine {
  readonly name = 'webgpu'
  readonly told: number[] = []
  readonly gpuMs = 12
  closed = 0
  private readonly underWay: Promise<unknown>[] = []
  private readonly inner: Engine
  private readonly after: number
  private readonly error: Error
  constructor(inner: Engine, after: number, error: Error) {
    this.inner = inner
    this.after = after
    this.error = error
  }
  async verify(of: Unit, options: VerifyOptions = {}): Promise<never> {
    const work = this.inner.verify(of, {
      ...options,
      onLeaf: (index, leaf) => {
        if (this.told.length >= this.after) return
        this.told.push(index)
        options.onLeaf?.(index, leaf)
      },
    })
    this.underWay.push(work)
    await work
    throw this.error
  }
  async verifyLeaf(): Promise<never> {
    throw this.error
  }
  get counters() {
    return { batches: 3, candidates: this.inner.counters!.candidates! }
  }
  /** What is under way fails as on a device that is lost, not as on an engine that is closed. */
  async close() {
    this.closed++
    await Promise.allSettled(this.underWay)
    await this.inner.close()
  }
}

test('a GPU may be busy for a hundredth of the time or more: less is refused, and never a rest of weeks', () => {
  expect(engineOptions({ 'gpu-duty': '0.01' }).gpuDuty).toBe(0.01)
  expect(engineOptions({}).gpuDuty).toBe(1)
  for (const duty of ['0.0099', '0', '1e-9', '-1', '1.01', 'half', '']) {
    expect(() => engineOptions({ 'gpu-duty': duty })).toThrow(`--gpu-duty is "${duty}": give a share from 0.01 to 1`)
  }
})

test('the result is the same, one line is said, and no leaf is told twice', async () => {
  const reference = cpuEngine(partition, 1)
  const lines: string[] = []
  const lost = new Lost(await openWasmEngine({ workers: 1 }), 5, new DeviceLost('the GPU was lost'))
  const engine = new Replaceable(
    lost,
    () => openWasmEngine({ workers: 1 }),
    (line) => lines.push(line),
  )
  expect(engine.name).toBe('webgpu')
  const told: number[] = []
  const result = await engine.verify(unit, { onLeaf: (index) => told.push(index) })
  expect(result).toEqual(await reference.verify(unit))
  expect(lines).toEqual(['The GPU was lost: going on with the CPU (wasm engine).'])
  expect(engine.name).toBe('wasm')
  expect(told.slice(0, 5)).toEqual(lost.told)
  expect(new Set(told).size).toBe(told.length)
  expect(told.length).toBe(result.leaves.length)
  await Promise.all([engine.close(), reference.close()])
})

test('what both engines counted is told together, and the time of the GPU while there is one', async () => {
  const lost = new Lost(await openWasmEngine({ workers: 1 }), 5, new DeviceLost('the GPU was lost'))
  const wasm = await openWasmEngine({ workers: 1 })
  const engine = new Replaceable(
    lost,
    async () => wasm,
    () => {},
  )
  expect([engine.counters, engine.gpuMs]).toEqual([{ batches: 3, candidates: 0 }, 12])
  await engine.verify(unit)
  const { candidates, ...others } = wasm.counters
  expect(lost.counters.candidates).toBeGreaterThan(0)
  expect(engine.counters).toEqual({ batches: 3, ...others, candidates: lost.counters.candidates + candidates })
  expect(engine.gpuMs).toBeUndefined()
  await engine.close()
})

test('units that lose the GPU together share one substitute, which nobody closes before the end', async () => {
  const reference = cpuEngine(partition, 1)
  const lines: string[] = []
  const substitutes: Engine[] = []
  const lost = new Lost(await openWasmEngine({ workers: 1 }), 5, new DeviceLost('the GPU was lost'))
  const substitute = async () => {
    const wasm = await openWasmEngine({ workers: 1 })
    substitutes.push(wasm)
    return wasm
  }
  const engine = new Replaceable(lost, substitute, (line) => lines.push(line))
  const both = [0, 1].map((index) => ({ partition, window: 5n, index }))
  const [first, second, leaf] = await Promise.all([
    engine.verify(both[0]!),
    engine.verify(both[1]!),
    engine.verifyLeaf(both[0]!, 3),
  ])
  expect([first, second]).toEqual(await Promise.all(both.map((of) => reference.verify(of))))
  expect(leaf).toEqual(first.leaves[3]!)
  expect([substitutes.length, lines.length, lost.closed]).toEqual([1, 1, 1])
  await Promise.all([engine.close(), reference.close()])
})

test('any other fault stops the work', async () => {
  const lost = new Lost(await openWasmEngine({ workers: 1 }), 0, new Error('a wrong known answer'))
  const engine = new Replaceable(
    lost,
    () => openWasmEngine({ workers: 1 }),
    () => {},
  )
  const message = (work: Promise<unknown>) =>
    work.then(
      () => 'no error',
      (error: Error) => error.message,
    )
  expect(await message(engine.verifyLeaf(unit, 0))).toBe('a wrong known answer')
  expect(await message(engine.verify(unit))).toBe('a wrong known answer')
  await engine.close()
})
