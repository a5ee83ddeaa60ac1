/**
 * `npm run check`: types, style, layers, and all tests that need no network and no browser and do not take long; within a
 * minute, so that it is run often. What it leaves out it says; `npm test` has it all. Closes with `N passed, N failed`.
 */
import { Suite, testFiles } from './suite.ts'

/** Folders whose tests start nodes, browsers or the program, or play a whole network through. */
const LEFT_OUT = ['network', 'cli', 'orbit/rules/scenario', 'verifier'].map((folder) => `test/${folder}/`)
/** So are named, elsewhere, tests that do, or that compute for long. */
const BY_NAME = /\.(browser|nodes|slow)\.test\.ts$/

const isLeftOut = (file: string) => BY_NAME.test(file) || LEFT_OUT.some((folder) => file.startsWith(folder))
const files = testFiles()
const taken = files.filter((file) => !isLeftOut(file))

const suite = new Suite()
await suite.typesAndStyle()
await suite.bunTest('tests', ['--parallel=2', ...taken.map((file) => `./${file}`)], { quiet: false })
console.log(`Left out, which npm test has: ${files.filter(isLeftOut).join(', ')}`)
await suite.finish()
