/**
 * Witnesses: a draw that was sealed after its beacon round came out could be cut to measure. That it was not is what the
 * nodes say that had it before: in their heartbeats (events.ts), for draws that hold as far as they can tell (draw-check.ts).
 *
 * A draw stands when more than half of the accounts on its roster witness it, each by a node on it. Until then its units
 * are certified by nobody. So a coordinator that seals late, or leaves people out, needs half of its own roster to sign
 * what is false, and those have signed it.
 */
import type { Registration } from './admit.ts'
import type { DrawBody, HeartbeatBody } from './events.ts'
import { compareBytes, type Statement } from './statement.ts'

/** By CID of the draw, by account: the heartbeat that says so. Of several, the earliest by (round, node, bytes). */
export type Witnesses = ReadonlyMap<string, ReadonlyMap<string, Statement<HeartbeatBody>>>

export function witnessesIn(
  heartbeats: Iterable<Statement<HeartbeatBody>>,
  nodes: ReadonlyMap<string, Pick<Registration, 'account'>>,
): Witnesses {
  const witnesses = new Map<string, Map<string, Statement<HeartbeatBody>>>()
  for (const heartbeat of heartbeats) {
    const account = nodes.get(heartbeat.signer)?.account
    if (account === undefined) continue
    for (const { draw } of heartbeat.body.witnessed) {
      const of = witnesses.get(draw) ?? new Map<string, Statement<HeartbeatBody>>()
      witnesses.set(draw, of)
      const known = of.get(account)
      if (!known || isBefore(heartbeat, known)) of.set(account, heartbeat)
    }
  }
  return witnesses
}

const isBefore = (a: Statement<HeartbeatBody>, b: Statement<HeartbeatBody>): boolean =>
  (a.body.round - b.body.round ||
    (a.signer < b.signer ? -1 : a.signer > b.signer ? 1 : compareBytes(a.bytes, b.bytes))) < 0

/** Accounts on the roster of a draw. */
export const accountsOn = (draw: DrawBody): number => new Set(draw.roster.map(({ account }) => account)).size

/** How many accounts have to witness a draw. */
export const witnessesNeeded = (draw: DrawBody): number => Math.floor(accountsOn(draw) / 2) + 1

/** Those on the roster that witness it, in the order of their node keys. */
export function witnessesOf(draw: DrawBody, of: ReadonlyMap<string, Statement<HeartbeatBody>> | undefined) {
  const nodes = new Map(draw.roster.map(({ node, account }) => [node, account]))
  return [...(of ?? [])]
    .filter(([account, { signer }]) => nodes.get(signer) === account)
    .map(([, heartbeat]) => heartbeat)
    .sort((a, b) => (a.signer < b.signer ? -1 : 1))
}

export const isWitnessed = (draw: DrawBody, of: ReadonlyMap<string, Statement<HeartbeatBody>> | undefined): boolean =>
  witnessesOf(draw, of).length >= witnessesNeeded(draw)
