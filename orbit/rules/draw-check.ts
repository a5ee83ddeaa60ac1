/**
 * Whether a node accepts a draw that reached it: what it looks at before it works by it and witnesses it. Each node judges
 * by what it has itself; what counts in the end is how many did (witness.ts).
 */
import { checkDraw, seedRound } from './assignment.ts'
import { turnOf } from './coordinators.ts'
import { excludedAt, trustedAt } from './draw.ts'
import type { DrawBody, HeartbeatBody } from './events.ts'
import { isFresh, isOldEnough, newestHeartbeats, rosterAt, seatsSince } from './roster.ts'
import type { State } from './state.ts'
import { RuleError, type Statement } from './statement.ts'

/** A draw may miss this share of the nodes that had been there for an epoch, as news travel differently. */
export const LEFT_OUT_SHARE = 0.25

export type DrawFault =
  | 'late: it came when its beacon round was out'
  | 'not by a coordinator'
  | 'its coordinator sealed two'
  | 'ill-formed'
  | 'the pool heads that it cites are not here'
  | 'a node on its roster is not registered here'
  | 'its roster does not follow from the pool heads that it cites'
  | 'it excludes an account without cause'
  | 'it trusts an account without cause'
  | 'it leaves out nodes that are there'

/** Faults that may mend by what is still on its way: a node waits with these until the beacon round. */
export const mayMend = (fault: DrawFault | null): boolean =>
  fault === 'the pool heads that it cites are not here' ||
  fault === 'a node on its roster is not registered here' ||
  fault === 'it trusts an account without cause'

export interface DrawView {
  readonly state: State
  /** The newest beacon round that was out when the draw arrived. */
  readonly arrived: number
  /** The newest beacon round now. */
  readonly round: number
  /** The heartbeats under the heads that it cites; null while some of those are not here. */
  readonly cited: readonly HeartbeatBody[] | null
  /** All heartbeats that this node knows. */
  readonly known: Iterable<HeartbeatBody>
}

/** @returns what is wrong with it, or null */
export function drawFault(draw: Statement<DrawBody>, view: DrawView): DrawFault | null {
  const { state } = view
  const { genesis } = state
  const { body } = draw
  const seed = seedRound(genesis, body.epoch)
  if (view.arrived >= seed) return 'late: it came when its beacon round was out'
  if (turnOf(genesis.body.coordinators, draw) < 0 || !genesis.body.coordinators.includes(draw.signer)) {
    return 'not by a coordinator'
  }
  if (state.equivocations.some(({ coordinator, epoch }) => coordinator === draw.signer && epoch <= body.epoch)) {
    return 'its coordinator sealed two'
  }
  try {
    checkDraw(genesis, body)
  } catch (error) {
    if (error instanceof RuleError) return 'ill-formed'
    throw error
  }
  if (!view.cited) return 'the pool heads that it cites are not here'
  if (body.roster.some(({ node }) => !state.nodes.has(node))) return 'a node on its roster is not registered here'
  const excluded = new Set(body.excluded)
  const roster = rosterAt(state, view.cited, excluded, body.epoch)
  if (
    JSON.stringify(roster) !==
    JSON.stringify(body.roster.map(({ node, account, capacity }) => ({ node, account, capacity })))
  ) {
    return 'its roster does not follow from the pool heads that it cites'
  }
  const ours = new Set(excludedAt(state, view.round))
  if (body.excluded.some((account) => !ours.has(account))) return 'it excludes an account without cause'
  const trusted = new Set(trustedAt(state))
  if (body.trusted.some((account) => !trusted.has(account))) return 'it trusts an account without cause'
  return leavesOut(body, view, excluded) ? 'it leaves out nodes that are there' : null
}

/** Of the nodes that had said for an epoch that they are there and have room, too many are missing. */
function leavesOut(body: DrawBody, { state, known }: DrawView, excluded: ReadonlySet<string>): boolean {
  const { genesis, nodes } = state
  const seed = seedRound(genesis, body.epoch)
  const listed = new Set(body.roster.map(({ node }) => node))
  let there = 0
  let missing = 0
  for (const heartbeat of newestHeartbeats(known).values()) {
    const registration = nodes.get(heartbeat.node)
    if (!registration || excluded.has(registration.account) || !isFresh(genesis, heartbeat, seed)) continue
    if (heartbeat.round > seed - genesis.body.epoch.rounds || !isOldEnough(genesis, registration, seed)) continue
    if (heartbeat.capacity - seatsSince(state, heartbeat.node, heartbeat.round, body.epoch) < 1) continue
    there++
    if (!listed.has(heartbeat.node)) missing++
  }
  return missing > LEFT_OUT_SHARE * there
}
