/**
 * Which documents a replica lets in: a pure function of the document and the genesis, with no network call, so that
 * every replica lets in the same. What needs other documents to judge (was this node named by the deal?) is judged
 * when the state is computed (state.ts).
 */

import * as dagCbor from '@ipld/dag-cbor'
import { createMemory, type Memory } from '../base/memory.ts'
import { open, RuleError } from '../base/statement.ts'
import { verifyRound } from '../network/beacon.ts'
import type { Genesis } from '../network/genesis.ts'
import { epochAt } from '../network/schedule.ts'
import { openAnswer } from './answers.ts'
import { drawBody, heartbeatBody, MAX_ANSWER_BYTES } from './bodies.ts'
import { beaconDocument, documentKey, spanOf, statementDocument } from './documents.ts'
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

function check(genesis: Genesis, database: string, writer: string, key: string, value: unknown, memory: Memory): void {
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
      const registration = openRegistration(genesis, value, memory)
      if (registration.node !== writer) throw new RuleError("a registration in another node's name")
      keyIs(documentKey.registration(writer, registration.account))
      return
    }
    case 'pool': {
      const { body, signer } = open(statement(), heartbeatBody, 'the heartbeat', memory)
      ours(body, signer)
      if (body.node !== writer) throw new RuleError("a heartbeat in another node's name")
      const epoch = epochAt(genesis, body.round)
      if (spanOf(epoch, genesis.body.epoch.perDatabase) !== span) {
        throw new RuleError('a heartbeat of other epochs than this database holds')
      }
      verifyRound(genesis.chain, body.round, body.beacon, memory)
      keyIs(documentKey.heartbeat(writer, epoch, body))
      return
    }
    case 'draws': {
      if (!genesis.body.coordinators.includes(writer)) throw new RuleError('a draw by a node that is no coordinator')
      const round = beaconDocument.safeParse(value)
      if (round.success) {
        verifyRound(genesis.chain, round.data.round, round.data.signature, memory)
        keyIs(documentKey.beacon(writer, round.data.round))
        return
      }
      const { body, signer } = open(statement(), drawBody, 'the draw', memory)
      ours(body, signer)
      keyIs(documentKey.draw(writer, body.epoch, statement()))
      return
    }
    default: {
      const { body, signer, bytes } = openAnswer(value, memory).statement
      ours(body, signer)
      // A decline lies where the answers of its deal begin; everything else where its batch does.
      if (spanOf(body.type === 'decline' ? body.epoch : body.batch, genesis.body.epoch.perDatabase) !== span) {
        throw new RuleError('an answer of other epochs than this database holds')
      }
      if (body.type !== 'decline') verifyRound(genesis.chain, body.round, body.beacon, memory)
      if (body.type === 'results') keyIs(documentKey.results(writer, body.batch, bytes))
      else if (body.type === 'audit') keyIs(documentKey.audit(writer, body.batch, bytes))
      else keyIs(documentKey.decline(writer, body.epoch, body.window, body.unit))
      return
    }
  }
}
