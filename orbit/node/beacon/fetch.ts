/**
 * A source that gets rounds from suppliers (HTTP relays, peers) and believes none of them: a
 * supplier that is dead, slow or lies costs time and nothing else. One is asked first. The next is
 * asked as well when the answer is wrong or takes longer than a second and a half. The first valid
 * answer wins, and its supplier is asked first the next time. When all fail, it tries again after
 * 0.5 s, 1 s, 2 s ... at most 30 s.
 */
import { type BeaconRound, type ChainInfo, roundAt, timeOf } from '../../rules/network/beacon.ts'
import { Backoff } from '../async/backoff.ts'
import { sleep, sleepUntil } from '../async/sleep.ts'
import { VerifiedRounds } from './rounds.ts'
import type { BeaconSource } from './source.ts'

/** Gets the 48-byte signature of a round. Rejects when it can't. */
export type Supplier = (round: number, signal: AbortSignal) => Promise<Uint8Array>

/** Milliseconds until another supplier is asked too, and until one is given up. */
const STAGGER = 1500
const PATIENCE = 10_000
/** Half to all of 0.5 s, 1 s, 2 s ... 30 s, so that nodes do not ask in step. */
const RETRY = { first: 500, most: 30_000, spread: [0.5, 1] } as const
/**
 * Seconds between the rounds that are followed: a node knows the time from rounds to within this,
 * at 30 ms of work each.
 */
const FOLLOW = 10

export interface FetchOptions {
  readonly chain: ChainInfo
  readonly suppliers: readonly Supplier[]
  /** Unix milliseconds. */
  readonly now?: () => number
}

export class FetchingSource implements BeaconSource {
  readonly chain: ChainInfo
  private readonly rounds: VerifiedRounds
  private readonly suppliers: Supplier[]
  private readonly now: () => number
  private readonly seeks = new Map<number, { wanted: number; readonly end: AbortController }>()
  private readonly stopping = new AbortController()
  private following: Promise<void> | null = null
  private problem: string | null = null

  constructor({ chain, suppliers, now = Date.now }: FetchOptions) {
    this.chain = chain
    this.rounds = new VerifiedRounds(chain)
    this.suppliers = [...suppliers]
    this.now = now
    this.rounds.onRound(() => {
      this.problem = null
    })
  }

  current(): BeaconRound | null {
    return this.rounds.current()
  }

  accept(round: number, signature: Uint8Array): BeaconRound | null {
    return this.rounds.accept(round, signature)
  }

  onRound(listener: (round: BeaconRound) => void): () => void {
    return this.rounds.onRound(listener)
  }

  trouble(): string | null {
    return this.problem
  }

  async round(round: number, { signal }: { signal?: AbortSignal } = {}): Promise<BeaconRound> {
    this.stopping.signal.throwIfAborted()
    signal?.throwIfAborted()
    const known = this.rounds.get(round)
    if (known) return known
    const seek = this.seeks.get(round) ?? { wanted: 0, end: new AbortController() }
    if (seek.wanted++ === 0) {
      this.seeks.set(round, seek)
      unlessAborted(this.seek(round, seek.end.signal), seek.end.signal)
    }
    try {
      return await this.rounds.wait(round, signal)
    } finally {
      if (--seek.wanted === 0) {
        seek.end.abort()
        this.seeks.delete(round)
      }
    }
  }

  async start(): Promise<void> {
    if (this.suppliers.length === 0) return
    this.following ??= unlessAborted(this.follow(), this.stopping.signal)
  }

  async stop(): Promise<void> {
    if (!this.stopping.signal.aborted) this.stopping.abort(new Error('the beacon source has been stopped'))
    this.rounds.rejectAll(this.stopping.signal.reason)
    await this.following
  }

  /**
   * Keeps the newest round within FOLLOW seconds of the clock. All nodes follow the same rounds, so
   * peers can help.
   */
  private async follow(): Promise<void> {
    const { signal } = this.stopping
    const stride = Math.max(1, Math.round(FOLLOW / this.chain.period))
    const backoff = new Backoff(RETRY)
    for (let target = 0; ; ) {
      target = Math.max(1, target, roundAt(this.chain, this.now() / 1000))
      await this.untilOut(target, signal)
      if (await this.obtain(target, signal)) {
        backoff.reset()
        target = (Math.floor(target / stride) + 1) * stride
      } else {
        await sleep(backoff.next(), signal)
      }
    }
  }

  private async seek(round: number, signal: AbortSignal): Promise<void> {
    await this.untilOut(round, signal)
    const backoff = new Backoff(RETRY)
    while (!(await this.obtain(round, signal))) await sleep(backoff.next(), signal)
  }

  private untilOut(round: number, signal: AbortSignal): Promise<void> {
    return sleepUntil(timeOf(this.chain, round) * 1000, this.now, signal)
  }

  /** One try with all suppliers. @returns whether the round is stored now */
  private async obtain(round: number, signal: AbortSignal): Promise<boolean> {
    if (this.rounds.get(round)) return true
    const won = new AbortController()
    const ended = AbortSignal.any([signal, won.signal])
    const tries: Promise<Supplier>[] = []
    for (const supplier of this.suppliers) {
      tries.push(this.ask(supplier, round, won, ended, Promise.allSettled([...tries]), tries.length * STAGGER))
    }
    try {
      const winner = await Promise.any(tries)
      this.suppliers.sort((a, b) => Number(b === winner) - Number(a === winner))
      return true
    } catch (error) {
      signal.throwIfAborted()
      const reasons = (error as AggregateError).errors.map((e: Error) => e.message)
      this.problem = `beacon round ${round} can't be had: ${reasons.join('; ') || 'there is no relay to ask'}`
      return this.rounds.get(round) !== null
    } finally {
      won.abort()
    }
  }

  private async ask(
    supplier: Supplier,
    round: number,
    won: AbortController,
    ended: AbortSignal,
    earlier: Promise<unknown>,
    delay: number,
  ): Promise<Supplier> {
    await Promise.race([earlier, sleep(delay, ended)])
    ended.throwIfAborted()
    const signature = await supplier(round, AbortSignal.any([ended, AbortSignal.timeout(PATIENCE)]))
    if (!this.accept(round, signature)) throw new Error(`a wrong signature for round ${round}`)
    won.abort()
    return supplier
  }
}

/**
 * Rounds from peers alone: those that they hand in through accept(), and those that round() asks
 * for if there is a way to ask. Without one, round() waits until a peer hands the round in.
 */
export const relaySource = (options: { chain: ChainInfo; ask?: Supplier; now?: () => number }): BeaconSource =>
  new FetchingSource({ ...options, suppliers: options.ask ? [options.ask] : [] })

/** Lets a task end quietly when it was called off. */
async function unlessAborted(task: Promise<void>, signal: AbortSignal): Promise<void> {
  try {
    await task
  } catch (error) {
    if (!signal.aborted) throw error
  }
}
