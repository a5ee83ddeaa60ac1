/**
 * What a node says of itself: once that its account takes it for its own, with the puzzle that this costs; and again and
 * again that it is there, how much room for work it has, and which draws it had in time.
 */
import {
  type ConsentBody,
  databaseName,
  documentKey,
  type HeartbeatBody,
  type RegistrationBody,
  spanOf,
} from '../rules/events.ts'
import { coreSecondsOf } from '../rules/puzzle.ts'
import { seatsSince } from '../rules/roster.ts'
import type { State } from '../rules/state.ts'
import { publicKeyOf, sign } from '../rules/statement.ts'
import type { BeaconRound } from './beacon.ts'
import type { Home } from './home.ts'
import { solvePuzzle } from './puzzle.ts'

export interface PresenceOptions {
  readonly home: Home
  readonly engines: HeartbeatBody['engines']
  readonly state: () => State
  /** How many units the node owes as of a round. */
  readonly owed: (round: number) => number
  readonly witnessed: () => HeartbeatBody['witnessed']
  readonly put: (database: string, key: string, value: unknown) => Promise<void>
  readonly signal: AbortSignal
  readonly notice: (text: string) => void
}

export class Presence {
  private readonly options: PresenceOptions
  private readonly node: string
  /** Units this node is ready to owe at a time; 0: it takes no work. */
  capacity: number
  private last: HeartbeatBody | null = null
  private registering: Promise<void> | null = null

  constructor(options: PresenceOptions, capacity: number) {
    this.options = options
    this.capacity = capacity
    this.node = publicKeyOf(options.home.nodeKey)
  }

  /** Registers the node unless it is. Not to be awaited by what others wait for: the puzzle may take minutes. */
  register(round: BeaconRound): Promise<void> {
    this.registering ??= this.registerNow(round).catch((error: Error) => {
      this.registering = null
      if (!this.options.signal.aborted) this.options.notice(`cannot register: ${error.message}`)
    })
    return this.registering
  }

  private async registerNow(round: BeaconRound): Promise<void> {
    const { home, state, put } = this.options
    const { node } = this
    if (state().nodes.has(node)) return
    const { networkId: network } = home.genesis
    const account = publicKeyOf(home.accountKey)
    const registration: RegistrationBody = {
      ...{ type: 'registration', network, account, node, name: home.config.name },
      ...{ round: round.round, beacon: round.signature, nonce: await this.solve(account, round) },
    }
    const consent: ConsentBody = { type: 'consent', network, account, node }
    await put(databaseName('accounts'), documentKey.registration(node, account), {
      registration: sign(registration, home.accountKey).bytes,
      consent: sign(consent, home.nodeKey).bytes,
    })
  }

  /** Pays the price of an account, on all cores but for no longer than the node runs. */
  private async solve(account: string, { round, randomness }: BeaconRound): Promise<number> {
    const { home, signal, notice } = this.options
    const { networkId, body } = home.genesis
    const seconds = coreSecondsOf(body.registration)
    if (seconds > 5) notice(`Registering: a puzzle that takes about ${Math.round(seconds)} core-seconds, once.`)
    return solvePuzzle(body.registration, { networkId, account, round, randomness }, { signal })
  }

  /**
   * Says that the node is there: before its last word grows stale, and once an epoch when there is something new to say,
   * which is other room for work than the deals leave it, or a draw to witness.
   */
  async beat(round: BeaconRound): Promise<void> {
    const { last, node } = this
    if (!last && this.capacity === 0) return
    const { home, state, owed, engines, put } = this.options
    const { genesis } = home
    const { rounds, perDatabase } = genesis.body.epoch
    const epochOf = (r: number) => Math.floor(r / rounds)
    const epoch = epochOf(round.round)
    const capacity = Math.max(0, this.capacity - owed(round.round))
    const witnessed = this.options.witnessed()
    const isStale = !last || round.round - last.round > 0.4 * genesis.body.freshRounds
    const isNews =
      !last ||
      last.capacity - seatsSince(state(), node, last.round, Number.POSITIVE_INFINITY) !== capacity ||
      last.witnessed.at(-1)?.draw !== witnessed.at(-1)?.draw
    const leaves = this.capacity === 0 && last?.capacity !== 0
    const saysNews = isNews && last !== null && epochOf(last.round) < epoch
    if (!(isStale && this.capacity > 0) && !leaves && !saysNews) return
    const body: HeartbeatBody = {
      ...{ type: 'heartbeat', network: genesis.networkId, node, round: round.round, beacon: round.signature },
      ...{ capacity, engines: [...engines], witnessed },
    }
    const statement = sign(body, home.nodeKey).bytes
    await put(databaseName('pool', spanOf(epoch, perDatabase)), documentKey.heartbeat(node, epoch), { statement })
    this.last = body
  }

  /** A last word, so that the next draw does not count on a node that is gone. @param round the newest, if any */
  async leave(round: BeaconRound | null): Promise<void> {
    await this.registering
    if (!this.last?.capacity || !round) return
    this.capacity = 0
    await this.beat(round).catch(() => {})
  }
}
