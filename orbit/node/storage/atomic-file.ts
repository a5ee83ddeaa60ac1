/** Files that are on disk, power cut or not, before anything relies on them. */
import { closeSync, fchmodSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** Writes a file. It may be half there after a crash, but not once this has returned. */
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

/** What was renamed into a folder is there for good. Windows knows no such thing, and needs none. */
export function syncFolder(path: string): void {
  if (process.platform === 'win32') return
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

/** Writes so that a crash leaves the old file or the new one, never half; and when it returns, the new one. */
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
