/**
 * What a coordinator has sealed is known to nobody else on its machine, and only when it is on
 * disk.
 */
import { afterAll, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LastSealed } from '../../../../orbit/node/home/last-sealed.ts'

const directory = mkdtempSync(join(tmpdir(), 'collatz-last-sealed-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

test('the file has the mode of a key', () => {
  new LastSealed(directory).seal(3)
  expect(statSync(join(directory, 'last-sealed')).mode & 0o777).toBe(0o600)
})

test('an epoch whose number could not be written down is not sealed', () => {
  const gone = join(directory, 'gone')
  const lastSealed = new LastSealed(gone)
  expect(() => lastSealed.seal(7)).toThrow()
  expect(lastSealed.allows(7)).toBe(true)
  mkdirSync(gone)
  lastSealed.seal(7)
  expect(lastSealed.allows(7)).toBe(false)
})
