/** What a running node tells whoever started it: the command line prints it, tests wait for it. */
import type { Assignment } from '../rules/message/unit.ts'

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

type Handler<T> = (event: T) => void

/** Typed events; handlers run in the order in which they were added. */
export class Emitter<Events extends object> {
  private readonly handlers = new Map<keyof Events, Set<Handler<any>>>()

  on<K extends keyof Events>(name: K, handler: Handler<Events[K]>): () => void {
    const set = this.handlers.get(name) ?? new Set()
    this.handlers.set(name, set.add(handler))
    return () => set.delete(handler)
  }

  emit<K extends keyof Events>(name: K, ...[event]: Events[K] extends undefined ? [] : [Events[K]]): void {
    for (const handler of this.handlers.get(name) ?? []) handler(event)
  }
}
