/**
 * Coordinators seal draws; this is what keeps them honest in doing so.
 *
 * When. The draw of epoch e is sealed from round R(e) - lead on, lead = min(floor(freshRounds / 3),
 * rounds of an epoch), at least 1: so late that a node that says at every two fifths of freshRounds
 * that it is there (presence.ts) has said so in time, and is still fresh at R(e); and so early that
 * it is everywhere before R(e). A network of short epochs needs all of an epoch for that.
 *
 * Turns. In epoch e the coordinators come in the order of the genesis, rotated by e. The first may
 * seal at R(e) - lead, each next one a step later, if there is no draw by then that it accepts; a
 * step is floor(lead / n) rounds, at least 1, of n coordinators or of 8 if there are more. So no
 * two begin at one round, and a coordinator whose turn would begin at R(e) or later has none in
 * that epoch, but in others. A draw is accepted by nobody before its coordinator's turn (check.ts).
 * If several seal a draw, the one that is witnessed stands (witness.ts), of those the one with the
 * most accounts on its roster, and of those the one whose turn comes first.
 *
 * Equivocation. Two different draws that one coordinator signed for one epoch prove that it tried
 * to choose between them. The two statements are the proof, and nothing else is needed. No honest
 * node witnesses any draw of its after that, and of that epoch and later ones only those stand that
 * were witnessed before: the nodes that they dealt work to have done nothing wrong.
 */

import { compareBytes, equalBytes } from '../base/bytes.ts'
import { open, RuleError, type Statement } from '../base/statement.ts'
import { type DrawBody, drawBody } from '../message/bodies.ts'
import type { Genesis } from '../network/genesis.ts'
import { sealingLead, seedRound, stepRounds } from '../network/schedule.ts'

export interface Equivocation {
  readonly coordinator: string
  /** The first epoch for which it sealed two. */
  readonly epoch: number
  /** The two statements, in byte order. */
  readonly proof: readonly [Uint8Array, Uint8Array]
}

/** 0 for the coordinator whose turn an epoch is, 1 for the next one, and so on. */
export function turnOf(coordinators: readonly string[], draw: { signer: string; body: { epoch: number } }): number {
  const n = coordinators.length
  return (coordinators.indexOf(draw.signer) - (draw.body.epoch % n) + n) % n
}

/**
 * The first round at which a coordinator may seal the draw of an epoch; R(e) or later if it has no
 * turn in it.
 */
export const turnRound = (genesis: Genesis, draw: { signer: string; body: { epoch: number } }): number =>
  seedRound(genesis, draw.body.epoch) -
  sealingLead(genesis) +
  turnOf(genesis.body.coordinators, draw) * stepRounds(genesis)

/**
 * Whether a coordinator may seal the draw of `epoch` at `round`, if there is none yet that it
 * accepts.
 */
export const mayStepIn = (genesis: Genesis, coordinator: string, epoch: number, round: number): boolean =>
  genesis.body.coordinators.includes(coordinator) &&
  round >= turnRound(genesis, { signer: coordinator, body: { epoch } }) &&
  round < seedRound(genesis, epoch)

/** By coordinator, the first epoch that it sealed twice. */
export function equivocationsIn(draws: readonly Statement<DrawBody>[]): Map<string, Equivocation> {
  const first = new Map<string, Statement<DrawBody>>()
  const found = new Map<string, Equivocation>()
  // In byte order, so that the same two of three stand for the proof everywhere.
  const sorted = [...draws].sort((a, b) => compareBytes(a.bytes, b.bytes))
  for (const draw of sorted) {
    const { epoch } = draw.body
    const key = `${draw.signer}/${epoch}`
    const earlier = first.get(key)
    if (!earlier) first.set(key, draw)
    else if (
      !equalBytes(earlier.bytes, draw.bytes) &&
      epoch < (found.get(draw.signer)?.epoch ?? Number.POSITIVE_INFINITY)
    ) {
      found.set(draw.signer, { coordinator: draw.signer, epoch, proof: [earlier.bytes, draw.bytes] })
    }
  }
  return found
}

/**
 * Checks a proof of equivocation from its two statements alone.
 *
 * @throws {RuleError} when they prove nothing
 */
export function checkEquivocation(genesis: Genesis, proof: readonly [Uint8Array, Uint8Array]): Equivocation {
  const [a, b] = proof.map((bytes) => open(bytes, drawBody, 'a draw of the proof')) as [
    Statement<DrawBody>,
    Statement<DrawBody>,
  ]
  if (a.body.network !== genesis.networkId || b.body.network !== genesis.networkId) {
    throw new RuleError('the proof is about another network')
  }
  if (a.signer !== b.signer || !genesis.body.coordinators.includes(a.signer)) {
    throw new RuleError('the proof is not of two draws by one coordinator')
  }
  if (a.body.epoch !== b.body.epoch) throw new RuleError('the proof is of draws for two epochs')
  if (equalBytes(a.bytes, b.bytes)) throw new RuleError('the proof is of one draw twice')
  return { coordinator: a.signer, epoch: a.body.epoch, proof: [a.bytes, b.bytes] }
}
