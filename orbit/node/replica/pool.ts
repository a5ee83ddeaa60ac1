/**
 * A pool of heartbeats: which of its heads count when a draw can't cite all, and the heartbeats
 * that were replaced of late.
 */
import type { Memory } from '../../rules/base/memory.ts'
import { heartbeatIn } from '../../rules/membership/heartbeats.ts'
import type { HeartbeatBody } from '../../rules/message/bodies.ts'
import type { Genesis } from '../../rules/network/genesis.ts'
import type { HeadOrder } from '../log/guarded-log.ts'

/**
 * This node's heads first, since its entries tie the others; then the newest of each account, then
 * a second of each, and so on. Accounts have a price, and entries have none: an account that writes
 * thousands crowds out no other.
 *
 * @param self      this node's key
 * @param accountOf undefined: the node is not registered
 */
export const headsInTurn =
  (self: string, accountOf: (node: string) => string | undefined): HeadOrder =>
  (heads) => {
    const counts = new Map<string | undefined, number>()
    const placed = heads.map((head) => {
      if (head.key === self) return { head, place: -1 }
      const account = accountOf(head.key)
      const place = counts.get(account) ?? 0
      counts.set(account, place + 1)
      return { head, place }
    })
    // A stable sort: newest first within a place.
    return placed.sort((a, b) => a.place - b.place).map(({ head }) => head)
  }

/**
 * A pool has one heartbeat of a node for each epoch and what it witnesses. That a node was there a
 * while ago is known by the heartbeats that newer ones replaced (rules: check.ts), for as long as
 * they are fresh, and since this node started.
 */
export class ReplacedHeartbeats {
  private readonly genesis: Genesis
  private readonly memory: Memory
  private readonly byNode = new Map<string, HeartbeatBody[]>()

  constructor(genesis: Genesis, memory: Memory) {
    this.genesis = genesis
    this.memory = memory
  }

  /** @param old undefined: there was none. */
  add(old: unknown, replacement: unknown): void {
    if (old === undefined) return
    const [was, is] = [heartbeatIn(old, this.memory), heartbeatIn(replacement, this.memory)]
    if (was.round === is.round) return
    this.byNode.set(was.node, [...this.freshOf(was.node, is.round), was])
  }

  prune(round: number): void {
    for (const node of this.byNode.keys()) {
      const fresh = this.freshOf(node, round)
      if (fresh.length > 0) this.byNode.set(node, fresh)
      else this.byNode.delete(node)
    }
  }

  private freshOf(node: string, round: number): HeartbeatBody[] {
    return (this.byNode.get(node) ?? []).filter((heartbeat) => round - heartbeat.round <= this.genesis.body.freshRounds)
  }

  all(): HeartbeatBody[] {
    return [...this.byNode.values()].flat()
  }
}
