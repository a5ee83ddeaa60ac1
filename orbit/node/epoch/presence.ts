/**
 * What a node publishes about itself: once, that its account owns it, at the price of a puzzle; and
 * again and again a heartbeat, with its room for work and the draws that it had in time.
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
  /**
   * How long the puzzle of one beacon round is tried: 30 s unless told, which is within a grace
   * (rules: coordinators.ts).
   */
  readonly puzzleMs?: number
}

export class Presence {
  private readonly options: PresenceOptions
  private readonly node: string
  /** Units this node is ready to owe at a time; 0: it takes no work. */
  capacity: number
  private last: HeartbeatBody | null = null
  /** The newest round that is out. */
  private newest: BeaconRound | null = null
  /** The newest round in which it looked whether a heartbeat was due. */
  private seen: number | null = null
  private registering: Promise<void> | null = null
  /** The epoch in which misses were last counted. */
  private lookedIn = -1

  constructor(options: PresenceOptions, capacity: number) {
    this.options = options
    this.capacity = capacity
    this.node = publicKeyOf(options.home.nodeKey)
  }

  async onRound(round: BeaconRound): Promise<void> {
    // Not awaited: the puzzle may take minutes, and the rest of the network does not wait for this
    // node's account.
    void this.register(round)
    await this.beatIfDue(round)
  }

  /** Registers the node if that is due. The puzzle may take minutes. */
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

  /**
   * Whether it is not registered, or its account has missed so much that it is dealt nothing until
   * it registers again.
   */
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

  /** Solves the puzzle that an account costs, on all cores, for no longer than the node runs. */
  private async solve(account: string, first: BeaconRound): Promise<{ round: BeaconRound; nonce: number }> {
    const { home, signal, notice, puzzleMs = 30_000 } = this.options
    const { networkId, body } = home.genesis
    const seconds = coreSecondsOf(body.registration)
    if (seconds > 5) notice(`Registering: a puzzle that takes about ${Math.round(seconds)} core-seconds, once.`)
    // Each try is as likely to succeed as any other, so changing to a newer round now and then
    // loses nothing.
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
   * Writes a heartbeat before the last one grows stale, and once an epoch when it has news: other
   * room for work than the deals leave it, or a draw to witness.
   */
  async beatIfDue(round: BeaconRound): Promise<void> {
    const { last, node } = this
    // Before it is registered no node takes its entries in (quota.ts).
    if ((!last && this.capacity === 0) || !this.options.state().nodes.has(node)) return
    const { home, state, owed } = this.options
    const { genesis } = home
    const epochOf = (r: number) => epochAt(genesis, r)
    const epoch = epochOf(round.round)
    const capacity = Math.max(0, this.capacity - owed(round.round))
    const witnessed = this.options.witnessed()
    // Rounds may come by twos and threes (fetch.ts): a heartbeat is due if it would be overdue with
    // the next round.
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

  /** Writes a heartbeat, due or not. */
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

  /**
   * Writes a last heartbeat, so that the next draw does not count on this node.
   *
   * @param round the newest, if any
   */
  async leave(round: BeaconRound | null): Promise<void> {
    await this.registering
    if (!this.last?.capacity || !round) return
    this.capacity = 0
    await this.beatIfDue(round).catch(() => {})
  }
}
