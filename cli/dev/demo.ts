/**
 * `npm run demo`: the whole way once, with the real program. It builds the program, founds a local
 * network, verifies one window above the frontier, checks its certificate and builds the page. Run
 * again, it verifies the next window.
 *
 * The network lies in the project's folder: the data directory of the user stays free for a network
 * of the user's own.
 */
import { existsSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { isHome } from '../../orbit/node/home/home.ts'
import { buildBinary } from './build.ts'

const root = resolve(import.meta.dir, '../..')
const page = resolve(root, 'dist/page')
const directory = resolve(root, '.cache/demo')

interface Status {
  readonly frontier: { readonly below: string; readonly sentence: string }
  readonly network: { readonly windowBits: number; readonly unitsPerWindow: number }
  readonly windows: readonly { readonly window: string; readonly certified: number }[]
}

const headline = (text: string): void => console.log(`\n\x1b[1m${text}\x1b[0m`)
const shown = (path: string): string => relative(process.cwd(), path) || '.'

/** Runs the program; where it fails, the demo ends with its exit code. @returns its stdout */
async function collatz(...args: string[]): Promise<string> {
  const child = Bun.spawn([binary, ...args], { stdout: 'pipe', stderr: 'inherit', stdin: 'ignore' })
  const stop = () => child.kill('SIGINT')
  process.on('SIGINT', stop)
  const output = await new Response(child.stdout).text()
  const code = await child.exited
  process.off('SIGINT', stop)
  if (code !== 0) process.exit(code)
  return output
}

const inDemo = (...args: string[]): Promise<string> => collatz(...args, '--data', directory)
const readStatus = async (): Promise<Status> => JSON.parse(await inDemo('status', '--json'))

headline('Building the program')
const binary = await buildBinary()
console.log(`${shown(binary)} (${(Bun.file(binary).size / 2 ** 20).toFixed(0)} MiB)`)

if (isHome(directory)) headline(`Going on with the demo's network in ${shown(directory)}`)
else {
  headline('Founding a local network')
  process.stdout.write(await inDemo('init', '--local', '--network', 'demo', '--name', 'demo'))
}

const before = await readStatus()
const window = BigInt(before.frontier.below) >> BigInt(before.network.windowBits)
const certified = before.windows.find((state) => BigInt(state.window) === window)?.certified ?? 0

headline(`Verifying the ${2 ** before.network.windowBits} numbers from ${before.frontier.below} on`)
await inDemo('work', '--units', String(before.network.unitsPerWindow - certified))
const after = await readStatus()
console.log(after.frontier.sentence)
if (after.frontier.below === before.frontier.below) {
  console.error('The window is not certified yet: run the demo again to go on with it.')
  process.exit(1)
}

headline('Checking the certificate as a stranger would')
const certificate = (await inDemo('certificate', window.toString())).trim()
process.stdout.write(await collatz('verify', certificate, '--seconds', '3'))

headline('Building the page')
await inDemo('leaderboard', 'build', '--out', page)
if (!existsSync(resolve(page, 'index.html'))) throw new Error(`no page at ${page}`)
console.log(`The page is at ${shown(page)}/index.html. See it in a browser with:
  ${shown(binary)} leaderboard serve --dir ${shown(page)}

${after.frontier.sentence}

Run the demo again to verify the next window. Its network lies in ${shown(directory)}:
delete that folder, and nothing of it is left but what was built in ${shown(resolve(root, 'dist'))}.`)
