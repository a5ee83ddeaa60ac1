/**
 * Beacon rounds by gossip. Who has them from their source passes each on; who only hears them need not, gossip does.
 * A round proves itself, so it does not matter who sent it. Checking one takes a pairing: what can't be news is
 * not checked, and who sends a wrong one has done so before long for the last time (bans.ts).
 */
import * as dagCbor from '@ipld/dag-cbor'
import { z } from 'zod'
import { UserError } from '../../rules/base/errors.ts'
import { field } from '../../rules/base/statement.ts'
import type { Topic } from '../p2p/topic.ts'
import type { BeaconRound, BeaconSource } from './source.ts'

const FIRST_TIMEOUT = 60_000

export class BeaconSilent extends UserError {
  override readonly name = 'BeaconSilent'
}

/** Hands the source what peers pass on. */
export const hearRounds = (topic: Topic, beacon: BeaconSource): Promise<void> =>
  topic.subscribe((bytes) => {
    const said = message.safeParse(decoded(bytes))
    if (!said.success) return 'wrong'
    const [round, signature] = said.data
    if (round < (beacon.current()?.round ?? 0)) return 'drop'
    return beacon.accept(round, signature) ? 'pass on' : 'wrong'
  })

const message = z.tuple([field.count, field.bytes(48)])

function decoded(bytes: Uint8Array): unknown {
  try {
    return dagCbor.decode(bytes)
  } catch {
    return undefined
  }
}

export async function passOn(topic: Topic, { round, signature }: BeaconRound): Promise<void> {
  // Nobody there to hear it is no fault.
  await topic.publish(dagCbor.encode([round, signature])).catch(() => {})
}

/** Resolves with the newest round, when there is one. @throws {BeaconSilent} when none comes in a minute */
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
