/**
 * What turns a certificate that holds by its signatures into one that was checked, and a fraud
 * proof into a conviction: each result judged by arithmetic (answer/judge.ts), and leaves computed
 * again and compared with what was signed. The program, a node and a browser judge by these
 * functions alone; an engine is the only thing that they bring.
 */
import { encodeLeaf } from '../../../kernels/result.ts'
import type { Engine, Partition } from '../../../kernels/unit.ts'
import { type Fault, isLikelyCount, judgeEvidence, judgeLeaves } from '../answer/judge.ts'
import { equalBytes } from '../base/bytes.ts'
import { RuleError } from '../base/statement.ts'
import { resultKey } from '../message/bodies.ts'
import type { LeafId } from '../message/unit.ts'
import type { Genesis } from '../network/genesis.ts'
import { type FraudProof, readFraudProof } from './fraud-proof.ts'
import type { CertifiedResult } from './read.ts'

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
