/** The program `collatz`. Commands are in the files beside this one. */
// First: the libraries below look at NO_COLOR when they load.
import './shell/colour.ts'
import './shell/stdout.ts'
import { defineCommand, renderUsage } from 'citty'
import { homeDirectory, isHome } from '../orbit/node/home/home.ts'
import pkg from '../package.json' with { type: 'json' }
import { account } from './account/account.ts'
import { bench } from './compute/bench.ts'
import { engineOptions } from './compute/engines.ts'
import { scan } from './compute/scan.ts'
import { selftest } from './compute/selftest.ts'
import { runWork, work, workArgs } from './compute/work.ts'
import { certificate } from './network/certificate.ts'
import { coordinate } from './network/coordinate.ts'
import { decline } from './network/decline.ts'
import { draw } from './network/draw.ts'
import { frontier } from './network/frontier.ts'
import { init } from './network/init.ts'
import { join } from './network/join.ts'
import { node } from './network/node.ts'
import { pool } from './network/pool.ts'
import { security } from './network/security.ts'
import { snapshot } from './network/snapshot.ts'
import { status } from './network/status.ts'
import { leaderboard } from './page/leaderboard.ts'
import { dispatch } from './shell/command.ts'
import { explain } from './shell/errors.ts'
import { verify } from './verify/verify.ts'

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
