/**
 * Convictions: an account is banned by what it signed itself, and by nothing that anyone else says.
 *
 * What convicts is a result that its node committed to and revealed, in one of three ways:
 *   leaf           the record of one of its leaves is not the one that computing that leaf gives
 *   sum            its leaves do not have the root, count, checksum or peak that it states
 *   contradiction  the same node revealed another result for the same unit
 *   claim          as an auditor it signed a leaf's record that is not the one that computing that leaf gives
 * The first needs the computation of one leaf, the others none. A proof of any of them is a file
 * (certificate/fraud-proof.ts).
 */

import type { Evidence } from '../answer/evidence.ts'
import { cidOf } from '../base/cid.ts'
import type { LeafClaim, Reveal } from '../message/answers.ts'
import type { Settlement } from './settle.ts'

export interface Conviction {
  readonly account: string
  readonly node: string
  readonly kind: 'leaf' | 'sum' | 'contradiction' | 'claim'
  /** The epoch of the deal. */
  readonly epoch: number
  readonly window: bigint
  readonly unit: number
  readonly leaf: number | null
  /** CIDs of the statements that convict it. */
  readonly evidence: readonly string[]
  /** What it signed; two of them for a contradiction. Empty for a claim. */
  readonly reveals: readonly Reveal[]
  readonly claim: LeafClaim | null
}

/**
 * One an account: of several, that of the earliest deal. Sorted by account.
 *
 * @param accountAt whose a node was when the units of an epoch were dealt
 * @param before convictions of settled windows
 */
export function convictionsOf(
  accountAt: (node: string, epoch: number) => string | undefined,
  evidence: Evidence,
  settlements: Iterable<Settlement>,
  before: readonly Conviction[] = [],
): Conviction[] {
  const found: Conviction[] = [...before]
  const add = (node: string, conviction: Omit<Conviction, 'account' | 'node' | 'evidence'>) => {
    const account = accountAt(node, conviction.epoch)
    if (account === undefined) return
    const signed = [...conviction.reveals, ...(conviction.claim ? [conviction.claim] : [])]
    const evidence = signed.map(({ statement }) => cidOf(statement.bytes).toString())
    found.push({ account, node, ...conviction, evidence })
  }
  const about = ({ item: { result } }: Reveal) => ({
    epoch: result.epoch,
    window: BigInt(result.window),
    unit: result.unit,
    claim: null,
  })
  for (const { node, reveals } of evidence.contradictions) {
    add(node, { kind: 'contradiction', ...about(reveals[0]), leaf: null, reveals })
  }
  for (const { wrong, wrongClaims } of settlements) {
    for (const { node, reveal, leaf } of wrong) {
      add(node, { kind: leaf === null ? 'sum' : 'leaf', ...about(reveal), leaf, reveals: [reveal] })
    }
    for (const claim of wrongClaims) {
      const { node, epoch, window, unit, leaf } = claim
      add(node, { kind: 'claim', epoch, window, unit, leaf, reveals: [], claim })
    }
  }
  const order = (a: Conviction, b: Conviction) =>
    a.epoch - b.epoch ||
    (a.window < b.window ? -1 : a.window > b.window ? 1 : 0) ||
    a.unit - b.unit ||
    (a.leaf ?? -1) - (b.leaf ?? -1) ||
    (a.node + a.kind < b.node + b.kind ? -1 : 1)
  const first = new Map<string, Conviction>()
  for (const conviction of found.sort(order)) {
    if (!first.has(conviction.account)) first.set(conviction.account, conviction)
  }
  return [...first.values()].sort((a, b) => (a.account < b.account ? -1 : 1))
}
