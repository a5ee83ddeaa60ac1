/**
 * What a node does that the genesis names as a coordinator: it writes down the beacon rounds that
 * deal the draws, and seals the next draw when it is its turn and no draw is there that it accepts
 * (rules: coordinators.ts). The content of a draw is for rules/draw.
 */
import { publicKeyOf, sign } from '../../rules/base/statement.ts'
import { mayStepIn } from '../../rules/deal/coordinators.ts'
import { nextDraw } from '../../rules/draw/seal.ts'
import { databaseName, documentKey } from '../../rules/message/documents.ts'
import type { Genesis } from '../../rules/network/genesis.ts'
import { nextEpoch, seedRound } from '../../rules/network/schedule.ts'
import { MissedRounds } from '../beacon/missed.ts'
import type { BeaconRound, BeaconSource } from '../beacon/source.ts'
import { LastSealed } from '../home/last-sealed.ts'
import type { Replica } from '../replica/replica.ts'

/** A draw that this node has sealed. */
export interface SealedDraw {
  readonly epoch: number
  /** On offer. */
  readonly units: number
  /** On the roster. */
  readonly nodes: number
}

export interface CoordinatorOptions {
  readonly genesis: Genesis
  /** The data directory. */
  readonly directory: string
  /** The node's. */
  readonly secret: Uint8Array
  readonly replica: Pick<Replica, 'state' | 'hasRound' | 'hasDrawBy' | 'put' | 'citedPool' | 'pools' | 'unitsPerWindow'>
  readonly beacon: Pick<BeaconSource, 'round'>
  /** The round by the clock. */
  readonly wallRound: () => number
  /**
   * Whether an epoch has a draw that this node accepts, or may yet accept in time for others to be
   * spared one.
   */
  readonly hasDraw: (epoch: number) => boolean
  /** Writes a heartbeat of this node. */
  readonly beat: (round: BeaconRound) => Promise<void>
  readonly signal: AbortSignal
  readonly onSealed: (sealed: SealedDraw) => void
}

export class Coordinator {
  private readonly options: CoordinatorOptions
  private readonly key: string
  private readonly lastSealed: LastSealed
  private readonly missed: MissedRounds

  /** @throws {HomeError} when the file of what it has sealed can't be read */
  constructor(options: CoordinatorOptions) {
    this.options = options
    this.key = publicKeyOf(options.secret)
    this.lastSealed = new LastSealed(options.directory)
    this.missed = new MissedRounds(options.beacon, (round) => this.write(round), options.signal)
  }

  async onRound(round: BeaconRound): Promise<void> {
    await this.writeRounds(round)
    await this.seal(round)
  }

  /** Writes down the rounds that deal the draws, for all nodes. */
  private async writeRounds(newest: BeaconRound): Promise<void> {
    const { genesis, replica } = this.options
    for (const { body } of replica.state().sealed.values()) {
      const seed = seedRound(genesis, body.epoch)
      if (seed > newest.round || this.missed.has(seed) || replica.hasRound(seed)) continue
      if (seed === newest.round) await this.write(newest)
      else this.missed.ask(seed)
    }
  }

  private async write({ round, signature }: BeaconRound): Promise<void> {
    await this.options.replica.put(databaseName('draws'), documentKey.beacon(this.key, round), { round, signature })
  }

  private async seal(round: BeaconRound): Promise<void> {
    const { genesis, secret, replica, wallRound, hasDraw, beat, onSealed } = this.options
    const epoch = nextEpoch(genesis, round.round)
    if (!mayStepIn(genesis, this.key, epoch, round.round)) return
    if (!this.lastSealed.allows(epoch) || replica.hasDrawBy(this.key, epoch) || hasDraw(epoch)) return
    const next = async () =>
      nextDraw(replica.state(), round.round, replica.unitsPerWindow, await replica.citedPool(this.key, round.round))
    // Nothing is written while there is nothing to seal.
    if (!(await next())) return
    await replica.pools.tie(this.key, round.round, () => beat(round))
    const draw = await next()
    // By the clock R(e) may be out though we have not seen it: what is sealed now would be refused.
    if (!draw || wallRound() >= seedRound(genesis, epoch)) return
    this.lastSealed.seal(epoch)
    const statement = sign(draw, secret).bytes
    await replica.put(databaseName('draws'), documentKey.draw(this.key, epoch, statement), { statement })
    const units = draw.offers.reduce((sum, offer) => sum + offer.to - offer.from, 0)
    onSealed({ epoch: draw.epoch, units, nodes: draw.roster.length })
  }

  /** Resolves when nothing is under way. The signal has to fire before. */
  async idle(): Promise<void> {
    await this.missed.idle()
  }
}
