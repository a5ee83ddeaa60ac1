/**
 * What a node does that the genesis names as a coordinator: it writes down the beacon rounds that deal the draws, and
 * seals the next draw when it is its turn and no draw is there that it accepts (rules/coordinators.ts). What a draw says is
 * rules/draw.ts.
 */

import { publicKeyOf, sign } from '../../rules/base/statement.ts'
import { seedRound } from '../../rules/deal/assignment.ts'
import { mayStepIn } from '../../rules/deal/coordinators.ts'
import { nextDraw, nextEpoch } from '../../rules/draw/seal.ts'
import { databaseName, documentKey } from '../../rules/message/bodies.ts'
import type { Genesis } from '../../rules/network/genesis.ts'
import type { BeaconRound, BeaconSource } from '../beacon/source.ts'
import { LastSealed } from '../home/last-sealed.ts'
import type { Replica } from '../replica/replica.ts'
import type { ServiceEvents } from '../service-events.ts'

export interface CoordinatorOptions {
  readonly genesis: Genesis
  /** The data directory. */
  readonly directory: string
  /** The node's. */
  readonly secret: Uint8Array
  readonly replica: Pick<Replica, 'state' | 'hasRound' | 'hasDrawBy' | 'put' | 'pool' | 'tie' | 'unitsPerWindow'>
  readonly beacon: Pick<BeaconSource, 'round'>
  /** The round that the clock says. */
  readonly wallRound: () => number
  /** Whether an epoch has a draw that this node accepts, or may yet accept in time for others to be spared one. */
  readonly hasDraw: (epoch: number) => boolean
  /** Writes a heartbeat of this node's. */
  readonly say: (round: BeaconRound) => Promise<void>
  readonly signal: AbortSignal
  readonly onSealed: (sealed: ServiceEvents['sealed']) => void
}

export class Coordinator {
  private readonly options: CoordinatorOptions
  private readonly key: string
  private readonly lastSealed: LastSealed
  /** Rounds that it has missed and asks for. */
  private readonly asked = new Map<number, Promise<void>>()

  /** @throws {HomeError} when what it has sealed can't be told */
  constructor(options: CoordinatorOptions) {
    this.options = options
    this.key = publicKeyOf(options.secret)
    this.lastSealed = new LastSealed(options.directory)
  }

  async onRound(round: BeaconRound): Promise<void> {
    await this.writeRounds(round)
    await this.seal(round)
  }

  /** Writes down the rounds that deal the draws, for everybody. Those that it missed are asked for, and not waited for. */
  private async writeRounds(newest: BeaconRound): Promise<void> {
    const { genesis, replica, beacon, signal } = this.options
    for (const { body } of replica.state().sealed.values()) {
      const seed = seedRound(genesis, body.epoch)
      if (seed > newest.round || this.asked.has(seed) || replica.hasRound(seed)) continue
      if (seed === newest.round) await this.write(newest)
      else this.ask(seed, beacon.round(seed, { signal }))
    }
  }

  private ask(seed: number, answer: Promise<BeaconRound>): void {
    const asked = answer
      .then((round) => this.write(round))
      // It is asked for again with the next round.
      .catch(() => {})
      .finally(() => this.asked.delete(seed))
    this.asked.set(seed, asked)
  }

  private async write({ round, signature }: BeaconRound): Promise<void> {
    await this.options.replica.put(databaseName('draws'), documentKey.beacon(this.key, round), { round, signature })
  }

  private async seal(round: BeaconRound): Promise<void> {
    const { genesis, secret, replica, wallRound, hasDraw, say, onSealed } = this.options
    const epoch = nextEpoch(genesis, round.round)
    if (!mayStepIn(genesis, this.key, epoch, round.round)) return
    if (!this.lastSealed.allows(epoch) || replica.hasDrawBy(this.key, epoch) || hasDraw(epoch)) return
    const next = async () =>
      nextDraw(replica.state(), round.round, replica.unitsPerWindow, await replica.pool(this.key, round.round))
    // Nothing is written while there is nothing to seal.
    if (!(await next())) return
    await replica.tie(this.key, round.round, () => say(round))
    const draw = await next()
    // By the clock R(e) may be out though we have not seen it: what is sealed now would be refused.
    if (!draw || wallRound() >= seedRound(genesis, epoch)) return
    this.lastSealed.seal(epoch)
    const statement = sign(draw, secret).bytes
    await replica.put(databaseName('draws'), documentKey.draw(this.key, epoch, statement), { statement })
    const units = draw.offers.reduce((sum, offer) => sum + offer.to - offer.from, 0)
    onSealed({ epoch: draw.epoch, units, nodes: draw.roster.length })
  }

  /** When it resolves nothing is under way. The signal has to fire before. */
  async idle(): Promise<void> {
    await Promise.all(this.asked.values())
  }
}
