/**
 * Results as they travel. A node signs one root for all the results that it shows at a time, and
 * puts them, with their evidence, into a raw block that the statement names:
 *
 *   record   one number of a unit's evidence: its tier (1, 2 or 3) in a byte, then the number as
 *            u128, big endian
 *   item     the canonical dag-cbor of a result (message/bodies.ts), with the RFC 9162 root over
 *            the records of its evidence
 *   block    the canonical dag-cbor of [[item, evidence], ...], evidence in the encoding of
 *            kernels/evidence/encoding.ts
 *   root     of the RFC 9162 tree over the items
 *
 * So one unit's result travels alone, in a certificate or in a fraud proof: the statement, the
 * item, and an inclusion proof of some hundred bytes; and one number of its evidence likewise,
 * under the item.
 *
 * Statements only add up. A node may show more than one result of a unit: none takes back what it
 * has said before.
 */
import * as dagCbor from '@ipld/dag-cbor'
import { z } from 'zod'
import { decodeItems, encodeItems } from '../../../kernels/evidence/encoding.ts'
import { inclusionProofs, merkleRoot } from '../../../kernels/merkle.ts'
import { classes } from '../../../kernels/partition.ts'
import { encodeLeaf } from '../../../kernels/result.ts'
import type { EvidenceItems, UnitResult } from '../../../kernels/unit.ts'
import { equalBytes } from '../base/bytes.ts'
import { cidOf, rawCid } from '../base/cid.ts'
import { field } from '../base/fields.ts'
import { createMemory, type Memory } from '../base/memory.ts'
import { decodeAs, RuleError, type Statement } from '../base/statement.ts'
import { checksumHex, MAX_RESULTS, peakText, type ResultItem, type ResultsBody, resultItem } from '../message/bodies.ts'
import { type DealtUnit, dealtUnitKey } from '../message/unit.ts'
import type { Genesis } from '../network/genesis.ts'

/** A result under a statement that covers it. */
export interface SignedResult {
  readonly node: string
  /** CID of the statement. */
  readonly cid: string
  readonly statement: Statement<ResultsBody>
  readonly body: ResultsBody
  readonly item: ResultItem
  /** The item as it lies under the root. */
  readonly bytes: Uint8Array
  /** As encoded. Whether it is what the item says is for judge.ts. */
  readonly evidence: Uint8Array
  readonly index: number
  /** The item's inclusion proof under the root. */
  proof(): readonly Uint8Array[]
}

/** A result that is not signed yet. */
export interface UnsignedResult {
  readonly item: Uint8Array
  readonly evidence: Uint8Array
}

/** Bytes of one block: what every node takes. */
export const MAX_BLOCK_BYTES = 2 ** 20
const FRAME_BYTES = 16

const blockForm = z
  .array(z.tuple([field.blob, field.blob]))
  .min(1)
  .max(MAX_RESULTS)

/** Bytes of a record. */
export const RECORD_BYTES = 17

/** The records of a unit's evidence: tier by tier, ascending. */
export const evidenceRecords = (items: EvidenceItems): Uint8Array[] =>
  items.flatMap((numbers, tier) => numbers.map((n) => evidenceRecord(tier, n)))

/** @param tier 0, 1 or 2 */
export function evidenceRecord(tier: number, n: bigint): Uint8Array {
  const record = new Uint8Array(RECORD_BYTES)
  const view = new DataView(record.buffer)
  record[0] = tier + 1
  view.setBigUint64(1, n >> 64n)
  view.setBigUint64(9, BigInt.asUintN(64, n))
  return record
}

/** What evidenceRecord() wrote, or null. */
export function readEvidenceRecord(record: Uint8Array): { tier: number; n: bigint } | null {
  const view = new DataView(record.buffer, record.byteOffset, record.length)
  if (record.length !== RECORD_BYTES || record[0]! < 1 || record[0]! > 3) return null
  return { tier: record[0]! - 1, n: (view.getBigUint64(1) << 64n) | view.getBigUint64(9) }
}

/** The numbers that encoded evidence of a unit lists. @throws {RangeError} */
export const readEvidence = ({ partition }: Genesis, window: bigint, unit: number, bytes: Uint8Array): EvidenceItems =>
  decodeItems(bytes, partition, window, classes(partition)[unit]!)

/**
 * What an engine has computed, as a result of a dealt unit.
 *
 * @param result with its evidence
 * @returns what is to be signed, and the records of the leaves, 64 bytes each, which the item names
 *   by their CID
 */
export function resultOf(
  { partition }: Genesis,
  { epoch, window, unit }: DealtUnit,
  { count, checksum, peak, root, leaves, evidence = [] }: UnitResult,
): UnsignedResult & { readonly leaves: Uint8Array } {
  const records = new Uint8Array(leaves.length * 64)
  for (const [i, leaf] of leaves.entries()) records.set(encodeLeaf(leaf), i * 64)
  const list = evidenceRecords(evidence)
  const item: ResultItem = {
    ...{ epoch, window: window.toString(), unit, count, root },
    ...{ checksum: checksumHex(checksum), peak: peakText(peak), leaves: rawCid(records).toString() },
    ...{ evidence: merkleRoot(list), items: list.length },
  }
  return {
    item: dagCbor.encode(item),
    evidence: encodeItems(evidence, partition, BigInt(window), classes(partition)[unit]!),
    leaves: records,
  }
}

/** The first of these results, as many as fit under one statement; at least one. */
export function firstThatFit<R extends UnsignedResult>(results: readonly R[]): R[] {
  let size = FRAME_BYTES
  const end = results.findIndex(({ item, evidence }, i) => {
    size += item.length + evidence.length + FRAME_BYTES
    return i === MAX_RESULTS || (i > 0 && size > MAX_BLOCK_BYTES)
  })
  return end === -1 ? [...results] : results.slice(0, end)
}

/** The block of results, and what a statement says of it. */
export function blockOf(
  results: readonly UnsignedResult[],
): Pick<ResultsBody, 'size' | 'root' | 'block'> & { readonly bytes: Uint8Array } {
  const bytes = dagCbor.encode(results.map(({ item, evidence }) => [item, evidence]))
  const root = merkleRoot(results.map(({ item }) => item))
  return { bytes, size: results.length, root, block: rawCid(bytes).toString() }
}

/** @throws {RuleError} */
export const openItem = (bytes: Uint8Array): ResultItem => decodeAs(bytes, resultItem, 'a result')

/** By the bytes of the statement, which nobody changes. */
const read = () => new WeakMap<Uint8Array, readonly SignedResult[]>()

/**
 * The results that a statement covers.
 *
 * @param block what its CID says
 * @throws {RuleError} when it is not the block that the statement names, ill-formed, or has a unit
 *   twice
 */
export function readBlock(
  statement: Statement<ResultsBody>,
  block: Uint8Array,
  memory: Memory = createMemory(),
): readonly SignedResult[] {
  const known = memory.table(read).get(statement.bytes)
  if (known) return known
  const { body, signer } = statement
  if (block.length > MAX_BLOCK_BYTES || rawCid(block).toString() !== body.block) {
    throw new RuleError('a block of results that is not the one that was signed')
  }
  const entries = decodeAs(block, blockForm, 'a block of results')
  const items = entries.map(([item]) => item)
  if (items.length !== body.size || !equalBytes(merkleRoot(items), body.root)) {
    throw new RuleError('a block of results that the signed root does not cover')
  }
  let proofs: ReturnType<typeof inclusionProofs> | null = null
  const proofOf = (index: number) => {
    proofs ??= inclusionProofs(items)
    return proofs[index]!
  }
  const cid = cidOf(statement.bytes).toString()
  const results = entries.map(([bytes, evidence], index) => ({
    ...{ node: signer, cid, statement, body, item: openItem(bytes), bytes, evidence, index },
    proof: () => proofOf(index),
  }))
  if (new Set(results.map(({ item }) => dealtUnitKey(item))).size < results.length) {
    throw new RuleError('a block of results that has a unit twice')
  }
  memory.table(read).set(statement.bytes, results)
  return results
}

/**
 * Of the results of one node for a unit, which comes first: by the CID of the statement, then by
 * the place under it.
 */
export const byStatement = (a: SignedResult, b: SignedResult): number =>
  a.cid < b.cid ? -1 : a.cid > b.cid ? 1 : a.index - b.index
