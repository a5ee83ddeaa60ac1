/** One file, one owner, nothing lost, and every trouble named. */
import { Database } from 'bun:sqlite'
import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { bytesToHex } from '@noble/hashes/utils.js'
import { CID } from 'multiformats/cid'
import { AddressError, PortInUse } from '../../../../orbit/node/p2p/addresses.ts'
import {
  DATABASE_FILE,
  DatabaseClosed,
  DatabaseDamaged,
  DataDirectoryUnreadable,
  SqliteFile,
} from '../../../../orbit/node/storage/sqlite.ts'
import { Lab, seed, until } from '../nodes.ts'

setDefaultTimeout(2_400_000)

const lab = new Lab()
afterEach(() => lab.dispose())

const writer = (dir: string, key: string, first = 0) =>
  Bun.spawn([process.execPath, join(import.meta.dir, 'writer.ts'), dir, key, String(first)], {
    stdout: 'pipe',
    stderr: 'pipe',
  })

/**
 * Lets a writer write so many lines, kills it a moment later, and returns the lines that it got out
 * whole.
 */
async function killed(child: ReturnType<typeof writer>, lines: number): Promise<string[]> {
  let output = ''
  let isKilled = false
  const decoder = new TextDecoder()
  for await (const chunk of child.stdout) {
    output += decoder.decode(chunk)
    if (isKilled || output.split('\n').length <= lines) continue
    isKilled = true
    setTimeout(() => child.kill('SIGKILL'), Math.random() * 50)
  }
  await child.exited
  return output.split('\n').slice(0, -1)
}

describe('kill -9', () => {
  test('loses no acknowledged document, block or private value, time after time', async () => {
    const dir = lab.directory()
    const nodeKey = seed()
    const acknowledged = new Map<number, string>()
    for (let round = 0; round < 4; round++) {
      const lines = await killed(writer(dir, bytesToHex(nodeKey), acknowledged.size), 6 + Math.random() * 60)
      for (const line of lines) acknowledged.set(Number(line.split(' ')[0]), line.split(' ')[1]!)
      const node = await lab.node({ dir, nodeKey })
      const store = await node.open('things')
      for (const [i, cid] of acknowledged) {
        expect((store.get(`${node.nodeKeyHex}/${i}`) as { i: number }).i).toBe(i)
        expect(await node.blocks.has(CID.parse(cid))).toBe(true)
      }
      const [high, middle, low] = (await node.kv.get('last'))!
      expect((high! << 16) | (middle! << 8) | low!).toBeGreaterThanOrEqual(acknowledged.size - 1)
      // What was written but not acknowledged may be there, and is then the next in line.
      expect(store.count()).toBeLessThanOrEqual(acknowledged.size + 1)
      expect((await store.heads()).length).toBe(1)
      await node.stop()
    }
    expect(acknowledged.size).toBeGreaterThan(20)
  })
})

describe('a data directory', () => {
  test('has one owner: a second process is told so, and the first is not disturbed', async () => {
    const dir = lab.directory()
    const node = await lab.node({ dir })
    const second = writer(dir, bytesToHex(seed()))
    expect(await second.exited).toBe(1)
    expect(await new Response(second.stderr).text()).toStartWith(
      `DataDirectoryInUse: the data directory ${dir} is in use`,
    )
    const store = await node.open('things')
    await store.put(`${node.nodeKeyHex}/a`, 1)
    expect(store.count()).toBe(1)
  })

  test('is free again the moment its node has stopped', async () => {
    const dir = lab.directory()
    for (let i = 0; i < 3; i++) {
      const node = await lab.node({ dir })
      await (await node.open('things')).put(`${node.nodeKeyHex}/${i}`, i)
      await node.stop()
    }
    expect((await (await lab.node({ dir })).open('things')).count()).toBe(3)
  })

  test('that is a file, or not to be written, is named with the reason', () => {
    const file = join(lab.directory(), 'file')
    writeFileSync(file, 'x')
    expect(() => new SqliteFile(file)).toThrow(DataDirectoryUnreadable)
    expect(() => new SqliteFile(join(file, 'below'))).toThrow(DataDirectoryUnreadable)
    const other = lab.directory()
    mkdirSync(join(other, DATABASE_FILE))
    expect(() => new SqliteFile(other)).toThrow(DataDirectoryUnreadable)
    if (process.getuid?.() === 0) return
    chmodSync(other, 0o500)
    expect(() => new SqliteFile(join(other, 'new'))).toThrow(DataDirectoryUnreadable)
  })
})

describe('damage', () => {
  /** A database with something in every page. */
  function filled(megabytes: number): string {
    const dir = lab.directory()
    const sql = new SqliteFile(dir)
    const block = crypto.getRandomValues(new Uint8Array(4000))
    sql.transaction(() => {
      for (let i = 0; i < megabytes * 250; i++) {
        new DataView(block.buffer).setUint32(0, i)
        sql.run('INSERT INTO blocks VALUES(?, ?)', new Bun.CryptoHasher('sha256').update(block).digest(), block)
      }
      for (let i = 0; i < 100; i++) sql.run('INSERT INTO private VALUES(?, ?)', `key ${i}`, block)
    })
    sql.close()
    return join(dir, DATABASE_FILE)
  }
  const overwrite = (file: string, position: number, length: number) => {
    const handle = openSync(file, 'r+')
    writeSync(handle, new Uint8Array(length).fill(0xa5), 0, length, position)
  }
  const reopened = (file: string) => () => new SqliteFile(file.slice(0, -DATABASE_FILE.length - 1)).close()

  test('something else under the name: said so, and left as it was', () => {
    const dir = lab.directory()
    const file = join(dir, DATABASE_FILE)
    const before = 'this is not a database, but it may be dear to somebody'.repeat(100)
    writeFileSync(file, before)
    expect(reopened(file)).toThrow(DatabaseDamaged)
    expect(readFileSync(file, 'utf8')).toBe(before)
  })

  test('wherever a page is overwritten in a file of usual size, it is found at the start', () => {
    const whole = filled(2)
    const { size } = statSync(whole)
    let pages = 0
    for (let position = 0; position + 4096 <= size; position += 41 * 4096) {
      const file = join(lab.directory(), DATABASE_FILE)
      copyFileSync(whole, file)
      overwrite(file, position, 4096)
      expect(reopened(file)).toThrow(DatabaseDamaged)
      pages++
    }
    expect(pages).toBeGreaterThan(10)
    expect(reopened(whole)).not.toThrow()
  })

  test('a file that was cut short is found, whatever its size', () => {
    for (const megabytes of [1, 80]) {
      const file = filled(megabytes)
      truncateSync(file, Math.floor((statSync(file).size * 0.7) / 4096) * 4096)
      expect(reopened(file)).toThrow(DatabaseDamaged)
    }
  })

  test('a large file is not read whole at the start: the small tables are checked, and a read that meets damage names it', () => {
    const file = filled(80)
    reopened(file)()

    const db = new Database(file)
    const { rootpage } = db.query("SELECT rootpage FROM sqlite_schema WHERE name = 'private'").get() as {
      rootpage: number
    }
    db.close()
    const copy = join(lab.directory(), DATABASE_FILE)
    copyFileSync(file, copy)
    overwrite(copy, (rootpage - 1) * 4096, 4096)
    expect(reopened(copy)).toThrow(DatabaseDamaged)

    const { size } = statSync(file)
    overwrite(file, Math.floor(size / 2 / 4096) * 4096, 1 << 20)
    const sql = new SqliteFile(file.slice(0, -DATABASE_FILE.length - 1))
    expect(() => sql.all('SELECT k, v FROM blocks')).toThrow(DatabaseDamaged)
    expect(() => sql.all('SELECT k, v FROM blocks')).toThrow(file)
    sql.close()
  })
})

test('a closed file says so to a read or a write that comes too late', () => {
  const sql = new SqliteFile(lab.directory())
  sql.close()
  sql.close()
  expect(() => sql.run('DELETE FROM blocks')).toThrow(DatabaseClosed)
})

describe('addresses', () => {
  test('a port in use is named, with what to do, and the data directory is free again', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as { port: number }
    const dir = lab.directory()
    for (const listen of [[`/ip4/127.0.0.1/tcp/${port}`], ['/ip4/127.0.0.1/tcp/0', `/ip4/127.0.0.1/tcp/${port}/ws`]]) {
      const failure = lab.node({ dir, listen })
      await expect(failure).rejects.toThrow(PortInUse)
      await expect(failure).rejects.toThrow(new RegExp(`/tcp/${port}.*--listen`))
    }
    server.close()
    await lab.node({ dir, listen: [`/ip4/127.0.0.1/tcp/${port}`] })
  })

  test('what is no address, or none of this machine, is named', async () => {
    for (const listen of ['localhost:4710', '/ip4/192.0.2.1/tcp/4710']) {
      const failure = lab.node({ listen: [listen] })
      await expect(failure).rejects.toThrow(AddressError)
      await expect(failure).rejects.toThrow(listen)
    }
    await expect(lab.node({ peers: ['example.com'] })).rejects.toThrow(AddressError)
  })
})

test('a node in the middle of things stops, and what it acknowledged is there', async () => {
  const dir = lab.directory()
  const nodeKey = seed()
  const node = await lab.node({
    dir,
    nodeKey,
    listen: ['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/tcp/0/ws'],
    peers: ['/ip4/192.0.2.1/tcp/4710'],
  })
  const other = await lab.node({ peers: node.addresses() })
  const [store, theirs] = [await node.open('things'), await other.open('things')]
  let acknowledged = 0
  let going = true
  const writing = (async () => {
    while (going) {
      await store.put(`${node.nodeKeyHex}/${acknowledged}`, acknowledged)
      acknowledged++
      void theirs.put(`${other.nodeKeyHex}/${acknowledged}`, 1)
    }
  })().catch(() => {})
  await until(() => acknowledged > 10, 'some documents')
  const started = performance.now()
  await node.stop()
  expect(performance.now() - started).toBeLessThan(20_000)
  going = false
  await writing
  const again = await (await lab.node({ dir, nodeKey })).open('things')
  for (let i = 0; i < acknowledged; i++) expect(again.get(`${node.nodeKeyHex}/${i}`)).toBe(i)
})
