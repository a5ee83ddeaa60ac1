/**
 * How long we wait for a peer: so many milliseconds in one go, and a little more for each answer
 * that it gives. Only the time that we wait for the peer counts, not that of our own checks.
 */

/** Milliseconds. */
export interface PatienceOptions {
  readonly most: number
  readonly perAnswer: number
}

export class Patience {
  private readonly options: PatienceOptions
  private readonly exhausted: () => void
  private left: number
  private timer: Timer | undefined

  /** @param exhausted called when it is over, while an answer is being waited for */
  constructor(options: PatienceOptions, exhausted: () => void) {
    this.options = options
    this.exhausted = exhausted
    this.left = options.most
  }

  async wait<T>(answer: Promise<T>): Promise<T> {
    const { most, perAnswer } = this.options
    const since = performance.now()
    this.timer = setTimeout(this.exhausted, Math.max(0, this.left))
    try {
      return await answer
    } finally {
      clearTimeout(this.timer)
      this.left = Math.min(most, this.left - (performance.now() - since) + perAnswer)
    }
  }

  end(): void {
    clearTimeout(this.timer)
  }
}
