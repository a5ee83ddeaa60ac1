/**
 * The sizes that were tuned for a GPU are remembered by adapter and driver; a file that is damaged
 * costs a minute, not the run.
 */
import { afterAll, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rememberedSettings, rememberSettings } from '../../../cli/compute/gpu-settings.ts'
import { DEFAULTS, SOFTWARE } from '../../../kernels/webgpu/settings.ts'

const directory = mkdtempSync(join(tmpdir(), 'collatz-gpu-'))
afterAll(() => rmSync(directory, { recursive: true }))
const file = join(directory, 'gpu.json')

test('settings come back under the key of their adapter and driver, beside those of others', () => {
  rememberSettings(directory, 'chip/driver 1', DEFAULTS)
  rememberSettings(directory, 'chip/driver 2', SOFTWARE)
  rememberSettings(directory, 'chip/driver 1', { ...DEFAULTS, batchMs: 40 })
  expect(rememberedSettings(directory)).toEqual({
    'chip/driver 1': { ...DEFAULTS, batchMs: 40 },
    'chip/driver 2': SOFTWARE,
  })
})

test('none are remembered where there is no file, or a folder in its place', () => {
  expect(rememberedSettings(join(directory, 'elsewhere'))).toEqual({})
  mkdirSync(join(directory, 'odd', 'gpu.json'), { recursive: true })
  expect(rememberedSettings(join(directory, 'odd'))).toEqual({})
})

test.each([
  'null',
  '7',
  '[]',
  '',
  '{',
  '{"chip": null}',
  '{"chip": []}',
  '{"chip": {"threads": 64}}',
  JSON.stringify({ chip: { ...DEFAULTS, threads: 100 } }),
  JSON.stringify({ chip: { ...DEFAULTS, survivorRoom: 2 ** 40 } }),
  JSON.stringify({ chip: { ...DEFAULTS, batchMs: '80' } }),
])('%s is taken for no settings, and the good ones beside it are kept', (text) => {
  writeFileSync(file, text)
  expect(rememberedSettings(directory)).toEqual({})
  rememberSettings(directory, 'other', SOFTWARE)
  expect(rememberedSettings(directory)).toEqual({ other: SOFTWARE })
  expect(Object.keys(JSON.parse(readFileSync(file, 'utf8')))).toEqual(['other'])
})
