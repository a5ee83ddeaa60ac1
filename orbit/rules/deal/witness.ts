/**
 * Witnesses: a draw that was sealed after its beacon round came out could be cut to measure. The
 * nodes that had it before say so in their heartbeats (message/bodies.ts), if it holds as far as
 * they can tell (draw/check.ts).
 *
 * A draw stands when more than half of the accounts on its roster witness it, each by a node on it.
 * Until then its units are certified by nobody. So a coordinator that seals late, or leaves people
 * out, needs half of its own roster to sign what is false, and those have signed it.
 */

import { compareBytes } from '../base/bytes.ts'
import type { Statement } from '../base/statement.ts'
import type { DrawBody, HeartbeatBody } from '../message/bodies.ts'

/**
 * By CID of the draw, by node: the heartbeat that says so. Of several, the earliest by (round,
 * bytes).
 */
export type Witnesses = ReadonlyMap<string, ReadonlyMap<string, Statement<HeartbeatBody>>>

/** @param nodes those that are registered */
export function witnessesIn(
  heartbeats: Iterable<Statement<HeartbeatBody>>,
  nodes: Pick<ReadonlySet<string>, 'has'>,
): Witnesses {
  const witnesses = new Map<string, Map<string, Statement<HeartbeatBody>>>()
  for (const heartbeat of heartbeats) {
    const { signer } = heartbeat
    if (!nodes.has(signer)) continue
    for (const { draw } of heartbeat.body.witnessed) {
      const byNode = witnesses.get(draw) ?? new Map<string, Statement<HeartbeatBody>>()
      witnesses.set(draw, byNode)
      const known = byNode.get(signer)
      if (!known || isBefore(heartbeat, known)) byNode.set(signer, heartbeat)
    }
  }
  return witnesses
}

const isBefore = (a: Statement<HeartbeatBody>, b: Statement<HeartbeatBody>): boolean =>
  (a.body.round - b.body.round ||
    (a.signer < b.signer ? -1 : a.signer > b.signer ? 1 : compareBytes(a.bytes, b.bytes))) < 0

/** Accounts on the roster of a draw. */
export const accountsOn = (draw: DrawBody): number => new Set(draw.roster.map(({ account }) => account)).size

/** How many accounts have to witness a draw. */
export const witnessesNeeded = (draw: DrawBody): number => Math.floor(accountsOn(draw) / 2) + 1

/**
 * Those on the roster that witness it, one an account, in the order of their node keys. Whose a
 * node is, the roster says: if another account takes it for its own afterwards, that changes
 * nothing.
 */
export function witnessesOf(draw: DrawBody, byNode: ReadonlyMap<string, Statement<HeartbeatBody>> | undefined) {
  const first = new Map<string, Statement<HeartbeatBody>>()
  for (const { node, account } of draw.roster) {
    const heartbeat = byNode?.get(node)
    const known = first.get(account)
    if (heartbeat && (!known || isBefore(heartbeat, known))) first.set(account, heartbeat)
  }
  return [...first.values()].sort((a, b) => (a.signer < b.signer ? -1 : 1))
}

export const isWitnessed = (
  draw: DrawBody,
  byNode: ReadonlyMap<string, Statement<HeartbeatBody>> | undefined,
): boolean => witnessesOf(draw, byNode).length >= witnessesNeeded(draw)
