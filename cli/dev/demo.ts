/**
 * `npm run demo`: the whole way once, with the real program: build it, found a local network, verify one window above
 * the frontier, check its certificate, build the page. Run again, it verifies the next window.
 */
import { existsSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { homeDirectory, isHome, openHome } from '../../orbit/node/home/home.ts'
import { buildBinary } from './build.ts'

const root = resolve(import.meta.dir, '../..')
const page = resolve(root, 'dist/page')

function say(text: string): void {
  console.log(`\n\x1b[1m${text}\x1b[0m`)
}

async function collatz(args: string[]): Promise<string> {
  const process_ = Bun.spawn([binary, ...args], { stdout: 'pipe', stderr: 'inherit', stdin: 'ignore' })
  const stop = () => process_.kill('SIGINT')
  process.on('SIGINT', stop)
  const output = await new Response(process_.stdout).text()
  const code = await process_.exited
  process.off('SIGINT', stop)
  if (code !== 0) process.exit(code)
  return output
}

say('Building the program')
const binary = await buildBinary()
const shown = (path: string) => relative(process.cwd(), path) || '.'
console.log(`${shown(binary)} (${(Bun.file(binary).size / 2 ** 20).toFixed(0)} MiB)`)

// Somebody's real network is not for demonstrations: then the demo keeps to itself.
let directory = homeDirectory()
if (isHome(directory) && openHome(directory).genesis.body.beacon.source !== 'local')
  directory = resolve(root, '.cache/demo')
const data = directory === homeDirectory() ? [] : ['--data', directory]

if (isHome(directory)) say(`Going on with the local network in ${directory}`)
else {
  say('Founding a local network')
  process.stdout.write(await collatz(['init', '--local', '--network', 'demo', ...data]))
}

type Status = {
  frontier: { below: string; sentence: string }
  network: { windowBits: number; unitsPerWindow: number }
  windows: { window: string; certified: number }[]
}
const status = async (): Promise<Status> => JSON.parse(await collatz(['status', '--json', ...data]))
const before = await status()
const window = BigInt(before.frontier.below) >> BigInt(before.network.windowBits)
const certified = before.windows.find((w) => BigInt(w.window) === window)?.certified ?? 0

say(`Verifying the ${2 ** before.network.windowBits} numbers from ${before.frontier.below} on`)
await collatz(['work', '--units', String(before.network.unitsPerWindow - certified), ...data])
const after = await status()
console.log(after.frontier.sentence)
if (after.frontier.below === before.frontier.below) {
  console.error('The window is not certified yet: run the demo again to go on with it.')
  process.exit(1)
}

say('Checking the certificate as a stranger would')
const certificate = (await collatz(['certificate', window.toString(), ...data])).trim()
process.stdout.write(await collatz(['verify', certificate]))

say('Building the page')
await collatz(['leaderboard', 'build', '--out', page, ...data])
if (!existsSync(resolve(page, 'index.html'))) throw new Error(`no page at ${page}`)
console.log(`The page is at ${shown(page)}/index.html. See it in a browser with:
  ${shown(binary)} leaderboard serve --dir ${shown(page)}

${after.frontier.sentence}`)
