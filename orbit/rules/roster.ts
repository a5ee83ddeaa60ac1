/**
 * Who may be dealt units: a pure function of registrations, of the heartbeats under the pool heads that a draw cites, and
 * of the draws before it. So whoever has those can tell whether a coordinator left anybody out.
 *
 * A node is on the roster of the draw for R(e) if it registered at least an epoch before, or is a founder's; its newest
 * heartbeat is at most `freshRounds` old at R(e); and its account is not excluded. Its capacity is what that heartbeat
 * offers, less the seats that deals have given it since the heartbeat's round.
 */
import * as dagCbor from '@ipld/dag-cbor'
import type { Registration } from './admit.ts'
import { seedRound } from './assignment.ts'
import type { HeartbeatBody, RosterEntry } from './events.ts'
import type { Genesis } from './genesis.ts'
import type { State } from './state.ts'
import { compareBytes } from './statement.ts'

export const isFresh = (genesis: Genesis, heartbeat: { round: number }, round: number): boolean =>
  round - heartbeat.round <= genesis.body.freshRounds

/** Of two that a node signed for one round, the same stands everywhere. */
const isLower = (a: HeartbeatBody, b: HeartbeatBody): boolean => compareBytes(dagCbor.encode(a), dagCbor.encode(b)) < 0

/** The newest heartbeat of each node. */
export function newestHeartbeats(heartbeats: Iterable<HeartbeatBody>): Map<string, HeartbeatBody> {
  const newest = new Map<string, HeartbeatBody>()
  for (const heartbeat of heartbeats) {
    const known = newest.get(heartbeat.node)
    if (!known || known.round < heartbeat.round || (known.round === heartbeat.round && isLower(heartbeat, known)))
      newest.set(heartbeat.node, heartbeat)
  }
  return newest
}

/** Whether a node of this registration is old enough for the draw of R(e) = round. */
export const isOldEnough = (genesis: Genesis, { node, round }: Pick<Registration, 'node' | 'round'>, at: number) =>
  round <= at - genesis.body.epoch.rounds || genesis.body.founders.some((founder) => founder.node === node)

/** Seats in quorums that the deals of epochs before `before`, whose R(e) came after `round`, gave a node. */
export function seatsSince(state: State, node: string, round: number, before: number): number {
  let seats = 0
  for (const [epoch, { assignments }] of state.draws) {
    if (epoch >= before || seedRound(state.genesis, epoch) <= round) continue
    for (const { quorum } of assignments) if (quorum.includes(node)) seats++
  }
  return seats
}

/**
 * @param heartbeats in any order, of anybody
 * @param excluded   accounts that are not dealt anything
 * @returns sorted by node key: the order of the deal's tickets
 */
export function rosterAt(
  state: State,
  heartbeats: Iterable<HeartbeatBody>,
  excluded: ReadonlySet<string>,
  epoch: number,
): RosterEntry[] {
  const { genesis, nodes } = state
  const round = seedRound(genesis, epoch)
  const roster: RosterEntry[] = []
  for (const heartbeat of newestHeartbeats(heartbeats).values()) {
    const registration = nodes.get(heartbeat.node)
    if (!registration || !isFresh(genesis, heartbeat, round) || !isOldEnough(genesis, registration, round)) continue
    if (excluded.has(registration.account)) continue
    const capacity = heartbeat.capacity - seatsSince(state, heartbeat.node, heartbeat.round, epoch)
    if (capacity >= 1) roster.push({ node: heartbeat.node, account: registration.account, capacity })
  }
  return roster.sort((a, b) => (a.node < b.node ? -1 : 1))
}
