/**
 * Files of the data directory: on disk, power cut or not, before anything relies on them, and
 * closed to other users.
 *
 * Separate, as the database, the keys and the certificates all rest on the same few calls.
 */
import {
  chmodSync,
  closeSync,
  fchmodSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'

const PRIVATE_FILE = 0o600
const PRIVATE_FOLDER = 0o700
/**
 * Of a folder such as /tmp, in which every user may make files: it can't be taken from the others.
 */
const SHARED_BY_ALL = 0o1000
const OTHERS = 0o077

/**
 * Reasons for which modes stay as they are: another owner, a file system without modes, a file that
 * has just gone.
 */
const KEEPS_MODE = new Set(['EPERM', 'EROFS', 'ENOTSUP', 'EOPNOTSUPP', 'ENOENT'])

function setMode(path: string, mode: number): void {
  try {
    chmodSync(path, mode)
  } catch (error) {
    if (!KEEPS_MODE.has((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}

/** Whether every user may make files in a folder that is there. */
export const isSharedByAll = (folder: string): boolean =>
  ((statSync(folder, { throwIfNoEntry: false })?.mode ?? 0) & SHARED_BY_ALL) !== 0

/**
 * Makes a folder that its owner alone may enter, or makes one that is there so. Windows knows no
 * modes.
 */
export function privateFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: PRIVATE_FOLDER })
  if (process.platform === 'win32' || isSharedByAll(path)) return
  if ((statSync(path).mode & OTHERS) !== 0) setMode(path, PRIVATE_FOLDER)
}

/**
 * Takes from other users what they may do with a file, if it is there. A link is left alone, and
 * what it leads to.
 */
export function closeToOthers(path: string): void {
  if (process.platform === 'win32') return
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found?.isFile() && (found.mode & OTHERS) !== 0) setMode(path, PRIVATE_FILE)
}

/** Makes a file that its owner alone may read, or makes one that is there so. */
export function privateFile(path: string): void {
  closeSync(openSync(path, 'a', PRIVATE_FILE))
  closeToOthers(path)
}

/** Writes a file. It may be half there after a crash, but not once this has returned. */
export function writeWhole(path: string, content: string | Uint8Array): void {
  const file = openSync(path, 'w', PRIVATE_FILE)
  try {
    writeFileSync(file, content)
    fchmodSync(file, PRIVATE_FILE)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/**
 * What was renamed into a folder is there for good. Windows knows no such thing, and needs none.
 */
export function syncFolder(path: string): void {
  if (process.platform === 'win32') return
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

/**
 * Writes so that a crash leaves the old file or the new one, never half; and when it returns, the
 * new one.
 */
export function writeAtomically(path: string, content: string | Uint8Array): void {
  const draft = `${path}.${process.pid}.tmp`
  try {
    writeWhole(draft, content)
    renameSync(draft, path)
    syncFolder(dirname(path))
  } catch (error) {
    rmSync(draft, { force: true })
    throw error
  }
}
