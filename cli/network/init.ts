/**
 * `collatz init`: founds a network, with an account and a node of the founder's.
 *
 * Every flag is checked here; what a genesis holds is decided in orbit/node/home/founding.ts.
 */
import { defineCommand } from 'citty'
import { relayUrl } from '../../orbit/node/beacon/drand.ts'
import { found } from '../../orbit/node/home/founding.ts'
import { homeDirectory } from '../../orbit/node/home/home.ts'
import { AddressError, parseAddress } from '../../orbit/node/p2p/addresses.ts'
import { powerText } from '../../orbit/rules/state/frontier.ts'
import { shared, wholeNumber } from '../shell/command.ts'
import { EXIT, UserError } from '../shell/errors.ts'
import { printJson } from '../shell/print.ts'
import { accountNameOf, networkNameOf } from './names.ts'

export const DEFAULT_LISTEN = ['/ip4/0.0.0.0/tcp/4710', '/ip4/0.0.0.0/tcp/4711/ws']

export const relaysArg = {
  type: 'string',
  description: 'drand relays to ask for beacon rounds, separated by commas (default: the League of Entropy’s)',
  valueHint: 'URLS',
} as const

export const init = defineCommand({
  meta: { name: 'init', description: 'found a network: make its genesis, your account and this node' },
  args: {
    local: { type: 'boolean', description: 'one node, N = 1, its own beacon, small windows: to try it out' },
    production: { type: 'boolean', description: '2^71, N = 3, drand beacon, windows of 2^60' },
    network: { type: 'string', description: 'name of the network', valueHint: 'NAME' },
    name: { type: 'string', description: 'name of your account, as readers see it', valueHint: 'NAME' },
    bits: { type: 'string', description: 'window size: 2^BITS numbers (20 to 71)', valueHint: 'BITS' },
    replication: { type: 'string', description: 'N: accounts that must agree on a unit (1 to 15)', valueHint: 'N' },
    epoch: { type: 'string', description: 'beacon rounds from one draw to the next', valueHint: 'ROUNDS' },
    deadline: { type: 'string', description: 'beacon rounds until a unit passes to the reserve', valueHint: 'ROUNDS' },
    coordinators: {
      type: 'string',
      description: 'node keys that seal draws besides yours, in turn, separated by commas (see `coordinate --prepare`)',
      valueHint: 'KEYS',
    },
    allowance: {
      type: 'string',
      description: 'units of a deadline that any account may be dealt, whatever work it has shown (32; local 4096)',
      valueHint: 'UNITS',
    },
    adaptive: {
      type: 'boolean',
      description: 'let one result of a TRUSTED account and an audit of it certify a unit, instead of N results',
    },
    trusted: { type: 'string', description: 'accepted units that make an account TRUSTED (100)', valueHint: 'UNITS' },
    relays: relaysArg,
    listen: { type: 'string', description: 'multiaddrs to listen on, separated by commas', valueHint: 'ADDRS' },
    ...shared,
  },
  run({ args }) {
    if (Boolean(args.local) === Boolean(args.production)) {
      throw new UserError(
        'say which kind of network: `collatz init --local` or `collatz init --production`',
        EXIT.usage,
      )
    }
    const relays = relayUrls(args.relays)
    if (args.local) refuseRelays(relays)
    const home = found({
      directory: homeDirectory(args.data),
      kind: args.local ? 'local' : 'production',
      network: networkNameOf(args.network ?? (args.local ? 'local' : 'collatz')),
      account: accountNameOf(args.name),
      ...(args.bits !== undefined ? { bits: wholeNumber('--bits', args.bits, 20, 71) } : {}),
      ...(args.replication !== undefined ? { replication: wholeNumber('--replication', args.replication, 1, 15) } : {}),
      ...(args.epoch !== undefined ? { epochRounds: wholeNumber('--epoch', args.epoch, 1, 1_000_000) } : {}),
      ...(args.deadline !== undefined
        ? { deadlineRounds: wholeNumber('--deadline', args.deadline, 1, 10_000_000) }
        : {}),
      coordinators: nodeKeys(args.coordinators),
      ...(args.allowance !== undefined ? { newcomer: wholeNumber('--allowance', args.allowance, 1, 1_000_000) } : {}),
      adaptive: Boolean(args.adaptive),
      ...(args.trusted !== undefined ? { trusted: wholeNumber('--trusted', args.trusted, 1, 1_000_000) } : {}),
      listen: listenAddresses(args.listen, Boolean(args.local)),
      relays,
    })
    const { genesis } = home
    if (args.json) {
      return printJson({
        network: genesis.networkId,
        data: home.directory,
        baseline: genesis.baseline,
        ...genesis.body.partition,
      })
    }
    console.log(`Founded network ${genesis.networkId} (${genesis.body.name}).
  baseline   every n below ${powerText(genesis.baseline)} converges (${genesis.body.baseline.citation})
  windows    2^${genesis.partition.bits} numbers each, N = ${genesis.body.replication}${genesis.body.audit.adaptive ? ', or one TRUSTED account and an audit' : ''}
  beacon     ${genesis.body.beacon.source === 'local' ? 'local: to trust this network is to trust its founder not to rig draws' : 'drand quicknet'}
  data       ${home.directory} (back up account.key: it is you)
Next: collatz work${args.data ? ` --data ${args.data}` : ''}`)
  },
})

function nodeKeys(flag: string | undefined): string[] {
  const keys = flag?.split(',').map((key) => key.trim()) ?? []
  const wrong = keys.find((key) => !/^[0-9a-f]{64}$/.test(key))
  if (wrong !== undefined || keys.length > 63) {
    throw new UserError(
      keys.length > 63
        ? '--coordinators names more than 63 others'
        : `--coordinators: "${wrong}" is not a node key of 64 hex digits: \`collatz coordinate --prepare\` prints one`,
      EXIT.usage,
    )
  }
  return keys
}

/** A founder's own beacon is relayed by peers alone. */
export function refuseRelays(relays: readonly string[] | undefined): void {
  if (!relays) return
  throw new UserError('--relays is for networks with the drand beacon, and this one has its founder’s own', EXIT.usage)
}

/** undefined: the usual ones. */
export function relayUrls(flag: string | undefined): string[] | undefined {
  if (flag === undefined) return undefined
  const urls = flag.split(',').flatMap((url) => url.trim() || [])
  if (urls.length === 0) throw new UserError('--relays names no relay: give URLs, or leave it out', EXIT.usage)
  try {
    return urls.map(relayUrl)
  } catch (error) {
    throw error instanceof AddressError ? new UserError(`--relays: ${error.message}`, EXIT.usage) : error
  }
}

/** A local network is reached from this machine alone unless its founder says otherwise. */
export function listenAddresses(flag: string | undefined, local: boolean): string[] {
  if (flag !== undefined) {
    const addresses = flag.split(',').filter(Boolean)
    for (const address of addresses) parseAddress(address)
    return addresses
  }
  return local ? ['/ip4/127.0.0.1/tcp/0'] : DEFAULT_LISTEN
}
