/**
 * The beacon source that a node of a home follows:
 *
 *   drand   drand.ts   HTTP relays of drand, several at a time, and what peers hand in
 *   local   local.ts   the founder's node of a private network signs the rounds itself
 *   relay   fetch.ts   only what peers hand in, or give when asked
 *
 * The files of this folder are the only places where rounds meet a clock.
 */
import type { Home } from '../home/home.ts'
import { drandSource, relaysOf } from './drand.ts'
import { relaySource } from './fetch.ts'
import { localSource } from './local.ts'
import type { BeaconSource } from './source.ts'

export function beaconOf({ genesis, config, beaconKey }: Home): BeaconSource {
  const { chain, body } = genesis
  if (body.beacon.source === 'drand') return drandSource({ chain, urls: relaysOf(chain, config.relays) })
  if (beaconKey) return localSource({ chain, secret: beaconKey })
  return relaySource({ chain })
}
