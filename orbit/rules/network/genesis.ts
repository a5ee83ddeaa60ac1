/**
 * The genesis: one signed dag-cbor block that fixes everything two nodes must agree on. Its CID
 * (CIDv1, dag-cbor, sha2-256) is the network id and is part of every signature. The first node
 * makes it; everyone else adopts it and refuses another.
 */
import { z } from 'zod'
import { MOST_FLAG_BITS, MOST_ITEMS } from '../../../kernels/evidence/tiers.ts'
import { expectedHard } from '../../../kernels/expected.ts'
import { classes } from '../../../kernels/partition.ts'
import type { EvidenceParameters, Partition } from '../../../kernels/unit.ts'
import { cidOf } from '../base/cid.ts'
import { field } from '../base/fields.ts'
import { open, RuleError, type Statement } from '../base/statement.ts'
import type { ChainInfo } from './beacon.ts'
import { checkChain, KNOWN_CHAINS } from './beacon.ts'
import { checkPrice } from './puzzle.ts'

/** The most tickets of one account in one deal. */
export const MAX_ALLOWANCE = 2 ** 20

export const genesisBody = z.strictObject({
  type: z.literal('genesis'),
  version: z.literal(2),
  name: field.text(1, 64),
  /** Verified already, by others: every n below `below` converges. */
  baseline: z.strictObject({ below: field.natural, citation: field.text(0, 500), url: field.text(0, 300) }),
  partition: z.strictObject({
    map: z.enum(['3n+1', '3n-1', '5n+1']),
    bits: z.number().int().min(20).max(71),
    units: z.number().int().min(1).max(65536),
    leaves: z.number().int().min(1).max(65536),
    hardSteps: z.number().int().min(1).max(4096),
    /** What each signer of a unit has to list (kernels/evidence). */
    evidence: z.strictObject({
      flagBits: z.number().int().min(0).max(MOST_FLAG_BITS),
      items: z
        .number()
        .int()
        .min(1)
        .max(MOST_ITEMS / 2),
    }),
  }),
  /** N: equal results of N distinct accounts certify a unit. */
  replication: z.number().int().min(1).max(15),
  epoch: z.strictObject({
    /**
     * Beacon rounds an epoch. Epoch e is the rounds [e*rounds, (e+1)*rounds), and R(e) = e*rounds
     * seeds its draw.
     */
    rounds: z.number().int().min(1).max(1_000_000),
    /** Epochs that share one pool and one results database. */
    perDatabase: z.number().int().min(1).max(1_000_000),
  }),
  /** A heartbeat is fresh for this many rounds (300 s). */
  freshRounds: field.positive,
  /** Rounds after R(e) until a unit dealt in epoch e passes to the reserve. */
  deadlineRounds: field.positive,
  /** Tickets of an account in one deal (allowance.ts). */
  allowance: z.strictObject({
    /** Of one that has shown no work yet. */
    newcomer: z.number().int().min(1).max(MAX_ALLOWANCE),
    /** For how many rounds work that was shown counts. */
    rounds: field.positive,
  }),
  /**
   * By so many units an account may be behind (duties.ts); then it must register again to be dealt
   * more.
   */
  missLimit: field.positive,
  beacon: z.strictObject({
    /**
     * drand: a chain of the League of Entropy that the program knows. local: any other; you trust
     * its operator.
     */
    source: z.enum(['drand', 'local']),
    scheme: z.literal('bls-unchained-g1-rfc9380'),
    publicKey: field.bytes(96),
    /** Seconds a round. */
    period: z.number().int().min(1).max(3600),
    /** Unix seconds of round 1. */
    genesisTime: field.count,
    groupHash: field.bytes(32),
    beaconId: field.text(0, 64),
    hash: z.string().regex(/^[0-9a-f]{64}$/),
  }),
  /** Node keys that may publish draws. */
  coordinators: z.array(field.key).min(1).max(64),
  /** The roster of a network younger than an epoch. */
  founders: z
    .array(z.strictObject({ account: field.key, node: field.key }))
    .min(1)
    .max(64),
  /** What an account costs (puzzle.ts). */
  registration: z.strictObject({
    N: field.positive,
    r: field.positive,
    p: field.positive,
    tries: field.positive,
  }),
  /** How many leaves of a certified unit are computed again, and by how many others (audit.ts). */
  audit: z.strictObject({
    leaves: z.number().int().min(0).max(64),
    auditors: z.number().int().min(1).max(16),
    /**
     * Adaptive replication: one result of an account that is TRUSTED or better, and an audit of it,
     * certify a unit.
     */
    adaptive: z.boolean(),
  }),
  /** Accepted units from which an account is VERIFIED, TRUSTED, ELITE. */
  trust: z.strictObject({
    verified: field.positive,
    trusted: field.positive,
    elite: field.positive,
    /** Rounds without an accepted unit after which an account drops by a level. */
    idleRounds: field.positive,
  }),
  /**
   * A vote on a confirmed cycle: more than half of the frozen electorate decides; none by then
   * means continue.
   */
  vote: z.strictObject({ deadlineRounds: field.positive }),
  /** Unix milliseconds, as the founder's clock had it. No rule reads it. */
  genesis_timestamp: field.count,
})

export type GenesisBody = z.infer<typeof genesisBody>

export interface Genesis extends Statement<GenesisBody> {
  /** CID of the block, in base32. */
  readonly networkId: string
  /** The 32 bytes of SHA-256 in that CID: names the network in evidence. */
  readonly digest: Uint8Array
  readonly baseline: bigint
  readonly partition: Partition & { readonly evidence: EvidenceParameters }
  readonly chain: ChainInfo
  /** The first window above the baseline. */
  readonly firstWindow: bigint
}

/**
 * Reads a genesis block.
 *
 * @throws {RuleError} when the block is damaged, its signature is wrong, or what it says does not
 *   hang together
 */
export function readGenesis(bytes: Uint8Array): Genesis {
  const statement = open(bytes, genesisBody, 'the genesis')
  const { body } = statement
  const size = 1n << BigInt(body.partition.bits)
  const baseline = BigInt(body.baseline.below)
  if (baseline % size !== 0n) throw new RuleError('the genesis has a baseline that is not at the edge of a window')
  if (body.partition.hardSteps < body.partition.bits) {
    throw new RuleError('the genesis asks for fewer steps than a window has bits')
  }
  if (!body.founders.some((founder) => founder.account === statement.signer)) {
    throw new RuleError('the genesis is not signed by an account of its founders')
  }
  const { source, ...rest } = body.beacon
  const chain: ChainInfo = rest
  if (body.audit.adaptive && body.audit.leaves === 0) {
    throw new RuleError('the genesis lets audits certify that look at no leaf')
  }
  checkChain(chain)
  // The hash covers all that a chain is.
  if (source === 'drand' && !KNOWN_CHAINS.some(({ hash }) => hash === chain.hash)) {
    throw new RuleError('the genesis calls a beacon drand that is none of its chains')
  }
  checkPrice(body.registration)
  const cid = cidOf(bytes)
  return {
    ...statement,
    networkId: cid.toString(),
    digest: cid.multihash.digest,
    baseline,
    partition: body.partition,
    chain,
    firstWindow: baseline / size,
  }
}

/**
 * A leaf with fewer hard numbers than this on average says too little about the work that was done.
 */
export const LEAST_HARD = 20

/** Hard numbers that theory expects in a leaf, on average over a window. */
export const hardInLeaf = ({ partition }: Pick<Genesis, 'partition'>): number =>
  expectedHard(partition).mean / (classes(partition).length * partition.leaves)

/**
 * Whether results of a network show so little that its certificates prove nothing. Allowed, for
 * tests.
 */
export const provesNothing = (genesis: Pick<Genesis, 'partition'>): boolean => hardInLeaf(genesis) < LEAST_HARD
