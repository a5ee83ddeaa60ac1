/** What an engine cannot do is known before it is opened. */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { cpuEngine } from '../../kernels/cpu.ts'
import { cutOf } from '../../kernels/cut.ts'
import { whyNot } from '../../kernels/limits.ts'
import type { Partition } from '../../kernels/unit.ts'

// Seconds of arithmetic, and the machine may be busy with other things.
setDefaultTimeout(300_000)

const of = (change: Partial<Partition>): Partition => ({ ...cutOf(40), ...change })
const reason = (engine: 'wasm' | 'webgpu', change: Partial<Partition>) => whyNot(engine, of(change))?.reason ?? null

test('all windows that a command can cut are for both engines', () => {
  for (let bits = 20; bits <= 71; bits++) {
    expect([whyNot('wasm', cutOf(bits)), whyNot('webgpu', cutOf(bits))]).toEqual([null, null])
  }
})

test('hard steps are bounded below by the filter, and above by each engine’s own tables', () => {
  expect(reason('wasm', { hardSteps: 98 })).toBeNull()
  expect(reason('wasm', { hardSteps: 97 })).toBe(
    'The wasm engine takes 98 to 4000 hard steps for windows of 2^40, not 97',
  )
  expect(reason('wasm', { hardSteps: 4000 })).toBeNull()
  expect(reason('wasm', { hardSteps: 4001 })).toContain('not 4001')
  expect(reason('webgpu', { hardSteps: 960 })).toBeNull()
  expect(reason('webgpu', { hardSteps: 961 })).toContain('98 to 960')
})

test('what to use instead is what can: wasm where the GPU’s steps end, exact beyond and for other maps', () => {
  expect(whyNot('webgpu', of({ hardSteps: 961 }))?.instead).toBe('use --engine wasm')
  expect(whyNot('webgpu', of({ hardSteps: 4001 }))?.instead).toContain('--engine exact')
  expect(whyNot('wasm', of({ map: '5n+1' }))?.instead).toContain('--engine exact')
})

test('a cut so coarse that a leaf outgrows the words of the wasm kernel is for the GPU alone', () => {
  const coarse = { bits: 71, hardSteps: 320, units: 1, leaves: 8 }
  expect(reason('wasm', coarse)).toContain('leaves that fix at least 10 of the 71 bits')
  expect(reason('webgpu', coarse)).toBeNull()
  expect(reason('wasm', { ...coarse, leaves: 4096 })).toBeNull()
  expect(reason('wasm', { ...coarse, bits: 61, leaves: 1 })).toBeNull()
})

test('the CPU takes the exact engine for what the wasm engine cannot do', async () => {
  for (const [hardSteps, name] of [
    [97, 'exact'],
    [98, 'wasm'],
    [4000, 'wasm'],
    [4001, 'exact'],
  ] as const) {
    const engine = cpuEngine(of({ hardSteps }), 1)
    expect(engine.name).toBe(name)
    await engine.close()
  }
})
