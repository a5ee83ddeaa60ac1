/**
 * The rounds that a node has checked: each is verified once (15 ms) and kept among the last few thousand, whoever
 * hands it in and however often. A chain has one signature a round, so what differs from a kept one is wrong and is
 * refused without another check.
 */

import { equalBytes } from '../../rules/base/bytes.ts'
import { RuleError } from '../../rules/base/statement.ts'
import { type BeaconRound, type ChainInfo, randomnessOf, verifyRound } from '../../rules/network/beacon.ts'

/** About 200 bytes each. */
const KEPT = 4096

interface Waiter {
  resolve(round: BeaconRound): void
  reject(reason: unknown): void
}

export class VerifiedRounds {
  readonly chain: ChainInfo
  private readonly kept = new Map<number, BeaconRound>()
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
    return this.kept.get(round) ?? null
  }

  /** Checks a round and keeps it; null when it is not one of the chain. */
  accept(round: number, signature: Uint8Array): BeaconRound | null {
    const known = this.kept.get(round)
    if (known) return equalBytes(known.signature, signature) ? known : null
    try {
      return this.keep({ round, signature: signature.slice(), randomness: verifyRound(this.chain, round, signature) })
    } catch (error) {
      if (error instanceof RuleError) return null
      throw error
    }
  }

  /** Keeps a round that this node signed with the chain's own key, so that there is nothing to check. */
  acceptOwn(round: number, signature: Uint8Array): BeaconRound {
    return this.kept.get(round) ?? this.keep({ round, signature, randomness: randomnessOf(signature) })
  }

  onRound(listener: (round: BeaconRound) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Settles when the round is kept. @throws the signal's reason, or the reason given to rejectAll() */
  wait(round: number, signal?: AbortSignal): Promise<BeaconRound> {
    const known = this.kept.get(round)
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

  private keep(beacon: BeaconRound): BeaconRound {
    this.kept.set(beacon.round, beacon)
    if (this.kept.size > KEPT) this.kept.delete(this.kept.keys().next().value!)
    for (const waiter of [...(this.waiting.get(beacon.round) ?? [])]) waiter.resolve(beacon)
    if (beacon.round > (this.newest?.round ?? 0)) {
      this.newest = beacon
      for (const listener of [...this.listeners]) listener(beacon)
    }
    return beacon
  }
}
