/**
 * Which draws were published, as far as this node knows: those whose documents are here, and those
 * that it has forgotten since. Certificates rest on them long after they are over.
 */
import * as dagCbor from '@ipld/dag-cbor'
import { cidOf } from '../../rules/base/cid.ts'
import type { Statement } from '../../rules/base/statement.ts'
import { accountsOn } from '../../rules/deal/witness.ts'
import type { DrawBody } from '../../rules/message/bodies.ts'

export interface PublishedDraw {
  readonly cid: string
  readonly coordinator: string
  readonly epoch: number
  /** On its roster. */
  readonly accounts: number
}

export const publishedDraw = ({ signer, body, bytes }: Statement<DrawBody>): PublishedDraw => ({
  ...{ cid: cidOf(bytes).toString(), coordinator: signer, epoch: body.epoch, accounts: accountsOn(body) },
})

export const encodePublished = (draws: readonly PublishedDraw[]): Uint8Array =>
  dagCbor.encode(draws.map(({ cid, coordinator, epoch, accounts }) => [cid, coordinator, epoch, accounts]))

/** From the rows of the node's private table: draws that were forgotten together lie in one row. */
export const publishedIn = (rows: Iterable<readonly [key: string, value: Uint8Array]>): PublishedDraw[] =>
  [...rows].flatMap(([, value]) =>
    dagCbor
      .decode<[string, string, number, number][]>(value)
      .map(([cid, coordinator, epoch, accounts]) => ({ cid, coordinator, epoch, accounts })),
  )

/**
 * CIDs of those than which none of their coordinator for their epoch has more accounts on its
 * roster.
 */
export function largestOf(draws: Iterable<PublishedDraw>): ReadonlySet<string> {
  const largest = new Map<string, { accounts: number; cids: string[] }>()
  for (const { cid, coordinator, epoch, accounts } of draws) {
    const key = `${coordinator}/${epoch}`
    const known = largest.get(key)
    if (!known || accounts > known.accounts) largest.set(key, { accounts, cids: [cid] })
    else if (accounts === known.accounts) known.cids.push(cid)
  }
  return new Set([...largest.values()].flatMap(({ cids }) => cids))
}
