/**
 * When a unit is certified: N results, equal to the bit, of the N distinct accounts that one deal named. Unanimity,
 * never majority: while two of them differ the unit is in dispute and certifies nothing.
 */
import { type ResultBody, resultKey } from './events.ts'
import type { Statement } from './statement.ts'

export type Verdict =
  | { readonly status: 'waiting' }
  | { readonly status: 'disputed' }
  | { readonly status: 'certified'; readonly results: readonly Statement<ResultBody>[] }

/** @param results those of the quorum that are in, at most one a node, in the deal's order */
export function judge(results: readonly Statement<ResultBody>[], replication: number): Verdict {
  if (new Set(results.map(({ body }) => resultKey(body))).size > 1) return { status: 'disputed' }
  return results.length >= replication
    ? { status: 'certified', results: results.slice(0, replication) }
    : { status: 'waiting' }
}
