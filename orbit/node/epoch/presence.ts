/**
 * What a node says of itself: once that its account takes it for its own, with the puzzle that this costs; and again and
 * again that it is there, how much room for work it has, and which draws it had in time.
 */

import { publicKeyOf, sign } from '../../rules/base/statement.ts'
import { seatsSince } from '../../rules/draw/roster.ts'
import type { ConsentBody, HeartbeatBody, RegistrationBody } from '../../rules/message/bodies.ts'
import { databaseName, documentKey, spanOf } from '../../rules/message/documents.ts'
import { coreSecondsOf } from '../../rules/network/puzzle.ts'
import { beatRounds, epochAt } from '../../rules/network/schedule.ts'
import { missBalance } from '../../rules/state/misses.ts'
import type { State } from '../../rules/state/state.ts'
import type { BeaconRound } from '../beacon/source.ts'
import type { Home } from '../home/home.ts'
import { solvePuzzle } from './puzzle-solver.ts'

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
  /** For so long the puzzle of one beacon round is tried. 30 s unless told, which is within a grace (coordinators.ts). */
  readonly puzzleMs?: number
}

export class Presence {
  private readonly options: PresenceOptions
  private readonly node: string
  /** Units this node is ready to owe at a time; 0: it takes no work. */
  capacity: number
  private last: HeartbeatBody | null = null
  /** The newest round that it has looked at. */
  private seen: number | null = null
  private registering: Promise<void> | null = null
  /** The epoch in which misses were last counted. */
  private lookedIn = -1

  constructor(options: PresenceOptions, capacity: number) {
    this.options = options
    this.capacity = capacity
    this.node = publicKeyOf(options.home.nodeKey)
  }

  /** The newest round that it has heard of. */
  private newest: BeaconRound | null = null

  async onRound(round: BeaconRound): Promise<void> {
    // Not awaited: the puzzle may take minutes, and the rest of the network does not wait for this node's account.
    void this.register(round)
    await this.beatIfDue(round)
  }

  /** Registers the node if that is due. Not to be awaited by what others wait for: the puzzle may take minutes. */
  register(round: BeaconRound): Promise<void> {
    this.newest = round
    if (!this.registering && !this.isDue(round.round)) return Promise.resolve()
    this.registering ??= this.registerNow(round)
      .catch((error: Error) => {
        if (!this.options.signal.aborted) this.options.notice(`cannot register: ${error.message}`)
      })
      .finally(() => {
        this.registering = null
      })
    return this.registering
  }

  /** It is not registered, or its account has missed so much that it is dealt nothing until it registers again. */
  private isDue(round: number): boolean {
    const { home, state, notice } = this.options
    const { missLimit } = home.genesis.body
    if (!state().nodes.has(this.node)) return true
    const current = epochAt(home.genesis, round)
    if (this.capacity === 0 || this.lookedIn === current) return false
    this.lookedIn = current
    const account = publicKeyOf(home.accountKey)
    if (state().convictions.some((conviction) => conviction.account === account)) return false
    const behind = missBalance(state(), round).get(account) ?? 0
    if (behind < missLimit) return false
    notice(
      `Your account has missed ${behind} units more than it has shown, so it is dealt nothing: registering it again.`,
    )
    return true
  }

  private async registerNow(round: BeaconRound): Promise<void> {
    const { home, put } = this.options
    const { node } = this
    const { networkId: network } = home.genesis
    const account = publicKeyOf(home.accountKey)
    const solved = await this.solve(account, round)
    const registration: RegistrationBody = {
      ...{ type: 'registration', network, account, node, name: home.config.name },
      ...{ round: solved.round.round, beacon: solved.round.signature, nonce: solved.nonce },
    }
    const consent: ConsentBody = { type: 'consent', network, account, node }
    await put(databaseName('accounts'), documentKey.registration(node, account), {
      registration: sign(registration, home.accountKey).bytes,
      consent: sign(consent, home.nodeKey).bytes,
    })
  }

  /** Pays the price of an account, on all cores but for no longer than the node runs. */
  private async solve(account: string, first: BeaconRound): Promise<{ round: BeaconRound; nonce: number }> {
    const { home, signal, notice, puzzleMs = 30_000 } = this.options
    const { networkId, body } = home.genesis
    const seconds = coreSecondsOf(body.registration)
    if (seconds > 5) notice(`Registering: a puzzle that takes about ${Math.round(seconds)} core-seconds, once.`)
    // Each try is as likely to succeed as any other, so nothing is lost by going over to a newer round now and then.
    for (let round = first; ; round = this.newest ?? round) {
      const isOver = AbortSignal.timeout(puzzleMs)
      const input = { networkId, account, round: round.round, randomness: round.randomness }
      try {
        const nonce = await solvePuzzle(body.registration, input, { signal: AbortSignal.any([signal, isOver]) })
        return { round, nonce }
      } catch (error) {
        if (signal.aborted || !isOver.aborted) throw error
      }
    }
  }

  /**
   * Says that the node is there: before its last word grows stale, and once an epoch when there is something new to say,
   * which is other room for work than the deals leave it, or a draw to witness.
   */
  async beatIfDue(round: BeaconRound): Promise<void> {
    const { last, node } = this
    // Before it is registered nobody takes its word in (quota.ts).
    if ((!last && this.capacity === 0) || !this.options.state().nodes.has(node)) return
    const { home, state, owed } = this.options
    const { genesis } = home
    const epochOf = (r: number) => epochAt(genesis, r)
    const epoch = epochOf(round.round)
    const capacity = Math.max(0, this.capacity - owed(round.round))
    const witnessed = this.options.witnessed()
    // Rounds may come by twos and threes (fetch.ts): it is due if it would be overdue with the next.
    const stride = this.seen === null ? 0 : round.round - this.seen
    this.seen = round.round
    const isStale = !last || round.round - last.round + stride > beatRounds(genesis)
    const isNews =
      !last ||
      last.capacity - seatsSince(state(), node, last.round, epoch + 1) !== capacity ||
      last.witnessed.at(-1)?.draw !== witnessed.at(-1)?.draw
    const leaves = this.capacity === 0 && last?.capacity !== 0
    const tellsNews = isNews && last !== null && epochOf(last.round) < epoch
    if ((isStale && this.capacity > 0) || leaves || tellsNews) await this.beat(round)
  }

  /** A heartbeat, due or not. */
  async beat(round: BeaconRound): Promise<void> {
    const { home, owed, engines, put } = this.options
    const { genesis } = home
    const { perDatabase } = genesis.body.epoch
    const epoch = epochAt(genesis, round.round)
    const body: HeartbeatBody = {
      ...{
        type: 'heartbeat',
        network: genesis.networkId,
        node: this.node,
        round: round.round,
        beacon: round.signature,
      },
      capacity: Math.max(0, this.capacity - owed(round.round)),
      ...{ engines: [...engines], witnessed: this.options.witnessed() },
    }
    const statement = sign(body, home.nodeKey).bytes
    await put(databaseName('pool', spanOf(epoch, perDatabase)), documentKey.heartbeat(this.node, epoch, body), {
      statement,
    })
    this.last = body
  }

  /** A last word, so that the next draw does not count on a node that is gone. @param round the newest, if any */
  async leave(round: BeaconRound | null): Promise<void> {
    await this.registering
    if (!this.last?.capacity || !round) return
    this.capacity = 0
    await this.beatIfDue(round).catch(() => {})
  }
}
