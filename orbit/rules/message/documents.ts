/**
 * Where messages lie: the databases of a network, the key of each document, and the shapes of the
 * documents. A key follows from what the document says, so that a replica can tell a wrong one
 * (admit.ts).
 */
import * as dagCbor from '@ipld/dag-cbor'
import { z } from 'zod'
import { cidOf } from '../base/cid.ts'
import { field } from '../base/fields.ts'
import type { HeartbeatBody } from './bodies.ts'

/**
 * The databases of a network. A document's key begins with its writer's node key; only that key can
 * write it.
 */
export type DatabaseKind = 'accounts' | 'pool' | 'draws' | 'results'

/** `pool` and `results` are cut by epoch, so that old ones can be dropped whole. */
export const databaseName = (kind: DatabaseKind, span?: number): string =>
  span === undefined ? kind : `${kind}-${span}`
export const spanOf = (epoch: number, perDatabase: number): number => Math.floor(epoch / perDatabase)

export const documentKey = {
  /**
   * By account as well: a node that another account takes for its own does not undo what it was.
   */
  registration: (node: string, account: string) => `${node}/registration/${account}`,
  /**
   * By what it witnesses as well: of those that witness the same one an epoch stands, and none
   * takes back what another said.
   */
  heartbeat: (node: string, epoch: number, { witnessed }: Pick<HeartbeatBody, 'witnessed'>) =>
    `${node}/heartbeat/${epoch}/${cidOf(dagCbor.encode(witnessed))}`,
  /** By content, so that a coordinator that seals two draws for an epoch leaves both behind. */
  draw: (coordinator: string, epoch: number, statement: Uint8Array) =>
    `${documentKey.drawsOf(coordinator, epoch)}${cidOf(statement)}`,
  /** What the keys of all draws of a coordinator for an epoch begin with. */
  drawsOf: (coordinator: string, epoch: number): string => `${coordinator}/draw/${epoch}/`,
  beacon: (writer: string, round: number) => `${writer}/beacon/${round}`,
  /** By content as well: nothing that a node has said takes the place of what it said before. */
  results: (node: string, batch: number, statement: Uint8Array) => `${node}/results/${batch}/${cidOf(statement)}`,
  audit: (node: string, batch: number, statement: Uint8Array) => `${node}/audit/${batch}/${cidOf(statement)}`,
  decline: (node: string, epoch: number, window: string, unit: number) => `${node}/decline/${epoch}/${window}/${unit}`,
}

/** The documents, as they lie in OrbitDB. */
export const registrationDocument = z.strictObject({
  registration: field.blob,
  consent: field.blob,
})
export const statementDocument = z.strictObject({ statement: field.blob })
/** A beacon round proves itself. */
export const beaconDocument = z.strictObject({ round: field.count, signature: field.bytes(48) })
