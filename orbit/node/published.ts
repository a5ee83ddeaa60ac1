/**
 * Which draws were published, as far as this node knows: those whose documents are here, and those that it has forgotten
 * since. Certificates rest on them long after they are over.
 */
import * as dagCbor from '@ipld/dag-cbor'
import type { DrawBody } from '../rules/events.ts'
import { cidOf } from '../rules/genesis.ts'
import type { Statement } from '../rules/statement.ts'
import { electorsOf } from '../rules/witness.ts'

/** In the node's private table: draws that were forgotten together in one row, by the CID of one of them. */
export const PUBLISHED = 'published/'

export interface PublishedDraw {
  readonly cid: string
  readonly coordinator: string
  readonly epoch: number
  /** How many (witness.ts). */
  readonly electors: number
}

export const publishedDraw = ({ signer, body, bytes }: Statement<DrawBody>): PublishedDraw => ({
  ...{ cid: cidOf(bytes).toString(), coordinator: signer, epoch: body.epoch, electors: electorsOf(body).size },
})

export const encodePublished = (draws: readonly PublishedDraw[]): Uint8Array =>
  dagCbor.encode(draws.map(({ cid, coordinator, epoch, electors }) => [cid, coordinator, epoch, electors]))

/** From the rows of the node's private table. */
export const publishedIn = (rows: Iterable<readonly [key: string, value: Uint8Array]>): PublishedDraw[] =>
  [...rows].flatMap(([, value]) =>
    dagCbor
      .decode<[string, string, number, number][]>(value)
      .map(([cid, coordinator, epoch, electors]) => ({ cid, coordinator, epoch, electors })),
  )

/** CIDs of those than which none of their coordinator for their epoch has more electors. */
export function largestOf(draws: Iterable<PublishedDraw>): ReadonlySet<string> {
  const largest = new Map<string, { electors: number; cids: string[] }>()
  for (const { cid, coordinator, epoch, electors } of draws) {
    const key = `${coordinator}/${epoch}`
    const known = largest.get(key)
    if (!known || electors > known.electors) largest.set(key, { electors, cids: [cid] })
    else if (electors === known.electors) known.cids.push(cid)
  }
  return new Set([...largest.values()].flatMap(({ cids }) => cids))
}
