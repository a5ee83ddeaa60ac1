/**
 * The output folder. A marker file in it lists what we wrote, so that a later rendering removes exactly that. Rule: no file
 * that is not on the list is ever replaced or removed, and a folder with files but no list is refused. Each file is written
 * beside its place and renamed into it, so that a server running on the folder never sees half a page.
 */
import { lstat, mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { UserError } from '../orbit/rules/base/errors.ts'

export const MARKER = '.collatz-site'
/** Where a file lies until it is whole. */
const PART = `${MARKER}-part`
const FIRST_LINE =
  'Written by collatz. The files below are replaced or removed by the next rendering; others are left alone.'

/** The folder can't be written to without touching what is not ours. */
export class OutputError extends UserError {
  override readonly name = 'OutputError'
}

export interface SiteFile {
  /** Relative, with '/' between its segments. */
  readonly path: string
  readonly content: () => string | Uint8Array | Promise<string>
}

const SAFE_PATH = /^(?!\.)[A-Za-z0-9._-]+(\/(?!\.)[A-Za-z0-9._-]+)*$/

async function kind(path: string): Promise<'missing' | 'file' | 'folder' | 'other'> {
  try {
    const found = await lstat(path)
    return found.isFile() ? 'file' : found.isDirectory() ? 'folder' : 'other'
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'missing'
    throw error
  }
}

/** Paths that an earlier rendering wrote; empty for a new or empty folder. */
async function writtenBefore(outDir: string): Promise<string[]> {
  const what = await kind(outDir)
  if (what === 'missing') return []
  if (what !== 'folder') throw new OutputError(`${outDir} is not a folder; choose another one`)
  if ((await kind(join(outDir, MARKER))) !== 'file') {
    const names = await readdir(outDir)
    if (names.every((name) => name === PART)) return []
    throw new OutputError(`${outDir} holds files that collatz did not write; choose an empty or a new folder`)
  }
  const [first, ...paths] = (await readFile(join(outDir, MARKER), 'utf8')).split('\n').filter((line) => line !== '')
  if (first !== FIRST_LINE || !paths.every((path) => SAFE_PATH.test(path))) {
    throw new OutputError(
      `${join(outDir, MARKER)} is damaged, so what may be replaced is unknown; choose another folder`,
    )
  }
  return paths
}

/** Every parent of a path, the nearest first: 'a/b/c' -> ['a/b', 'a'] */
function parents(path: string): string[] {
  const parent = dirname(path)
  return parent === '.' ? [] : [parent, ...parents(parent)]
}

/** Refuses a path that something of somebody else's takes, or that a link would lead elsewhere. */
async function refuseForeign(outDir: string, path: string, ours: ReadonlySet<string>): Promise<void> {
  const what = await kind(join(outDir, path))
  if (what !== 'missing' && !(what === 'file' && ours.has(path))) {
    throw new OutputError(
      `${join(outDir, path)} is in the way and was not written by collatz; move it or choose another folder`,
    )
  }
}

async function writeWhole(outDir: string, path: string, content: string | Uint8Array): Promise<void> {
  const aside = join(outDir, PART)
  await writeFile(aside, content)
  await rename(aside, join(outDir, path))
}

async function removeOurs(outDir: string, paths: readonly string[]): Promise<void> {
  for (const path of paths) await rm(join(outDir, path), { force: true })
  const folders = new Set(paths.flatMap(parents))
  for (const folder of [...folders].sort((a, b) => b.length - a.length)) {
    // Not empty: somebody keeps a file there. Missing: removed by hand. Both are theirs to decide.
    await rmdir(join(outDir, folder)).catch(() => undefined)
  }
}

/**
 * Makes `outDir` hold these files, and none that an earlier call left.
 * @throws {OutputError} before anything is changed
 */
export async function writeSite(
  outDir: string,
  files: readonly SiteFile[],
): Promise<{ files: readonly string[]; bytes: number }> {
  const before = await writtenBefore(outDir)
  const ours = new Set(before)
  const paths = files.map((file) => file.path).sort()
  for (const path of paths) {
    if (!SAFE_PATH.test(path)) throw new OutputError(`${path} is not a path that a site can have`)
  }
  const folders = [...new Set(paths.flatMap(parents))]
  for (const folder of new Set([...folders, ...before.flatMap(parents)])) {
    // A link in a folder's place would lead writing and removing elsewhere.
    if ((await kind(join(outDir, folder))) !== 'folder') await refuseForeign(outDir, folder, new Set())
  }
  for (const path of paths) await refuseForeign(outDir, path, ours)

  await mkdir(outDir, { recursive: true })
  // The list names old and new files while both may lie there, so that an interrupted rendering can be run again.
  const list = (names: readonly string[]): string => `${[FIRST_LINE, ...names].join('\n')}\n`
  await writeWhole(outDir, MARKER, list([...new Set([...before, ...paths])].sort()))
  const wanted = new Set(paths)
  await removeOurs(
    outDir,
    before.filter((path) => !wanted.has(path)),
  )
  for (const folder of folders.sort()) await mkdir(join(outDir, folder), { recursive: true })
  let bytes = 0
  for (const file of files) {
    const content = await file.content()
    bytes += typeof content === 'string' ? Buffer.byteLength(content) : content.length
    await writeWhole(outDir, file.path, content)
  }
  await writeWhole(outDir, MARKER, list(paths))
  return { files: paths, bytes }
}
