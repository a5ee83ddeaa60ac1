/**
 * Whether one result shows that its unit was computed: by arithmetic alone, whoever signed it. In
 * this order, the first that does not hold being the fault:
 *
 *   sum             its leaves have the number, root, count, checksum and peak that it states
 *   count           its count is within 6 standard deviations of what theory expects of the unit
 *                   (kernels/expected.ts)
 *   peak            the peak of each leaf is a hard number of that leaf, and reaches the value
 *                   stated
 *   malformed       its evidence is encoded as kernels/evidence says, with the number of records
 *                   and the root that it states
 *   evidence-false  each number that it lists is an item for this signer, draw and unit
 *                   (kernels/evidence/item.ts)
 *   evidence-short  it lists no fewer, by tier and in all, than who did the work has but once in a
 *                   million units
 *
 * A wrong sum, a false peak and a false item convict whoever signed them (quorum/convictions.ts):
 * honest work can't have them. The others only keep the result from counting. Some 50 ms for 512
 * items and 256 leaves.
 */
import { hexToBytes } from '@noble/hashes/utils.js'
import { refusalOf } from '../../../kernels/evidence/item.ts'
import { type EvidenceTest, evidenceTest } from '../../../kernels/evidence/request.ts'
import { alarmsOfUnit, type UnitTallies } from '../../../kernels/evidence/shortfall.ts'
import { thresholdsOf } from '../../../kernels/evidence/tiers.ts'
import { hardOf } from '../../../kernels/exact.ts'
import { deviations, expectedHard } from '../../../kernels/expected.ts'
import { merkleRoot } from '../../../kernels/merkle.ts'
import { classes, leavesOf } from '../../../kernels/partition.ts'
import type { EvidenceItems, EvidenceRequest, HardSummary, Peak, Unit } from '../../../kernels/unit.ts'
import { equalBytes } from '../base/bytes.ts'
import { createMemory, type Memory } from '../base/memory.ts'
import { RuleError } from '../base/statement.ts'
import { standsAlone } from '../deal/seats.ts'
import type { ResultItem } from '../message/bodies.ts'
import type { Assignment } from '../message/unit.ts'
import type { Genesis } from '../network/genesis.ts'
import { readLeaves } from './leaves.ts'
import { evidenceRecords, readEvidence, type SignedResult } from './results.ts'

export const FAULTS = ['sum', 'count', 'peak', 'malformed', 'evidence-false', 'evidence-short'] as const
export type Fault = (typeof FAULTS)[number]

export interface Judgement {
  readonly fault: Fault | null
  /**
   * The first record of the evidence that is no item; null unless that is the fault, and convicts.
   */
  readonly falseItem: number | null
  /** The first leaf whose peak is none; null unless that is the fault, and convicts. */
  readonly wrongLeaf: number | null
  /** By tier, what was found and what is expected. Empty where the evidence could not be read. */
  readonly tallies: UnitTallies
}

/** Standard deviations from theory that a count may be off. */
const MOST_DEVIATIONS = 6

/** What of an assignment a signer's evidence hangs on. */
type Seat = Pick<Assignment, 'window' | 'unit' | 'quorum' | 'audited'>

/** k, or twice that. */
const itemsFor = ({ partition: { evidence } }: Genesis, seat: Seat, node: string): number =>
  standsAlone(seat, node) ? 2 * evidence.items : evidence.items

/**
 * The evidence that is asked of a node for a unit.
 *
 * @param seed randomness of R(e) of the deal, 32 bytes
 */
export const requestFor = (genesis: Genesis, seat: Seat, node: string, seed: Uint8Array): EvidenceRequest => ({
  ...{ network: genesis.digest, seed, signer: hexToBytes(node), items: itemsFor(genesis, seat, node) },
})

const unitOf = ({ partition }: Genesis, window: bigint, unit: number): Unit => ({ partition, window, index: unit })

const testFor = (genesis: Genesis, seat: Seat, node: string, seed: Uint8Array): EvidenceTest =>
  evidenceTest(unitOf(genesis, seat.window, seat.unit), requestFor(genesis, seat, node, seed))

/** By the bytes of the evidence, which nobody changes and which are one node's for one unit. */
const tallied = () => new WeakMap<Uint8Array, UnitTallies>()

/**
 * What a node lists for a unit, against what is expected of it. @throws {RangeError} when it is
 * malformed
 */
export function talliesOf(
  genesis: Genesis,
  seat: Seat,
  { node, evidence }: Pick<SignedResult, 'node' | 'evidence'>,
  memory: Memory = createMemory(),
): UnitTallies {
  const known = memory.table(tallied).get(evidence)
  if (known) return known
  const { partition } = genesis
  const thresholds = thresholdsOf(partition, classes(partition)[seat.unit]!, itemsFor(genesis, seat, node))
  const numbers = readEvidence(genesis, seat.window, seat.unit, evidence)
  const tallies = thresholds.map(({ mean }, tier) => ({ mean, count: numbers[tier]!.length }))
  memory.table(tallied).set(evidence, tallies)
  return tallies
}

const SOUND = { fault: null, falseItem: null, wrongLeaf: null } as const
type Finding = Omit<Judgement, 'tallies'>

/**
 * Judges a result.
 *
 * @param records the block of leaves that it names
 * @param seed    randomness of R(e) of the deal, 32 bytes
 */
export function judge(
  genesis: Genesis,
  seat: Seat,
  { node, item, evidence }: Pick<SignedResult, 'node' | 'item' | 'evidence'>,
  records: Uint8Array,
  seed: Uint8Array,
): Judgement {
  const leaves = judgeLeaves(genesis, item, records)
  if (leaves.fault) return { ...leaves, tallies: [] }
  return judgeEvidence(genesis, seat, { node, item, evidence }, seed)
}

/** The half of it that is the same for all who signed the same. */
export function judgeLeaves(genesis: Genesis, item: ResultItem, records: Uint8Array): Finding {
  const { unit } = item
  let leaves: HardSummary[]
  try {
    leaves = readLeaves(genesis, unit, item, records)
  } catch (error) {
    if (!(error instanceof RuleError)) throw error
    return { ...SOUND, fault: 'sum' }
  }
  if (!isLikelyCount(genesis, item)) return { ...SOUND, fault: 'count' }
  const window = BigInt(item.window)
  for (const [leaf, { count, peak }] of leaves.entries()) {
    // Numbers that have no peak are candidates: the map of the conjecture has not filled a leaf
    // with those.
    if (peak === null && count > 0 && genesis.partition.map === '3n+1') return { ...SOUND, fault: 'peak' }
    if (peak && !isPeak(genesis, window, unit, leaf, peak)) return { ...SOUND, fault: 'peak', wrongLeaf: leaf }
  }
  return SOUND
}

/** Whether theory lets a unit have so many hard numbers. */
export const isLikelyCount = ({ partition }: Genesis, { unit, count }: Pick<ResultItem, 'unit' | 'count'>): boolean =>
  Math.abs(deviations(count, expectedHard(partition, classes(partition)[unit]))) <= MOST_DEVIATIONS

function isPeak({ partition }: Genesis, window: bigint, unit: number, leaf: number, { n, value }: Peak): boolean {
  const { depth, residue } = leavesOf(partition, unit)[leaf]!
  if (n >> BigInt(partition.bits) !== window || BigInt.asUintN(depth, n) !== residue) return false
  const hard = hardOf(n, partition)
  return hard !== null && hard.sigma !== null && hard.peak === value
}

/** The numbers that evidence lists, by tier; null unless they are those that an item states. */
export function signedEvidence(genesis: Genesis, item: ResultItem, evidence: Uint8Array): EvidenceItems | null {
  try {
    const numbers = readEvidence(genesis, BigInt(item.window), item.unit, evidence)
    const records = evidenceRecords(numbers)
    return records.length === item.items && equalBytes(merkleRoot(records), item.evidence) ? numbers : null
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}

/** The half of it that each signer has for himself. */
export function judgeEvidence(
  genesis: Genesis,
  seat: Seat,
  { node, item, evidence }: Pick<SignedResult, 'node' | 'item' | 'evidence'>,
  seed: Uint8Array,
): Judgement {
  const numbers = signedEvidence(genesis, item, evidence)
  if (!numbers) return { ...SOUND, fault: 'malformed', tallies: [] }
  const test = testFor(genesis, seat, node, seed)
  const tallies = test.tiers.map(({ mean }, tier) => ({ mean, count: numbers[tier]!.length }))
  const unit = unitOf(genesis, seat.window, seat.unit)
  const list = numbers.flatMap((ofTier, tier) => ofTier.map((n) => ({ n, tier })))
  const isFalse = (by: EvidenceTest) => list.findIndex(({ n, tier }) => refusalOf(n, tier, unit, by) !== null)
  if (isFalse(test) >= 0) {
    const falseItem = isFalse(widestTest(genesis, { ...unit, signer: node }, seed))
    return { ...SOUND, fault: 'evidence-false', falseItem: falseItem < 0 ? null : falseItem, tallies }
  }
  return { ...SOUND, fault: alarmsOfUnit(tallies).length > 0 ? 'evidence-short' : null, tallies }
}

/**
 * What no evidence of a node for a unit may fail: a proof of fraud does not carry the deal, so
 * where results may stand alone it grants the thresholds of one that does.
 */
export function widestTest(
  genesis: Genesis,
  { window, index, signer }: { readonly window: bigint; readonly index: number; readonly signer: string },
  seed: Uint8Array,
): EvidenceTest {
  const audited = genesis.body.audit.adaptive ? [] : null
  return testFor(genesis, { window, unit: index, quorum: [signer], audited }, signer, seed)
}
