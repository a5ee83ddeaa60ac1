/** The batch and table sizes that `collatz bench --tune` found best, by adapter and driver. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isSettings, type Settings } from '../../kernels/webgpu/settings.ts'
import { homeDirectory } from '../../orbit/node/home/home.ts'
import { privateFolder, writeAtomically } from '../../orbit/node/storage/atomic-file.ts'

const path = (data: string | undefined) => join(homeDirectory(data), 'gpu.json')

/**
 * Written by nobody but us, and worth a minute of tuning: what is damaged or out of range is left
 * out.
 */
export function rememberedSettings(data: string | undefined): Record<string, Settings> {
  let written: unknown
  try {
    written = JSON.parse(readFileSync(path(data), 'utf8'))
  } catch {
    return {}
  }
  const entries = typeof written === 'object' && written !== null ? Object.entries(written) : []
  return Object.fromEntries(entries.filter((entry): entry is [string, Settings] => isSettings(entry[1])))
}

export function rememberSettings(data: string | undefined, key: string, settings: Settings): void {
  privateFolder(homeDirectory(data))
  writeAtomically(path(data), `${JSON.stringify({ ...rememberedSettings(data), [key]: settings }, null, 2)}\n`)
}
