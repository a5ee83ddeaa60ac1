/** Order among things that run at once on one thread. */

/**
 * Gives timers and sockets their turn: code that awaits nothing but SQLite would keep them waiting.
 */
export const yieldToLoop = () => new Promise<void>((resolve) => setImmediate(resolve))

/** One thing after the other, in the order of the calls. */
export class Serial {
  private tail: Promise<unknown> = Promise.resolve()
  private closed = false

  /** @throws what `action` throws; an Error once it is closed */
  run<T>(action: () => Promise<T>): Promise<T> {
    if (this.closed) return Promise.reject(new Error('closed: the node or its database has been stopped'))
    const next = this.tail.then(action)
    this.tail = next.catch(() => {})
    return next
  }

  /** Resolves when all that was asked for so far is done. */
  async idle(): Promise<void> {
    await this.tail
  }

  /** Takes nothing more. Resolves when what was asked for is done. */
  async close(): Promise<void> {
    this.closed = true
    await this.tail
  }
}

/** A long task that never runs twice at once: a call while it runs gets the run under way. */
export class SingleFlight {
  private readonly action: () => Promise<void>
  private readonly onError: (error: Error) => void
  private running: Promise<void> | null = null

  constructor(action: () => Promise<void>, onError: (error: Error) => void) {
    this.action = action
    this.onError = onError
  }

  get busy(): boolean {
    return this.running !== null
  }

  /** Never rejects. */
  run(): Promise<void> {
    this.running ??= this.action()
      .catch(this.onError)
      .finally(() => {
        this.running = null
      })
    return this.running
  }

  /** Resolves when it does not run. */
  async idle(): Promise<void> {
    await this.running
  }
}
