/**
 * What turns a certificate that holds by its signatures into one that was checked, and a fraud
 * proof into a conviction: each result judged by arithmetic (answer/judge.ts), and leaves computed
 * again and compared with what was signed. The program, a node and a browser judge by these
 * functions alone; an engine is the only thing that they bring.
 */
import { decodeLeaf, encodeLeaf } from '../../../kernels/result.ts'
import type { Engine, HardSummary, Partition } from '../../../kernels/unit.ts'
import { type Fault, isLikelyCount, judgeEvidence, judgeLeaves } from '../answer/judge.ts'
import { equalBytes } from '../base/bytes.ts'
import type { Memory } from '../base/memory.ts'
import { RuleError } from '../base/statement.ts'
import { resultKey } from '../message/bodies.ts'
import type { LeafId } from '../message/unit.ts'
import type { Genesis } from '../network/genesis.ts'
import { type FraudProof, readFraudProof } from './fraud-proof.ts'
import { type Certified, type CertifiedResult, readCertificate } from './read.ts'

/** An engine that can compute one leaf. */
export type LeafEngine = Pick<Engine, 'verifyLeaf'>

/** Engines compute windows that end at 2^96 or below (kernels/wasm). */
export const isWithinEngines = ({ bits }: Partition, window: bigint): boolean =>
  (window + 1n) << BigInt(bits) <= 1n << 96n

/**
 * The true record of a leaf: 64 bytes.
 *
 * @throws {DOMException} AbortError when the signal fires
 * @throws {Error} when the engine can't compute it
 */
export async function leafRecord(
  engine: LeafEngine,
  partition: Partition,
  { window, unit, leaf }: LeafId,
  options: { signal?: AbortSignal } = {},
): Promise<Uint8Array> {
  return encodeLeaf(await engine.verifyLeaf({ partition, window, index: unit }, leaf, options))
}

/** A leaf that was signed as something else than computing it gives. */
export interface WrongLeaf extends LeafId {
  readonly signed: HardSummary
  readonly computed: HardSummary
}

export interface JudgeOptions {
  /**
   * Which leaves to compute, contested ones included; the contested ones alone unless told. A
   * certificate that the caller refuses for what it is about, it refuses by throwing here, before
   * anything is computed.
   */
  readonly leavesOf?: (certified: Certified) => readonly LeafId[]
  /** Of which units to judge the results; of all unless told. */
  readonly unitsOf?: (certified: Certified) => readonly number[]
  /**
   * Told before each unit is judged, with the number of those that are done, from 0, and waited
   * for: so a caller can let others run, some 0.2 s of work after the last time.
   */
  readonly onUnit?: (unit: number, done: number, total: number) => void | Promise<void>
  /** Told before each leaf, with the number of those that are done, from 0. */
  readonly onLeaf?: (leaf: LeafId, done: number, total: number) => void
  readonly signal?: AbortSignal
  /** Remembers what was checked, where several certificates are read. */
  readonly memory?: Memory
}

export interface JudgedCertificate {
  readonly certified: Certified
  /** Leaves that were computed and are as signed. */
  readonly recomputed: readonly LeafId[]
  /**
   * The first leaf that is not as signed, or null. A certificate with one is not valid, and proves
   * that its signers lied.
   */
  readonly wrong: WrongLeaf | null
}

const FAULTS: Readonly<Record<Fault, string>> = {
  sum: 'is not the sum of its leaves',
  count: 'has a count that is far from what theory expects',
  peak: 'has a peak that is not a hard number of its leaf',
  malformed: 'has evidence that is not what it signed',
  'evidence-false': 'lists numbers as evidence that are none for it',
  'evidence-short': 'has so little evidence that it can not have done all of the work',
}

/**
 * Judges all results of a unit, those that differ with them: some 50 ms each.
 *
 * @throws {RuleError} naming the first that has a fault
 */
export function judgeUnit(genesis: Genesis, { assignment, seed, shown }: CertifiedResult): void {
  const judged = new Map<string, Fault | null>()
  const faultOfLeaves = ({ result: { item }, records }: CertifiedResult['shown'][number]): Fault | null => {
    if (records) return judgeLeaves(genesis, item, records).fault
    return isLikelyCount(genesis, item) ? null : 'count'
  }
  for (const { result, records } of shown) {
    const key = resultKey(result.item)
    const known = judged.get(key)
    const ofLeaves = known === undefined ? faultOfLeaves({ result, records }) : known
    judged.set(key, ofLeaves)
    const fault = ofLeaves ?? judgeEvidence(genesis, assignment, result, seed).fault
    if (fault) {
      const who = `node ${result.node.slice(0, 16)}…`
      throw new RuleError(`unit ${assignment.unit} has a result by ${who} that ${FAULTS[fault]}`)
    }
  }
}

/**
 * Reads a certificate, judges its results and computes leaves of it again.
 *
 * @param engineFor opens an engine; called once and only if there is a leaf to compute. The caller
 *   closes it.
 * @throws {RuleError} when the certificate does not hold, whatever its leaves, or a result has a
 *   fault
 */
export async function judgeCertificate(
  fileBytes: Uint8Array,
  engineFor: (partition: Partition) => LeafEngine,
  {
    leavesOf = ({ contested }) => contested,
    unitsOf = ({ units }) => [...units.keys()],
    ...options
  }: JudgeOptions = {},
): Promise<JudgedCertificate> {
  const certified = readCertificate(fileBytes, options.memory)
  const { onUnit, onLeaf, signal } = options
  const leaves = leavesOf(certified)
  const judged = unitsOf(certified)
  for (const [done, unit] of judged.entries()) {
    await onUnit?.(unit, done, judged.length)
    signal?.throwIfAborted()
    judgeUnit(certified.genesis, certified.units.get(unit)!)
  }
  const recomputed: LeafId[] = []
  if (leaves.length === 0) return { certified, recomputed, wrong: null }
  const { partition } = certified.genesis
  const engine = engineFor(partition)
  for (const id of leaves) {
    onLeaf?.(id, recomputed.length, leaves.length)
    const record = await leafRecord(engine, partition, id, { ...(signal && { signal }) })
    const signed = certified.units.get(id.unit)!.leaves![id.leaf]!
    if (!equalBytes(record, encodeLeaf(signed))) {
      return { certified, recomputed, wrong: { ...id, signed, computed: decodeLeaf(record) } }
    }
    recomputed.push(id)
  }
  return { certified, recomputed, wrong: null }
}

/**
 * Leaves that are worth computing: those that are contested, those of units that were asked for,
 * some of all, and some of the units of which a seat said nothing. Each once.
 *
 * @param sample how many to draw of all leaves, and again of those where a seat is silent
 * @param whole  units of which every leaf is wanted
 * @param below  a random whole number of 0 to n - 1, drawn so that no signer could foretell it
 */
export function leavesToRecompute(
  { window, units, contested }: Certified,
  { sample, whole, below }: { sample: number; whole: readonly number[]; below: (n: number) => number },
): LeafId[] {
  const leavesIn = ([unit, { leaves }]: [number, CertifiedResult]): LeafId[] =>
    (leaves ?? []).map((_, leaf) => ({ window, unit, leaf }))
  const all = [...units]
  const silent = all.filter(([, unit]) => unit.silent.length > 0)
  const chosen = [
    ...contested,
    ...all.filter(([unit]) => whole.includes(unit)).flatMap(leavesIn),
    ...drawn(all.flatMap(leavesIn), sample, below),
    ...drawn(silent.flatMap(leavesIn), sample, below),
  ]
  return [...new Map(chosen.map((id) => [`${id.unit} ${id.leaf}`, id])).values()]
}

function drawn(leaves: readonly LeafId[], count: number, below: (n: number) => number): LeafId[] {
  const left = [...leaves]
  const taken: LeafId[] = []
  while (taken.length < count && left.length > 0) taken.push(...left.splice(below(left.length), 1))
  return taken
}

export interface JudgedFraudProof {
  readonly proof: FraudProof
  /** The true record of the leaf that decides; null where the proof holds without one. */
  readonly record: Uint8Array | null
  /** Whether it convicts: false only where the leaf was signed as it is. */
  readonly holds: boolean
}

/**
 * Reads a fraud proof and computes the leaf that decides, if one does.
 *
 * @param engineFor opens an engine, if there is a leaf to compute. The caller closes it.
 * @param accept    refuses, by throwing, a proof for what it is about, before anything is computed
 * @throws {RuleError} when the file proves nothing, whatever the leaf
 */
export async function judgeFraudProof(
  fileBytes: Uint8Array,
  engineFor: (partition: Partition) => LeafEngine,
  accept: (proof: FraudProof) => void = () => {},
): Promise<JudgedFraudProof> {
  const proof = readFraudProof(fileBytes)
  accept(proof)
  const { genesis, window, unit, leaf } = proof
  if (leaf === null) return { proof, record: null, holds: true }
  const { partition } = genesis
  const record = await leafRecord(engineFor(partition), partition, { window, unit, leaf })
  return { proof, record, holds: !equalBytes(record, proof.record!) }
}
