/**
 * What a running node tells the program that started it: the command line prints it, tests wait for
 * it.
 */
import type { SealedDraw } from './epoch/coordinator.ts'
import type { WorkEvents } from './work/work-host.ts'

export interface ServiceEvents extends WorkEvents {
  /** This node, a coordinator, sealed a draw. */
  sealed: SealedDraw
  /** A window's certificate was written. */
  certificate: { window: bigint; file: string }
}
