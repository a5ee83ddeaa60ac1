/**
 * What a coordinator seals next: the roster, and the first units above the frontier that nobody is
 * at work on, as many as the roster has room for. Nothing in it is the coordinator's choice but the
 * pool heads it cites.
 */

import { checkDraw } from '../deal/assignment.ts'
import { allowancesAt } from '../membership/allowance.ts'
import { isFresh, newestHeartbeats } from '../membership/heartbeats.ts'
import { isTrusted } from '../membership/levels.ts'
import { type DrawBody, type HeartbeatBody, MAX_OFFERS, MAX_ROSTER } from '../message/bodies.ts'
import { unitKey } from '../message/unit.ts'
import { lastRound, nextEpoch } from '../network/schedule.ts'
import { outstanding } from '../state/duties.ts'
import { contradicted, missBalance } from '../state/misses.ts'
import type { State } from '../state/state.ts'
import { isUnitCertified } from '../state/windows.ts'
import { type Arrivals, LONG_AGO, withoutYoung } from './registration-age.ts'
import { rosterAt } from './roster.ts'

/** What a roster follows from. */
export interface CitedPool {
  readonly cited: DrawBody['pool']
  /** All heartbeats under the cited heads. */
  readonly heartbeats: readonly HeartbeatBody[]
  /** When registrations reached the coordinator; all of them long ago unless told. */
  readonly arrivals?: Arrivals
}

/**
 * Accounts whose single result may certify a unit, together with an audit. Ascending. Whoever has
 * shown something else than what was certified is none of them until that is settled: he may hide
 * the leaves that would convict him.
 */
export function trustedAt(state: State): string[] {
  if (!state.genesis.body.audit.adaptive) return []
  const doubtful = contradicted(state)
  return state.accounts
    .flatMap(({ account, level }) => (isTrusted(level) && !doubtful.has(account) ? [account] : []))
    .sort()
}

/** Accounts that are dealt nothing: they have missed too much, or are convicted. Ascending. */
export function excludedAt(state: State, round: number): string[] {
  const { missLimit } = state.genesis.body
  return [...missBalance(state, round)].flatMap(([account, n]) => (n >= missLimit ? [account] : [])).sort()
}

/**
 * Of them those that there is a reason to name: a node of theirs is there. As many as a draw can
 * name.
 */
function excludedNow(state: State, round: number, heartbeats: Iterable<HeartbeatBody>): string[] {
  const there = new Set<string | undefined>()
  for (const heartbeat of newestHeartbeats(heartbeats).values()) {
    if (isFresh(state.genesis, heartbeat, round)) there.add(state.nodes.get(heartbeat.node)?.account)
  }
  return excludedAt(state, round)
    .filter((account) => there.has(account))
    .slice(0, MAX_ROSTER)
}

/**
 * Units on which somebody is at work, or will be: those of draws too whose round is not known here
 * yet.
 */
function busyAt(state: State, round: number, epoch: number): Set<string> {
  const { units } = outstanding(state, round)
  for (const { body } of state.sealed.values()) {
    // One that is sealed for a later epoch blocks nothing: whoever sealed it could not know who is
    // there by then.
    if (body.epoch >= epoch || lastRound(state.genesis, body.epoch) < round) continue
    for (const id of checkDraw(state.genesis, body)) units.add(unitKey(id))
  }
  return units
}

/**
 * @param round          the newest beacon round that exists
 * @param unitsPerWindow classes(genesis.partition).length
 * @param pool           heads of the pool databases, as the coordinator has them, and the
 *   heartbeats under them
 * @returns null when there is nobody to deal to, or nothing to deal
 */
export function nextDraw(state: State, round: number, unitsPerWindow: number, pool: CitedPool): DrawBody | null {
  const { genesis } = state
  const epoch = nextEpoch(genesis, round)
  const busy = busyAt(state, round, epoch)
  const excluded = excludedNow(state, round, pool.heartbeats)
  const allowances = allowancesAt(state)
  const old = withoutYoung(state, pool.arrivals ?? LONG_AGO, epoch, 'likely')
  const roster = rosterAt(old, pool.heartbeats, new Set(excluded), epoch, allowances)
  const accounts = new Set(roster.map((entry) => entry.account))
  if (accounts.size < genesis.body.replication) return null
  const tickets = roster.reduce((sum, entry) => sum + entry.capacity, 0)
  let room = Math.floor(tickets / genesis.body.replication)

  const offers: DrawBody['offers'] = []
  for (
    let window = state.frontier.below >> BigInt(genesis.partition.bits);
    room > 0 && offers.length < MAX_OFFERS;
    window++
  ) {
    const known = state.windows.get(window)
    for (let unit = 0; unit < unitsPerWindow && room > 0; unit++) {
      if (isUnitCertified(known, unit) || busy.has(unitKey({ window, unit }))) continue
      const last = offers.at(-1)
      if (last?.window === window.toString() && last.to === unit) last.to++
      else if (offers.push({ window: window.toString(), from: unit, to: unit + 1 }) > MAX_OFFERS) {
        offers.pop()
        break
      }
      room--
    }
  }
  if (offers.length === 0) return null
  const trusted = trustedAt(state).filter((account) => accounts.has(account))
  return {
    ...{ type: 'draw', network: genesis.networkId, epoch, pool: [...pool.cited], excluded, trusted },
    allowances: allowances.filter(({ account }) => accounts.has(account)),
    ...{ roster, offers },
  }
}
