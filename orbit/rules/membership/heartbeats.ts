/**
 * Heartbeats of each node: which is its newest, and until when that says that the node is there.
 */
import * as dagCbor from '@ipld/dag-cbor'
import { compareBytes } from '../base/bytes.ts'
import type { HeartbeatBody } from '../message/bodies.ts'
import type { Genesis } from '../network/genesis.ts'

export const isFresh = (genesis: Genesis, heartbeat: { round: number }, round: number): boolean =>
  round - heartbeat.round <= genesis.body.freshRounds

/** Of two that a node signed for one round, the same stands everywhere. */
const isLower = (a: HeartbeatBody, b: HeartbeatBody): boolean => compareBytes(dagCbor.encode(a), dagCbor.encode(b)) < 0

/** The newest heartbeat of each node. */
export function newestHeartbeats(heartbeats: Iterable<HeartbeatBody>): Map<string, HeartbeatBody> {
  const newest = new Map<string, HeartbeatBody>()
  for (const heartbeat of heartbeats) {
    const known = newest.get(heartbeat.node)
    if (!known || known.round < heartbeat.round || (known.round === heartbeat.round && isLower(heartbeat, known)))
      newest.set(heartbeat.node, heartbeat)
  }
  return newest
}
