/**
 * Small literals of what the rules are about, for tables of cases: a genesis whose body alone says anything, nodes that are
 * named by a letter, results that are named by a digit. Nothing here is signed: a rule that opens a statement is tested with
 * real ones (party.ts).
 */
import { leavesOf } from '../../../kernels/partition.ts'
import { encodeLeaf, summarize } from '../../../kernels/result.ts'
import type { HardSummary, Partition } from '../../../kernels/unit.ts'
import type { UnitEvidence } from '../../../orbit/rules/answer/evidence.ts'
import { rawCid } from '../../../orbit/rules/base/cid.ts'
import type { Commit, LeafClaim, Reveal } from '../../../orbit/rules/message/answers.ts'
import { checksumHex, peakText, type ResultBody } from '../../../orbit/rules/message/bodies.ts'
import type { Assignment } from '../../../orbit/rules/message/unit.ts'
import type { Genesis, GenesisBody } from '../../../orbit/rules/network/genesis.ts'

const partition: Partition = { map: '3n+1', bits: 28, units: 4, leaves: 8, hardSteps: 128 }

/** N = 3; an epoch is 10 rounds, a heartbeat is fresh for 60, a deadline is 100. */
export function genesisOf(changes: Partial<GenesisBody> = {}): Genesis {
  const body = {
    ...{ partition, replication: 3, freshRounds: 60, deadlineRounds: 100, missLimit: 4 },
    epoch: { rounds: 10, perDatabase: 10 },
    allowance: { newcomer: 8, rounds: 1000 },
    coordinators: ['A'],
    founders: ['f', 'g'].map((node) => ({ account: node.toUpperCase(), node })),
    audit: { leaves: 2, auditors: 2, adaptive: false },
    trust: { verified: 10, trusted: 100, elite: 1000, idleRounds: 1000 },
    ...changes,
  } as GenesisBody
  return { body, partition, networkId: 'net', firstWindow: 1n, baseline: 1n << 28n } as Genesis
}

/** Unit 0 of window 1, dealt in epoch 2: R = 20, deadline 120, commit deadline 220, last round 320. */
export const assignmentOf = (changes: Partial<Assignment> = {}): Assignment => ({
  ...{ epoch: 2, window: 1n, unit: 0, quorum: [...'abc'], reserve: [...'defghijklmnopq'], audited: null },
  ...changes,
})

/** The leaves of unit 0 as variant 0 has them: the truth. Another variant differs from it in the leaf of its number. */
export function leavesAs(variant: number): HardSummary[] {
  return leavesOf(partition, 0).map((_, leaf) => ({
    ...{ count: 3, checksum: BigInt(leaf + 1) + (leaf === variant ? BigInt(variant) << 32n : 0n), peak: null },
  }))
}
export const recordsAs = (variant: number): Uint8Array =>
  new Uint8Array(Buffer.concat(leavesAs(variant).map(encodeLeaf)))
export const cidAs = (variant: number): string => rawCid(recordsAs(variant)).toString()

export function resultAs(variant: number, { epoch, window, unit } = assignmentOf()): ResultBody {
  const total = summarize(leavesAs(variant))
  return {
    ...{ epoch, window: window.toString(), unit, count: total.count, checksum: checksumHex(total.checksum) },
    ...{ peak: peakText(total.peak), root: total.root, leaves: cidAs(variant) },
  }
}

/** A commit is named by its node's letter; a second one of a node by the letter and a stroke: `a'`. */
export const commitAs = (name: string, round: number): Commit =>
  ({ node: name[0]!, cid: name, body: { round, batch: 0 } }) as unknown as Commit

/** A reveal of the commit `name` at `round` that cites the commits of these nodes. */
export const revealAs = (name: string, round: number, cites: string, variant = 0, batch = 0): Reveal =>
  ({
    ...{ node: name[0]!, cid: `${name}@${round}`, body: { round, batch }, index: 0, statement: { bytes: name } },
    item: { commit: name, cites: [...cites], result: resultAs(variant) },
  }) as unknown as Reveal

/** An auditor claims that a leaf is as variant `variant` has it. */
export const claimAs = (node: string, leaf: number, variant: number, round = 70): LeafClaim =>
  ({
    ...{ node, epoch: 2, window: 1n, unit: 0, leaf },
    record: encodeLeaf(leavesAs(variant)[leaf]!),
    statement: { body: { round, beacon: new Uint8Array() } },
  }) as unknown as LeafClaim

export function evidenceAs(
  commits: readonly Commit[],
  reveals: readonly Reveal[],
  declines = '',
  claims: readonly LeafClaim[] = [],
): UnitEvidence {
  return {
    commits: Map.groupBy(commits, ({ node }) => node),
    reveals: Map.groupBy(reveals, ({ node }) => node),
    declines: new Map([...declines].map((node) => [node, {} as never])),
    claims: [...claims],
  }
}
