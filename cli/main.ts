/** The program `collatz`. Commands are in the files beside this one. */
// First: the libraries below look at NO_COLOR when they load.
import './colour.ts'
import { defineCommand, renderUsage } from 'citty'
import { homeDirectory, isHome } from '../orbit/node/home.ts'
import pkg from '../package.json' with { type: 'json' }
import { account } from './account/account.ts'
import { bench } from './bench.ts'
import { certificate } from './certificate.ts'
import { dispatch } from './command.ts'
import { coordinate } from './coordinate.ts'
import { decline } from './decline.ts'
import { draw } from './draw.ts'
import { engineOptions } from './engines.ts'
import { explain } from './errors.ts'
import { frontier } from './frontier.ts'
import { init } from './init.ts'
import { join } from './join.ts'
import { leaderboard } from './leaderboard/leaderboard.ts'
import { node } from './node.ts'
import { pool } from './pool.ts'
import { scan } from './scan.ts'
import { security } from './security.ts'
import { selftest } from './selftest.ts'
import { snapshot } from './snapshot.ts'
import { status } from './status.ts'
import { verify } from './verify/verify.ts'
import { runWork, work, workArgs } from './work.ts'

const root = defineCommand({
  meta: {
    name: 'collatz',
    version: pkg.version,
    description: 'Extend the verified limit of the Collatz conjecture, together, trusting nobody',
  },
  args: { version: { type: 'boolean', description: 'print the version' }, data: workArgs.data },
  subCommands: {
    init,
    join,
    work,
    node,
    status,
    frontier,
    verify,
    scan,
    bench,
    selftest,
    certificate,
    snapshot,
    leaderboard,
    account,
    pool,
    draw,
    security,
    coordinate,
    decline,
  },
  async run({ args }) {
    if (args.version) return console.log(pkg.version)
    if (isHome(homeDirectory(args.data))) return runWork({ data: args.data, engine: engineOptions({}) })
    console.log(await renderUsage(root as never))
    console.log(`There is no network in ${homeDirectory(args.data)} yet. Begin with one of:
  collatz init --local        found a network of your own and verify a window above 2^71
  collatz join ADDRESS        take part in somebody's network
  collatz verify FILE         check a certificate or a fraud proof; needs no network`)
  },
})

// A user's mistake is one line on stderr; anything else says that it is ours.
const fail = (error: unknown) => {
  const { line, exitCode } = explain(error)
  console.error(`collatz: ${line}`)
  if (process.env.COLLATZ_DEBUG) console.error(error)
  process.exit(exitCode)
}
process.on('unhandledRejection', fail)
process.on('uncaughtException', fail)
dispatch(root as never, process.argv.slice(2)).then(() => process.exit(process.exitCode ?? 0), fail)
