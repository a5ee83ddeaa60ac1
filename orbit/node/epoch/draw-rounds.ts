/**
 * The beacon rounds that deal the draws, as this node has seen them. A coordinator writes R(e) down for everybody
 * (admit.ts lets nobody else); if it vanishes between sealing and that, the draw would wait for its return. But a round
 * proves itself, so each node keeps the rounds of the draws it holds, on disk, until a coordinator has written them.
 * One a draw, 48 bytes.
 */
import { seedRound } from '../../rules/deal/assignment.ts'
import type { Genesis } from '../../rules/network/genesis.ts'
import type { State } from '../../rules/state/state.ts'
import type { BeaconRound, BeaconSource } from '../beacon/source.ts'
import type { Replica } from '../replica/replica.ts'
import { type KeyValues, PRIVATE } from '../storage/private.ts'

export interface DrawRoundsOptions {
  readonly genesis: Genesis
  readonly kv: KeyValues
  readonly replica: Pick<Replica, 'state' | 'rounds' | 'invalidate' | 'hasRound'>
  readonly beacon: Pick<BeaconSource, 'round'>
}

/** From the rows of the node's private table. */
export const drawRoundsIn = (rows: Iterable<readonly [key: string, value: Uint8Array]>): Map<number, Uint8Array> =>
  new Map([...rows].map(([key, signature]) => [Number(key.slice(PRIVATE.drawRound.length)), signature]))

export class DrawRounds {
  private readonly options: DrawRoundsOptions
  private readonly asked = new Map<number, Promise<void>>()
  private readonly stopping = new AbortController()

  constructor(options: DrawRoundsOptions) {
    this.options = options
  }

  async start(): Promise<void> {
    const { kv, replica } = this.options
    for (const [round, signature] of drawRoundsIn(await kv.entries(PRIVATE.drawRound)))
      replica.rounds.set(round, signature)
  }

  /** A round is out. Those that had been missed are asked for, and not waited for. */
  async update(newest: BeaconRound): Promise<void> {
    const { genesis, replica, beacon } = this.options
    for (const epoch of replica.state().sealed.keys()) {
      const seed = seedRound(genesis, epoch)
      if (seed > newest.round || this.asked.has(seed)) continue
      if (seed === newest.round) await this.keep(newest)
      else this.ask(seed, beacon.round(seed, { signal: this.stopping.signal }))
    }
    await this.prune(replica.state())
  }

  private ask(seed: number, answer: Promise<BeaconRound>): void {
    const asked = answer
      .then((round) => this.keep(round))
      // It is asked for again with the next round.
      .catch(() => {})
      .finally(() => this.asked.delete(seed))
    this.asked.set(seed, asked)
  }

  private async keep({ round, signature }: BeaconRound): Promise<void> {
    const { kv, replica } = this.options
    await kv.put(`${PRIVATE.drawRound}${round}`, signature)
    replica.rounds.set(round, signature)
    replica.invalidate()
  }

  /** What a coordinator has written is kept no longer, nor what deals no draw. */
  private async prune({ draws, sealed }: State): Promise<void> {
    const { genesis, kv, replica } = this.options
    const wanted = new Set([...draws.keys(), ...sealed.keys()].map((epoch) => seedRound(genesis, epoch)))
    for (const round of [...replica.rounds.keys()]) {
      if (wanted.has(round) && !replica.hasRound(round)) continue
      replica.rounds.delete(round)
      await kv.delete(`${PRIVATE.drawRound}${round}`)
    }
  }

  async stop(): Promise<void> {
    this.stopping.abort()
    await Promise.all(this.asked.values())
  }
}
