/**
 * The draws that a certificate rests on, and who is registered: read from its bytes, dealt anew by
 * their beacon rounds, and witnessed by more than half of their rosters.
 */

import { cidOf } from '../base/cid.ts'
import type { Memory } from '../base/memory.ts'
import { open, RuleError, type Statement } from '../base/statement.ts'
import { assign, offeredUnits } from '../deal/assignment.ts'
import { dealtDraw } from '../deal/canonical-draws.ts'
import { isWitnessed, witnessesIn } from '../deal/witness.ts'
import { type DrawBody, drawBody, heartbeatBody } from '../message/bodies.ts'
import { openRegistration, type Registration } from '../message/registration.ts'
import { verifyRound } from '../network/beacon.ts'
import type { Genesis } from '../network/genesis.ts'
import type { CertificateFile } from './format.ts'

/** By pairOf: a node that changed hands between two draws is registered to both accounts. */
export type CarriedRegistrations = ReadonlyMap<string, Registration>

export const pairOf = (node: string, account: string): string => `${node} ${account}`

export function readRegistrations(genesis: Genesis, file: CertificateFile, memory: Memory): CarriedRegistrations {
  const registrations = file.registrations.map((document) => openRegistration(genesis, document, memory))
  return new Map(registrations.map((registration) => [pairOf(registration.node, registration.account), registration]))
}

/**
 * Checks what a statement that a file carries has to be: of this network, with the signature of the
 * round that it names.
 */
export function checkCarried(
  genesis: Genesis,
  { network, round, beacon }: { network: string; round?: number; beacon?: Uint8Array },
  memory: Memory,
): void {
  if (network !== genesis.networkId) throw new RuleError('it carries a statement for another network')
  if (round !== undefined && beacon) verifyRound(genesis.chain, round, beacon, memory)
}

/**
 * More than half of the accounts on the roster of a draw say that they had it before its beacon
 * round.
 */
function checkWitnesses(
  genesis: Genesis,
  draw: Statement<DrawBody>,
  statements: readonly Uint8Array[],
  registered: CarriedRegistrations,
  memory: Memory,
): void {
  const cid = cidOf(draw.bytes).toString()
  const { epoch } = draw.body
  const accounts = new Map(draw.body.roster.map(({ node, account }) => [node, account]))
  const heartbeats = statements.map((bytes) => {
    const heartbeat = open(bytes, heartbeatBody, `a witness of the draw of epoch ${epoch}`)
    const { body, signer } = heartbeat
    checkCarried(genesis, body, memory)
    if (body.node !== signer) throw new RuleError("a heartbeat in another node's name")
    if (!body.witnessed.some((witnessed) => witnessed.draw === cid)) {
      throw new RuleError(`the draw of epoch ${epoch} has a witness that does not name it`)
    }
    if (!registered.has(pairOf(signer, accounts.get(signer) ?? ''))) {
      throw new RuleError(
        `the draw of epoch ${epoch} has a witness that is not on its roster, or not registered as there`,
      )
    }
    return heartbeat
  })
  const nodes = new Set(heartbeats.map(({ signer }) => signer))
  if (!isWitnessed(draw.body, witnessesIn(heartbeats, nodes).get(cid))) {
    throw new RuleError(`the draw of epoch ${epoch} is not witnessed by more than half of its roster`)
  }
}

export function readCarriedDraws(
  genesis: Genesis,
  file: CertificateFile,
  registered: CarriedRegistrations,
  memory: Memory,
) {
  const window = BigInt(file.window)
  let lastEpoch = 0
  return file.draws.map(({ draw: drawBytes, signature, witnesses }) => {
    const draw = open(drawBytes, drawBody, 'a draw of the certificate')
    if (!genesis.body.coordinators.includes(draw.signer)) throw new RuleError('a draw is not by a coordinator')
    if (draw.body.epoch <= lastEpoch) throw new RuleError('the draws are not sorted')
    lastEpoch = draw.body.epoch
    const assignments = assign(genesis, draw.body, signature, offeredUnits(genesis, draw.body), memory)
    const dealt = dealtDraw(draw, signature, assignments)
    checkWitnesses(genesis, draw, witnesses, registered, memory)
    return {
      dealt,
      epoch: draw.body.epoch,
      units: new Map(assignments.filter((a) => a.window === window).map((a) => [a.unit, a])),
    }
  })
}
