/**
 * `collatz join`: adopts the genesis of a network, makes an account and a node, and takes in what
 * is certified already.
 *
 * Nothing that comes from a peer is believed: the genesis is signed, and each certificate of a
 * snapshot is checked.
 */
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs'
import { defineCommand } from 'citty'
import { cpuEngine } from '../../kernels/cpu.ts'
import { importSnapshot } from '../../orbit/node/archive/import.ts'
import { fetchSnapshot, snapshotPath } from '../../orbit/node/archive/snapshot-exchange.ts'
import { adopt } from '../../orbit/node/home/founding.ts'
import { assertFree, type Home, homeDirectory } from '../../orbit/node/home/home.ts'
import { fetchGenesis } from '../../orbit/node/p2p/genesis-exchange.ts'
import { RuleError } from '../../orbit/rules/base/statement.ts'
import { roundAt } from '../../orbit/rules/network/beacon.ts'
import { readGenesis } from '../../orbit/rules/network/genesis.ts'
import { plainText } from '../../site/text.ts'
import { shared } from '../shell/command.ts'
import { EXIT, UserError } from '../shell/errors.ts'
import { lateBar, note, printJson } from '../shell/print.ts'
import { DEFAULT_LISTEN, listenAddresses, refuseRelays, relaysArg, relayUrls } from './init.ts'
import { accountNameOf } from './names.ts'

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
    relays: relaysArg,
    listen: { type: 'string', description: 'multiaddrs to listen on, separated by commas', valueHint: 'ADDRS' },
    ...shared,
  },
  async run({ args }) {
    const directory = homeDirectory(args.data)
    assertFree(directory)
    if (args.snapshot !== undefined && !(existsSync(args.snapshot) && statSync(args.snapshot).isFile())) {
      throw new UserError(`there is no file ${args.snapshot}: give a snapshot, or leave --snapshot out`)
    }
    const relays = relayUrls(args.relays)
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
    if (genesis.body.beacon.source === 'local') refuseRelays(relays)
    const home = adopt(directory, genesis, {
      account: accountNameOf(args.name),
      listen:
        args.listen === undefined && genesis.body.beacon.source === 'drand'
          ? DEFAULT_LISTEN
          : listenAddresses(args.listen, true),
      relays,
      peers: [...(remote ? [args.from] : []), ...(args.peer?.split(',').filter(Boolean) ?? [])],
    })
    const windows =
      args.snapshot !== undefined
        ? await takeIn(home, args.snapshot)
        : remote
          ? await takeFrom(home, args.from).catch((error: Error) => {
              note(`collatz: ${error.message}`)
              return 0
            })
          : 0
    if (args.json) return printJson({ windows, network: genesis.networkId, data: home.directory })
    console.log(`Joined network ${genesis.networkId} (${plainText(genesis.body.name, 64)}).
  data   ${home.directory} (back up account.key: it is you)${windows > 0 ? `\n  checked ${windows} certified ${windows === 1 ? 'window' : 'windows'}` : ''}
Next: collatz work${args.data ? ` --data ${args.data}` : ''}`)
  },
})

/**
 * What the node at an address has settled, checked here. Without it the documents come from peers
 * all the same.
 */
async function takeFrom(home: Home, address: string): Promise<number> {
  const path = `${snapshotPath(home.directory)}.new`
  const bar = lateBar('fetching')
  try {
    const onBytes = (bytes: number, of: number) => bar.update(bytes / of, `${(bytes / 2 ** 20).toFixed(1)} MiB`)
    if (!(await fetchSnapshot(address, path, { signal: new AbortController().signal, onBytes }))) return 0
  } catch (error) {
    throw new UserError(`no snapshot from ${address} (${(error as Error).message}). Joined without it`, EXIT.refused)
  } finally {
    bar.stop()
  }
  try {
    return await takeIn(home, path, `the snapshot from ${address}`)
  } finally {
    rmSync(path, { force: true })
  }
}

/** A bad snapshot costs nothing: the network's documents come from peers all the same. */
async function takeIn(home: Home, path: string, name = path): Promise<number> {
  const bar = lateBar('checking')
  const engine = cpuEngine(home.genesis.partition)
  try {
    const round = roundAt(home.genesis.chain, Math.floor(Date.now() / 1000))
    return await importSnapshot(home, path, engine, round, (checked, of) =>
      bar.update(checked / of, `${checked} of ${of} windows`),
    )
  } catch (error) {
    if (!(error instanceof RuleError)) throw error
    throw new UserError(`NOT VALID: ${name}: ${error.message}. Joined without it`, EXIT.refused)
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
