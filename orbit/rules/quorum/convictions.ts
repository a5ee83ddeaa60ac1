/**
 * Convictions: an account is banned by what it signed itself, and by nothing that anyone else says.
 *
 * What convicts is a result that its node signed for a unit, or a claim, in one of these ways:
 *   leaf           the record of one of its leaves is not the one that computing that leaf gives; a
 *                  peak that is no hard number of the leaf shows it at once
 *   sum            its leaves do not have the root, count, checksum or peak that it states
 *   contradiction  the same node signed another result for the same unit
 *   evidence       its evidence lists a number that is no item for this node
 *   claim          as an auditor it signed a leaf's record that is not the one that computing that
 *                  leaf gives
 * The first and the last need the computation of one leaf, the others none. A proof of any of them
 * is a file (certificate/fraud-proof.ts).
 */

import type { SignedResult } from '../answer/results.ts'
import type { Answers } from '../answer/unit-answers.ts'
import { cidOf } from '../base/cid.ts'
import type { LeafClaim } from '../message/answers.ts'
import type { Settlement } from './settle.ts'

export interface Conviction {
  readonly account: string
  readonly node: string
  readonly kind: 'leaf' | 'sum' | 'contradiction' | 'claim' | 'evidence'
  /** The epoch of the deal. */
  readonly epoch: number
  readonly window: bigint
  readonly unit: number
  readonly leaf: number | null
  /** Which record of the evidence is false. */
  readonly item: number | null
  /** CIDs of the statements that convict it. */
  readonly statements: readonly string[]
  /** What it signed; two of them for a contradiction. Empty for a claim. */
  readonly results: readonly SignedResult[]
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
  { contradictions }: Pick<Answers, 'contradictions'>,
  settlements: Iterable<Settlement>,
  before: readonly Conviction[] = [],
): Conviction[] {
  const found: Conviction[] = [...before]
  const add = (node: string, conviction: Omit<Conviction, 'account' | 'node' | 'statements'>) => {
    const account = accountAt(node, conviction.epoch)
    if (account === undefined) return
    const signed = [...conviction.results, ...(conviction.claim ? [conviction.claim] : [])]
    found.push({
      account,
      node,
      ...conviction,
      statements: signed.map(({ statement }) => cidOf(statement.bytes).toString()),
    })
  }
  const about = ({ item: { epoch, window, unit } }: SignedResult) => ({
    ...{ epoch, window: BigInt(window), unit, claim: null },
  })
  for (const { node, results } of contradictions) {
    add(node, { kind: 'contradiction', ...about(results[0]), leaf: null, item: null, results })
  }
  for (const { wrong, wrongClaims } of settlements) {
    for (const { node, result, kind, leaf, item } of wrong) {
      add(node, { kind, ...about(result), leaf, item, results: [result] })
    }
    for (const claim of wrongClaims) {
      const { node, epoch, window, unit, leaf } = claim
      add(node, { kind: 'claim', epoch, window, unit, leaf, item: null, results: [], claim })
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
