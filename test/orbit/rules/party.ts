/**
 * A network of many accounts in memory: real statements, real signatures, a local beacon, and no
 * processes. Results are made up unless a test asks for real ones: what is tested here is who is
 * believed, not what is computed.
 */

import * as dagCbor from '@ipld/dag-cbor'
import { scrypt } from '@noble/hashes/scrypt.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { thresholdsOf } from '../../../kernels/evidence/tiers.ts'
import { hardOf, survivorsOf } from '../../../kernels/exact.ts'
import { classes, leavesOf } from '../../../kernels/partition.ts'
import { encodeLeaf, summarize } from '../../../kernels/result.ts'
import type { EvidenceItems, HardSummary, Partition, Peak } from '../../../kernels/unit.ts'
import { type Fault, type Judgement, judge, requestFor } from '../../../orbit/rules/answer/judge.ts'
import {
  blockOf,
  firstThatFit,
  openItem,
  resultOf,
  type SignedResult,
  type UnsignedResult,
} from '../../../orbit/rules/answer/results.ts'
import { cidOf, rawCid } from '../../../orbit/rules/base/cid.ts'
import { createMemory } from '../../../orbit/rules/base/memory.ts'
import { publicKeyOf, sign } from '../../../orbit/rules/base/statement.ts'
import type { CertificateSources } from '../../../orbit/rules/certificate/format.ts'
import { assign } from '../../../orbit/rules/deal/assignment.ts'
import type {
  AuditBody,
  DrawBody,
  HeartbeatBody,
  ResultItem,
  ResultsBody,
} from '../../../orbit/rules/message/bodies.ts'
import { type Assignment, dealtUnitKey, leafKey } from '../../../orbit/rules/message/unit.ts'
import { localChain, localSecret, randomnessOf, signRound } from '../../../orbit/rules/network/beacon.ts'
import { type Genesis, type GenesisBody, readGenesis } from '../../../orbit/rules/network/genesis.ts'
import { challengeOf, isSolution, nonceBytes } from '../../../orbit/rules/network/puzzle.ts'
import { certifyingEpoch, seedRound } from '../../../orbit/rules/network/schedule.ts'
import type { Audit } from '../../../orbit/rules/quorum/audit.ts'
import { certifyingAudit } from '../../../orbit/rules/quorum/certifying-audit.ts'
import { NO_HISTORY } from '../../../orbit/rules/state/settled-window.ts'
import { type Documents, type Knowledge, type State, stateOf } from '../../../orbit/rules/state/state.ts'
import { realEvidence, realLeaves, SMALL } from './real-work.ts'

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
  /** Results, evidence and judgements are real, those of small windows; else they are made up. */
  readonly real?: boolean
}

/** What a draw of everybody is sealed with. */
export interface Sealing {
  readonly capacity?: number
  /** The unit of the first window that it begins with. */
  readonly from?: number
  readonly trusted?: readonly string[]
  readonly allowances?: DrawBody['allowances']
}

export class Party {
  readonly members: Member[]
  readonly genesis: Genesis
  readonly documents: { [K in keyof Documents]: unknown[] } = { accounts: [], pool: [], draws: [], results: [] }
  /** Leaf blocks that somebody has handed out. */
  readonly blocks = new Map<string, Uint8Array>()
  /** Leaves that have been computed, by leafKey. */
  readonly truths = new Map<string, Uint8Array>()
  readonly unitsPerWindow: number
  /** As a replica has one. */
  readonly memory = createMemory()
  /**
   * What everybody's judge says of a result, by the CID of its statement and its place; of all
   * others that they are sound.
   */
  readonly judgements = new Map<string, Judgement>()
  /** What was shown, likewise. */
  private readonly shown = new Map<string, Pick<SignedResult, 'node' | 'item' | 'evidence'>>()
  /** By dealtUnitKey. */
  private readonly dealt = new Map<string, Assignment>()
  private readonly real: boolean

  constructor({ accounts, partition, changes, real = false }: PartyOptions) {
    this.real = real
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

  /**
   * Seals a draw of so many units from unit `from` of the first window on, for everybody, and deals
   * it.
   */
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
    const assignments = assign(this.genesis, draw, signature)
    for (const assignment of assignments) this.dealt.set(dealtUnitKey(assignment), assignment)
    return assignments
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

  /**
   * Made-up leaves of a unit, but for their peaks: the same for whoever asks, and another set for
   * every `variant`.
   */
  claim({ window, unit }: { window: bigint; unit: number }, variant = 0): Claim {
    const { partition } = this.genesis
    const real = this.real ? realLeaves({ partition, window, index: unit }) : null
    return leavesOf(partition, unit).map((_, leaf) => {
      // A lie is in one leaf, as a lazy liar would have it.
      const lie = leaf === 2 ? BigInt(variant) << 32n : 0n
      if (real) return { ...real[leaf]!, checksum: BigInt.asUintN(64, real[leaf]!.checksum + lie) }
      return { count: 3, checksum: BigInt(unit + leaf + 1) + lie, peak: somePeak(partition, window, unit, leaf) }
    })
  }

  /** What is true is the claim of variant 0: everybody has computed it. */
  learn(unit: { window: bigint; unit: number }, leaf: number): void {
    this.truths.set(leafKey({ ...unit, leaf }), encodeLeaf(this.claim(unit)[leaf]!))
  }

  /** As many members of the unit's class as evidence is expected to have, none of them an item. */
  private evidence(window: bigint, unit: number, share: number): EvidenceItems {
    const { partition } = this.genesis
    const state = classes(partition)[unit]!
    const least = (window << BigInt(partition.bits)) + state.residue
    return thresholdsOf(partition, state, partition.evidence.items).map(({ mean }) =>
      Array.from(
        { length: Math.ceil((share * Number(mean)) / 2 ** 32) },
        (_, i) => least + (BigInt(i) << BigInt(state.depth)),
      ),
    )
  }

  /**
   * @param node whose evidence it carries, where that is real; made up, it is the same for all: so
   * much of what is expected
   */
  result(
    { epoch, window, unit }: Assignment,
    claim: Claim,
    handOut = true,
    { node = '', share = 1 }: { node?: string; share?: number } = {},
  ): UnsignedResult {
    const evidence = this.real
      ? this.realEvidence(this.dealt.get(dealtUnitKey({ epoch, window, unit }))!, node)
      : this.evidence(window, unit, share)
    const { leaves, ...result } = resultOf(this.genesis, { epoch, window, unit }, { ...summarize(claim), evidence })
    if (handOut) this.blocks.set(rawCid(leaves).toString(), leaves)
    return result
  }

  private realEvidence(assignment: Assignment, node: string): EvidenceItems {
    const { window, unit } = assignment
    const request = requestFor(this.genesis, assignment, node, this.seedOf(assignment))
    return realEvidence({ partition: this.genesis.partition, window, index: unit }, request)
  }

  /** What the evidence for a unit hangs on. */
  seedOf({ epoch }: Pick<Assignment, 'epoch'>): Uint8Array {
    return randomnessOf(beaconAt(seedRound(this.genesis, epoch)))
  }

  /** The same with some of its fields changed. */
  changed({ item, evidence }: UnsignedResult, changes: Partial<ResultItem>): UnsignedResult {
    return { item: dagCbor.encode({ ...openItem(item), ...changes }), evidence }
  }

  /** Shows results under one statement. @returns its CID */
  show(node: string, results: readonly UnsignedResult[], round: number): string {
    const { bytes: block, ...root } = blockOf(results)
    const body: ResultsBody = {
      ...{ type: 'results', network: this.network, batch: Math.floor(round / 3), round, beacon: beaconAt(round) },
      ...root,
    }
    const { bytes } = sign(body, this.member(node).nodeSecret)
    this.documents.results.push({ statement: bytes })
    this.blocks.set(root.block, block)
    const cid = cidOf(bytes).toString()
    for (const [i, { item, evidence }] of results.entries()) {
      this.shown.set(`${cid} ${i}`, { node, item: openItem(item), evidence })
    }
    return cid
  }

  /** Everybody's judge finds a fault with a result. */
  blame(statement: string, fault: Fault, { index = 0, falseItem = null as number | null } = {}): void {
    this.judgements.set(`${statement} ${index}`, { fault, falseItem, wrongLeaf: null, tallies: [] })
  }

  /**
   * All of them compute a unit, and show it.
   *
   * @param variants what each of them claims; 0 is the truth
   * @returns CIDs of their statements
   */
  answer(assignment: Assignment, nodes: readonly string[], variants: readonly number[] = [], round?: number): string[] {
    const at = round ?? seedRound(this.genesis, assignment.epoch) + 1
    return nodes.map((node, i) =>
      this.show(node, [this.result(assignment, this.claim(assignment, variants[i] ?? 0), true, { node })], at),
    )
  }

  /**
   * Everybody computes and shows all that he was dealt, under as few statements as there can be.
   */
  answerAll(
    assignments: readonly Assignment[],
    variantOf: (node: string, assignment: Assignment) => number = () => 0,
  ): void {
    this.inBatches(assignments, ({ quorum }) => quorum, variantOf)
  }

  /** Likewise the first two of the reserve. */
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
    round = seedRound(this.genesis, assignments[0]?.epoch ?? 0),
  ): void {
    const byNode = new Map<string, UnsignedResult[]>()
    for (const assignment of assignments) {
      for (const node of seatsOf(assignment)) {
        const result = this.result(assignment, this.claim(assignment, variantOf(node, assignment)), true, { node })
        byNode.set(node, [...(byNode.get(node) ?? []), result])
      }
    }
    for (const [node, results] of byNode) {
      for (let rest = results; rest.length > 0; ) {
        const fitting = firstThatFit(rest)
        this.show(node, fitting, round)
        rest = rest.slice(fitting.length)
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
    block: (cid) => this.blocks.get(cid),
    leaves: (cid) => this.blocks.get(cid),
    truth: (leaf) => this.truths.get(leafKey(leaf)),
    judged: (cid, index) => {
      const key = `${cid} ${index}`
      const shown = this.shown.get(key)
      const records = shown && this.blocks.get(shown.item.leaves)
      if (!records) return undefined
      const assignment = this.dealt.get(dealtUnitKey(shown.item))
      if (!this.judgements.has(key) && this.real && assignment) {
        this.judgements.set(key, judge(this.genesis, assignment, shown, records, this.seedOf(assignment)))
      }
      return this.judgements.get(key) ?? SOUND
    },
    convictions: [],
  }

  /** What certificates and fraud proofs are written from. */
  readonly sources: CertificateSources = {
    leaves: (cid) => this.blocks.get(cid),
    registration: (node, account) => this.registration(node, account),
  }

  state(knowledge = this.knowledge): State {
    return stateOf(this.genesis, this.unitsPerWindow, this.documents, knowledge, NO_HISTORY, this.memory)
  }

  settlement(assignment: Assignment, knowledge = this.knowledge) {
    return this.state(knowledge).settlements.get(dealtUnitKey(assignment))
  }
}

const SOUND: Judgement = { fault: null, falseItem: null, wrongLeaf: null, tallies: [] }

const peaks = new Map<string, Peak>()

/** A hard number of a leaf: the first that is met. */
function somePeak(partition: Partition, window: bigint, unit: number, leaf: number): Peak {
  const key = `${JSON.stringify(partition)} ${window} ${unit} ${leaf}`
  let peak = peaks.get(key)
  for (const n of peak ? [] : survivorsOf(leavesOf(partition, unit)[leaf]!, window, partition)) {
    const hard = hardOf(n, partition)
    if (!hard) continue
    peak = { n, value: hard.peak }
    break
  }
  if (!peak) throw new Error(`leaf ${leaf} of unit ${unit} has no hard number`)
  peaks.set(key, peak)
  return peak
}
