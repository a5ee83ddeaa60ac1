import { afterAll, beforeAll, expect, test } from 'bun:test'
import { symlinkSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { renderSite } from '../../site/render.ts'
import { ServeError, type SiteServer, serveSite } from '../../site/serve.ts'
import { folder, removeFolders } from './folder.ts'
import { certificatesOf, sample } from './sample.ts'

afterAll(removeFolders)

const local = { port: 0, hostname: '127.0.0.1' }
let dir: string
let plain: SiteServer
let prefixed: SiteServer

beforeAll(async () => {
  dir = folder()
  await renderSite(sample(2), dir, { certificates: certificatesOf(sample(2)) })
  const outside = folder()
  writeFileSync(join(outside, 'secret.txt'), 'secret')
  symlinkSync(join(outside, 'secret.txt'), join(dir, 'link.txt'))
  plain = await serveSite(dir, local)
  prefixed = await serveSite(dir, { ...local, prefix: '/ipfs/bafytest/' })
})
afterAll(async () => {
  await plain.stop()
  await prefixed.stop()
})

/** Sends the path as it is; fetch would tidy it up first. */
function raw(path: string, host = 'site'): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(Number(new URL(plain.url).port), '127.0.0.1', () => {
      socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
    })
    socket.on('data', (chunk) => {
      answer += chunk.toString()
    })
    socket.on('close', () => resolve(answer))
    socket.on('error', reject)
  })
}

test('pages, styles, data and certificates come with their types', async () => {
  const types: Record<string, string> = {
    '': 'text/html; charset=utf-8',
    'windows/': 'text/html; charset=utf-8',
    'style.css': 'text/css; charset=utf-8',
    'data.json': 'application/json; charset=utf-8',
    'certificates/window-2147483648.json': 'application/json; charset=utf-8',
  }
  for (const [path, type] of Object.entries(types)) {
    const response = await fetch(plain.url + path)
    expect([path, response.status, response.headers.get('content-type')]).toEqual([path, 200, type])
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect((await response.bytes()).length).toBeGreaterThan(0)
  }
})

test('a folder without its slash is sent to the one with it, under the prefix too', async () => {
  const response = await fetch(`${prefixed.url}windows`, { redirect: 'manual' })
  expect(response.status).toBe(308)
  expect(response.headers.get('location')).toBe('/ipfs/bafytest/windows/')
  expect((await fetch(`${prefixed.url}windows`)).status).toBe(200)
})

test('the site lies under its prefix and nowhere else', async () => {
  expect(prefixed.url).toEndWith('/ipfs/bafytest/')
  expect((await fetch(prefixed.url)).status).toBe(200)
  const origin = new URL(prefixed.url).origin
  for (const path of ['/', '/index.html', '/ipfs/bafytestx/', '/ipfs/'])
    expect((await fetch(origin + path)).status).toBe(404)
})

test('an unknown address gets 404.html, whose links start from the site at any depth', async () => {
  for (const path of ['nothing', 'windows/5/', 'a/b/c/d']) {
    const response = await fetch(prefixed.url + path)
    expect(response.status).toBe(404)
    const html = await response.text()
    expect(html).toContain('There is no page here')
    expect(html).toContain('<base href="/ipfs/bafytest/">')
  }
})

test('no path leads out of the folder, and hidden files do not exist', async () => {
  const paths = [
    '/../package.json',
    '/..%2f..%2fetc/passwd',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/windows/..%5c..%5cx',
    '/%00',
    '/%zz',
    '/link.txt',
    '/.collatz-site',
    '//etc/passwd',
    '/index.html/',
    '/index.html/x',
  ]
  for (const path of paths) {
    const answer = await raw(path)
    expect([path, answer.slice(0, 12)]).toEqual([path, 'HTTP/1.1 404'])
    expect(answer).not.toContain('secret')
  }
})

test('a request that makes no sense gets a short refusal and leaves the server up', async () => {
  for (const host of ['a b', '[', '%', 'x'.repeat(5000), 'a:99999']) {
    expect([host, (await raw('/nothing', host)).slice(0, 12)]).toEqual([host, expect.stringMatching(/ 4\d\d$/)])
  }
  expect((await fetch(plain.url)).status).toBe(200)
})

test('only reading is answered', async () => {
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    expect((await fetch(plain.url, { method })).status).toBe(405)
  }
  const head = await fetch(`${plain.url}style.css`, { method: 'HEAD' })
  expect([head.status, await head.text()]).toEqual([200, ''])
})

test('a port in use is said so', async () => {
  const port = Number(new URL(plain.url).port)
  const second = serveSite(dir, { ...local, port })
  await expect(second).rejects.toThrow(ServeError)
  await expect(second).rejects.toThrow(`port ${port} on 127.0.0.1 is in use by another program`)
})

test('a folder without a site is said so', async () => {
  await expect(serveSite(folder(), local)).rejects.toThrow(ServeError)
  await expect(serveSite(join(dir, 'missing'), local)).rejects.toThrow('collatz leaderboard build')
})

test('a prefix that is no plain path is refused', async () => {
  for (const prefix of ['/a b', '/"><script>', '/a/../b']) {
    await expect(serveSite(dir, { ...local, prefix })).rejects.toThrow('prefix')
  }
})
