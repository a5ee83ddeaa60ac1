/**
 * Where a node has its beacon rounds from. Whatever the source, a round is checked once against the chain of the
 * genesis (orbit/rules/network/beacon.ts) and then kept; there is no way round the check.
 *
 *   drand   drand.ts   HTTP relays of drand, several at a time, and what peers hand in
 *   local   local.ts   the founder's node of a private network signs the rounds itself
 *   relay   fetch.ts   only what peers hand in, or give when asked
 *
 * This and the files beside it are the only places where rounds meet a clock.
 */
import type { BeaconRound, ChainInfo } from '../../rules/network/beacon.ts'
import type { Home } from '../home/home.ts'
import { drandSource, relaysOf } from './drand.ts'
import { relaySource } from './fetch.ts'
import { localSource } from './local.ts'

export interface BeaconSource {
  readonly chain: ChainInfo
  /** The newest round that was checked, or null. */
  current(): BeaconRound | null
  /**
   * A round, from memory or from wherever the source has them. A round of the future is waited for; while nobody can
   * be reached the source goes on trying.
   *
   * @throws the signal's reason when it fires, or an Error when the source is stopped
   */
  round(round: number, options?: { readonly signal?: AbortSignal }): Promise<BeaconRound>
  /** Takes a round that somebody handed in. null, and no effect, when it is not a round of the chain. */
  accept(round: number, signature: Uint8Array): BeaconRound | null
  /** Calls back for each checked round that is newer than all before. Must not throw. Returns how to stop that. */
  onRound(listener: (round: BeaconRound) => void): () => void
  /** Why the newest round can't be had just now, in a sentence; null when all is well. */
  trouble(): string | null
  /** Begins to follow the chain. */
  start(): Promise<void>
  /** Ends all that goes on. What was waited for is rejected. */
  stop(): Promise<void>
}

export type { BeaconRound } from '../../rules/network/beacon.ts'
export { drandSource } from './drand.ts'
export { relaySource } from './fetch.ts'
export { localSource } from './local.ts'

/** The source that a node of this home follows. */
export function beaconOf({ genesis, config, beaconKey }: Home): BeaconSource {
  const { chain, body } = genesis
  if (body.beacon.source === 'drand') return drandSource({ chain, urls: relaysOf(chain, config.relays) })
  if (beaconKey) return localSource({ chain, secret: beaconKey })
  return relaySource({ chain })
}
