/**
 * Who may be dealt units: a pure function of registrations, heartbeats and a round.
 *
 * A node is on the roster of a draw for R(e) if it registered at least an epoch before, or is a founder's, and its
 * newest heartbeat is at most `freshRounds` old at R(e). Its capacity is what it offers less what it still owes.
 */
import type { Registration } from './admit.ts'
import type { HeartbeatBody, RosterEntry } from './events.ts'
import type { Genesis } from './genesis.ts'

export const isFresh = (genesis: Genesis, heartbeat: { round: number }, round: number): boolean =>
  round - heartbeat.round <= genesis.body.freshRounds

/**
 * @param owed   units dealt to a node that are neither done nor past their deadline
 * @param misses units in a row that an account missed or declined
 * @param round R(e)
 * @returns sorted by node key: the order of the deal's tickets
 */
export function rosterAt(
  genesis: Genesis,
  nodes: ReadonlyMap<string, Registration>,
  heartbeats: Iterable<HeartbeatBody>,
  { owed, misses }: { owed: ReadonlyMap<string, number>; misses: ReadonlyMap<string, number> },
  round: number,
): RosterEntry[] {
  const founders = new Set(genesis.body.founders.map((founder) => founder.node))
  const roster: RosterEntry[] = []
  for (const heartbeat of heartbeats) {
    const registration = nodes.get(heartbeat.node)
    if (!registration || !isFresh(genesis, heartbeat, round)) continue
    if (!founders.has(heartbeat.node) && registration.round > round - genesis.body.epoch.rounds) continue
    if ((misses.get(registration.account) ?? 0) >= genesis.body.missLimit) continue
    const capacity = heartbeat.capacity - (owed.get(heartbeat.node) ?? 0)
    if (capacity >= 1) roster.push({ node: heartbeat.node, account: registration.account, capacity })
  }
  return roster.sort((a, b) => (a.node < b.node ? -1 : 1))
}
