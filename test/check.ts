/**
 * `npm run check`: types, style, layers, and all tests that need no network and no browser and do not take long; within a
 * minute, so that it is run often. What it leaves out it says; `npm test` has it all. Closes with `N passed, N failed`.
 */
import { readFileSync } from 'node:fs'
import { Suite, testFiles } from './suite.ts'

/** Tests that start nodes, the program or a browser import one of these; others can't. */
const STARTS = /from '[^']*\/(nodes|processes|program|service|chromium)\.ts'|from 'playwright-core'/
/** What plays networks through for long, or computes for long: these folders, and files that are named so elsewhere. */
const LONG = ['test/orbit/rules/scenario/', 'test/verifier/']
const isLong = (file: string) => file.endsWith('.slow.test.ts') || LONG.some((folder) => file.startsWith(folder))

const {
  taken = [],
  long = [],
  starts = [],
} = Object.groupBy(testFiles(), (file) =>
  STARTS.test(readFileSync(file, 'utf8')) ? 'starts' : isLong(file) ? 'long' : 'taken',
)

const suite = new Suite()
await suite.typesAndStyle()
await suite.bunTest('tests', ['--parallel=2', ...taken.map((file) => `./${file}`)], { quiet: false })
console.log(`Left out, as they start nodes, the program or a browser:\n  ${starts.join('\n  ')}`)
console.log(`Left out, as they take long:\n  ${long.join('\n  ')}\nnpm test has them all.`)
await suite.finish()
