/**
 * A registration: an account takes a node for its own, the node agrees, and the account has paid
 * the puzzle of it (network/puzzle.ts). Both statements lie in one document.
 */

import type { z } from 'zod'
import { cidOf } from '../base/cid.ts'
import { createMemory, type Memory } from '../base/memory.ts'
import { open, RuleError } from '../base/statement.ts'
import { verifyRound } from '../network/beacon.ts'
import type { Genesis } from '../network/genesis.ts'
import { verifyPuzzle } from '../network/puzzle.ts'
import { consentBody, registrationBody } from './bodies.ts'
import { registrationDocument } from './documents.ts'

export interface Registration {
  readonly account: string
  readonly node: string
  readonly name: string
  readonly round: number
}

/** A puzzle takes 33 ms to check: what was found right, by network and the very bytes. */
const registrations = () => new Map<string, Registration>()
const REMEMBERED = 65_536
/** And by the document itself, which nobody changes. */
const seen = () => new WeakMap<object, { genesis: Genesis; registration: Registration }>()

/** @throws {RuleError} */
export function openRegistration(genesis: Genesis, document: unknown, memory: Memory = createMemory()): Registration {
  const same = memory.table(seen).get(document as object)
  if (same?.genesis === genesis) return same.registration
  const parsed = registrationDocument.safeParse(document)
  if (!parsed.success) throw new RuleError('a registration document of the wrong shape')
  const { registration, consent } = parsed.data
  const identity = `${genesis.networkId} ${cidOf(registration)} ${cidOf(consent)}`
  const known = memory.table(registrations)
  const checked = known.get(identity) ?? checkRegistration(genesis, parsed.data, memory)
  if (known.size >= REMEMBERED) known.clear()
  known.set(identity, checked)
  memory.table(seen).set(document as object, { genesis, registration: checked })
  return checked
}

function checkRegistration(
  genesis: Genesis,
  document: z.infer<typeof registrationDocument>,
  memory: Memory,
): Registration {
  const { body, signer } = open(document.registration, registrationBody, 'the registration')
  const consent = open(document.consent, consentBody, "the node's consent")
  if (body.network !== genesis.networkId || consent.body.network !== genesis.networkId) {
    throw new RuleError('a registration for another network')
  }
  if (signer !== body.account) throw new RuleError('a registration that its account did not sign')
  if (consent.signer !== body.node || consent.body.node !== body.node || consent.body.account !== body.account) {
    throw new RuleError('a registration without the consent of its node')
  }
  const randomness = verifyRound(genesis.chain, body.round, body.beacon, memory)
  const { networkId } = genesis
  verifyPuzzle(
    genesis.body.registration,
    { networkId, account: body.account, round: body.round, randomness },
    body.nonce,
  )
  return { account: body.account, node: body.node, name: body.name, round: body.round }
}
