/**
 * What a coordinator seals next: the roster, and the first units above the frontier that nobody is at work on, as many
 * as the roster has room for. Nothing in it is the coordinator's choice but the pool heads it cites.
 */
import { unitKey } from './assignment.ts'
import { contradicted, missesInARow, outstanding } from './duties.ts'
import type { DrawBody, HeartbeatBody } from './events.ts'
import { rosterAt } from './roster.ts'
import { isUnitCertified, type State } from './state.ts'
import { isTrusted } from './trust.ts'

const MAX_OFFERS = 64

/** What a roster follows from. */
export interface CitedPool {
  readonly cited: DrawBody['pool']
  /** All heartbeats under the cited heads. */
  readonly heartbeats: readonly HeartbeatBody[]
}

/**
 * Accounts whose single result may certify a unit, together with an audit. Ascending. Whoever has shown something else than
 * what was certified is none of them until that is settled: he may hide the leaves that would convict him.
 */
export function trustedAt(state: State): string[] {
  if (!state.genesis.body.audit.adaptive) return []
  const doubtful = contradicted(state)
  return state.accounts
    .flatMap(({ account, level }) => (isTrusted(level) && !doubtful.has(account) ? [account] : []))
    .sort()
}

/** Accounts that are dealt nothing: they have missed too much in a row, or are convicted. Ascending. */
export function excludedAt(state: State, round: number): string[] {
  const { missLimit } = state.genesis.body
  return [...missesInARow(state, round)].flatMap(([account, n]) => (n >= missLimit ? [account] : [])).sort()
}

/** The epoch whose R(e) is the next to come after `round`. */
export const nextEpoch = (state: State, round: number): number =>
  Math.floor(round / state.genesis.body.epoch.rounds) + 1

/**
 * @param round          the newest beacon round that exists
 * @param unitsPerWindow classes(genesis.partition).length
 * @param pool           heads of the pool databases, as the coordinator has them, and the heartbeats under them
 * @returns null when there is nobody to deal to, nothing to deal, or the epoch has its draw
 */
export function nextDraw(state: State, round: number, unitsPerWindow: number, pool: CitedPool): DrawBody | null {
  const { genesis } = state
  const epoch = nextEpoch(state, round)
  // One that is sealed for a later epoch blocks nothing: whoever sealed it could not know who is there by then.
  if (state.draws.has(epoch) || [...state.sealed.keys()].some((sealed) => sealed <= epoch)) return null
  const { units: busy } = outstanding(state, round)
  const excluded = excludedAt(state, round)
  const roster = rosterAt(state, pool.heartbeats, new Set(excluded), epoch)
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
  return { type: 'draw', network: genesis.networkId, epoch, pool: [...pool.cited], excluded, trusted, roster, offers }
}
