/**
 * What a node does that the genesis names as a coordinator: it writes down the beacon rounds that deal the draws, and
 * seals the next draw when it is its turn (rules/coordinators.ts). What a draw says is rules/draw.ts.
 */
import { seedRound } from '../rules/assignment.ts'
import { mayStepIn } from '../rules/coordinators.ts'
import { nextDraw } from '../rules/draw.ts'
import { databaseName, documentKey } from '../rules/events.ts'
import type { Genesis } from '../rules/genesis.ts'
import { publicKeyOf, sign } from '../rules/statement.ts'
import type { BeaconRound, BeaconSource } from './beacon.ts'
import type { ServiceEvents } from './events.ts'
import type { Ledger } from './ledger.ts'

export interface CoordinatorOptions {
  readonly genesis: Genesis
  /** The node's. */
  readonly secret: Uint8Array
  readonly ledger: Ledger
  readonly beacon: Pick<BeaconSource, 'round'>
  /** The round that the clock says. */
  readonly wallRound: () => number
  readonly onSealed: (sealed: ServiceEvents['sealed']) => void
}

export class Coordinator {
  private readonly options: CoordinatorOptions
  private readonly key: string

  constructor(options: CoordinatorOptions) {
    this.options = options
    this.key = publicKeyOf(options.secret)
  }

  /** Nothing is sealed before the rounds of what was sealed are written. */
  async onRound(round: BeaconRound): Promise<void> {
    await this.writeRounds(round)
    await this.seal(round)
  }

  /** Writes down the rounds that deal the draws, for everybody. */
  private async writeRounds(round: BeaconRound): Promise<void> {
    const { genesis, ledger, beacon } = this.options
    for (const { body } of ledger.state().sealed.values()) {
      const seed = seedRound(genesis, body.epoch)
      if (seed > round.round) continue
      const { signature } = seed === round.round ? round : await beacon.round(seed)
      await ledger.put(databaseName('draws'), documentKey.beacon(this.key, seed), { round: seed, signature })
    }
  }

  private async seal(round: BeaconRound): Promise<void> {
    const { genesis, secret, ledger, wallRound, onSealed } = this.options
    const draw = nextDraw(ledger.state(), round.round, ledger.unitsPerWindow, await ledger.pool(round.round))
    if (!draw || !mayStepIn(genesis, this.key, draw.epoch, round.round)) return
    // By the clock R(e) may be out though we have not seen it: what is sealed now would be refused.
    if (wallRound() >= seedRound(genesis, draw.epoch)) return
    const statement = sign(draw, secret).bytes
    await ledger.put(databaseName('draws'), documentKey.draw(this.key, draw.epoch, statement), { statement })
    const units = draw.offers.reduce((sum, offer) => sum + offer.to - offer.from, 0)
    onSealed({ epoch: draw.epoch, units, nodes: draw.roster.length })
  }
}
