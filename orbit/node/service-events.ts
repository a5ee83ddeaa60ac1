/** What a running node tells whoever started it: the command line prints it, tests wait for it. */
import type { Assignment } from '../rules/deal/assignment.ts'

export interface ServiceEvents {
  /** A beacon round came out. */
  round: { round: number }
  /** The documents changed: the state may be another. */
  change: undefined
  /** This node, a coordinator, sealed a draw. */
  sealed: { epoch: number; units: number; nodes: number }
  /** A unit that the deal asks of this node was begun (with so many leaves known from a checkpoint). */
  started: { assignment: Assignment; resumed: number }
  progress: { assignment: Assignment; fraction: number }
  /** Its result is signed and stored. The share of it, 0 to 1, that no checkpoint had was computed in that time. */
  finished: { assignment: Assignment; count: number; share: number; milliseconds: number }
  /** A window's certificate was written. */
  certificate: { window: bigint; file: string }
  /** Something that its owner should know, in one line. */
  notice: { text: string }
}
