/**
 * Dawn in a compiled binary on Windows. Dawn loads two compilers of Microsoft's from the folder
 * that it lies in itself, but a binary has no folder. So the three files are embedded as data and
 * written to a folder of the user's, once.
 */
import { mkdirSync, renameSync, statSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'

/** Name on disk and path in the binary. */
export type Embedded = readonly (readonly [name: string, path: string])[]

/** @returns the folder that holds all of the files, each with its name and its size */
export async function extract(files: Embedded, folder = userFolder()): Promise<string> {
  mkdirSync(folder, { recursive: true })
  for (const [name, path] of files) {
    const source = Bun.file(path)
    const target = join(folder, name)
    if (sizeOf(target) === source.size) continue
    // Another process may do the same. Each writes a file of its own, and the last rename wins.
    const temporary = `${target}.${process.pid}`
    await Bun.write(temporary, source)
    renameSync(temporary, target)
  }
  return folder
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? -1
}

/** A folder for each release of Dawn, so that a newer binary never meets an older file in use. */
function userFolder(): string {
  const local = process.env.LOCALAPPDATA ?? (homedir() || tmpdir())
  return join(local, 'collatz', 'dawn-0.6.2')
}
