/**
 * The beacon rounds that deal the draws, as this node has seen them. A coordinator writes R(e) down
 * for all nodes, and admit.ts lets no other node do so; if it vanishes between sealing and that,
 * the draw would wait for its return. But a round proves itself, so each node keeps the rounds of
 * the draws it has, on disk, until a coordinator has written them. One a draw, 48 bytes.
 */
import type { Genesis } from '../../rules/network/genesis.ts'
import { seedRound } from '../../rules/network/schedule.ts'
import type { State } from '../../rules/state/state.ts'
import { MissedRounds } from '../beacon/missed.ts'
import type { BeaconRound, BeaconSource } from '../beacon/source.ts'
import type { Replica } from '../replica/replica.ts'
import { type KeyValues, PRIVATE, type PrivateRow } from '../storage/private.ts'

export interface DrawRoundsOptions {
  readonly genesis: Genesis
  readonly kv: KeyValues
  readonly replica: Pick<Replica, 'state' | 'rounds' | 'invalidate' | 'hasRound'>
  readonly beacon: Pick<BeaconSource, 'round'>
  readonly signal: AbortSignal
}

/** Signatures by round, from the rows of the node's private table. */
export const drawRoundsIn = (rows: Iterable<PrivateRow>): Map<number, Uint8Array> =>
  new Map([...rows].map(([key, signature]) => [Number(key.slice(PRIVATE.drawRound.length)), signature]))

export class DrawRounds {
  private readonly options: DrawRoundsOptions
  private readonly missed: MissedRounds

  constructor(options: DrawRoundsOptions) {
    this.options = options
    this.missed = new MissedRounds(options.beacon, (round) => this.store(round), options.signal)
  }

  async load(): Promise<void> {
    const { kv, replica } = this.options
    const stored = drawRoundsIn(await kv.entries(PRIVATE.drawRound))
    for (const [round, signature] of stored) replica.rounds.set(round, signature)
  }

  async onRound(newest: BeaconRound): Promise<void> {
    const { genesis, replica } = this.options
    for (const epoch of replica.state().sealed.keys()) {
      const seed = seedRound(genesis, epoch)
      if (seed > newest.round || this.missed.has(seed)) continue
      if (seed === newest.round) await this.store(newest)
      else this.missed.ask(seed)
    }
    await this.prune(replica.state())
  }

  private async store({ round, signature }: BeaconRound): Promise<void> {
    const { kv, replica } = this.options
    await kv.put(`${PRIVATE.drawRound}${round}`, signature)
    replica.rounds.set(round, signature)
    replica.invalidate()
  }

  /** Deletes the rounds that a coordinator has written, and those that deal no draw. */
  private async prune({ draws, sealed }: State): Promise<void> {
    const { genesis, kv, replica } = this.options
    const wanted = new Set([...draws.keys(), ...sealed.keys()].map((epoch) => seedRound(genesis, epoch)))
    for (const round of [...replica.rounds.keys()]) {
      if (wanted.has(round) && !replica.hasRound(round)) continue
      replica.rounds.delete(round)
      await kv.delete(`${PRIVATE.drawRound}${round}`)
    }
  }

  /** The signal has to fire before. */
  async stop(): Promise<void> {
    await this.missed.idle()
  }
}
