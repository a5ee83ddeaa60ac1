/**
 * Checkpoints of a unit. The leaves in one are not computed again, and a node signs them, so each
 * is sealed (storage/seal.ts). It is good for one deal alone: with the leaves it keeps their
 * evidence, which is another for every draw.
 */
import * as dagCbor from '@ipld/dag-cbor'
import { decodeLeaf, encodeLeaf } from '../../../kernels/result.ts'
import type { EvidenceItems, LeafResult } from '../../../kernels/unit.ts'
import { evidenceRecords, RECORD_BYTES, readEvidenceRecord } from '../../rules/answer/results.ts'
import type { KeyValues } from '../storage/private.ts'
import { seal, unseal } from '../storage/seal.ts'

/** Three tiers. @param bytes records of evidence, one after the other */
function itemsIn(bytes: Uint8Array): EvidenceItems {
  const items: bigint[][] = [[], [], []]
  for (let at = 0; at < bytes.length; at += RECORD_BYTES) {
    const { tier, n } = readEvidenceRecord(bytes.subarray(at, at + RECORD_BYTES))!
    items[tier]!.push(n)
  }
  return items
}

/** Leaves as they lie in a checkpoint: place, record, and records of evidence where there are. */
type Row = readonly [leaf: number, record: Uint8Array, evidence: Uint8Array | null]

export const sealLeaves = (subject: string, leaves: ReadonlyMap<number, LeafResult>): Uint8Array =>
  seal(
    subject,
    dagCbor.encode(
      [...leaves].map(([i, leaf]): Row => {
        const evidence = leaf.evidence ? new Uint8Array(Buffer.concat(evidenceRecords(leaf.evidence))) : null
        return [i, encodeLeaf(leaf), evidence]
      }),
    ),
  )

/** @returns null when they are not as they were sealed */
export function unsealLeaves(subject: string, sealed: Uint8Array): Map<number, LeafResult> | null {
  const content = unseal(subject, sealed)
  if (!content) return null
  return new Map(
    dagCbor.decode<Row[]>(content).map(([i, record, evidence]) => {
      const leaf = decodeLeaf(record)
      return [i, evidence ? { ...leaf, evidence: itemsIn(evidence) } : leaf]
    }),
  )
}

/** The leaves known of a unit that is being computed, in the node's private table. */
export class UnitCheckpoint {
  readonly leaves: Map<number, LeafResult>
  /** How many leaves were known when it was opened. */
  readonly resumed: number
  /**
   * Whether there was one that did not open: it is deleted, since the node would sign what is in
   * it.
   */
  readonly wasDamaged: boolean
  private readonly kv: Pick<KeyValues, 'put' | 'delete'>
  private readonly key: string
  private saved: number

  private constructor(kv: UnitCheckpoint['kv'], key: string, leaves: Map<number, LeafResult> | null) {
    this.kv = kv
    this.key = key
    this.leaves = leaves ?? new Map()
    this.wasDamaged = leaves === null
    this.resumed = this.leaves.size
    this.saved = this.resumed
  }

  static async open(kv: KeyValues, key: string): Promise<UnitCheckpoint> {
    const sealed = await kv.get(key)
    const leaves = sealed ? unsealLeaves(key, sealed) : new Map()
    if (!leaves) await kv.delete(key)
    return new UnitCheckpoint(kv, key, leaves)
  }

  /** Writes it if there are new leaves. @throws when the disk refuses */
  async save(): Promise<void> {
    const { size } = this.leaves
    if (size === this.saved) return
    await this.kv.put(this.key, sealLeaves(this.key, this.leaves))
    this.saved = size
  }

  async delete(): Promise<void> {
    await this.kv.delete(this.key)
  }
}
