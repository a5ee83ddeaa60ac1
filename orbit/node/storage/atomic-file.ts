/** Files that survive a power cut before anything relies on them. */
import { closeSync, fchmodSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** Writes a file. A crash before this has returned may leave half of it. */
export function writeWhole(path: string, content: string | Uint8Array, mode = 0o644): void {
  const file = openSync(path, 'w', mode)
  try {
    writeFileSync(file, content)
    fchmodSync(file, mode)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** Makes renames into a folder survive a power cut. Windows has no such call, and needs none. */
export function syncFolder(path: string): void {
  if (process.platform === 'win32') return
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

/** Writes a file so that a crash leaves the old one or the new one, never half; after it has returned, the new one. */
export function writeAtomically(path: string, content: string | Uint8Array, mode = 0o644): void {
  const draft = `${path}.${process.pid}.tmp`
  try {
    writeWhole(draft, content, mode)
    renameSync(draft, path)
    syncFolder(dirname(path))
  } catch (error) {
    rmSync(draft, { force: true })
    throw error
  }
}
