/**
 * `npm test`: types, style, the binary, and every test; closes with `N passed, N failed` alone on a line.
 * Arguments are passed to `bun test`, for example a path: `npm test -- test/kernels`.
 */
import { dirname } from 'node:path'
import { buildBinary } from '../cli/dev/build.ts'
import { ensureChromium } from './chromium.ts'
import { Suite, testFiles } from './suite.ts'

const suite = new Suite()
console.log(await ensureChromium())
await suite.typesAndStyle()
await suite.check('the binary builds', () => buildBinary())

const wanted = process.argv.slice(2)
if (wanted.length > 0) await suite.bunTest('tests', wanted, { quiet: false })
else await everything()
await suite.finish()

async function everything(): Promise<void> {
  const files = testFiles().map((file) => `./${file}`)
  const networks = files.filter((file) => file.startsWith('./test/network/'))
  const nodes = files.filter((file) => file.startsWith('./test/orbit/node/'))
  const rest = files.filter((file) => !networks.includes(file) && !nodes.includes(file))
  // Networks, of processes or within one, mostly wait for the next beacon round, so two run side by side, those first that
  // take long. What computes runs at a lower priority: no node misses a deadline for it.
  const queue = [...networks.map((file) => [file]), ...Object.values(Object.groupBy(nodes, dirname))] as string[][]
  const lane = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const [first] = next as [string]
      await suite.bunTest(next.length > 1 ? dirname(first) : first, next)
    }
  }
  await Promise.all([lane(), lane(), suite.bunTest('the rest', ['--parallel=2', ...rest], { nice: true })])
}
