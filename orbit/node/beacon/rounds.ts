/**
 * The rounds that a node has checked. Each is verified once (15 ms), however often it is handed in,
 * and stored among the last few thousand. A chain has one signature a round, so a round that
 * differs from the stored one is refused unchecked.
 */
import { equalBytes } from '../../rules/base/bytes.ts'
import { RuleError } from '../../rules/base/statement.ts'
import { type BeaconRound, type ChainInfo, randomnessOf, verifyRound } from '../../rules/network/beacon.ts'

/** Rounds that are stored, at most, of about 200 bytes each. */
const MOST = 4096

interface Waiter {
  resolve(round: BeaconRound): void
  reject(reason: unknown): void
}

export class VerifiedRounds {
  readonly chain: ChainInfo
  private readonly stored = new Map<number, BeaconRound>()
  private readonly waiting = new Map<number, Set<Waiter>>()
  private readonly listeners = new Set<(round: BeaconRound) => void>()
  private newest: BeaconRound | null = null

  constructor(chain: ChainInfo) {
    this.chain = chain
  }

  current(): BeaconRound | null {
    return this.newest
  }

  get(round: number): BeaconRound | null {
    return this.stored.get(round) ?? null
  }

  /** Checks a round and stores it; null when it is not one of the chain. */
  accept(round: number, signature: Uint8Array): BeaconRound | null {
    const known = this.stored.get(round)
    if (known) return equalBytes(known.signature, signature) ? known : null
    try {
      return this.store({ round, signature: signature.slice(), randomness: verifyRound(this.chain, round, signature) })
    } catch (error) {
      if (error instanceof RuleError) return null
      throw error
    }
  }

  /**
   * Stores a round that this node signed with the chain's own key, so that there is nothing to
   * check.
   */
  acceptOwn(round: number, signature: Uint8Array): BeaconRound {
    return this.stored.get(round) ?? this.store({ round, signature, randomness: randomnessOf(signature) })
  }

  onRound(listener: (round: BeaconRound) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /**
   * Resolves when the round is stored.
   *
   * @throws the signal's reason, or the reason given to rejectAll()
   */
  wait(round: number, signal?: AbortSignal): Promise<BeaconRound> {
    const known = this.stored.get(round)
    if (known) return Promise.resolve(known)
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      const waiters = this.waiting.get(round) ?? new Set()
      this.waiting.set(round, waiters)
      const leave = () => {
        waiters.delete(waiter)
        if (waiters.size === 0) this.waiting.delete(round)
        signal?.removeEventListener('abort', abort)
      }
      const waiter: Waiter = {
        resolve: (value) => {
          leave()
          resolve(value)
        },
        reject: (reason) => {
          leave()
          reject(reason)
        },
      }
      const abort = () => waiter.reject(signal?.reason)
      signal?.addEventListener('abort', abort, { once: true })
      waiters.add(waiter)
    })
  }

  rejectAll(reason: Error): void {
    for (const waiters of [...this.waiting.values()]) for (const waiter of [...waiters]) waiter.reject(reason)
  }

  private store(beacon: BeaconRound): BeaconRound {
    this.stored.set(beacon.round, beacon)
    if (this.stored.size > MOST) this.stored.delete(this.stored.keys().next().value!)
    for (const waiter of [...(this.waiting.get(beacon.round) ?? [])]) waiter.resolve(beacon)
    if (beacon.round > (this.newest?.round ?? 0)) {
      this.newest = beacon
      for (const listener of [...this.listeners]) listener(beacon)
    }
    return beacon
  }
}
