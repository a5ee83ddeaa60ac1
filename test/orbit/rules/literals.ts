/**
 * Small literals of what the rules are about, for tables of cases: a genesis whose body alone says
 * anything, nodes that are named by a letter, results that are named by a digit. Nothing here is
 * signed: a rule that opens a statement is tested with real ones (party.ts).
 */
import { leavesOf } from '../../../kernels/partition.ts'
import { encodeLeaf, summarize } from '../../../kernels/result.ts'
import type { HardSummary, Partition } from '../../../kernels/unit.ts'
import type { Fault, Judgement } from '../../../orbit/rules/answer/judge.ts'
import { byStatement, type SignedResult } from '../../../orbit/rules/answer/results.ts'
import type { UnitAnswers } from '../../../orbit/rules/answer/unit-answers.ts'
import { rawCid } from '../../../orbit/rules/base/cid.ts'
import type { LeafClaim } from '../../../orbit/rules/message/answers.ts'
import { checksumHex, peakText, type ResultItem } from '../../../orbit/rules/message/bodies.ts'
import type { Assignment } from '../../../orbit/rules/message/unit.ts'
import type { Genesis, GenesisBody } from '../../../orbit/rules/network/genesis.ts'

const partition: Partition = {
  ...{ map: '3n+1', bits: 28, units: 4, leaves: 8, hardSteps: 128, evidence: { flagBits: 0, items: 8 } },
}

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

/**
 * Unit 0 of window 1, dealt in epoch 2: R = 20, deadline 120, last round 320.
 */
export const assignmentOf = (changes: Partial<Assignment> = {}): Assignment => ({
  ...{ epoch: 2, window: 1n, unit: 0, quorum: [...'abc'], reserve: [...'defghijklmnopq'], audited: null },
  ...changes,
})

/**
 * The leaves of unit 0 as variant 0 has them: the truth. Another variant differs from it in the
 * leaf of its number.
 */
export function leavesAs(variant: number): HardSummary[] {
  return leavesOf(partition, 0).map((_, leaf) => ({
    ...{ count: 3, checksum: BigInt(leaf + 1) + (leaf === variant ? BigInt(variant) << 32n : 0n), peak: null },
  }))
}
export const recordsAs = (variant: number): Uint8Array =>
  new Uint8Array(Buffer.concat(leavesAs(variant).map(encodeLeaf)))
export const cidAs = (variant: number): string => rawCid(recordsAs(variant)).toString()

export function resultAs(variant: number, { epoch, window, unit } = assignmentOf()): ResultItem {
  const total = summarize(leavesAs(variant))
  return {
    ...{ epoch, window: window.toString(), unit, count: total.count, checksum: checksumHex(total.checksum) },
    ...{ peak: peakText(total.peak), root: total.root, leaves: cidAs(variant) },
    ...{ evidence: new Uint8Array(32), items: 0 },
  }
}

/** A result that a node signed under a statement named `node@round`. */
export const signedAs = (node: string, round: number, variant = 0, batch = 0): SignedResult =>
  ({
    ...{ node, cid: `${node}@${round}`, body: { round, batch }, index: 0, bytes: recordsAs(variant) },
    ...{ statement: { bytes: recordsAs(variant) }, item: resultAs(variant), evidence: new Uint8Array(6) },
  }) as unknown as SignedResult

/** An auditor claims that a leaf is as variant `variant` has it. */
export const claimAs = (node: string, leaf: number, variant: number, round = 70): LeafClaim =>
  ({
    ...{ node, epoch: 2, window: 1n, unit: 0, leaf },
    record: encodeLeaf(leavesAs(variant)[leaf]!),
    statement: { body: { round, beacon: new Uint8Array() } },
  }) as unknown as LeafClaim

export function answersAs(
  results: readonly SignedResult[],
  declines = '',
  claims: readonly LeafClaim[] = [],
): UnitAnswers {
  return {
    results: Map.groupBy(results.toSorted(byStatement), ({ node }) => node),
    declines: new Map([...declines].map((node) => [node, {} as never])),
    claims: [...claims],
  }
}

/** What a judge says of a result. */
export const judgementOf = (fault: Fault | null): Judgement => ({
  ...{ fault, falseItem: null, wrongLeaf: null, tallies: [] },
})
