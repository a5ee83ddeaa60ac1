/**
 * The accounts and nodes of a party (party.ts), each with a registration, and the genesis of their network.
 * Their keys and puzzles are made the same way every time.
 */
import { scrypt } from '@noble/hashes/scrypt.js'
import { sha256 } from '@noble/hashes/sha2.js'
import type { Partition } from '../../../kernels/unit.ts'
import { publicKeyOf, sign } from '../../../orbit/rules/base/statement.ts'
import { localChain, localSecret, randomnessOf, signRound } from '../../../orbit/rules/network/beacon.ts'
import { type Genesis, type GenesisBody, readGenesis } from '../../../orbit/rules/network/genesis.ts'
import { challengeOf, isSolution, nonceBytes } from '../../../orbit/rules/network/puzzle.ts'
import type { Documents } from '../../../orbit/rules/state/state.ts'
import { SMALL } from './real-work.ts'

const beaconSecret = localSecret(new Uint8Array(48).fill(7))
const secret = (kind: number, i: number) => sha256(Uint8Array.of(kind, i >> 8, i & 255))

/** The signature of a beacon round of every party, made once. */
export function beaconAt(round: number): Uint8Array {
  const known = rounds.get(round) ?? signRound(beaconSecret, round)
  rounds.set(round, known)
  return known
}
const rounds = new Map<number, Uint8Array>()

export interface Member {
  readonly name: string
  readonly account: string
  readonly node: string
  readonly accountSecret: Uint8Array
  readonly nodeSecret: Uint8Array
}

export interface MembersOptions {
  readonly accounts: number
  readonly partition?: Partial<Partition>
  readonly changes?: Partial<GenesisBody>
  /** Results, evidence and judgements are real, those of small windows; else they are made up. */
  readonly real?: boolean
}

export class Members {
  readonly members: Member[]
  readonly genesis: Genesis
  readonly documents: { [K in keyof Documents]: unknown[] } = { accounts: [], pool: [], draws: [], results: [] }

  constructor({ accounts, partition, changes, real = false }: MembersOptions) {
    this.members = Array.from({ length: accounts }, (_, i) => {
      const [accountSecret, nodeSecret] = [secret(1, i), secret(2, i)]
      return {
        ...{ name: `n${i}`, accountSecret, nodeSecret },
        ...{ account: publicKeyOf(accountSecret), node: publicKeyOf(nodeSecret) },
      }
    })
    const [founder] = this.members as [Member]
    const body: GenesisBody = {
      type: 'genesis',
      version: 2,
      name: 'party',
      baseline: { below: (1n << 71n).toString(), citation: 'a test', url: 'https://example.org/' },
      partition: {
        ...({ map: '3n+1', bits: 28, units: 4, leaves: 8, hardSteps: 128 } as const),
        ...{ evidence: { flagBits: 0, items: 8 }, ...(real ? SMALL : {}), ...partition },
      },
      replication: 3,
      epoch: { rounds: 3, perDatabase: 1000 },
      freshRounds: 300,
      deadlineRounds: 100,
      allowance: { newcomer: 100_000, rounds: 1000 },
      missLimit: 4,
      beacon: { source: 'local', ...localChain(beaconSecret, 1_700_000_000, 1) },
      coordinators: [founder.node],
      founders: [{ account: founder.account, node: founder.node }],
      registration: { N: 2, r: 1, p: 1, tries: 1 },
      audit: { leaves: 2, auditors: 2, adaptive: false },
      trust: { verified: 10, trusted: 100, elite: 1000, idleRounds: 1_000_000 },
      vote: { deadlineRounds: 1000 },
      genesis_timestamp: 1_700_000_000_000,
      ...changes,
    }
    this.genesis = readGenesis(sign(body, founder.accountSecret).bytes)
    for (const member of this.members) this.documents.accounts.push(this.registration(member.node))
  }

  protected get network(): string {
    return this.genesis.networkId
  }

  member(node: string): Member {
    const member = this.members.find((m) => m.node === node)
    if (!member) throw new Error(`nobody has the node ${node}`)
    return member
  }

  private readonly registrations = new Map<string, { registration: Uint8Array; consent: Uint8Array }>()

  registration(key: string, of = this.member(key).account): { registration: Uint8Array; consent: Uint8Array } {
    const known = this.registrations.get(`${key} ${of}`)
    if (known) return known
    const { account, node, name, accountSecret, nodeSecret } = this.member(key)
    if (account !== of) throw new Error(`${key} is not a node of ${of}`)
    const { network } = this
    const words = { type: 'registration', network, account, node, name, round: 1, beacon: beaconAt(1) }
    const made = {
      registration: sign({ ...words, nonce: this.nonceOf(account) }, accountSecret).bytes,
      consent: sign({ type: 'consent', network, account, node }, nodeSecret).bytes,
    }
    this.registrations.set(`${key} ${of}`, made)
    return made
  }

  /**
   * A new account takes a node for its own, with its consent: rosters name that one from now on.
   */
  move(node: string, accountSecret: Uint8Array): void {
    const member = this.member(node)
    this.registration(node)
    this.members[this.members.indexOf(member)] = { ...member, accountSecret, account: publicKeyOf(accountSecret) }
    this.documents.accounts.push(this.registration(node))
  }

  private nonceOf(account: string): number {
    const { registration: price } = this.genesis.body
    const input = { networkId: this.network, account, round: 1, randomness: randomnessOf(beaconAt(1)) }
    const solves = (nonce: number) =>
      isSolution(price, scrypt(nonceBytes(nonce), challengeOf(input), { ...price, dkLen: 8 }))
    let nonce = 0
    while (!solves(nonce)) nonce++
    return nonce
  }
}
