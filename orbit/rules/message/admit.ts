/**
 * Which documents a replica lets in: a pure function of the document and the genesis, with no
 * network call, so that every replica lets in the same. What needs other documents to judge (was
 * this node named by the deal?) is judged when the state is computed (state.ts).
 */

import * as dagCbor from '@ipld/dag-cbor'
import { createMemory, type Memory } from '../base/memory.ts'
import { open, RuleError } from '../base/statement.ts'
import { verifyRound } from '../network/beacon.ts'
import type { Genesis } from '../network/genesis.ts'
import { epochAt } from '../network/schedule.ts'
import { openAnswer } from './answers.ts'
import { drawBody, heartbeatBody, MAX_ANSWER_BYTES } from './bodies.ts'
import { beaconDocument, type DatabaseKind, documentKey, spanOf, statementDocument } from './documents.ts'
import { openRegistration } from './registration.ts'

const MAX_BYTES = { accounts: 2048, pool: 8192, draws: 262_144, results: MAX_ANSWER_BYTES } as const

/**
 * @param database e.g. 'accounts' or 'results-12'
 * @param writer   the node key that signed the entry
 * @returns null to let it in, else the reason for the refusal
 */
export function admit(
  genesis: Genesis,
  database: string,
  writer: string,
  key: string,
  value: unknown,
  memory: Memory = createMemory(),
): string | null {
  try {
    check(genesis, database, writer, key, value, memory)
    return null
  } catch (error) {
    if (error instanceof RuleError) return error.message
    throw error
  }
}

/** A document on its way in. */
interface Candidate {
  readonly genesis: Genesis
  readonly span: number
  readonly writer: string
  readonly key: string
  readonly value: unknown
  readonly memory: Memory
}

const KINDS: Readonly<Record<DatabaseKind, (candidate: Candidate) => void>> = {
  accounts: checkRegistrationDocument,
  pool: checkHeartbeat,
  draws: checkDrawOrRound,
  results: checkAnswer,
}

function check(genesis: Genesis, database: string, writer: string, key: string, value: unknown, memory: Memory): void {
  const [kind = '', spanText] = database.split('-')
  if (!Object.hasOwn(MAX_BYTES, kind)) throw new RuleError('an unknown database')
  if (dagCbor.encode(value).length > MAX_BYTES[kind as DatabaseKind]) throw new RuleError('too large')
  KINDS[kind as DatabaseKind]({ genesis, span: Number(spanText), writer, key, value, memory })
}

function checkKey({ key }: Candidate, expected: string): void {
  if (key !== expected) throw new RuleError('a key that is not the one its content asks for')
}

/** Of this network, and signed by the writer of the entry. */
function checkSigned({ genesis, writer }: Candidate, body: { network: string }, signer: string): void {
  if (body.network !== genesis.networkId) throw new RuleError('a statement for another network')
  if (signer !== writer) throw new RuleError('a statement that its writer did not sign')
}

/** The bytes of a document that is a statement and nothing else. */
function statementIn({ value }: Candidate): Uint8Array {
  const parsed = statementDocument.safeParse(value)
  if (!parsed.success) throw new RuleError('not a statement document')
  return parsed.data.statement
}

function checkRegistrationDocument(candidate: Candidate): void {
  const { genesis, writer, value, memory } = candidate
  const registration = openRegistration(genesis, value, memory)
  if (registration.node !== writer) throw new RuleError("a registration in another node's name")
  checkKey(candidate, documentKey.registration(writer, registration.account))
}

function checkHeartbeat(candidate: Candidate): void {
  const { genesis, span, writer, memory } = candidate
  const { body, signer } = open(statementIn(candidate), heartbeatBody, 'the heartbeat', memory)
  checkSigned(candidate, body, signer)
  if (body.node !== writer) throw new RuleError("a heartbeat in another node's name")
  const epoch = epochAt(genesis, body.round)
  if (spanOf(epoch, genesis.body.epoch.perDatabase) !== span) {
    throw new RuleError('a heartbeat of other epochs than this database holds')
  }
  verifyRound(genesis.chain, body.round, body.beacon, memory)
  checkKey(candidate, documentKey.heartbeat(writer, epoch, body))
}

function checkDrawOrRound(candidate: Candidate): void {
  const { genesis, writer, value, memory } = candidate
  if (!genesis.body.coordinators.includes(writer)) throw new RuleError('a draw by a node that is no coordinator')
  const round = beaconDocument.safeParse(value)
  if (round.success) {
    verifyRound(genesis.chain, round.data.round, round.data.signature, memory)
    checkKey(candidate, documentKey.beacon(writer, round.data.round))
    return
  }
  const bytes = statementIn(candidate)
  const { body, signer } = open(bytes, drawBody, 'the draw', memory)
  checkSigned(candidate, body, signer)
  checkKey(candidate, documentKey.draw(writer, body.epoch, bytes))
}

function checkAnswer(candidate: Candidate): void {
  const { genesis, span, writer, value, memory } = candidate
  // The signed part: the results themselves lie in the block that it names.
  const { body, signer, bytes } = openAnswer(value, memory).statement
  checkSigned(candidate, body, signer)
  // A decline lies where the answers of its deal begin; everything else where its batch does.
  if (spanOf(body.type === 'decline' ? body.epoch : body.batch, genesis.body.epoch.perDatabase) !== span) {
    throw new RuleError('an answer of other epochs than this database holds')
  }
  if (body.type !== 'decline') verifyRound(genesis.chain, body.round, body.beacon, memory)
  if (body.type === 'results') checkKey(candidate, documentKey.results(writer, body.batch, bytes))
  else if (body.type === 'audit') checkKey(candidate, documentKey.audit(writer, body.batch, bytes))
  else checkKey(candidate, documentKey.decline(writer, body.epoch, body.window, body.unit))
}
