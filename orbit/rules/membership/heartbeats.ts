/**
 * Heartbeats of each node: which is its newest, and until when that says that the node is there.
 */
import * as dagCbor from '@ipld/dag-cbor'
import { compareBytes } from '../base/bytes.ts'
import { createMemory, type Memory } from '../base/memory.ts'
import { open } from '../base/statement.ts'
import { type HeartbeatBody, heartbeatBody } from '../message/bodies.ts'
import { statementDocument } from '../message/documents.ts'
import type { Genesis } from '../network/genesis.ts'

/** What a document of the pool says. @throws {RuleError} when it is no heartbeat */
export const heartbeatIn = (document: unknown, memory: Memory = createMemory()): HeartbeatBody =>
  open(statementDocument.parse(document).statement, heartbeatBody, 'the heartbeat', memory).body

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
