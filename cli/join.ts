import { existsSync, readFileSync, statSync } from 'node:fs'
import { defineCommand } from 'citty'
import { cpuEngine } from '../kernels/cpu.ts'
import { adopt } from '../orbit/node/found.ts'
import { fetchGenesis } from '../orbit/node/genesis-exchange.ts'
import { assertFree, type Home, homeDirectory } from '../orbit/node/home.ts'
import { importSnapshot } from '../orbit/node/settled.ts'
import { readGenesis } from '../orbit/rules/genesis.ts'
import { RuleError } from '../orbit/rules/statement.ts'
import { EXIT, shared, UserError } from './command.ts'
import { DEFAULT_LISTEN, defaultAccountName, listenAddresses, nameOf } from './init.ts'
import { printJson, progressBar } from './print.ts'

const FETCH_TIMEOUT = 20_000
const LARGEST_GENESIS = 1 << 20

export const join = defineCommand({
  meta: { name: 'join', description: 'take part in a network: adopt its genesis, make your account and this node' },
  args: {
    from: { type: 'positional', description: 'multiaddr of one of its nodes, or its genesis file', required: true },
    network: { type: 'string', description: 'refuse any network but this one', valueHint: 'ID' },
    name: { type: 'string', description: 'name of your account, as readers see it', valueHint: 'NAME' },
    peer: { type: 'string', description: 'multiaddrs of nodes to dial, separated by commas', valueHint: 'ADDRS' },
    snapshot: {
      type: 'string',
      description: 'a CAR file of what is certified already (it is checked)',
      valueHint: 'FILE',
    },
    listen: { type: 'string', description: 'multiaddrs to listen on, separated by commas', valueHint: 'ADDRS' },
    ...shared,
  },
  async run({ args }) {
    const directory = homeDirectory(args.data)
    assertFree(directory)
    if (args.snapshot !== undefined && !(existsSync(args.snapshot) && statSync(args.snapshot).isFile())) {
      throw new UserError(`there is no file ${args.snapshot}: give a snapshot, or leave --snapshot out`)
    }
    const remote = args.from.startsWith('/') && !existsSync(args.from)
    const bytes = remote
      ? await fetchGenesis(args.from, { signal: AbortSignal.timeout(FETCH_TIMEOUT) })
      : readGenesisFile(args.from)
    const genesis = readGenesis(bytes)
    if (args.network !== undefined && args.network !== genesis.networkId) {
      throw new UserError(
        `${args.from} is of network ${genesis.networkId}, not ${args.network}: nothing was adopted. Ask for the right address`,
        EXIT.refused,
      )
    }
    const home = adopt(directory, genesis, {
      account: nameOf('--name', args.name ?? defaultAccountName(), 40),
      listen:
        args.listen === undefined && genesis.body.beacon.source === 'drand'
          ? DEFAULT_LISTEN
          : listenAddresses(args.listen, true),
      peers: [...(remote ? [args.from] : []), ...(args.peer?.split(',').filter(Boolean) ?? [])],
    })
    const windows = args.snapshot === undefined ? 0 : await takeIn(home, args.snapshot)
    if (args.json) return printJson({ windows, network: genesis.networkId, data: home.directory })
    console.log(`Joined network ${genesis.networkId} (${genesis.body.name}).
  data   ${home.directory} (back up account.key: it is you)
Next: collatz work${args.data ? ` --data ${args.data}` : ''}`)
  },
})

/** A bad snapshot costs nothing: the network's documents come from peers all the same. */
async function takeIn(home: Home, path: string): Promise<number> {
  const bar = progressBar('checking')
  const engine = cpuEngine(home.genesis.partition)
  let checked = 0
  try {
    return await importSnapshot(home, path, engine, () => bar.update(0, `${++checked} windows`))
  } catch (error) {
    if (!(error instanceof RuleError)) throw error
    throw new UserError(`NOT VALID: ${path}: ${error.message}. Joined without it`, EXIT.refused)
  } finally {
    bar.stop()
    await engine.close()
  }
}

function readGenesisFile(path: string): Uint8Array {
  if (!existsSync(path)) {
    throw new UserError(
      `${path} is neither a multiaddr (such as /ip4/203.0.113.7/tcp/4710/p2p/12D3...) nor a genesis file`,
    )
  }
  if (!statSync(path).isFile() || statSync(path).size > LARGEST_GENESIS)
    throw new UserError(`${path} is not a genesis file`)
  return new Uint8Array(readFileSync(path))
}
