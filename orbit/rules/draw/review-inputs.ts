/** What a draw is looked at again from (review.ts). */

import type { Memory } from '../base/memory.ts'
import type { Statement } from '../base/statement.ts'
import type { DrawBody } from '../message/bodies.ts'
import type { Genesis } from '../network/genesis.ts'
import type { History } from '../state/settled-window.ts'
import type { State } from '../state/state.ts'
import type { DrawFault } from './check.ts'
import type { Arrivals } from './registration-age.ts'
/** Documents that admit.ts has let in. */
export interface ReviewedDocuments {
  /** Registrations, those too that were made anew since. */
  readonly accounts: readonly unknown[]
  readonly pool: readonly unknown[]
  /** Those too that were dropped, if somebody has them. */
  readonly draws: readonly unknown[]
  readonly results: readonly unknown[]
}

export interface DrawInputs {
  readonly genesis: Genesis
  readonly draw: Statement<DrawBody>
  /** Of R(e), as it is kept: not checked yet. */
  readonly signature: Uint8Array
  readonly documents: ReviewedDocuments
  /** That of whoever has the documents, so that none is opened twice. */
  readonly memory: Memory
  readonly history: History
  readonly stateOf: (documents: ReviewedDocuments, history: History) => State
  /** The heartbeats under the pool heads that it cites; null if one of those is not here. */
  readonly cited: readonly { readonly span: number; readonly key: string; readonly document: unknown }[] | null
  /** Epochs of which documents were dropped. */
  readonly dropped: ReadonlySet<number>
  /**
   * The window of a certificate that holds and has as many witnesses of the draw as are needed, or
   * null.
   */
  readonly certificate: bigint | null
  /** The newest round. */
  readonly round: number
  /**
   * When registrations reached the node whose documents these are: no document says that. All of
   * them long ago unless told.
   */
  readonly arrivals?: Arrivals
  /** What the node whose documents these are said when it came; undefined if nothing. */
  readonly verdict: DrawFault | null | undefined
}
