/**
 * Certificates made by hand: an independent writer of format 7, and a forger. Numbers come from the exact engine's own
 * functions on a small window, so an honest certificate is true to the bit; every part of it can be swapped for a lie that
 * is well signed. It is apart from the program's writer, so that a fault of that one can't hide in the tests of a reader.
 */
import * as dagCbor from '@ipld/dag-cbor'
import { sha256 } from '@noble/hashes/sha2.js'
import { hexToBytes } from '@noble/hashes/utils.js'
import { encodeItems } from '../../kernels/evidence/encoding.ts'
import { tiersOfNumber } from '../../kernels/evidence/item.ts'
import { ItemCollector } from '../../kernels/evidence/items.ts'
import { evidenceTest } from '../../kernels/evidence/request.ts'
import { type HardNumber, hardNumbersOf } from '../../kernels/exact.ts'
import { inclusionProof, merkleRoot } from '../../kernels/merkle.ts'
import { classes, leavesOf } from '../../kernels/partition.ts'
import { EMPTY, encodeLeaf, hardNumber, merge, summarize } from '../../kernels/result.ts'
import type { ClassState, EvidenceItems, HardSummary, Partition } from '../../kernels/unit.ts'
import { cidOf, rawCid } from '../../orbit/rules/base/cid.ts'
import { publicKeyOf, sign } from '../../orbit/rules/base/statement.ts'
import { deal } from '../../orbit/rules/deal/deal.ts'
import { localChain, localSecret, randomnessOf, signRound } from '../../orbit/rules/network/beacon.ts'
import type { Genesis } from '../../orbit/rules/network/genesis.ts'
import { auditOf } from '../../orbit/rules/quorum/audit.ts'

const beaconSecret = localSecret(new Uint8Array(48).fill(7))
const rounds = new Map<number, Uint8Array>()
export function beaconAt(round: number): Uint8Array {
  if (!rounds.has(round)) rounds.set(round, signRound(beaconSecret, round))
  return rounds.get(round)!
}
const secret = (kind: number, i: number) => sha256(Uint8Array.of(kind, i >> 8, i & 255))
const cid = (bytes: Uint8Array) => cidOf(bytes).toString()

/** A window of which a leaf expects 20 hard numbers and the exact engine takes a second. */
export const SMALL: Partition = {
  ...({ map: '3n+1', bits: 23, units: 2, leaves: 4, hardSteps: 109 } as const),
  evidence: { flagBits: 1, items: 100 },
}

export interface Shown {
  readonly leaves: readonly HardSummary[]
  readonly items: EvidenceItems
}

/** What a node says of a unit. */
export interface Answer extends Shown {
  readonly unit: number
  readonly node: string
  /** The beacon round that its statement carries. */
  readonly round: number
}

export interface ForgerOptions {
  readonly accounts?: number
  readonly partition?: Partial<Partition>
  readonly replication?: number
  /** Of the genesis. */
  readonly changes?: object
  readonly trusted?: boolean
}

/** Numbers of a unit that outlive the steps of tier 1, leaf by leaf: hard numbers and items are among them. */
const computed = new Map<string, readonly (readonly HardNumber[])[]>()

export class Forger {
  readonly partition: Partition
  readonly genesis: Uint8Array
  readonly network: string
  readonly window: bigint
  readonly members: { account: string; node: string; accountSecret: Uint8Array; nodeSecret: Uint8Array }[]
  readonly replication: number
  readonly epoch = 2
  readonly seed: number
  readonly draw: Uint8Array
  readonly quorums: readonly (readonly string[])[]
  readonly reserves: readonly (readonly string[])[]
  readonly roster: { node: string; account: string; capacity: number }[]
  private readonly found = new Map<string, Shown>()
  readonly beacon = { source: 'local', ...localChain(beaconSecret, 1_700_000_000, 1) }

  constructor({ accounts = 5, partition, replication = 3, changes = {}, trusted = false }: ForgerOptions = {}) {
    this.partition = { ...SMALL, ...partition }
    this.replication = replication
    this.members = Array.from({ length: accounts }, (_, i) => {
      const [accountSecret, nodeSecret] = [secret(1, i), secret(2, i)]
      return { accountSecret, nodeSecret, account: publicKeyOf(accountSecret), node: publicKeyOf(nodeSecret) }
    })
    const [founder] = this.members
    const body = {
      ...{ type: 'genesis', version: 2, name: 'forged', partition: this.partition, replication },
      baseline: { below: (1n << 71n).toString(), citation: 'a test', url: 'https://example.org/' },
      ...{ epoch: { rounds: 3, perDatabase: 1000 }, freshRounds: 300, deadlineRounds: 100, missLimit: 4 },
      allowance: { newcomer: 100_000, rounds: 1000 },
      beacon: this.beacon,
      coordinators: [founder!.node],
      founders: [{ account: founder!.account, node: founder!.node }],
      registration: { N: 2, r: 1, p: 1, tries: 1 },
      audit: { leaves: 2, auditors: 2, adaptive: trusted },
      trust: { verified: 10, trusted: 100, elite: 1000, idleRounds: 1_000_000 },
      ...{ vote: { deadlineRounds: 1000 }, genesis_timestamp: 1_700_000_000_000, ...changes },
    }
    this.genesis = sign(body, founder!.accountSecret).bytes
    this.network = cid(this.genesis)
    this.window = (1n << 71n) >> BigInt(this.partition.bits)
    this.seed = this.epoch * 3
    const units = classes(this.partition).length
    const list = this.members.map(({ node, account }) => ({ node, account, capacity: Math.min(4096, units) }))
    this.roster = list.sort((a, b) => (a.node < b.node ? -1 : 1))
    this.draw = this.signed(founder!.node, {
      ...{ type: 'draw', network: this.network, epoch: this.epoch, pool: [], excluded: [], allowances: [] },
      trusted: trusted ? this.members.map(({ account }) => account).sort() : [],
      ...{ roster: this.roster, offers: [{ window: `${this.window}`, from: 0, to: units }] },
    })
    const randomness = randomnessOf(beaconAt(this.seed))
    const { network: networkId, epoch, roster } = this
    const dealt = deal({ networkId, epoch, randomness, roster, units, replication })
    const nodes = (indices: Iterable<number>) => [...indices].map((index) => roster[index]!.node)
    this.quorums = dealt.quorums.map(nodes)
    // Of thousands of units nobody wants to know.
    this.reserves = dealt.quorums.map((_, unit) => (unit < 200 ? nodes(dealt.reserve(unit)) : []))
  }

  member(node: string) {
    return this.members.find((m) => m.node === node || m.account === node)!
  }

  /** By the key of a node or of an account. */
  signed(key: string, body: object): Uint8Array {
    const { node, nodeSecret, accountSecret } = this.member(key)
    return sign(body, key === node ? nodeSecret : accountSecret).bytes
  }

  unitClass(unit: number): ClassState {
    return classes(this.partition)[unit]!
  }

  /** Leaf by leaf. */
  alive(unit: number): readonly (readonly HardNumber[])[] {
    const { partition, window } = this
    const { map, bits, units, leaves } = partition
    const key = [map, bits, units, leaves, window, unit].join(' ')
    if (!computed.has(key)) {
      const all = leavesOf(partition, unit).map((leaf) => [
        ...hardNumbersOf(leaf, window, { ...partition, hardSteps: bits + 23 }),
      ])
      computed.set(key, all)
    }
    return computed.get(key)!
  }

  /**
   * What whoever did the work finds for a signer.
   *
   * @param items k, if it is not the partition's
   * @param index the unit for which the evidence is
   */
  honest(unit: number, node: string, items?: number, seed = randomnessOf(beaconAt(this.seed)), index = unit): Shown {
    const { partition, window } = this
    const key = [unit, node, items, Buffer.from(seed).toString('hex'), index].join(' ')
    const known = this.found.get(key)
    if (known) return known
    const request = { network: sha256(this.genesis), seed, signer: hexToBytes(node), ...(items && { items }) }
    const test = evidenceTest({ partition, window, index }, request)
    const found = new ItemCollector()
    const leaves = this.alive(unit).map((numbers) => {
      for (const { n } of numbers) for (const tier of tiersOfNumber(n, test, partition.map)) found.add(tier, n)
      const hard = numbers.filter(({ sigma }) => sigma! > partition.hardSteps)
      return hard.map(({ n, sigma, peak }) => hardNumber(n, sigma, peak)).reduce(merge, EMPTY)
    })
    const shown = { leaves, items: found.items() }
    this.found.set(key, shown)
    return shown
  }

  answer(unit: number, node: string, change: (shown: Shown) => Shown = (shown) => shown, round = this.seed): Answer {
    return { ...change(this.honest(unit, node)), unit, node, round }
  }

  /** Everybody of the quorums does his work. */
  answers(): Answer[] {
    return this.quorums.flatMap((quorum, unit) => quorum.map((node) => this.answer(unit, node)))
  }

  item({ unit, leaves, items }: Answer): { item: Uint8Array; evidence: Uint8Array; block: Uint8Array } {
    const { count, checksum, peak, root } = summarize(leaves)
    const block = new Uint8Array(Buffer.concat(leaves.map(encodeLeaf)))
    const records = items.flatMap((numbers, tier) =>
      numbers.map((n) => new Uint8Array(Buffer.from(`0${tier + 1}${n.toString(16).padStart(32, '0')}`, 'hex'))),
    )
    const item = dagCbor.encode({
      ...{ epoch: this.epoch, window: `${this.window}`, unit, count, root, leaves: rawCid(block).toString() },
      ...{ checksum: checksum.toString(16).padStart(16, '0'), items: records.length, evidence: merkleRoot(records) },
      peak: peak && { n: `${peak.n}`, value: `${peak.value}` },
    })
    return { item, evidence: encodeItems(items, this.partition, this.window, this.unitClass(unit)), block }
  }

  /** Leaves as the file has them. */
  packed(unit: number, leaves: readonly HardSummary[]): Uint8Array {
    const bytes: number[] = []
    const varint = (value: bigint) => {
      let rest = value
      for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
      bytes.push(Number(rest))
    }
    for (const [i, { count, checksum, peak }] of leaves.entries()) {
      const { residue, depth } = leavesOf(this.partition, unit)[i]!
      const first = (this.window << BigInt(this.partition.bits)) + residue
      varint(BigInt(count))
      if (count === 0) continue
      for (let shift = 56n; shift >= 0n; shift -= 8n) bytes.push(Number((checksum >> shift) & 255n))
      varint(peak ? ((peak.n - first) >> BigInt(depth)) + 1n : 0n)
    }
    return Uint8Array.from(bytes)
  }

  heartbeat(node: string, witnessed = [{ epoch: this.epoch, draw: cid(this.draw) }]): Uint8Array {
    return this.signed(node, {
      ...{ type: 'heartbeat', network: this.network, node, round: this.seed - 1, beacon: beaconAt(this.seed - 1) },
      ...{ capacity: 1, engines: ['wasm'], witnessed },
    })
  }

  registration(node: string) {
    const { network } = this
    const { account } = this.member(node)
    const body = { type: 'registration', network, account, node, name: `n${node.slice(0, 4)}`, round: 1 }
    return {
      registration: this.signed(account, { ...body, beacon: beaconAt(1), nonce: 0 }),
      consent: this.signed(node, { type: 'consent', network, account, node }),
    }
  }

  decline(unit: number, node: string): Uint8Array {
    const { network, epoch, window } = this
    return this.signed(node, { type: 'decline', network, epoch, window: `${window}`, unit })
  }

  /** The round that draws certifying audits: the first R after half of the deadline. */
  readonly auditRound = 57

  /** Those who have to audit a unit that one result certifies, and what each of them signs if the leaves are these. */
  audits(unit: number, leaves: readonly HardSummary[]): { node: string; audit: Uint8Array }[] {
    const { network, epoch, window, auditRound: round } = this
    const records = leaves.map(encodeLeaf)
    const genesis = { networkId: network, body: { audit: { leaves: 2, auditors: 2 } } } as Genesis
    const signers = [this.member(this.seatsOf(unit)[0]!).account]
    const about = { epoch, window, unit, leaves: leaves.length, signers, level: 'UNTRUSTED' } as const
    const drawn = auditOf(genesis, about, this.roster, randomnessOf(beaconAt(round)))!
    const claims = drawn.leaves.map((leaf) => [epoch, `${window}`, unit, leaf, records[leaf]!])
    const body = { type: 'audit', network, batch: round / 3, round, beacon: beaconAt(round), claims }
    return drawn.auditors.map((node) => ({ node, audit: this.signed(node, body) }))
  }

  seatsOf(unit: number): string[] {
    return [...this.quorums[unit]!, ...this.reserves[unit]!]
  }

  /**
   * The file in which all of this is said, in canonical order. The first answer of a unit, in the order of its seats, is the
   * certified one, unless `certified` names another.
   *
   * @param change is the last word on a unit
   */
  file(
    answers: readonly Answer[],
    {
      declines = [],
      certified = new Map(),
      audits = new Map(),
    }: {
      declines?: readonly (readonly [unit: number, node: string])[]
      certified?: ReadonlyMap<number, Shown>
      audits?: ReadonlyMap<number, readonly { node: string; audit: Uint8Array }[]>
    } = {},
  ) {
    const seatsOf = (unit: number) => this.seatsOf(unit)
    const bySeat = (unit: number) => (a: Answer, b: Answer) =>
      seatsOf(unit).indexOf(a.node) - seatsOf(unit).indexOf(b.node)
    const made = answers.map((answer) => ({ answer, ...this.item(answer) }))
    const batches = [...Map.groupBy(made, ({ answer }) => `${answer.node} ${answer.round}`).values()].map((list) => {
      const { node, round } = list[0]!.answer
      const items = list.map(({ item }) => item)
      const block = rawCid(dagCbor.encode(list.map(({ item, evidence }) => [item, evidence]))).toString()
      const bytes = this.signed(node, {
        ...{ type: 'results', network: this.network, batch: Math.floor(round / 3), round, beacon: beaconAt(round) },
        ...{ size: items.length, root: merkleRoot(items), block },
      })
      return { list, items, bytes, cid: cid(bytes) }
    })
    batches.sort((a, b) => (a.cid < b.cid ? -1 : 1))
    const units = [...new Set(answers.map(({ unit }) => unit))].sort((a, b) => a - b)
    const witnesses = this.roster.slice(0, Math.floor(this.roster.length / 2) + 1).map(({ node }) => node)
    const auditors = [...audits.values()].flat()
    const nodes = new Set([...witnesses, ...[...answers, ...auditors].map(({ node }) => node)])
    return {
      ...{ format: 'collatz-certificate', version: 7, genesis: this.genesis, window: `${this.window}` },
      scope: units.length === this.quorums.length ? 'window' : 'units',
      registrations: [...nodes].sort().map((node) => this.registration(node)),
      draws: [
        { draw: this.draw, signature: beaconAt(this.seed), witnesses: witnesses.map((node) => this.heartbeat(node)) },
      ],
      statements: batches.map(({ bytes }) => bytes),
      units: units.map((unit) => {
        const shown = made.filter(({ answer }) => answer.unit === unit).sort((a, b) => bySeat(unit)(a.answer, b.answer))
        const { leaves } = certified.get(unit) ?? shown[0]!.answer
        const records = (of: readonly HardSummary[]) => rawCid(Buffer.concat(of.map(encodeLeaf))).toString()
        const others = new Map(shown.map(({ answer }) => [records(answer.leaves), answer.leaves]))
        others.delete(records(leaves))
        return {
          ...{ unit, draw: 0 },
          audits: (audits.get(unit) ?? []).map(({ audit }) => audit).sort((a, b) => (cid(a) < cid(b) ? -1 : 1)),
          results: shown.map(({ answer, item, evidence }) => {
            const statement = batches.findIndex(({ list }) => list.some((entry) => entry.answer === answer))
            const { items } = batches[statement]!
            const index = items.indexOf(item)
            return { statement, index, proof: [...inclusionProof(items, index)], item, evidence }
          }),
          declines: declines
            .filter(([of]) => of === unit)
            .sort(([, a], [, b]) => seatsOf(unit).indexOf(a) - seatsOf(unit).indexOf(b))
            .map(([, node]) => this.decline(unit, node)),
          leaves: this.packed(unit, leaves) as Uint8Array | null,
          contested: [...others].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, of]) => this.packed(unit, of)),
        }
      }),
    }
  }
}
