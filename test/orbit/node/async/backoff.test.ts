/** How long a node waits before it tries again. */
import { expect, test } from 'bun:test'
import { Backoff, Retries } from '../../../../orbit/node/async/backoff.ts'

test('each wait is twice the one before, up to the most, and from the first again after a success', () => {
  const backoff = new Backoff({ first: 500, most: 3_000 })
  const next = (times: number) => Array.from({ length: times }, () => backoff.next())
  expect(next(5)).toEqual([500, 1_000, 2_000, 3_000, 3_000])
  backoff.reset()
  expect(next(2)).toEqual([500, 1_000])
})

test('after so many failures that the doubling overflows, the wait is still the most', () => {
  const backoff = new Backoff({ first: 1, most: 60_000 })
  for (let failures = 0; failures < 2_000; failures++) backoff.next()
  expect(backoff.next()).toBe(60_000)
})

test('a spread keeps each wait between its bounds, and makes waits differ', () => {
  const waits = Array.from({ length: 200 }, () => new Backoff({ first: 1_000, most: 9_000, spread: [0.5, 1] }).next())
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(500)
  expect(Math.max(...waits)).toBeLessThan(1_000)
  expect(new Set(waits).size).toBeGreaterThan(100)
})

test('what failed is due again after its own wait, what succeeded or never failed is due at once', () => {
  const retries = new Retries({ first: 1_000, most: 60_000 })
  const began = performance.now()
  retries.failed('a')
  retries.failed('b')
  retries.failed('b')
  const ended = performance.now()
  const isDue = (key: string, milliseconds: number) => [
    retries.isDue(key, began + milliseconds - 1),
    retries.isDue(key, ended + milliseconds),
  ]
  expect([isDue('a', 1_000), isDue('b', 2_000)]).toEqual([
    [false, true],
    [false, true],
  ])
  expect(retries.isDue('c', began)).toBe(true)
  retries.succeeded('a')
  expect(retries.isDue('a', began)).toBe(true)
})
