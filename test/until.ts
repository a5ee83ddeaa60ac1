/**
 * Waiting in tests. Each waits for a condition, never for a time that ought to be enough: a busy machine takes longer, and
 * a quiet one is not kept waiting. What a test waits for is said every ten seconds, so that a run that hangs tells where.
 */
/**
 * Seconds that one wait may take: many times what it takes on a quiet machine. Tests set a limit of several waits for
 * themselves (`setDefaultTimeout`), so that it is a wait that gives up, and says for what.
 */
export const PATIENCE = 600

export interface Waiting {
  /** Seconds. */
  readonly timeout?: number
  /** Milliseconds between two looks. */
  readonly every?: number
  /** What there is instead: said while it waits, and when it gives up. */
  readonly seen?: () => unknown
}

type Truthy<T> = Exclude<T, false | 0 | '' | null | undefined>

/**
 * Resolves as soon as a condition is truthy, with its value.
 *
 * @param what what is waited for, as an object of "waiting for"
 * @throws when the time is over, saying what it waited for and what was seen last; and what the condition throws
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  what: string,
  { timeout = PATIENCE, every = 20, seen }: Waiting = {},
): Promise<Truthy<T>> {
  const began = performance.now()
  const lastSeen = () => (seen ? `; last seen: ${shown(seen())}` : '')
  const progress = setInterval(() => {
    console.error(
      `waiting for ${what}, ${Math.round((performance.now() - began) / 1000)} s so far${lastSeen().slice(0, 500)}`,
    )
  }, 10_000)
  // A condition may hang: the time is over for it too.
  const { promise: over, reject } = Promise.withResolvers<never>()
  const deadline = setTimeout(() => reject(new Error(`waited ${timeout} s for ${what}${lastSeen()}`)), timeout * 1000)
  try {
    for (;;) {
      const value = await Promise.race([condition(), over])
      if (value) return value as Truthy<T>
      await Promise.race([Bun.sleep(every), over])
    }
  } finally {
    clearInterval(progress)
    clearTimeout(deadline)
  }
}

const shown = (value: unknown): string =>
  typeof value === 'string' ? value : JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? `${v}` : v))
