/** Waiting that a signal ends. */

/**
 * A timer does not count the time that the machine sleeps, so long waits look at the clock this
 * often.
 */
const LONGEST = 60_000

/** @throws the signal's reason when it fires first */
export function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const stop = () => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(
      () => {
        signal.removeEventListener('abort', stop)
        resolve()
      },
      Math.max(0, milliseconds),
    )
    signal.addEventListener('abort', stop, { once: true })
  })
}

/**
 * Waits until `now()` has reached a time in unix milliseconds.
 *
 * @throws the signal's reason when it fires first
 */
export async function sleepUntil(time: number, now: () => number, signal: AbortSignal): Promise<void> {
  for (let left = time - now(); left > 0; left = time - now()) await sleep(Math.min(left, LONGEST), signal)
}
