/**
 * The page of a real network: built, shown, published under a name, and the same bytes on another
 * node.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { Machine } from '../../network/processes.ts'
import { until } from '../../until.ts'

setDefaultTimeout(2_400_000)

const founder = new Machine('publisher')
const reader = new Machine('reader')

beforeAll(async () => {
  await founder.run('init', '--local', '--bits', '36', '--name', 'founder', '--listen', '/ip4/127.0.0.1/tcp/0')
  await founder.run('work', '--units', '1')
})

afterAll(async () => {
  await founder.dispose()
  await reader.dispose()
})

function files(directory: string): Map<string, string> {
  const found = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
    .map((entry) => join(entry.parentPath, entry.name))
  return new Map(
    found.map((path) => [relative(directory, path), readFileSync(path).toString('base64')] as const).sort(),
  )
}

test('build: the frontier, the account and the certificate are on it', async () => {
  const out = join(founder.home, 'page')
  await founder.run('leaderboard', 'build', '--out', out)
  const page = readFileSync(join(out, 'index.html'), 'utf8')
  expect(page).toContain('founder')
  const { frontier } = JSON.parse(readFileSync(join(out, 'data.json'), 'utf8'))
  expect(frontier).toBe(((1n << 71n) + (1n << 36n)).toString())
  expect(readdirSync(join(out, 'certificates'))).toEqual([`window-${1n << 35n}.json`])
  // Twice the same folder: what we wrote before is replaced.
  await founder.run('leaderboard', 'build', '--out', out)
})

test('serve: the page comes over HTTP, and what is not there is a 404', async () => {
  const child = Bun.spawn(
    [new URL('../../../dist/collatz', import.meta.url).pathname, 'leaderboard', 'serve', '--port', '0'],
    {
      env: { ...process.env, COLLATZ_HOME: founder.home },
      stdout: 'pipe',
      stderr: 'ignore',
    },
  )
  const { value } = await child.stdout.getReader().read()
  const url = /http:\S+/.exec(new TextDecoder().decode(value))![0]
  const index = await fetch(url)
  expect(index.status).toBe(200)
  expect(index.headers.get('content-type')).toContain('text/html')
  expect(await index.text()).toContain('converges')
  expect((await fetch(`${url}nowhere`)).status).toBe(404)
  child.kill('SIGINT')
  expect(await child.exited).toBe(0)
})

test('serve: Ctrl-C while the page is still being built is heard', async () => {
  const binary = new URL('../../../dist/collatz', import.meta.url).pathname
  // Whenever it comes: before the handler is there, while the page is built, while it is served.
  for (const wait of [400, 700, 1000, 1500]) {
    const child = Bun.spawn([binary, 'leaderboard', 'serve', '--port', '0'], {
      env: { ...process.env, COLLATZ_HOME: founder.home },
      stdout: 'ignore',
      stderr: 'ignore',
    })
    await Bun.sleep(wait)
    child.kill('SIGINT')
    await until(
      () => child.exitCode !== null || child.signalCode !== null,
      `the end of what was stopped after ${wait} ms`,
    )
  }
})

test('publish through the running node; another node resolves the name and gets the same bytes', async () => {
  founder.start('node')
  await reader.run('join', await founder.address(), '--name', 'reader')
  reader.start('node')
  await reader.until((s) => s.peers.length > 0, 'a peer')
  const { cid, name } = JSON.parse(await founder.run('leaderboard', 'publish', '--json'))
  expect(name).toStartWith('k51')
  const out = join(reader.home, 'fetched')
  const fetched = JSON.parse(await reader.run('leaderboard', 'fetch', `/ipns/${name}`, '--out', out, '--json'))
  expect(fetched.cid).toBe(cid)
  const theirs = files(out)
  expect(theirs.size).toBeGreaterThan(6)
  expect(theirs.has('index.html')).toBe(true)
  // And the name moves when it is published again.
  const again = JSON.parse(await founder.run('leaderboard', 'publish', '--json'))
  expect(again.name).toBe(name)
  const fetchInto = (folder: string) => reader.run('leaderboard', 'fetch', name, '--out', folder, '--json')
  expect(JSON.parse(await fetchInto(out)).cid).toBe(again.cid)
  // What was fetched or rendered may be written over, by either; what is the user's may not.
  await reader.run('leaderboard', 'build', '--out', out)
  expect(JSON.parse(await fetchInto(out)).cid).toBe(again.cid)
  writeFileSync(join(out, '.profile'), 'mine')
  await expect(fetchInto(out)).rejects.toThrow(/\.profile was not written by collatz; choose an empty or a new folder/)
  expect(readFileSync(join(out, '.profile'), 'utf8')).toBe('mine')
  symlinkSync(out, join(reader.home, 'link'))
  await expect(fetchInto(join(reader.home, 'link'))).rejects.toThrow(/is not a folder/)
  expect(readdirSync(reader.home).filter((name) => name.includes('fetching'))).toEqual([])
})

test('fetching what is no name, or nobody’s', async () => {
  for (const name of ['nonsense', 'k51qzi5uqu5dlvj2baxnqndepeb86cbk3ng7n3i46uzyxzyqj2xjonzllnv0v8']) {
    const error = await reader.run('leaderboard', 'fetch', name, '--out', join(reader.home, 'none')).then(
      () => 'no error',
      (e: Error) => e.message,
    )
    expect(error).toMatch(/collatz: .*(not an IPNS name|nobody|no peer)/)
    expect(error).not.toMatch(/\n {4}at /)
  }
})
