/** What may be written over: nothing that collatz did not write, whatever it is and wherever a link leads. */
import { afterAll, expect, test } from 'bun:test'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { checkReplaceable, MARKER, OutputError, replaceSite, writeSite } from '../../site/output.ts'
import { filesOf, folder, removeFolders } from './folder.ts'

afterAll(removeFolders)

const PAGE = [
  { path: 'index.html', content: () => 'old page' },
  { path: 'accounts/ada.html', content: () => 'old account' },
]

/** A folder as it comes from the network. */
function fetched(files: Record<string, string> = { 'index.html': 'new page', 'windows/1.html': 'new window' }): string {
  const fresh = join(folder(), 'new')
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(fresh, path, '..'), { recursive: true })
    writeFileSync(join(fresh, path), content)
  }
  return fresh
}

const put = (out: string, fresh = fetched()): Promise<void> => replaceSite(out, fresh, join(folder(), 'old'))

/** Contents by path, and where links lead; without the marker. */
function seen(out: string): Record<string, string> {
  const links = (readdirSync(out, { recursive: true }) as string[])
    .filter((name) => lstatSync(join(out, name)).isSymbolicLink())
    .map((name) => [name, `-> ${readlinkSync(join(out, name))}`])
  const files = [...filesOf(out)].map(([path, bytes]) => [path, bytes.toString()])
  return Object.fromEntries([...files, ...links].filter(([path]) => path !== MARKER))
}

const NEW = { 'index.html': 'new page', 'windows/1.html': 'new window' }

test('a folder that is missing, or empty', async () => {
  const missing = join(folder(), 'missing')
  expect(await checkReplaceable(missing)).toBe('free')
  await put(missing)
  expect(seen(missing)).toEqual(NEW)
  const empty = folder()
  expect(await checkReplaceable(empty)).toBe('free')
  await put(empty)
  expect(seen(empty)).toEqual(NEW)
})

test('a page that was rendered, or fetched before: nothing of it is left', async () => {
  const out = folder()
  await writeSite(out, PAGE)
  expect(await checkReplaceable(out)).toBe('ours')
  await put(out)
  expect(seen(out)).toEqual(NEW)
  await put(out, fetched({ 'index.html': 'newest' }))
  expect(seen(out)).toEqual({ 'index.html': 'newest' })
  // And a page may be rendered where one was fetched.
  await writeSite(out, PAGE)
  expect(seen(out)).toEqual({ 'index.html': 'old page', 'accounts/ada.html': 'old account' })
})

const outside = folder()
writeFileSync(join(outside, 'precious'), 'precious')

const FOREIGN: readonly [string, (out: string) => void][] = [
  ['a hidden file', (out) => writeFileSync(join(out, '.bashrc'), 'mine')],
  ['a file of the user’s', (out) => writeFileSync(join(out, 'thesis.txt'), 'mine')],
  ['a file of the user’s further down', (out) => writeFileSync(join(out, 'accounts', 'thesis.txt'), 'mine')],
  ['a folder of the user’s', (out) => mkdirSync(join(out, 'photos'))],
  ['a link', (out) => symlinkSync(join(outside, 'precious'), join(out, 'link'))],
  ['a link to nothing', (out) => symlinkSync('/nowhere/at/all', join(out, 'link'))],
  ['a link to a folder, further down', (out) => symlinkSync(outside, join(out, 'accounts', 'link'))],
]

test.each(FOREIGN)('%s beside a page: refused, and nothing is changed', async (_, add) => {
  const out = folder()
  await writeSite(out, PAGE)
  add(out)
  const before = seen(out)
  await expect(checkReplaceable(out)).rejects.toThrow(OutputError)
  await expect(put(out)).rejects.toThrow(/was not written by collatz; choose an empty or a new folder/)
  expect(seen(out)).toEqual(before)
  expect(seen(outside)).toEqual({ precious: 'precious' })
})

test.each(FOREIGN.filter(([, add]) => !String(add).includes('accounts')))(
  '%s alone: refused, and nothing is changed',
  async (_, add) => {
    const out = folder()
    add(out)
    const before = seen(out)
    await expect(put(out)).rejects.toThrow(/holds files that collatz did not write/)
    expect(seen(out)).toEqual(before)
  },
)

test('a link in the place of a file, of a folder of a page, or of the folder itself', async () => {
  for (const place of ['index.html', 'accounts', 'accounts/ada.html', MARKER]) {
    const out = folder()
    await writeSite(out, PAGE)
    rmSync(join(out, place), { recursive: true })
    symlinkSync(place === 'accounts' ? outside : join(outside, 'precious'), join(out, place))
    await expect(put(out)).rejects.toThrow(OutputError)
    expect(lstatSync(join(out, place)).isSymbolicLink()).toBe(true)
  }
  const link = join(folder(), 'link')
  const page = folder()
  await writeSite(page, PAGE)
  symlinkSync(page, link)
  await expect(put(link)).rejects.toThrow(/is not a folder/)
  expect(seen(page)['index.html']).toBe('old page')
  expect(seen(outside)).toEqual({ precious: 'precious' })
})

test('a list that names what lies elsewhere is damaged', async () => {
  const out = folder()
  await writeSite(out, PAGE)
  const marker = filesOf(out).get(MARKER)!.toString()
  writeFileSync(join(out, MARKER), `${marker}../precious\n`)
  await expect(put(out)).rejects.toThrow(/is damaged/)
})

test('what was fetched and is no page takes the place of nothing', async () => {
  const out = folder()
  await writeSite(out, PAGE)
  for (const path of ['.bashrc', 'a b', 'x/.ssh/authorized_keys']) {
    await expect(put(out, fetched({ [path]: 'evil' }))).rejects.toThrow(/is not a path that a site can have/)
  }
  const withLink = fetched()
  symlinkSync('/etc/passwd', join(withLink, 'passwd'))
  await expect(put(out, withLink)).rejects.toThrow(/is not a path that a site can have/)
  expect(seen(out)['index.html']).toBe('old page')
})

test('when the new folder can’t take its place, the old one is back', async () => {
  const out = folder()
  await writeSite(out, PAGE)
  const before = seen(out)
  const nowhere = join(folder(), 'no', 'such', 'place')
  await expect(replaceSite(out, fetched(), nowhere)).rejects.toThrow()
  expect(seen(out)).toEqual(before)
  expect(existsSync(nowhere)).toBe(false)
})
