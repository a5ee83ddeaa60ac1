/** A GPU that is lost half way costs nothing but time: the unit goes on with the CPU, from the leaves it had. */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { Replaceable } from '../../cli/engines.ts'
import { cpuEngine } from '../../kernels/cpu.ts'
import type { Engine, Partition, Unit, VerifyOptions } from '../../kernels/unit.ts'
import { openWasmEngine } from '../../kernels/wasm/engine.ts'
import { DeviceLost } from '../../kernels/webgpu/errors.ts'

setDefaultTimeout(60_000)

const partition: Partition = { map: '3n+1', bits: 28, units: 2, leaves: 16, hardSteps: 128 }
const unit: Unit = { partition, window: 5n, index: 1 }

/** A real engine whose device goes away after so many leaves. */
class Lost implements Engine {
  readonly name = 'webgpu'
  readonly told: number[] = []
  private readonly inner: Engine
  private readonly after: number
  private readonly error: Error
  constructor(inner: Engine, after: number, error: Error) {
    this.inner = inner
    this.after = after
    this.error = error
  }
  async verify(of: Unit, options: VerifyOptions = {}): Promise<never> {
    await this.inner.verify(of, {
      ...options,
      onLeaf: (index, leaf) => {
        if (this.told.length >= this.after) return
        this.told.push(index)
        options.onLeaf?.(index, leaf)
      },
    })
    throw this.error
  }
  async verifyLeaf(): Promise<never> {
    throw this.error
  }
  close = () => this.inner.close()
}

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
