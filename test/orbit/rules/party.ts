/**
 * A network of many accounts in memory: real statements, real signatures, a local beacon, and no processes. Results are
 * made up unless a test gives the real ones: what is tested here is who is believed, not what is computed.
 */

import * as dagCbor from '@ipld/dag-cbor'
import { scrypt } from '@noble/hashes/scrypt.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { merkleRoot } from '../../../kernels/merkle.ts'
import { classes, leavesOf } from '../../../kernels/partition.ts'
import { encodeLeaf, summarize } from '../../../kernels/result.ts'
import type { HardSummary, Partition } from '../../../kernels/unit.ts'
import { commitTo, itemsOf } from '../../../orbit/rules/answer/commit-reveal.ts'
import { cidOf, rawCid } from '../../../orbit/rules/base/cid.ts'
import { createMemory } from '../../../orbit/rules/base/memory.ts'
import { publicKeyOf, sign } from '../../../orbit/rules/base/statement.ts'
import { assign } from '../../../orbit/rules/deal/assignment.ts'
import type { SaltedResult } from '../../../orbit/rules/message/answers.ts'
import {
  type AuditBody,
  type CommitBody,
  checksumHex,
  type DrawBody,
  type HeartbeatBody,
  MAX_REVEALED,
  peakText,
  type ResultBody,
  type RevealBody,
} from '../../../orbit/rules/message/bodies.ts'
import { type Assignment, dealtUnitKey, leafKey } from '../../../orbit/rules/message/unit.ts'
import { localChain, localSecret, randomnessOf, signRound } from '../../../orbit/rules/network/beacon.ts'
import { type Genesis, type GenesisBody, readGenesis } from '../../../orbit/rules/network/genesis.ts'
import { challengeOf, isSolution, nonceBytes } from '../../../orbit/rules/network/puzzle.ts'
import { certifyingEpoch, seedRound } from '../../../orbit/rules/network/schedule.ts'
import type { Audit } from '../../../orbit/rules/quorum/audit.ts'
import { certifyingAudit } from '../../../orbit/rules/quorum/certifying-audit.ts'
import { NO_HISTORY } from '../../../orbit/rules/state/settled-window.ts'
import { type Documents, type Knowledge, NO_KNOWLEDGE, type State, stateOf } from '../../../orbit/rules/state/state.ts'

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

/** The leaves of a unit, as somebody claims them. */
export type Claim = readonly HardSummary[]

export interface PartyOptions {
  readonly accounts: number
  readonly partition?: Partial<Partition>
  readonly changes?: Partial<GenesisBody>
}

/** What a draw of everybody is sealed with. */
export interface Sealing {
  readonly capacity?: number
  /** The unit of the first window that it begins with. */
  readonly from?: number
  readonly trusted?: readonly string[]
  readonly allowances?: DrawBody['allowances']
}

const memory = createMemory()

export class Party {
  readonly members: Member[]
  readonly genesis: Genesis
  readonly documents: { [K in keyof Documents]: unknown[] } = { accounts: [], pool: [], draws: [], results: [] }
  /** Leaf blocks that somebody has handed out. */
  readonly blocks = new Map<string, Uint8Array>()
  /** Leaves that have been computed, by leafKey. */
  readonly truths = new Map<string, Uint8Array>()
  readonly unitsPerWindow: number
  /** One for all parties: many of them are made of the same accounts. */
  readonly memory = memory
  private readonly commitsOf = new Map<string, string[]>()
  private readonly commitFor = new Map<string, string>()
  private readonly salted = new Map<string, SaltedResult[]>()

  constructor({ accounts, partition, changes }: PartyOptions) {
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
      version: 1,
      name: 'party',
      baseline: { below: (1n << 71n).toString(), citation: 'a test', url: 'https://example.org/' },
      partition: { map: '3n+1', bits: 28, units: 4, leaves: 8, hardSteps: 128, ...partition },
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
    this.unitsPerWindow = classes(this.genesis.partition).length
    for (const member of this.members) this.documents.accounts.push(this.registration(member.node))
  }

  private get network(): string {
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

  /** A new account takes a node for its own, with its consent: rosters name that one from now on. */
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

  /** Seals a draw of so many units from unit `from` of the first window on, for everybody, and deals it. */
  deal(epoch: number, units: number, options: Sealing = {}): readonly Assignment[] {
    this.seal(epoch, units, options)
    return this.state().draws.get(epoch)!.assignments
  }

  /** Likewise, without looking at what follows. */
  seal(
    epoch: number,
    units: number,
    { capacity = units, from = 0, trusted = [], allowances = [] }: Sealing = {},
  ): readonly Assignment[] {
    const offers: DrawBody['offers'] = []
    for (let at = from; at < from + units; ) {
      const window = this.genesis.firstWindow + BigInt(Math.floor(at / this.unitsPerWindow))
      const first = at % this.unitsPerWindow
      const to = Math.min(this.unitsPerWindow, first + from + units - at)
      offers.push({ window: window.toString(), from: first, to })
      at += to - first
    }
    const roster = this.members
      .map(({ node, account }) => ({ node, account, capacity }))
      .sort((a, b) => (a.node < b.node ? -1 : 1))
    const draw: DrawBody = {
      ...{ type: 'draw', network: this.network, epoch, pool: [], excluded: [] },
      ...{ trusted: [...trusted].sort(), allowances: [...allowances], roster, offers },
    }
    const seed = seedRound(this.genesis, epoch)
    const { bytes } = sign(draw, this.members[0]!.nodeSecret)
    this.documents.draws.push({ statement: bytes })
    for (const { node } of this.members)
      this.beat(node, seed, { witnessed: [{ epoch, draw: cidOf(bytes).toString() }] })
    const signature = beaconAt(seed)
    this.documents.draws.push({ round: seed, signature })
    return assign(this.genesis, draw, signature)
  }

  /** A heartbeat. */
  beat(
    node: string,
    round: number,
    { capacity = 1, witnessed = [] as HeartbeatBody['witnessed'] } = {},
  ): HeartbeatBody {
    const { network } = this
    const body: HeartbeatBody = {
      ...{ type: 'heartbeat', network, node, round, beacon: beaconAt(round), capacity },
      ...{ engines: ['wasm'], witnessed },
    }
    this.documents.pool.push({ statement: sign(body, this.member(node).nodeSecret).bytes })
    return body
  }

  /** Made-up leaves of a unit: the same for whoever asks, and another set for every `variant`. */
  claim({ window, unit }: { window: bigint; unit: number }, variant = 0): Claim {
    return leavesOf(this.genesis.partition, unit).map((_, leaf) => {
      const start = window << BigInt(this.genesis.partition.bits)
      const n = start + BigInt(unit * 1000 + leaf + 1)
      // A lie is in one leaf, as a lazy liar would have it.
      const checksum = BigInt(unit + leaf + 1) + (leaf === 2 ? BigInt(variant) << 32n : 0n)
      return { count: 3, checksum, peak: { n, value: n * 10n } }
    })
  }

  /** What is true is the claim of variant 0: everybody has computed it. */
  learn(unit: { window: bigint; unit: number }, leaf: number): void {
    this.truths.set(leafKey({ ...unit, leaf }), encodeLeaf(this.claim(unit)[leaf]!))
  }

  result({ epoch, window, unit }: Assignment, claim: Claim, handOut = true): ResultBody {
    const records = new Uint8Array(Buffer.concat(claim.map(encodeLeaf)))
    const cid = rawCid(records).toString()
    if (handOut) this.blocks.set(cid, records)
    const total = summarize(claim)
    return {
      ...{ epoch, window: window.toString(), unit, count: total.count, root: total.root, leaves: cid },
      ...{ checksum: checksumHex(total.checksum), peak: peakText(total.peak) },
    }
  }

  /** @returns the commit's CID */
  commit(node: string, results: readonly ResultBody[], round: number): string {
    const salted = results.map((result) => ({ result, salt: sha256(dagCbor.encode([node, result])).slice(0, 16) }))
    const body: CommitBody = {
      ...{ type: 'commit', network: this.network, batch: Math.floor(round / 3) },
      ...commitTo(node, salted),
      ...{ round, beacon: beaconAt(round) },
    }
    const { bytes } = sign(body, this.member(node).nodeSecret)
    this.documents.results.push({ statement: bytes })
    const cid = cidOf(bytes).toString()
    this.salted.set(cid, salted)
    return cid
  }

  /** @param cites by index in the commit */
  reveal(node: string, commit: string, cites: ReadonlyMap<number, readonly string[]>, round: number): void {
    const items = itemsOf(commit, node, this.salted.get(commit)!, cites)
    const body: RevealBody = {
      ...{ type: 'reveal', network: this.network, batch: Math.floor(round / 3), part: 0 },
      ...{ size: items.length, root: merkleRoot(items), round, beacon: beaconAt(round) },
    }
    this.documents.results.push({ statement: sign(body, this.member(node).nodeSecret).bytes, items })
  }

  /**
   * All of them compute a unit, commit, and reveal, citing all commits there are.
   *
   * @param variants what each of them claims; 0 is the truth
   */
  answer(assignment: Assignment, nodes: readonly string[], variants: readonly number[] = [], round?: number): void {
    const at = round ?? seedRound(this.genesis, assignment.epoch) + 1
    const commits = nodes.map((node, i) =>
      this.commit(node, [this.result(assignment, this.claim(assignment, variants[i] ?? 0))], at),
    )
    const all = this.commitsOf.get(dealtUnitKey(assignment)) ?? []
    all.push(...commits)
    this.commitsOf.set(dealtUnitKey(assignment), all)
    nodes.forEach((node, i) => {
      this.reveal(node, commits[i]!, new Map([[0, all.filter((cid) => cid !== commits[i])]]), at + 1)
    })
  }

  /** Everybody computes, commits to and shows all that he was dealt: a commit and as few reveals as there can be. */
  answerAll(
    assignments: readonly Assignment[],
    variantOf: (node: string, assignment: Assignment) => number = () => 0,
  ): void {
    this.inBatches(assignments, ({ quorum }) => quorum, variantOf)
  }

  /** Likewise the first two of the reserve, citing the quorum's commits as well. */
  callAll(
    assignments: readonly Assignment[],
    round: number,
    variantOf: (node: string, assignment: Assignment) => number,
  ): void {
    this.inBatches(assignments, ({ reserve }) => reserve.slice(0, 2), variantOf, round)
  }

  private inBatches(
    assignments: readonly Assignment[],
    seatsOf: (assignment: Assignment) => readonly string[],
    variantOf: (node: string, assignment: Assignment) => number,
    round?: number,
  ): void {
    const [first] = assignments
    if (!first) return
    const at = round ?? seedRound(this.genesis, first.epoch)
    const own = new Map<string, Assignment[]>()
    for (const assignment of assignments) {
      for (const node of seatsOf(assignment)) own.set(node, [...(own.get(node) ?? []), assignment])
    }
    for (const [node, units] of own) {
      const results = units.map((a) => this.result(a, this.claim(a, variantOf(node, a))))
      const cid = this.commit(node, results, at)
      for (const unit of units) {
        const key = dealtUnitKey(unit)
        this.commitsOf.set(key, [...(this.commitsOf.get(key) ?? []), cid])
      }
      this.commitFor.set(node, cid)
    }
    for (const [node, units] of own) {
      const commit = this.commitFor.get(node)!
      const cites = units.map((unit, i) => {
        return [i, this.commitsOf.get(dealtUnitKey(unit))!.filter((cid) => cid !== commit)] as const
      })
      for (let part = 0; part * MAX_REVEALED < cites.length; part++) {
        this.reveal(node, commit, new Map(cites.slice(part * MAX_REVEALED, (part + 1) * MAX_REVEALED)), at)
      }
    }
  }

  decline(node: string, { epoch, window, unit }: Assignment): void {
    const body = { type: 'decline', network: this.network, epoch, window: window.toString(), unit }
    this.documents.results.push({ statement: sign(body, this.member(node).nodeSecret).bytes })
  }

  audit(node: string, claims: AuditBody['claims'], batch = 1, round = 3 * batch): void {
    const body: AuditBody = { type: 'audit', network: this.network, batch, round, beacon: beaconAt(round), claims }
    this.documents.results.push({ statement: sign(body, this.member(node).nodeSecret).bytes })
  }

  /** The audit that certifies a unit with its one result. */
  certifyingAudit(assignment: Assignment): Audit {
    const a = certifyingEpoch(this.genesis, assignment.epoch)
    return certifyingAudit(this.genesis, assignment, beaconAt(seedRound(this.genesis, a)), this.memory)!
  }

  /** What an auditor says of leaves that are as in a claim of `variant`. */
  certify(node: string, assignment: Assignment, variant = 0, leaves = this.certifyingAudit(assignment).leaves): void {
    const { epoch, window, unit } = assignment
    const a = certifyingEpoch(this.genesis, epoch)
    const records = this.claim(assignment, variant).map(encodeLeaf)
    const claims = leaves.map((leaf): AuditBody['claims'][0] => [epoch, `${window}`, unit, leaf, records[leaf]!])
    this.audit(node, claims, a, seedRound(this.genesis, a))
  }

  knowledge: Knowledge = {
    leaves: (cid) => this.blocks.get(cid),
    truth: (leaf) => this.truths.get(leafKey(leaf)),
    convictions: [],
  }

  state(knowing = true): State {
    const knowledge = knowing ? this.knowledge : NO_KNOWLEDGE
    return stateOf(this.genesis, this.unitsPerWindow, this.documents, knowledge, NO_HISTORY, this.memory)
  }

  settlement(assignment: Assignment, knowing = true) {
    return this.state(knowing).settlements.get(dealtUnitKey(assignment))
  }
}
