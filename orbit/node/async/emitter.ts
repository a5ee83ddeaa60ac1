/** Typed events: handlers run in the order in which they were added, before emit() returns. */

type Handler<T> = (event: T) => void

export class Emitter<Events extends object> {
  private readonly handlers = new Map<keyof Events, Set<Handler<any>>>()

  /** @returns a function that removes the handler */
  on<K extends keyof Events>(name: K, handler: Handler<Events[K]>): () => void {
    const handlers = this.handlers.get(name) ?? new Set()
    this.handlers.set(name, handlers.add(handler))
    return () => handlers.delete(handler)
  }

  /** @throws what a handler throws: those after it are not called */
  emit<K extends keyof Events>(name: K, ...[event]: Events[K] extends undefined ? [] : [Events[K]]): void {
    for (const handler of this.handlers.get(name) ?? []) handler(event)
  }
}
