// Sets the project up on a machine that has Node and npm, or Bun, and nothing else; then runs one
// of its scripts with the pinned Bun: `node cli/dev/setup.mjs SCRIPT.ts [ARGS]`. Everything it gets
// stays inside the project's folder.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')
const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const version = devDependencies.bun
const cache = join(root, '.cache', `bun-${version}`)

function run(command, args, options = {}) {
  const { error, status, signal } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options })
  if (error) return { ok: false, why: error.message, status: 1 }
  return {
    ok: status === 0,
    why: signal ? `it was ended by ${signal}` : `it exited with ${status}`,
    status: status ?? 1,
  }
}

function fail(what, why, advice) {
  console.error(`${what} failed: ${why}. ${advice}`)
  process.exit(1)
}

const isPinned = (bun) => spawnSync(bun, ['--version'], { encoding: 'utf8' }).stdout?.trim() === version

/**
 * Several builds come for one platform (baseline for old processors, musl): the first that runs is
 * taken.
 */
function cachedBun() {
  const scope = join(cache, 'node_modules', '@oven')
  if (!existsSync(scope)) return null
  const binary = process.platform === 'win32' ? 'bun.exe' : 'bun'
  const builds = readdirSync(scope).sort((a, b) => a.length - b.length)
  return (
    builds.map((build) => join(scope, build, 'bin', binary)).find((path) => existsSync(path) && isPinned(path)) ?? null
  )
}

function pinnedBun() {
  if (process.versions.bun === version) return process.execPath
  const known = cachedBun()
  if (known) return known
  console.error(`Getting Bun ${version} ...`)
  mkdirSync(cache, { recursive: true })
  writeFileSync(join(cache, 'package.json'), '{ "private": true }\n')
  const install = [
    'install',
    '--prefix',
    cache,
    '--no-save',
    '--no-package-lock',
    '--ignore-scripts',
    '--loglevel',
    'error',
    `bun@${version}`,
  ]
  const npm = process.env.npm_execpath
  const got =
    npm && /npm-cli\.[cm]?js$/.test(npm)
      ? run(process.execPath, [npm, ...install])
      : process.versions.bun
        ? run(process.execPath, ['add', '--cwd', cache, '--ignore-scripts', '--silent', `bun@${version}`])
        : run('npm', install, { shell: process.platform === 'win32' })
  if (!got.ok) fail('Getting Bun from the npm registry', got.why, 'Check the connection and try again')
  const bun = cachedBun()
  if (!bun)
    fail(
      'Getting Bun',
      `no build of it runs on ${process.platform} ${process.arch}`,
      'See the list of platforms in the README',
    )
  return bun
}

function installPackages(bun) {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'bun.lock')))
    .digest('hex')
  const marker = join(root, 'node_modules', '.collatz-lock')
  if (existsSync(marker) && readFileSync(marker, 'utf8') === lock) return
  console.error('Installing packages ...')
  const got = run(bun, ['install', '--frozen-lockfile', '--silent'])
  if (!got.ok) fail('Installing packages', got.why, 'Check the connection and try again')
  writeFileSync(marker, lock)
}

const bun = pinnedBun()
installPackages(bun)
const kernel = run(bun, ['kernels/wasm/build.ts'], { stdio: ['ignore', 'ignore', 'inherit'] })
if (!kernel.ok) fail('Building the WebAssembly kernel', kernel.why, 'Remove node_modules and try again')

const [script, ...args] = process.argv.slice(2)
if (script) process.exit(run(bun, [script, ...args]).status)
