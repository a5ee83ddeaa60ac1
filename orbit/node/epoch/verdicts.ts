/**
 * Verdicts of this node on draws (rules: check.ts): whether a draw came in time, whether it holds,
 * and therefore whether the node witnesses it. A verdict is final, and on disk, so that a node that
 * starts again gives the same.
 *
 * Draws for epochs that are long over or far ahead get none, nor does a third draw of a coordinator
 * for an epoch, since two expose it. So no coordinator can crowd out verdicts on others, and with
 * them their witnesses.
 */
import * as dagCbor from '@ipld/dag-cbor'
import { cidOf } from '../../rules/base/cid.ts'
import type { Statement } from '../../rules/base/statement.ts'
import { turnRound } from '../../rules/deal/coordinators.ts'
import { type DrawFault, drawFault, mayMend } from '../../rules/draw/check.ts'
import { type Arrivals, LONG_AGO } from '../../rules/draw/registration-age.ts'
import { type DrawBody, type HeartbeatBody, MAX_WITNESSED } from '../../rules/message/bodies.ts'
import type { Genesis } from '../../rules/network/genesis.ts'
import { epochAt, graceRounds, seedRound, stepRounds } from '../../rules/network/schedule.ts'
import type { State } from '../../rules/state/state.ts'
import { type KeyValues, PRIVATE } from '../storage/private.ts'

export interface Verdict {
  readonly epoch: number
  /** CID of the draw. */
  readonly draw: string
  /** The coordinator that sealed it. */
  readonly signer: string
  /** Why it is refused; null: it is accepted. */
  readonly fault: DrawFault | null
}

export interface VerdictsOptions {
  readonly genesis: Genesis
  readonly kv: KeyValues
  readonly state: () => State
  readonly known: () => Iterable<HeartbeatBody>
  readonly cited: (pool: DrawBody['pool']) => Promise<HeartbeatBody[] | null>
  readonly arrivals?: Arrivals
  /** The newest round that is out, by the beacon and by the clock. */
  readonly round: () => number
}

/** Most verdicts that are stored. */
const MOST = 256
/** Draws of one coordinator for one epoch that are looked at. */
const LOOKED_AT = 2
/** How many epochs before the present one, and after it, draws are looked at. */
const EPOCHS = { before: 1, after: 2 }

export class Verdicts {
  private readonly options: VerdictsOptions
  /** By CID. */
  private readonly given = new Map<string, Verdict>()
  /** The round at which this node began to listen: it can't tell when earlier draws were sealed. */
  private since = Number.POSITIVE_INFINITY
  private readonly open = new Map<string, { draw: Statement<DrawBody>; arrived: number }>()
  /** What the documents came to of late, newest first, and the round at which that was. */
  private recent: { readonly round: number; readonly state: State }[] = []

  constructor(options: VerdictsOptions) {
    this.options = options
  }

  async load(): Promise<void> {
    this.since = this.options.round()
    for (const [key, bytes] of await this.options.kv.entries(PRIVATE.verdict)) {
      const [epoch, fault, signer = ''] = dagCbor.decode<[number, DrawFault | null, string?]>(bytes)
      const draw = key.slice(PRIVATE.verdict.length)
      this.given.set(draw, { epoch, draw, signer, fault })
    }
  }

  /** A draw came in just now. */
  hear(draw: Statement<DrawBody>): void {
    const { genesis } = this.options
    const { epoch } = draw.body
    const cid = cidOf(draw.bytes).toString()
    if (this.given.has(cid) || this.open.has(cid)) return
    const now = this.options.round()
    const present = epochAt(genesis, now)
    if (epoch < present - EPOCHS.before || epoch > present + EPOCHS.after) return
    if (seedRound(genesis, epoch) <= this.since + genesis.body.epoch.rounds) {
      // Unless it is still to come, it is history to a node that has just started.
      if (now >= seedRound(genesis, epoch)) return
    }
    if (this.countOf(draw.signer, epoch) >= LOOKED_AT) return
    this.open.set(cid, { draw, arrived: now })
  }

  /** Draws of a coordinator for an epoch that were looked at. */
  private countOf(signer: string, epoch: number): number {
    const given = [...this.given.values()].filter((verdict) => verdict.signer === signer && verdict.epoch === epoch)
    const open = [...this.open.values()].filter(({ draw }) => draw.signer === signer && draw.body.epoch === epoch)
    return given.length + open.length
  }

  /**
   * The state of now, and of when news that others may not have had yet were not here: of a grace
   * ago, and of two.
   */
  private states(): [State, ...State[]] {
    const now = this.options.round()
    const state = this.options.state()
    if (this.isToRemember()) {
      this.recent = [{ round: now, state }, ...this.recent.slice(0, 1)]
    }
    return [state, ...this.recent.map((remembered) => remembered.state).filter((remembered) => remembered !== state)]
  }

  /** Whether to remember the state of now, for when it is a grace ago. */
  private isToRemember(): boolean {
    const [newest] = this.recent
    return !newest || this.options.round() - newest.round >= graceRounds(this.options.genesis)
  }

  /** Gives the verdicts that can be given. @returns whether there was one */
  async judge(): Promise<boolean> {
    const { genesis, known, cited, arrivals = LONG_AGO, round, kv } = this.options
    let isGiven = false
    // The state of a large network takes a while to compute.
    if (this.open.size === 0 && !this.isToRemember()) return false
    const states = this.states()
    for (const [cid, { draw, arrived }] of this.open) {
      const now = round()
      const { epoch, pool } = draw.body
      const view = { states, arrived, round: now, cited: await cited(pool), known: known() }
      const fault = drawFault(draw, { ...view, arrivals })
      // What is on its way has until the beacon round.
      if (mayMend(fault) && now < seedRound(genesis, epoch)) continue
      this.open.delete(cid)
      this.given.set(cid, { epoch, draw: cid, signer: draw.signer, fault })
      await kv.put(PRIVATE.verdict + cid, dagCbor.encode([epoch, fault, draw.signer]))
      isGiven = true
    }
    for (const cid of [...this.given.keys()].slice(0, Math.max(0, this.given.size - MOST))) {
      this.given.delete(cid)
      await kv.delete(PRIVATE.verdict + cid)
    }
    return isGiven
  }

  accepts(cid: string): boolean {
    return this.given.get(cid)?.fault === null
  }

  /**
   * Whether an epoch has a draw that spares a coordinator sealing one: it is accepted; or, in its
   * turn, it waits for documents that may be on their way, and has not waited for as long as a turn
   * lasts.
   */
  hasDraw(epoch: number): boolean {
    const { genesis, round } = this.options
    if ([...this.given.values()].some((verdict) => verdict.epoch === epoch && verdict.fault === null)) return true
    return [...this.open.values()].some(({ draw, arrived }) => {
      if (draw.body.epoch !== epoch) return false
      const turn = turnRound(genesis, draw)
      return round() >= turn && round() < Math.max(arrived, turn) + stepRounds(genesis)
    })
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
