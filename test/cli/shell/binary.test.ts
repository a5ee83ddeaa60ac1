/**
 * The binary needs nothing but itself: it runs from an empty directory with the source tree hidden.
 */
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { binary } from '../program.ts'

setDefaultTimeout(2_400_000)

const root = resolve(import.meta.dir, '../../..')
const place = mkdtempSync(join(tmpdir(), 'collatz-alone-'))
afterAll(() => rmSync(place, { recursive: true, force: true }))

/** Runs a shell script in a mount namespace where the project's folder is an empty tmpfs. */
function hidden(script: string) {
  const hide = `mount -t tmpfs none '${root}' && cd '${place}/empty' && ${script}`
  const flags = process.getuid?.() === 0 ? '-m' : '-rm'
  const child = Bun.spawnSync(['unshare', flags, 'sh', '-c', hide], {
    env: { PATH: process.env.PATH ?? '', COLLATZ_HOME: `${place}/data` },
  })
  return { code: child.exitCode, stdout: child.stdout.toString(), stderr: child.stderr.toString() }
}

const canHide = process.platform === 'linux' && Bun.which('unshare') !== null && hidden('true || cd /').code !== 127
mkdirSync(join(place, 'empty'))
const hides = canHide && hidden(`test ! -e '${root}/package.json'`).code === 0

test.skipIf(!hides)('the whole way with the source tree hidden (skipped where namespaces are not allowed)', () => {
  copyFileSync(binary, join(place, 'collatz'))
  const collatz = (args: string) => {
    const outcome = hidden(`'${place}/collatz' ${args}`)
    expect({ args, code: outcome.code, stderr: outcome.code === 0 ? '' : outcome.stderr }).toEqual({
      args,
      code: 0,
      stderr: '',
    })
    return outcome.stdout
  }
  expect(hidden(`ls '${root}'`).stdout).toBe('')
  collatz('init --local --bits 36')
  collatz('work --units 1 --cpu 2')
  const status = JSON.parse(collatz('status --json'))
  expect(status.frontier.below).toBe(((1n << 71n) + (1n << 36n)).toString())
  const file = collatz('certificate').trim()
  // A network of such small windows proves nothing.
  const verified = hidden(`'${place}/collatz' verify --seconds 1 '${file}'`)
  expect([verified.code, verified.stdout.slice(0, 14)]).toEqual([5, 'PROVES NOTHING'])
  collatz('leaderboard build --out page')
  expect(hidden('cat page/index.html').stdout).toContain('Every')
  expect(collatz('--version').trim()).toMatch(/^\d+\.\d+\.\d+$/)
})

test('the binary prints its help', () => {
  const child = Bun.spawnSync([binary, '--help'])
  expect(child.exitCode).toBe(0)
})
