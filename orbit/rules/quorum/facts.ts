/**
 * What settling a unit may ask a machine: facts that no document says, and that are the same for
 * everybody. A block is what its CID says, and a leaf is mathematics; not to know one only leaves a
 * dispute open.
 */
import type { LeafId } from '../message/unit.ts'

/** Blocks that a machine has, and leaves that it has computed. */
export interface Facts {
  /** The leaf records that a CID names. */
  leaves(cid: string): Uint8Array | undefined
  /** The true record of a leaf: 64 bytes. */
  truth(leaf: LeafId): Uint8Array | undefined
  /**
   * Leaves that are taken for the true ones, where a certificate is read (certificate/read.ts): a
   * result that shows others is wrong, as if an auditor had said so.
   */
  readonly certified?: Uint8Array | null
}

export const NO_FACTS: Facts = { leaves: () => undefined, truth: () => undefined }

/** A leaf that would have to be computed. */
export interface WantedLeaf extends LeafId {
  /** Nodes whose claims ask for it; null: results that differ do. */
  readonly claimants: readonly string[] | null
}
