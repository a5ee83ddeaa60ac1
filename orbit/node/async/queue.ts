/** Order among things that run at once on one thread. */

/** Lets timers and sockets have their turn: what awaits nothing but SQLite keeps them from it. */
export const yieldToLoop = () => new Promise<void>((resolve) => setImmediate(resolve))

/** One thing after the other, in the order of the calls. */
export class Serial {
  private tail: Promise<unknown> = Promise.resolve()
  private closed = false

  run<T>(action: () => Promise<T>): Promise<T> {
    if (this.closed) return Promise.reject(new Error('closed: the node or its database has been stopped'))
    const next = this.tail.then(action)
    this.tail = next.catch(() => {})
    return next
  }

  /** Takes nothing more. Resolves when what was begun is done. */
  async close(): Promise<void> {
    this.closed = true
    await this.tail
  }
}

/** Something that takes long and is never done twice at once: who asks for it while it runs gets the run under way. */
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

  /** Resolves when it is at rest. */
  async settled(): Promise<void> {
    await this.running
  }
}
