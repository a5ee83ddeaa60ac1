/**
 * Which documents a replica lets in: a pure function of the document and the genesis, with no network call, so that
 * every replica lets in the same. What needs other documents to judge (was this node named by the deal?) is judged
 * when the state is computed (state.ts).
 */
import * as dagCbor from '@ipld/dag-cbor'
import type { z } from 'zod'
import { openAnswer } from '../answer/commit-reveal.ts'
import { open, RuleError } from '../base/statement.ts'
import { verifyRound } from '../network/beacon.ts'
import { cidOf, type Genesis } from '../network/genesis.ts'
import { verifyPuzzle } from '../network/puzzle.ts'
import {
  answerBody,
  beaconDocument,
  consentBody,
  documentKey,
  drawBody,
  heartbeatBody,
  MAX_ANSWER_BYTES,
  registrationBody,
  registrationDocument,
  spanOf,
  statementDocument,
} from './bodies.ts'

const MAX_BYTES = { accounts: 2048, pool: 8192, draws: 262_144, results: MAX_ANSWER_BYTES } as const

export interface Registration {
  readonly account: string
  readonly node: string
  readonly name: string
  readonly round: number
}

/** A puzzle takes 33 ms to check: what was found right is not checked again. By network and the very bytes. */
const registrations = new Map<string, Registration>()
const REMEMBERED = 65_536
/** And by the document itself, which nobody changes. */
const seen = new WeakMap<object, { genesis: Genesis; registration: Registration }>()

/** @throws {RuleError} */
export function openRegistration(genesis: Genesis, document: unknown): Registration {
  const same = seen.get(document as object)
  if (same?.genesis === genesis) return same.registration
  const parsed = registrationDocument.safeParse(document)
  if (!parsed.success) throw new RuleError('a registration document of the wrong shape')
  const { registration, consent } = parsed.data
  const identity = `${genesis.networkId} ${cidOf(registration)} ${cidOf(consent)}`
  const checked = registrations.get(identity) ?? checkRegistration(genesis, parsed.data)
  if (registrations.size >= REMEMBERED) registrations.clear()
  registrations.set(identity, checked)
  seen.set(document as object, { genesis, registration: checked })
  return checked
}

function checkRegistration(genesis: Genesis, document: z.infer<typeof registrationDocument>): Registration {
  const { body, signer } = open(document.registration, registrationBody, 'the registration')
  const consent = open(document.consent, consentBody, "the node's consent")
  if (body.network !== genesis.networkId || consent.body.network !== genesis.networkId) {
    throw new RuleError('a registration for another network')
  }
  if (signer !== body.account) throw new RuleError('a registration that its account did not sign')
  if (consent.signer !== body.node || consent.body.node !== body.node || consent.body.account !== body.account) {
    throw new RuleError('a registration without the consent of its node')
  }
  const randomness = verifyRound(genesis.chain, body.round, body.beacon)
  const { networkId } = genesis
  verifyPuzzle(
    genesis.body.registration,
    { networkId, account: body.account, round: body.round, randomness },
    body.nonce,
  )
  return { account: body.account, node: body.node, name: body.name, round: body.round }
}

/**
 * @param database e.g. 'accounts' or 'results-12'
 * @param writer   the node key that signed the entry
 * @returns null to let it in, else the reason for the refusal
 */
export function admit(genesis: Genesis, database: string, writer: string, key: string, value: unknown): string | null {
  try {
    check(genesis, database, writer, key, value)
    return null
  } catch (error) {
    if (error instanceof RuleError) return error.message
    throw error
  }
}

/** The signed part of an answer document: a reveal's items lie beside it. */
function statementOf(value: unknown): Uint8Array {
  const statement = (value as { statement?: unknown } | null)?.statement
  if (!(statement instanceof Uint8Array)) throw new RuleError('not a statement document')
  return statement
}

function check(genesis: Genesis, database: string, writer: string, key: string, value: unknown): void {
  const [kind = '', spanText] = database.split('-')
  if (!Object.hasOwn(MAX_BYTES, kind)) throw new RuleError('an unknown database')
  if (dagCbor.encode(value).length > MAX_BYTES[kind as keyof typeof MAX_BYTES]) throw new RuleError('too large')
  const span = Number(spanText)
  const keyIs = (expected: string) => {
    if (key !== expected) throw new RuleError('a key that is not the one its content asks for')
  }
  const statement = () => {
    const parsed = statementDocument.safeParse(value)
    if (!parsed.success) throw new RuleError('not a statement document')
    return parsed.data.statement
  }
  const ours = (body: { network: string }, signer: string) => {
    if (body.network !== genesis.networkId) throw new RuleError('a statement for another network')
    if (signer !== writer) throw new RuleError('a statement that its writer did not sign')
  }
  switch (kind) {
    case 'accounts': {
      const registration = openRegistration(genesis, value)
      if (registration.node !== writer) throw new RuleError("a registration in another node's name")
      keyIs(documentKey.registration(writer, registration.account))
      return
    }
    case 'pool': {
      const { body, signer } = open(statement(), heartbeatBody, 'the heartbeat')
      ours(body, signer)
      if (body.node !== writer) throw new RuleError("a heartbeat in another node's name")
      const epoch = Math.floor(body.round / genesis.body.epoch.rounds)
      if (spanOf(epoch, genesis.body.epoch.perDatabase) !== span) {
        throw new RuleError('a heartbeat of other epochs than this database holds')
      }
      verifyRound(genesis.chain, body.round, body.beacon)
      keyIs(documentKey.heartbeat(writer, epoch, body))
      return
    }
    case 'draws': {
      if (!genesis.body.coordinators.includes(writer)) throw new RuleError('a draw by a node that is no coordinator')
      const round = beaconDocument.safeParse(value)
      if (round.success) {
        verifyRound(genesis.chain, round.data.round, round.data.signature)
        keyIs(documentKey.beacon(writer, round.data.round))
        return
      }
      const { body, signer } = open(statement(), drawBody, 'the draw')
      ours(body, signer)
      keyIs(documentKey.draw(writer, body.epoch, statement()))
      return
    }
    default: {
      const bytes = statementOf(value)
      const { body, signer } = open(bytes, answerBody, 'the answer')
      openAnswer(value)
      ours(body, signer)
      // A decline lies where the answers of its deal begin; everything else where its batch does.
      if (spanOf(body.type === 'decline' ? body.epoch : body.batch, genesis.body.epoch.perDatabase) !== span) {
        throw new RuleError('an answer of other epochs than this database holds')
      }
      if (body.type !== 'decline') verifyRound(genesis.chain, body.round, body.beacon)
      if (body.type === 'commit') keyIs(documentKey.commit(writer, body.batch, bytes))
      else if (body.type === 'reveal') keyIs(documentKey.reveal(writer, body.batch, body.part, bytes))
      else if (body.type === 'audit') keyIs(documentKey.audit(writer, body.batch, bytes))
      else keyIs(documentKey.decline(writer, body.epoch, body.window, body.unit))
      return
    }
  }
}
