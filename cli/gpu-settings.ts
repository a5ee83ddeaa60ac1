/** The batch and table sizes that `collatz bench --tune` found best, by adapter and driver. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Settings } from '../kernels/webgpu/settings.ts'
import { homeDirectory, writeAtomically } from '../orbit/node/home.ts'

const path = (data: string | undefined) => join(homeDirectory(data), 'gpu.json')

export function rememberedSettings(data: string | undefined): Record<string, Settings> {
  if (!existsSync(path(data))) return {}
  try {
    return JSON.parse(readFileSync(path(data), 'utf8'))
  } catch {
    // Written by nobody but us, and worth a minute of tuning: begun anew.
    return {}
  }
}

export function rememberSettings(data: string | undefined, key: string, settings: Settings): void {
  mkdirSync(homeDirectory(data), { recursive: true, mode: 0o700 })
  writeAtomically(path(data), `${JSON.stringify({ ...rememberedSettings(data), [key]: settings }, null, 2)}\n`)
}
