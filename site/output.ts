/**
 * The output folder.
 *
 * A marker file in it lists what we wrote, so that a later rendering removes exactly that. No file
 * that is not on the list is ever replaced or removed, no link is followed, and a folder with files
 * but no list is refused. A page that is rendered goes in file by file, each renamed into its
 * place; a page that was fetched takes the place of the folder as a whole.
 */
import { lstat, mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
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

/** Everything below a folder, relative to it and with '/' between its segments. */
async function pathsUnder(folder: string): Promise<{ files: string[]; folders: string[]; others: string[] }> {
  const found = { files: [] as string[], folders: [] as string[], others: [] as string[] }
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/')
    found[entry.isFile() ? 'files' : entry.isDirectory() ? 'folders' : 'others'].push(path)
  }
  return found
}

/**
 * Whether a folder holds nothing but what an earlier call wrote.
 *
 * @returns 'free' when it is missing or empty
 * @throws {OutputError} when it is a link, or holds anything else: a hidden file, a link, a file of
 * the user's
 */
export async function checkReplaceable(outDir: string): Promise<'free' | 'ours'> {
  const ours = new Set(await writtenBefore(outDir))
  if ((await kind(outDir)) === 'missing') return 'free'
  const { files, folders, others } = await pathsUnder(outDir)
  const known = new Set([...ours, ...[...ours].flatMap(parents), MARKER, PART])
  const foreign = [...others, ...[...files, ...folders].filter((path) => !known.has(path))]
  if (foreign.length > 0) {
    throw new OutputError(`${join(outDir, foreign[0]!)} was not written by collatz; choose an empty or a new folder`)
  }
  return files.length + folders.length === 0 ? 'free' : 'ours'
}

/**
 * Puts a whole folder in the place of `outDir`, which is missing, empty or ours. An interruption
 * leaves the old folder or the new one, each whole.
 *
 * @param fresh a folder on the same file system; it is gone when this returns
 * @param aside a path on the same file system where nothing is; the old folder is moved there
 * @throws {OutputError} before anything is changed: `fresh` holds what no page holds, or `outDir`
 * what is not ours
 */
export async function replaceSite(outDir: string, fresh: string, aside: string): Promise<void> {
  const { files, others } = await pathsUnder(fresh)
  const odd = [...others, ...files.filter((path) => !SAFE_PATH.test(path))]
  if (odd.length > 0) throw new OutputError(`${odd[0]} is not a path that a site can have`)
  await writeFile(join(fresh, MARKER), markerText(files.sort()))
  // Again, as fetching took a while.
  if ((await checkReplaceable(outDir)) === 'free') {
    if ((await kind(outDir)) === 'folder') await rmdir(outDir)
    return rename(fresh, outDir)
  }
  await rename(outDir, aside)
  try {
    await rename(fresh, outDir)
  } catch (error) {
    await rename(aside, outDir)
    throw error
  }
}

const markerText = (paths: readonly string[]): string => `${[FIRST_LINE, ...paths].join('\n')}\n`

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
  // The list names old and new files while both may lie there, so that an interrupted rendering can
  // be run again.
  await writeWhole(outDir, MARKER, markerText([...new Set([...before, ...paths])].sort()))
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
  await writeWhole(outDir, MARKER, markerText(paths))
  return { files: paths, bytes }
}
