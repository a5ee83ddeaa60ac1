/**
 * The program started in a stranger's folder: what lies there is neither run nor read. A program
 * that Bun compiled would run a bunfig.toml's preload and take .env for its environment unless it
 * was built not to.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { binary } from '../program.ts'

setDefaultTimeout(2_400_000)

const place = mkdtempSync(join(tmpdir(), 'collatz-hostile-'))
const [hostile, empty, home] = ['hostile', 'empty', 'home'].map((name) => join(place, name)) as [string, string, string]
afterAll(() => rmSync(place, { recursive: true, force: true }))

/** Says on stdout that it ran, and leaves a file. */
const EVIL = `console.log('EVIL'); require('node:fs').writeFileSync(${JSON.stringify(join(place, 'evil-ran'))}, '')`

const FILES: Record<string, string> = {
  'evil.ts': EVIL,
  'evil.js': EVIL,
  'bunfig.toml': 'preload = ["./evil.ts"]\n[run]\npreload = ["./evil.ts"]\n',
  '.env': 'COLLATZ_HOME=/nope\nCOLLATZ_DATA=/nope\nHOME=/nope\nTMPDIR=/nope\nCOLLATZ_DEBUG=1\n',
  '.env.local': 'COLLATZ_HOME=/nope\n',
  '.env.production': 'COLLATZ_HOME=/nope\n',
  'tsconfig.json': '{ "compilerOptions": { "baseUrl": ".", "paths": { "*": ["./evil.ts"] } } }',
  'package.json': '{ "type": "commonjs", "main": "evil.js", "imports": { "#*": "./evil.js" } }',
  'node_modules/webgpu/index.js': EVIL,
  'node_modules/bufferutil/index.js': EVIL,
  // As the worker's and the kernel's own names would be, were they looked for here.
  'kernels/wasm/worker.js': EVIL,
  'worker.js': EVIL,
}

beforeAll(() => {
  for (const folder of [hostile, empty, home]) mkdirSync(folder)
  for (const [name, content] of Object.entries(FILES)) {
    mkdirSync(join(hostile, name, '..'), { recursive: true })
    writeFileSync(join(hostile, name), content)
  }
})

function run(cwd: string, args: readonly string[], data: string | null) {
  const child = Bun.spawnSync([binary, ...args], {
    cwd,
    // Nothing of this process's environment but what any program needs.
    env: { PATH: process.env.PATH ?? '', HOME: home, ...(data === null ? {} : { COLLATZ_HOME: data }) },
  })
  return { code: child.exitCode, stdout: child.stdout.toString(), stderr: child.stderr.toString() }
}

test.each([
  ['its version', ['--version']],
  ['a data directory that is not there', ['status']],
  ['a number', ['verify', '27']],
  ['an error', ['verify', 'nothing-here']],
])('%s: the same output as in an empty folder', (_, args) => {
  expect(run(hostile, args, null)).toEqual(run(empty, args, null))
  expect(existsSync(join(place, 'evil-ran'))).toBe(false)
})

test('workers and a node: nothing of the folder is run or read there either', () => {
  const data = join(place, 'data')
  const commands = [
    ['verify', 'window', '3', '--bits', '30', '--cpu', '2', '--engine', 'wasm'],
    ['init', '--local', '--bits', '36'],
    ['work', '--units', '1', '--cpu', '2'],
    ['status'],
    ['leaderboard', 'build', '--out', join(place, 'page')],
  ]
  for (const args of commands) {
    const { code, stdout, stderr } = run(hostile, args, data)
    expect({ args, code, stderr: code === 0 ? '' : stderr }).toEqual({ args, code: 0, stderr: '' })
    expect(stdout + stderr).not.toMatch(/EVIL|nope/)
  }
  expect(existsSync(join(place, 'evil-ran'))).toBe(false)
  expect(readdirSync(data)).toContain('config.json')
  const written = new Set(Object.keys(FILES).map((name) => name.split('/')[0]!))
  expect(readdirSync(hostile).sort()).toEqual([...written].sort())
})
