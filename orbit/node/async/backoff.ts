/** Trying again after a failure: each time a wait twice as long, up to a limit. */

export interface BackoffOptions {
  /** Milliseconds before the first new try, and the most before any. */
  readonly first: number
  readonly most: number
  /**
   * The wait is multiplied by a random number between these, so that nodes do not try in step. [1,
   * 1] unless told.
   */
  readonly spread?: readonly [least: number, most: number]
}

export class Backoff {
  private readonly options: BackoffOptions
  private failures = 0

  constructor(options: BackoffOptions) {
    this.options = options
  }

  /** It failed. @returns how many milliseconds to wait */
  next(): number {
    const { first, most, spread = [1, 1] } = this.options
    const [from, to] = spread
    return Math.min(most, first * 2 ** this.failures++) * (from + Math.random() * (to - from))
  }

  /** It succeeded. */
  reset(): void {
    this.failures = 0
  }
}

/** A back-off for each of many things: which of them may be tried now. */
export class Retries {
  private readonly options: BackoffOptions
  private readonly waiting = new Map<string, { readonly backoff: Backoff; due: number }>()

  constructor(options: BackoffOptions) {
    this.options = options
  }

  /** @param now on performance.now()'s clock */
  isDue(key: string, now: number): boolean {
    return now >= (this.waiting.get(key)?.due ?? 0)
  }

  failed(key: string): void {
    const waiting = this.waiting.get(key) ?? { backoff: new Backoff(this.options), due: 0 }
    waiting.due = performance.now() + waiting.backoff.next()
    this.waiting.set(key, waiting)
  }

  succeeded(key: string): void {
    this.waiting.delete(key)
  }
}
