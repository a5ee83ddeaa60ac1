/**
 * Leaves of this node's results that auditors are to compute without having seen them (rules:
 * audit.ts). They lie on disk, and are handed out when all auditors have published their claims, or
 * when the time for that is over.
 */

import * as dagCbor from '@ipld/dag-cbor'
import type { Memory } from '../../rules/base/memory.ts'
import { type Assignment, type DealtUnit, dealtUnitKey } from '../../rules/message/unit.ts'
import type { Genesis } from '../../rules/network/genesis.ts'
import { deadlineRound } from '../../rules/network/schedule.ts'
import { auditorsOf } from '../../rules/quorum/certifying-audit.ts'
import type { State } from '../../rules/state/state.ts'
import type { OrbitNode } from '../orbit-node.ts'
import { PRIVATE } from '../storage/private.ts'

interface Withheld {
  readonly unit: DealtUnit
  readonly leaves: Uint8Array
}

export class WithheldLeaves {
  private readonly genesis: Genesis
  private readonly node: Pick<OrbitNode, 'blocks' | 'kv'>
  private readonly self: string
  private readonly memory: Memory
  /** By dealtUnitKey. */
  private readonly withheld = new Map<string, Withheld>()

  /** @param self this node's key */
  constructor(genesis: Genesis, node: Pick<OrbitNode, 'blocks' | 'kv'>, self: string, memory: Memory) {
    this.genesis = genesis
    this.node = node
    this.self = self
    this.memory = memory
  }

  async load(): Promise<void> {
    for (const [key, bytes] of await this.node.kv.entries(PRIVATE.withheld)) {
      const [epoch, window, unit, leaves] = dagCbor.decode<[number, string, number, Uint8Array]>(bytes)
      this.withheld.set(key.slice(PRIVATE.withheld.length), { unit: { epoch, window, unit }, leaves })
    }
  }

  /** On disk when it resolves. */
  async keep({ epoch, window, unit }: Assignment, leaves: Uint8Array): Promise<void> {
    const key = dealtUnitKey({ epoch, window, unit })
    await this.node.kv.put(PRIVATE.withheld + key, dagCbor.encode([epoch, window.toString(), unit, leaves]))
    this.withheld.set(key, { unit: { epoch, window, unit }, leaves })
  }

  /** Hands out those whose time has come. */
  async release(state: State, round: number): Promise<void> {
    for (const [key, { unit, leaves }] of this.withheld) {
      if (round < deadlineRound(this.genesis, unit.epoch) && !this.isAudited(state, key, unit)) continue
      await this.node.blocks.put(leaves, 'raw')
      await this.node.kv.delete(PRIVATE.withheld + key)
      this.withheld.delete(key)
    }
  }

  private isAudited(state: State, key: string, { epoch, window, unit }: DealtUnit): boolean {
    const evidence = state.evidence.units.get(key)
    const reveals = evidence?.reveals.get(this.self) ?? []
    const assignment = state.draws
      .get(epoch)
      ?.assignments.find((dealt) => dealt.window === BigInt(window) && dealt.unit === unit)
    if (!assignment) return false
    const claims = evidence?.claims.filter(({ node }) => state.nodes.has(node)) ?? []
    return reveals.some((reveal) => auditorsOf(this.genesis, assignment, reveal, claims, null, this.memory).length > 0)
  }
}
