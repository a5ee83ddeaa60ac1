/**
 * What lies in a data directory is its owner's alone, whatever the process would allow and whatever
 * was there before.
 */
import { afterAll, afterEach, describe, expect, test } from 'bun:test'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeCertificateFile } from '../../../../orbit/node/home/certificate-files.ts'
import { found } from '../../../../orbit/node/home/founding.ts'
import { openHome, prepareKeys } from '../../../../orbit/node/home/home.ts'
import { SqliteFile } from '../../../../orbit/node/storage/sqlite.ts'

const place = mkdtempSync(join(tmpdir(), 'collatz-private-'))
const before = process.umask()
afterEach(() => process.umask(before))
afterAll(() => rmSync(place, { recursive: true, force: true }))

const modeOf = (path: string) => (lstatSync(path).mode & 0o777).toString(8)

/** Paths below a folder, with their modes, and the folder itself as ''. */
function modes(folder: string): Record<string, string> {
  const names = ['', ...(readdirSync(folder, { recursive: true }) as string[])].sort()
  return Object.fromEntries(names.map((name) => [name, modeOf(join(folder, name))]))
}

const foundIn = (directory: string) =>
  found({ directory, kind: 'local', network: 'test', account: 'ada', listen: ['/ip4/127.0.0.1/tcp/0'] })

/**
 * Opens the database, leaves its log beside it, and closes it.
 * @returns what lay there in between
 */
function withDatabase(directory: string): Record<string, string> {
  const sql = new SqliteFile(directory)
  try {
    sql.run("INSERT OR REPLACE INTO private VALUES('test', x'00')")
    return modes(directory)
  } finally {
    sql.close()
  }
}

const CLOSED: Record<string, string> = {
  '': '700',
  'account.key': '600',
  'beacon.key': '600',
  certificates: '700',
  'certificates/window-268435456.json': '600',
  'config.json': '600',
  'genesis.cbor': '600',
  'node.key': '600',
  'node.sqlite': '600',
  'node.sqlite-wal': '600',
}

describe.each([0o022, 0o000])('under umask %i (decimal)', (umask) => {
  test('a new data directory', () => {
    process.umask(umask)
    const directory = join(place, `new-${umask}`)
    foundIn(directory)
    writeCertificateFile(directory, 1n << 28n, new Uint8Array([1]))
    expect(withDatabase(directory)).toEqual(CLOSED)
  })

  test('a folder that was there, open to all', () => {
    process.umask(umask)
    const directory = join(place, `there-${umask}`)
    mkdirSync(directory)
    chmodSync(directory, 0o755)
    foundIn(directory)
    writeCertificateFile(directory, 1n << 28n, new Uint8Array([1]))
    expect(withDatabase(directory)).toEqual(CLOSED)
  })

  test('a data directory of an earlier version, with all open to all', () => {
    process.umask(umask)
    const directory = join(place, `earlier-${umask}`)
    foundIn(directory)
    writeCertificateFile(directory, 1n << 28n, new Uint8Array([1]))
    withDatabase(directory)
    for (const suffix of ['-wal', '-shm']) writeFileSync(join(directory, `node.sqlite${suffix}`), '')
    for (const name of readdirSync(directory, { recursive: true }) as string[]) {
      const path = join(directory, name)
      chmodSync(path, statSync(path).isDirectory() ? 0o755 : 0o644)
    }
    chmodSync(directory, 0o755)
    openHome(directory)
    expect(modes(directory)).toEqual({ ...CLOSED, 'node.sqlite-shm': '600' })
  })

  test('a database of an earlier version, opened by itself', () => {
    process.umask(umask)
    const directory = join(place, `database-${umask}`)
    withDatabase(directory)
    chmodSync(join(directory, 'node.sqlite'), 0o644)
    chmodSync(directory, 0o755)
    expect(withDatabase(directory)).toEqual({ '': '700', 'node.sqlite': '600', 'node.sqlite-wal': '600' })
  })
})

test('what is not ours keeps its mode: another file, and what a link leads to', () => {
  const directory = join(place, 'beside')
  foundIn(directory)
  const elsewhere = join(place, 'elsewhere')
  writeFileSync(elsewhere, '')
  writeFileSync(join(directory, 'notes.txt'), '')
  for (const path of [elsewhere, join(directory, 'notes.txt')]) chmodSync(path, 0o644)
  symlinkSync(elsewhere, join(directory, 'gpu.json'))
  openHome(directory)
  expect([modeOf(elsewhere), modeOf(join(directory, 'notes.txt'))]).toEqual(['644', '644'])
})

test('a folder in which every user may write takes no keys, and stays as it is', () => {
  const shared = join(place, 'shared')
  mkdirSync(shared)
  chmodSync(shared, 0o1777)
  expect(() => prepareKeys(shared)).toThrow(/every user may write to .*shared.*name a folder in it/)
  expect(readdirSync(shared)).toEqual([])
  expect(lstatSync(shared).mode & 0o7777).toBe(0o1777)
  // A database opened there by mistake does not take it from the others.
  withDatabase(shared)
  expect(lstatSync(shared).mode & 0o7777).toBe(0o1777)
})
