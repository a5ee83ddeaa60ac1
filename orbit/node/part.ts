/**
 * The life cycle that all parts of a node have (service.ts runs it, parts.ts has the table of
 * them). A part needs only the steps in which it does something. Steps of different parts never run
 * at once.
 */
import type { BeaconRound } from '../rules/network/beacon.ts'

export interface Part {
  /** Reads what it keeps on disk. All parts do so before the first is started. */
  load?(): Promise<unknown>
  /** Begins, in the order of the table. */
  start?(): unknown
  /** A beacon round is out. When a part fails, the parts after it have nothing of this round. */
  onRound?(round: BeaconRound): unknown
  /** The documents changed, once or several times since the last call. */
  onChange?(): unknown
  /** Ends what goes on, in the reverse order of the table. The node's signal has fired before. */
  stop?(): unknown
}
