/**
 * Where a node has its beacon rounds from: the interface alone (choose.ts names the
 * implementations). Whatever the source, a round is checked once against the chain of the genesis
 * (rules/network/beacon.ts), and there is no way past that check.
 */
import type { BeaconRound, ChainInfo } from '../../rules/network/beacon.ts'

export type { BeaconRound } from '../../rules/network/beacon.ts'

export interface BeaconSource {
  readonly chain: ChainInfo
  /** The newest round that was checked, or null. */
  current(): BeaconRound | null
  /**
   * A round, from memory or from wherever the source has them. A round of the future is waited for.
   * While no supplier can be reached the source goes on trying.
   *
   * @throws the signal's reason when it fires, or an Error when the source is stopped
   */
  round(round: number, options?: { readonly signal?: AbortSignal }): Promise<BeaconRound>
  /**
   * Takes a round that a peer handed in. null, and no effect, when it is not a round of the chain.
   */
  accept(round: number, signature: Uint8Array): BeaconRound | null
  /**
   * Calls back for each checked round that is newer than all before. Must not throw. Returns how to
   * stop that.
   */
  onRound(listener: (round: BeaconRound) => void): () => void
  /** Why the newest round can't be had just now, in a sentence; null when all is well. */
  trouble(): string | null
  /** Begins to follow the chain. */
  start(): Promise<void>
  /** Ends all that goes on. Waiting calls are rejected. */
  stop(): Promise<void>
}
