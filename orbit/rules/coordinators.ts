/**
 * Coordinators seal draws; this is what keeps them honest in doing so.
 *
 * Turns. In epoch e the coordinators come in the order of the genesis, rotated by e: if several seal a draw, the one that is
 * witnessed stands (witness.ts), of those the one with the most accounts on its roster, and of those the one whose turn comes
 * first. Each later one may seal only when the ones before it have been silent for its share of the epoch (mayStepIn), so
 * one that is gone costs the network a part of an epoch.
 *
 * Equivocation. Two different draws that one coordinator signed for one epoch prove that it tried to choose between
 * them. The two statements are the proof; whoever has them needs nothing else. No honest node witnesses any draw of its
 * after that, and of that epoch and later ones only those stand that were witnessed before: whoever was dealt work by those
 * has done nothing wrong.
 */
import { type DrawBody, drawBody } from './events.ts'
import type { Genesis } from './genesis.ts'
import { compareBytes, equalBytes, open, RuleError, type Statement } from './statement.ts'

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
 * Whether a coordinator may seal the draw of `epoch` at `round`: the one whose turn it is at once, the others when
 * those before them have had their share of the epoch before R(epoch).
 */
export function mayStepIn(genesis: Genesis, coordinator: string, epoch: number, round: number): boolean {
  const { coordinators, epoch: lengths } = genesis.body
  if (!coordinators.includes(coordinator)) return false
  const turn = turnOf(coordinators, { signer: coordinator, body: { epoch } })
  const began = (epoch - 1) * lengths.rounds
  return round >= began + Math.floor((turn * lengths.rounds) / coordinators.length)
}

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
