/**
 * What a worker needs of the node it works for. The interface alone: a full node implements it
 * (service.ts), and so can whatever a browser or a light worker has instead.
 */

import type { ResultBody } from '../../rules/message/bodies.ts'
import type { Assignment } from '../../rules/message/unit.ts'
import type { Genesis } from '../../rules/network/genesis.ts'
import type { Emitter } from '../async/emitter.ts'
import type { KeyValues } from '../storage/private.ts'

export interface WorkEvents {
  /** A beacon round came out. */
  round: { round: number }
  /** The documents changed: the state may be another. */
  change: undefined
  /**
   * A unit that the deal asks of this node was begun, with so many leaves known from a checkpoint.
   */
  started: { assignment: Assignment; resumed: number }
  progress: { assignment: Assignment; fraction: number }
  /**
   * Its result is signed and stored. share: of its leaves, 0 to 1, those that were computed in that
   * time.
   */
  finished: { assignment: Assignment; count: number; share: number; milliseconds: number }
  /** Something that the node's owner should know, in one line. */
  notice: { text: string }
}

export interface WorkHost {
  readonly genesis: Pick<Genesis, 'partition' | 'body'>
  readonly events: Pick<Emitter<WorkEvents>, 'on' | 'emit'>
  /** For checkpoints. */
  readonly kv: KeyValues
  /** The newest beacon round, or null before the first. */
  round(): number | null
  /** The units that should be computed now, oldest first. */
  owed(): readonly Assignment[]
  /** Takes a result. When it resolves, the result is no longer owed and survives a kill. */
  submit(result: Omit<ResultBody, 'leaves'>, leaves: Uint8Array): Promise<void>
  /** Gives units back uncomputed. */
  decline(assignments: readonly Assignment[]): Promise<void>
  /** How many results are submitted and not yet shown to others. */
  pending(): number
  /** Offers at most so many units from the next round on. */
  limitCapacity(units: number): void
  /** Whether a peer may still want the leaves of what was shown last. */
  hasPeers(): boolean
  /** Resolves when all that the documents so far set off is done. */
  idle(): Promise<void>
}
