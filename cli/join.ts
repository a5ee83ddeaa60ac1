import { existsSync, readFileSync, statSync } from 'node:fs'
import { defineCommand } from 'citty'
import { adopt } from '../orbit/node/found.ts'
import { fetchGenesis } from '../orbit/node/genesis-exchange.ts'
import { assertFree, homeDirectory } from '../orbit/node/home.ts'
import { readGenesis } from '../orbit/rules/genesis.ts'
import { EXIT, shared, UserError } from './command.ts'
import { DEFAULT_LISTEN, defaultAccountName, listenAddresses, nameOf } from './init.ts'
import { printJson } from './print.ts'

const FETCH_TIMEOUT = 20_000
const LARGEST_GENESIS = 1 << 20

export const join = defineCommand({
  meta: { name: 'join', description: 'take part in a network: adopt its genesis, make your account and this node' },
  args: {
    from: { type: 'positional', description: 'multiaddr of one of its nodes, or its genesis file', required: true },
    network: { type: 'string', description: 'refuse any network but this one', valueHint: 'ID' },
    name: { type: 'string', description: 'name of your account, as readers see it', valueHint: 'NAME' },
    peer: { type: 'string', description: 'multiaddrs of nodes to dial, separated by commas', valueHint: 'ADDRS' },
    listen: { type: 'string', description: 'multiaddrs to listen on, separated by commas', valueHint: 'ADDRS' },
    ...shared,
  },
  async run({ args }) {
    const directory = homeDirectory(args.data)
    assertFree(directory)
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
    if (args.json) return printJson({ network: genesis.networkId, data: home.directory })
    console.log(`Joined network ${genesis.networkId} (${genesis.body.name}).
  data   ${home.directory} (back up account.key: it is you)
Next: collatz work${args.data ? ` --data ${args.data}` : ''}`)
  },
})

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
