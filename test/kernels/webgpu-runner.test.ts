/** How long batches are and how the GPU rests: no GPU needed. */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { batchClasses, pause } from '../../kernels/webgpu/runner.ts'
import { checkSettings, DEFAULTS, SOFTWARE } from '../../kernels/webgpu/settings.ts'
import { CHOICES } from '../../kernels/webgpu/tune.ts'
import { Random } from './random.ts'

// Seconds of arithmetic, and the machine may be busy with other things.
setDefaultTimeout(2_400_000)

/** More survivors than any batch has. */
const ROOMY = 2 ** 40

test('a batch is never meant to take 200 ms, whatever is tuned: that is what a desktop does not notice', () => {
  const times = [DEFAULTS, SOFTWARE].map(({ batchMs }) => batchMs)
  for (const [name, values] of CHOICES) if (name === 'batchMs') times.push(...values)
  for (const ms of times) expect(ms).toBeLessThan(200)
  expect(() => checkSettings({ ...DEFAULTS, batchMs: 200 })).toThrow('batchMs must be a whole number from 1 to 199')
})

test('a batch has no more classes than the time is enough for at the rate that was measured', () => {
  const random = new Random(7)
  for (let i = 0; i < 1000; i++) {
    const ms = 1 + random.below(199)
    const rate = (1 + random.below(2 ** 30)) / 2 ** random.below(20)
    const last = 1 + random.below(2 ** 26)
    const room = 1 + random.below(2 ** 20)
    const classes = batchClasses(ms, rate, last, room)
    if (classes > 1) expect(classes / rate).toBeLessThanOrEqual(ms)
    expect(classes).toBeLessThanOrEqual(Math.max(1, 16 * last))
    expect(classes).toBeLessThanOrEqual(64 * room)
    expect(classes).toBeGreaterThanOrEqual(1)
  }
  expect(batchClasses(80, 10_000, 2 ** 24, ROOMY)).toBe(800_000)
})

test('the first batch is small, and a batch is at most sixteen times the last: the rate of a small one says little', () => {
  expect(batchClasses(80, 0, 2 ** 12, ROOMY)).toBe(4096)
  expect(batchClasses(80, 1e9, 4096, ROOMY)).toBe(65_536)
})

test('a pause ends when the work is taken back, or was before', async () => {
  const abort = new AbortController()
  const weeks = pause(2 ** 31 - 1, abort.signal)
  abort.abort()
  await weeks
  await pause(2 ** 31 - 1, abort.signal)
  await pause(1)
})
