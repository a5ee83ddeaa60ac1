/** Progress: when it will be done, and that something is seen of what takes long. */
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { Estimate } from '../../../cli/shell/print.ts'

test('three seconds of figures say when it will be done, however small the share', () => {
  const estimate = new Estimate(1000)
  expect(estimate.left(9000)).toBeNull()
  estimate.see(0, 1000)
  estimate.see(0.0001, 3000)
  expect(estimate.left(3000)).toBeNull()
  expect(estimate.left(4000)).toBeCloseTo(2000 * 9999 - 1000)
})

test('what a checkpoint had says nothing about how fast it is', () => {
  const estimate = new Estimate(0)
  estimate.see(0.5, 0)
  estimate.see(0.6, 10_000)
  expect(estimate.left(10_000)).toBeCloseTo(40_000)
})

test('between two reports the time that is left goes by, and does not grow', () => {
  const estimate = new Estimate(0)
  estimate.see(0, 0)
  estimate.see(0.5, 10_000)
  estimate.see(0.5, 14_000)
  expect(estimate.left(14_000)).toBeCloseTo(6_000)
  expect(estimate.left(30_000)).toBe(0)
  estimate.see(1, 31_000)
  expect(estimate.left(31_000)).toBeNull()
})

/** A program that does this with a bar, its stderr no terminal. */
async function seen(body: string, bar: 'lateBar' | 'progressBar' = 'lateBar'): Promise<string> {
  const script = `import { ${bar} } from ${JSON.stringify(join(import.meta.dir, '../../../cli/shell/print.ts'))}
    const bar = ${bar}('work'); ${body}; bar.stop()`
  const child = Bun.spawn([process.execPath, '-e', script], { stderr: 'pipe' })
  const text = await new Response(child.stderr).text()
  expect(await child.exited).toBe(0)
  return text
}

test('a bar appears though nothing is reported', async () => {
  expect(await seen('await Bun.sleep(1500)')).toMatch(/work \|.*\| 0 % · \d+ s so far/)
})

test('a bar appears where one call takes all the time', async () => {
  const busy = 'for (const began = performance.now(); performance.now() - began < 1500; ) bar.update(0.25, "busy")'
  expect(await seen(busy)).toMatch(/work \|.*\| 25 % · \d+ s so far/)
})

test('what is done at once has none', async () => {
  expect(await seen('bar.update(0.5, "quick")')).toBe('')
})

test('a bar that has just begun does not tell milliseconds', async () => {
  const text = await seen('bar.update(0.25, "quick")', 'progressBar')
  expect(text).toMatch(/work \|.*\| 25 % · quick/)
  expect(text).not.toContain('ms')
})
