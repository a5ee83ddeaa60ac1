/** What an engine cannot do is known before it is opened. */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { cpuEngine } from '../../kernels/cpu.ts'
import { cutOf } from '../../kernels/cut.ts'
import { whyNot } from '../../kernels/limits.ts'
import type { Partition } from '../../kernels/unit.ts'

// Seconds of arithmetic, and the machine may be busy with other things.
setDefaultTimeout(2_400_000)

const cut = (change: Partial<Partition>): Partition => ({ ...cutOf(40), ...change })
const reason = (engine: 'wasm' | 'webgpu', change: Partial<Partition>) => whyNot(engine, cut(change))?.reason ?? null

test.each([
  [20, 1],
  [40, 1],
  [41, 2],
  [49, 512],
  [50, 1024],
  [51, 1024],
  [71, 1024],
])('a window of 2^%i numbers is cut into %i units', (bits, units) => {
  expect(cutOf(bits)).toEqual({ map: '3n+1', bits, units, leaves: 256, hardSteps: 320 })
})

test('all windows that a command can cut are for both engines', () => {
  for (let bits = 20; bits <= 71; bits++) {
    expect([whyNot('wasm', cutOf(bits)), whyNot('webgpu', cutOf(bits))]).toEqual([null, null])
  }
})

const exact = 'use the exact engine (--engine exact)'

/** Bounded below by the filter, and above by each engine's own tables. */
test.each<[engine: 'wasm' | 'webgpu', change: Partial<Partition>, reason: string | null, instead: string | null]>([
  ['wasm', { hardSteps: 97 }, 'takes 98 to 4000 hard steps for windows of 2^40, not 97', exact],
  ['wasm', { hardSteps: 98 }, null, null],
  ['wasm', { hardSteps: 99 }, null, null],
  ['wasm', { hardSteps: 98.5 }, 'not 98.5', exact],
  ['wasm', { hardSteps: 3999 }, null, null],
  ['wasm', { hardSteps: 4000 }, null, null],
  ['wasm', { hardSteps: 4001 }, 'not 4001', exact],
  ['webgpu', { hardSteps: 97 }, 'takes 98 to 960 hard steps for windows of 2^40, not 97', exact],
  ['webgpu', { hardSteps: 98 }, null, null],
  ['webgpu', { hardSteps: 960 }, null, null],
  ['webgpu', { hardSteps: 961 }, '98 to 960', 'use --engine wasm'],
  ['webgpu', { hardSteps: 4001 }, '98 to 960', exact],
  ['wasm', { bits: 19 }, 'windows of 2^20 to 2^71 numbers, not 2^19', 'cut them so'],
  ['wasm', { bits: 20 }, null, null],
  ['wasm', { bits: 71 }, null, null],
  ['wasm', { bits: 72 }, 'windows of 2^20 to 2^71 numbers, not 2^72', 'cut them so'],
  ['wasm', { map: '5n+1' }, 'takes the map 3n+1, not 5n+1', exact],
  ['webgpu', { map: '3n-1' }, 'takes the map 3n+1, not 3n-1', exact],
])('%s with %j: %p', (engine, change, reason, instead) => {
  const refusal = whyNot(engine, { ...cutOf(change.bits ?? 40), ...change })
  expect(refusal?.reason ?? null).toEqual(reason && expect.stringContaining(reason))
  expect(refusal?.instead ?? null).toBe(instead)
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
    const engine = cpuEngine(cut({ hardSteps }), 1)
    expect(engine.name).toBe(name)
    await engine.close()
  }
})
