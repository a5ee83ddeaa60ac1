/**
 * What is said of a window: a theorem, or that there is none. The drill map 3n-1 has cycles, which
 * are candidates.
 */
import { afterAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EXIT } from '../../../cli/shell/errors.ts'
import { computeWindow, report } from '../../../cli/verify/verify-window.ts'
import { createExactEngine } from '../../../kernels/exact.ts'
import type { MapName, Partition } from '../../../kernels/unit.ts'

const data = mkdtempSync(join(tmpdir(), 'collatz-window-'))
afterAll(() => rmSync(data, { recursive: true, force: true }))

async function said(map: MapName, window: bigint) {
  const partition: Partition = { map, bits: 20, units: 1, leaves: 16, hardSteps: 80 }
  const found = await computeWindow(createExactEngine(), partition, window, data, new AbortController().signal)
  return report(partition, window, found, 'exact', 1)
}

test('a window with candidates is no theorem, and its exit code is 3', async () => {
  const { text, exitCode } = await said('3n-1', 0n)
  expect(text).toContain('CANDIDATE: 5 was not brought below itself; see `collatz verify 5`')
  expect(text).toContain('CANDIDATE: 17 was not brought below itself')
  expect(text).not.toContain('converges')
  expect(exitCode).toBe(3)
  expect(EXIT.candidate).toBe(3)
})

test('the window of the first numbers begins at 1 and needs nothing before it', async () => {
  const { text, exitCode } = await said('3n+1', 0n)
  expect(text).toStartWith('Every n in [1, 1048576) converges.\n')
  expect(exitCode).toBe(0)
})

test('any other stands on all smaller numbers', async () => {
  const { text, exitCode } = await said('3n+1', 5n)
  expect(text).toStartWith('Every n in [5242880, 6291456) converges if every smaller one does.\n')
  expect(exitCode).toBe(0)
})
