/**
 * Beacon rounds by gossip. A node that has rounds from their source publishes each; gossip carries
 * it to the others. A round proves itself, so it does not matter which peer sent it. Checking one
 * takes a pairing, so an old round is dropped unchecked, and a peer that sends wrong ones is banned
 * before long (bans.ts).
 */
import * as dagCbor from '@ipld/dag-cbor'
import { z } from 'zod'
import { UserError } from '../../rules/base/errors.ts'
import { field } from '../../rules/base/fields.ts'
import type { Topic } from '../p2p/topic.ts'
import type { BeaconRound, BeaconSource } from './source.ts'

const FIRST_TIMEOUT = 60_000

export class BeaconSilent extends UserError {
  override readonly name = 'BeaconSilent'
}

/** Hands the rounds that peers pass on to the source. */
export const hearRounds = (topic: Topic, beacon: BeaconSource): Promise<void> =>
  topic.subscribe((bytes) => {
    const parsed = message.safeParse(decode(bytes))
    if (!parsed.success) return 'wrong'
    const [round, signature] = parsed.data
    if (round < (beacon.current()?.round ?? 0)) return 'drop'
    return beacon.accept(round, signature) ? 'pass on' : 'wrong'
  })

const message = z.tuple([field.count, field.bytes(48)])

function decode(bytes: Uint8Array): unknown {
  try {
    return dagCbor.decode(bytes)
  } catch {
    return undefined
  }
}

export async function passOn(topic: Topic, { round, signature }: BeaconRound): Promise<void> {
  // That no peer is there to hear it is no fault.
  await topic.publish(dagCbor.encode([round, signature])).catch(() => {})
}

/**
 * Resolves with the newest round, when there is one.
 *
 * @throws {BeaconSilent} when none comes in a minute
 */
export function firstRound(beacon: BeaconSource): Promise<BeaconRound> {
  const known = beacon.current()
  if (known) return Promise.resolve(known)
  return new Promise((resolve, reject) => {
    const off = beacon.onRound((round) => {
      clearTimeout(timer)
      off()
      resolve(round)
    })
    const timer = setTimeout(() => {
      off()
      reject(
        new BeaconSilent('no beacon round came within a minute: is this machine online, and a node of the network?'),
      )
    }, FIRST_TIMEOUT)
  })
}
