/** Founds a network, or makes a home in one that exists. The only place where a genesis is made. */
import { cutOf } from '../../../kernels/cut.ts'
import { evidenceOf } from '../../../kernels/evidence/tiers.ts'
import { publicKeyOf, RuleError, sign } from '../../rules/base/statement.ts'
import { localChain, localSecret, QUICKNET } from '../../rules/network/beacon.ts'
import { type Genesis, type GenesisBody, readGenesis } from '../../rules/network/genesis.ts'
import { priceOf } from '../../rules/network/puzzle.ts'
import { createHome, type Home, type NewHome, prepareKeys } from './home.ts'

/** Barina's limit: this project shows what is above it. */
const BASELINE = {
  below: (1n << 71n).toString(),
  citation:
    'D. Barina, Improved verification limit for the convergence of the Collatz conjecture, J. Supercomput. 81:810, 2025',
  url: 'https://doi.org/10.1007/s11227-025-07337-0',
}

export interface Founding {
  readonly directory: string
  /**
   * local: N = 1, its own beacon, small windows. production: N = 3, drand quicknet, large windows.
   */
  readonly kind: 'local' | 'production'
  readonly network: string
  readonly account: string
  /** W: a window has 2^W numbers, 20 to 71. */
  readonly bits?: number
  /** N. */
  readonly replication?: number
  /** Beacon rounds from one draw to the next. */
  readonly epochRounds?: number
  /** Beacon rounds until a unit passes to the reserve. */
  readonly deadlineRounds?: number
  /** Units of an epoch that an account is dealt before it has shown any work. */
  readonly newcomer?: number
  /** Whether one result of a trusted account and an audit certify a unit. */
  readonly adaptive?: boolean
  /** Accepted units from which an account is TRUSTED. */
  readonly trusted?: number
  /** Node keys that may seal draws besides the founder's. */
  readonly coordinators?: readonly string[]
  readonly listen: readonly string[]
  /** drand relays to ask instead of quicknet's usual ones. */
  readonly relays?: readonly string[] | undefined
}

/** Units of some 200 s of a core. */
const PRODUCTION_BITS = 60
const PRODUCTION_UNITS = 16_384

/** Seconds. Each hour has its own databases of pools and results. */
const HOUR = 3600

/**
 * Makes keys, genesis and data directory. Most of it is the genesis, a list that is read as a whole.
 *
 * @throws {HomeError} when the directory already belongs to a network
 * @throws {RuleError} when the window size does not fit
 */
export function found(founding: Founding): Home {
  const { accountKey, nodeKey } = prepareKeys(founding.directory)
  const beaconKey = localSecret(crypto.getRandomValues(new Uint8Array(48)))
  const account = publicKeyOf(accountKey)
  const node = publicKeyOf(nodeKey)
  const now = Date.now()
  const local = founding.kind === 'local'
  const bits = founding.bits ?? (local ? 43 : PRODUCTION_BITS)
  if (!Number.isInteger(bits) || bits < 20 || bits > 71) {
    throw new RuleError(`a window of 2^${bits} numbers: the size must be 20 to 71 bits`)
  }
  const partition = { ...cutOf(bits), ...(bits === PRODUCTION_BITS && { units: PRODUCTION_UNITS }) }
  const chain = local ? localChain(beaconKey, Math.floor(now / 1000) - 10, 1) : QUICKNET
  const trusted = founding.trusted ?? 100
  const rounds = founding.epochRounds ?? (local ? 3 : 1200)
  const body: GenesisBody = {
    type: 'genesis',
    version: 2,
    name: founding.network,
    baseline: BASELINE,
    partition: { ...partition, evidence: { ...evidenceOf(partition) } },
    replication: founding.replication ?? (local ? 1 : 3),
    epoch: { rounds, perDatabase: Math.max(1, Math.floor(HOUR / (chain.period * rounds))) },
    freshRounds: Math.ceil(300 / chain.period),
    deadlineRounds: founding.deadlineRounds ?? (local ? 900 : 24 * rounds),
    // A local network's accounts belong to its founder: they need not show first what they can do.
    allowance: {
      newcomer: founding.newcomer ?? (local ? 4096 : 32),
      rounds: Math.ceil((7 * 24 * HOUR) / chain.period),
    },
    missLimit: 64,
    beacon: { source: local ? 'local' : 'drand', ...chain },
    coordinators: [...new Set([node, ...(founding.coordinators ?? [])])],
    founders: [{ account, node }],
    // A local network's accounts belong to its founder; among strangers an account costs ten
    // minutes of a core.
    registration: priceOf(local ? 0 : 600),
    audit: { leaves: 2, auditors: 2, adaptive: founding.adaptive ?? false },
    // A level lost for each 90 days without a unit.
    trust: {
      verified: Math.min(10, trusted),
      trusted,
      elite: Math.max(1000, trusted),
      idleRounds: Math.ceil((90 * 24 * HOUR) / chain.period),
    },
    vote: { deadlineRounds: 14 * 24 * 1200 },
    genesis_timestamp: now,
  }
  const genesis = readGenesis(sign(body, accountKey).bytes)
  return createHome({
    directory: founding.directory,
    genesis,
    name: founding.account,
    accountKey,
    nodeKey,
    ...(local ? { beaconKey } : {}),
    listen: founding.listen,
    peers: [],
    relays: founding.relays,
  })
}

/** Makes keys and a data directory for a network that exists. */
export function adopt(
  directory: string,
  genesis: Genesis,
  options: Pick<NewHome, 'listen' | 'peers' | 'relays'> & { account: string },
): Home {
  return createHome({
    directory,
    genesis,
    name: options.account,
    ...prepareKeys(directory),
    listen: options.listen,
    peers: options.peers,
    relays: options.relays,
  })
}
