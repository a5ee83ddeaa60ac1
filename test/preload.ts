/** Before a file of tests is run, by itself or with others. */
import { setDefaultTimeout } from 'bun:test'

// Bun's own five seconds are too few for a busy machine.
setDefaultTimeout(300_000)
// Tests that start the program give it a folder of their own: one that forgets it fails, and writes into nobody's home.
process.env.COLLATZ_HOME = '/dev/null/a test gives the program a folder of its own'
