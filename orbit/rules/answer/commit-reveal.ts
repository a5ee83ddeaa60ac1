/**
 * Commit and reveal, in batches: a node signs one root for all the results that it is bound to, and
 * later one for all that it shows.
 *
 * Record.  What a commit's tree is built over, for each of its units in order, is the canonical dag-cbor of
 *          [node, result, salt]: 64 hex digits, the result (message/bodies.ts), 16 bytes that nobody can guess. Naming the node
 *          makes a commit copied from another's worthless.
 * Commit.  The units, and the root of the RFC 9162 tree over their records.
 * Reveal.  A tree likewise over items; an item is the canonical dag-cbor of a result, its salt, where it was committed
 *          (commit, index, inclusion proof) and which commits of other accounts its node had seen for that unit.
 *
 * So one unit's result travels alone, in a certificate or in a proof of fraud: the commit, the
 * item, the reveal, and two inclusion proofs of some hundred bytes.
 *
 * Evidence only grows. A node may commit to a unit more than once, and show more than one result:
 * nothing that it says later takes back what it has said, and each result is judged on the commit
 * that it names.
 */

import * as dagCbor from '@ipld/dag-cbor'
import { inclusionProofs, merkleRoot } from '../../../kernels/merkle.ts'
import { recordOf, type SaltedResult } from '../message/answers.ts'
import { type CommitBody, MAX_ANSWER_BYTES, MAX_REVEALED, type RevealedItem } from '../message/bodies.ts'

/** The body of a commit to results, but for its beacon round. */
export function commitTo(node: string, results: readonly SaltedResult[]): Pick<CommitBody, 'units' | 'root'> {
  return {
    units: results.map(({ result: { epoch, window, unit } }) => [epoch, window, unit]),
    root: merkleRoot(results.map((result) => recordOf(node, result))),
  }
}

/**
 * Items that reveal results of one commit, in the order of the commit.
 *
 * @param all   what the commit was made of
 * @param which indices to reveal, and the CIDs to cite for each
 */
export function itemsOf(
  commit: string,
  node: string,
  all: readonly SaltedResult[],
  which: ReadonlyMap<number, readonly string[]>,
): Uint8Array[] {
  const proofs = inclusionProofs(all.map((result) => recordOf(node, result)))
  return [...which].map(([index, cites]) => {
    const item: RevealedItem = {
      commit,
      index,
      proof: [...proofs[index]!],
      result: all[index]!.result,
      salt: all[index]!.salt,
      cites: [...cites].sort(),
    }
    return dagCbor.encode(item)
  })
}

/** Of a document, besides its items: the signed statement, and what names and frames it. */
const FRAME_BYTES = 1024
const ITEM_FRAME_BYTES = 5

/**
 * Cuts items into as many as one reveal document takes (admit.ts), by their number and by their
 * size.
 */
export function partsOf(items: readonly Uint8Array[]): Uint8Array[][] {
  const parts: Uint8Array[][] = []
  let size = 0
  for (const item of items) {
    const part = parts.at(-1)
    size += item.length + ITEM_FRAME_BYTES
    if (part && part.length < MAX_REVEALED && size <= MAX_ANSWER_BYTES - FRAME_BYTES) part.push(item)
    else {
      parts.push([item])
      size = item.length + ITEM_FRAME_BYTES
    }
  }
  return parts
}
