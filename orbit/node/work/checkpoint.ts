/**
 * Checkpoints. The leaves in one are not computed again, and a node signs them. So each is sealed:
 * SHA-256 over its subject, its content, and the engines that computed it. One that was damaged on
 * disk, or that an older engine computed, does not open, and its work is done again. A seal is
 * against accidents: an owner can write anything into its directory.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import * as dagCbor from '@ipld/dag-cbor'
import { decodeLeaf, encodeLeaf } from '../../../kernels/result.ts'
import type { HardSummary } from '../../../kernels/unit.ts'
import kernel from '../../../kernels/wasm/kernel.wasm' with { type: 'file' }
import { DEFAULTS } from '../../../kernels/webgpu/settings.ts'
import { deepSource, filterSource } from '../../../kernels/webgpu/shaders.ts'
import pkg from '../../../package.json' with { type: 'json' }
import type { KeyValues } from '../storage/private.ts'

/** Bytes of a seal, which come before the content. */
export const SEAL_BYTES = 32

let known: Uint8Array | undefined

/** A hash of the program's version, the kernel and the shaders, as they are in this process. */
function engines(): Uint8Array {
  known ??= createHash('sha256')
    .update(`${pkg.version}\n`)
    .update(readFileSync(kernel))
    .update(filterSource(DEFAULTS))
    .update(deepSource(DEFAULTS))
    .digest()
  return known
}

/** @param subject what the content is about: a checkpoint about something else does not open */
export function sealOf(subject: string, content: Uint8Array): Uint8Array {
  return createHash('sha256').update(engines()).update(`${subject.length}:${subject}`).update(content).digest()
}

export function seal(subject: string, content: Uint8Array): Uint8Array {
  return new Uint8Array(Buffer.concat([sealOf(subject, content), content]))
}

/** @returns the content, or null when the seal is not that of this program for it */
export function unseal(subject: string, sealed: Uint8Array): Uint8Array | null {
  const content = sealed.subarray(SEAL_BYTES)
  return sealOf(subject, content).every((byte, i) => byte === sealed[i]) ? content : null
}

export const sealLeaves = (subject: string, leaves: ReadonlyMap<number, HardSummary>): Uint8Array =>
  seal(subject, dagCbor.encode([...leaves].map(([i, leaf]) => [i, encodeLeaf(leaf)])))

/** @returns null when they are not as they were sealed */
export function unsealLeaves(subject: string, sealed: Uint8Array): Map<number, HardSummary> | null {
  const content = unseal(subject, sealed)
  if (!content) return null
  return new Map(dagCbor.decode<[number, Uint8Array][]>(content).map(([i, record]) => [i, decodeLeaf(record)]))
}

/** The leaves known of a unit that is being computed, in the node's private table. */
export class UnitCheckpoint {
  readonly leaves: Map<number, HardSummary>
  /** How many leaves were known when it was opened. */
  readonly resumed: number
  /**
   * Whether there was one that did not open: it is deleted, since the node would sign what is in it.
   */
  readonly wasDamaged: boolean
  private readonly kv: Pick<KeyValues, 'put' | 'delete'>
  private readonly key: string
  private saved: number

  private constructor(kv: UnitCheckpoint['kv'], key: string, leaves: Map<number, HardSummary> | null) {
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
