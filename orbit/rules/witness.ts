/**
 * Witnesses: a draw that was sealed after its beacon round came out could be cut to measure. That it was not is what the
 * nodes say that had it before: in their heartbeats (events.ts), for draws that hold as far as they can tell (draw-check.ts).
 *
 * A draw stands when more than half of its electors witness it, each by a node on its roster: the accounts on it that have
 * shown work, which are those that it allows units for that (allowance.ts), once they are ELECTORATE or more; else all accounts
 * on it. Until then its units are certified by nobody. So a coordinator that seals late, or leaves people out, needs half of
 * them to sign what is false, and those have signed it; and who has only paid for accounts can neither help it nor, by
 * saying nothing, stop the draws of a network in which work is done.
 */
import type { DrawBody, HeartbeatBody } from './events.ts'
import { compareBytes, type Statement } from './statement.ts'

/** By CID of the draw, by node: the heartbeat that says so. Of several, the earliest by (round, bytes). */
export type Witnesses = ReadonlyMap<string, ReadonlyMap<string, Statement<HeartbeatBody>>>

/** @param nodes those that are registered */
export function witnessesIn(
  heartbeats: Iterable<Statement<HeartbeatBody>>,
  nodes: Pick<ReadonlySet<string>, 'has'>,
): Witnesses {
  const witnesses = new Map<string, Map<string, Statement<HeartbeatBody>>>()
  for (const heartbeat of heartbeats) {
    const { signer } = heartbeat
    if (!nodes.has(signer)) continue
    for (const { draw } of heartbeat.body.witnessed) {
      const of = witnesses.get(draw) ?? new Map<string, Statement<HeartbeatBody>>()
      witnesses.set(draw, of)
      const known = of.get(signer)
      if (!known || isBefore(heartbeat, known)) of.set(signer, heartbeat)
    }
  }
  return witnesses
}

const isBefore = (a: Statement<HeartbeatBody>, b: Statement<HeartbeatBody>): boolean =>
  (a.body.round - b.body.round ||
    (a.signer < b.signer ? -1 : a.signer > b.signer ? 1 : compareBytes(a.bytes, b.bytes))) < 0

/** Accounts on the roster of a draw. */
export const accountsOn = (draw: DrawBody): number => new Set(draw.roster.map(({ account }) => account)).size

/** So many accounts that have shown work decide without the others. */
export const ELECTORATE = 8

/** The accounts whose witness counts. */
export function electorsOf({ roster, allowances }: DrawBody): ReadonlySet<string> {
  const accounts = new Set(roster.map(({ account }) => account))
  const shown = allowances.flatMap(({ account }) => (accounts.has(account) ? [account] : []))
  return shown.length >= ELECTORATE ? new Set(shown) : accounts
}

/** How many of them have to witness a draw. */
export const witnessesNeeded = (draw: DrawBody): number => Math.floor(electorsOf(draw).size / 2) + 1

/**
 * Those of its electors that witness it, one an account, in the order of their node keys. Whose a node is, the roster says:
 * if another account takes it for its own afterwards, that changes nothing.
 */
export function witnessesOf(draw: DrawBody, of: ReadonlyMap<string, Statement<HeartbeatBody>> | undefined) {
  const first = new Map<string, Statement<HeartbeatBody>>()
  const electors = electorsOf(draw)
  for (const { node, account } of draw.roster) {
    if (!electors.has(account)) continue
    const heartbeat = of?.get(node)
    const known = first.get(account)
    if (heartbeat && (!known || isBefore(heartbeat, known))) first.set(account, heartbeat)
  }
  return [...first.values()].sort((a, b) => (a.signer < b.signer ? -1 : 1))
}

export const isWitnessed = (draw: DrawBody, of: ReadonlyMap<string, Statement<HeartbeatBody>> | undefined): boolean =>
  witnessesOf(draw, of).length >= witnessesNeeded(draw)
