/**
 * What settling a unit may ask a machine: facts that no document says, and that are the same for
 * everybody. A block is what its CID says, a leaf is mathematics, and a judgement follows from
 * both; not to know one only leaves a unit open. None of them is taken from anybody's word: each
 * machine has fetched, computed and judged for itself.
 */
import type { LeafId } from '../message/unit.ts'
import type { Judgement } from './judge.ts'

/** Blocks that a machine has, leaves that it has computed, and results that it has judged. */
export interface Facts {
  /** The block of results that a CID names. */
  block(cid: string): Uint8Array | undefined
  /** The leaf records that a CID names. */
  leaves(cid: string): Uint8Array | undefined
  /** The true record of a leaf: 64 bytes. */
  truth(leaf: LeafId): Uint8Array | undefined
  /** The judgement of the result at a place under a statement, named by its CID (judge.ts). */
  judged(statement: string, index: number): Judgement | undefined
  /**
   * Leaves that are taken for the true ones, where a certificate is read (certificate/read.ts): a
   * result that shows others is wrong, as if an auditor had said so.
   */
  readonly certified?: Uint8Array | null
}

export const NO_FACTS: Facts = {
  ...{ block: () => undefined, leaves: () => undefined, truth: () => undefined, judged: () => undefined },
}

/** A leaf that would have to be computed. */
export interface WantedLeaf extends LeafId {
  /** Nodes whose claims ask for it; null: results that differ do. */
  readonly claimants: readonly string[] | null
}
