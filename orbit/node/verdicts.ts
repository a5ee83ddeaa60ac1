/**
 * What this node makes of each draw (rules: draw-check.ts): whether it reached the node in time, whether it holds, and what
 * it therefore witnesses. A verdict stands once it is given; it is on disk, so that a node that starts again says the same.
 */
import * as dagCbor from '@ipld/dag-cbor'
import { seedRound } from '../rules/assignment.ts'
import { type DrawFault, drawFault, mayMend } from '../rules/draw-check.ts'
import { type DrawBody, type HeartbeatBody, MAX_WITNESSED } from '../rules/events.ts'
import { cidOf, type Genesis } from '../rules/genesis.ts'
import type { State } from '../rules/state.ts'
import type { Statement } from '../rules/statement.ts'
import type { OrbitNode } from './open.ts'

export interface Verdict {
  readonly epoch: number
  /** CID of the draw. */
  readonly draw: string
  /** Why it is refused; null: it is accepted. */
  readonly fault: DrawFault | null
}

export interface VerdictsOptions {
  readonly genesis: Genesis
  readonly kv: OrbitNode['kv']
  readonly state: () => State
  readonly known: () => Iterable<HeartbeatBody>
  readonly cited: (pool: DrawBody['pool']) => Promise<HeartbeatBody[] | null>
  /** The newest round that is out, by the beacon and by the clock. */
  readonly round: () => number
}

const PREFIX = 'verdict/'
/** Verdicts that are kept. */
const KEPT = 256

export class Verdicts {
  private readonly options: VerdictsOptions
  /** By CID. */
  private readonly given = new Map<string, Verdict>()
  /** The round at which this node began to listen: it can't tell when earlier draws were sealed. */
  private since = Number.POSITIVE_INFINITY
  private readonly open = new Map<string, { draw: Statement<DrawBody>; arrived: number }>()

  constructor(options: VerdictsOptions) {
    this.options = options
  }

  async start(): Promise<void> {
    this.since = this.options.round()
    for (const [key, bytes] of await this.options.kv.entries(PREFIX)) {
      const [epoch, fault] = dagCbor.decode<[number, DrawFault | null]>(bytes)
      const draw = key.slice(PREFIX.length)
      this.given.set(draw, { epoch, draw, fault })
    }
  }

  /** A draw came in, now. */
  hear(draw: Statement<DrawBody>): void {
    const cid = cidOf(draw.bytes).toString()
    if (this.given.has(cid) || this.open.has(cid)) return
    if (seedRound(this.options.genesis, draw.body.epoch) <= this.since + this.options.genesis.body.epoch.rounds) {
      // Unless it is still to come, it is history to a node that has just started.
      if (this.options.round() >= seedRound(this.options.genesis, draw.body.epoch)) return
    }
    this.open.set(cid, { draw, arrived: this.options.round() })
  }

  /** Gives the verdicts that can be given. @returns whether there was one */
  async judge(): Promise<boolean> {
    const { genesis, state, known, cited, round, kv } = this.options
    let any = false
    for (const [cid, { draw, arrived }] of this.open) {
      const now = round()
      const { epoch, pool } = draw.body
      const fault = drawFault(draw, { state: state(), arrived, round: now, cited: await cited(pool), known: known() })
      // What is on its way has until the beacon round.
      if (mayMend(fault) && now < seedRound(genesis, epoch)) continue
      this.open.delete(cid)
      this.given.set(cid, { epoch, draw: cid, fault })
      await kv.put(PREFIX + cid, dagCbor.encode([epoch, fault]))
      any = true
    }
    for (const cid of [...this.given.keys()].slice(0, Math.max(0, this.given.size - KEPT))) {
      this.given.delete(cid)
      await kv.delete(PREFIX + cid)
    }
    return any
  }

  accepts(cid: string): boolean {
    return this.given.get(cid)?.fault === null
  }

  /** Newest epoch first. */
  all(): Verdict[] {
    return [...this.given.values()].sort((a, b) => b.epoch - a.epoch)
  }

  /** What a heartbeat witnesses: the newest draws that were accepted, one an epoch. */
  witnessed(): HeartbeatBody['witnessed'] {
    const accepted = new Map<number, string>()
    for (const { epoch, draw, fault } of this.all())
      if (fault === null && !accepted.has(epoch)) accepted.set(epoch, draw)
    return [...accepted]
      .slice(0, MAX_WITNESSED / 2)
      .map(([epoch, draw]) => ({ epoch, draw }))
      .reverse()
  }
}
