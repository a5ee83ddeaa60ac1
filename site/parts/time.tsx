/** A moment in UTC, on one line and readable by machines. */
import type { JSX } from 'react'
import { utc } from '../format.ts'

export function Time({ ms }: { ms: number }): JSX.Element {
  return <time dateTime={new Date(ms).toISOString()}>{utc(ms)}</time>
}
