/**
 * Whether a node accepts a draw that reached it: what it looks at before it works by it and
 * witnesses it. Each node judges by what it has itself; what counts in the end is how many did
 * (witness.ts).
 *
 * A draw of epoch e is accepted if it came before R(e), not before its coordinator's turn
 * (coordinators.ts), of a coordinator that has not sealed two; if it is well-formed; if its roster
 * follows from the heads that it cites; if whom it excludes has missed too much or is convicted,
 * whom it trusts is TRUSTED, and nobody is allowed more than he has shown work for, nor less than
 * deals whose deadline is over come to; and if it does not leave out too many of those who are
 * there.
 *
 * There is a node that had said so at R(e) - lead - grace or before (coordinators.ts), by a word
 * that is fresh at R(e), and has not taken that back since. An account is left out if more than a
 * quarter of its nodes that are there are not eligible by the heads that the draw cites; the draw
 * is refused if more than a quarter of the accounts that are there are left out.
 *
 * Age. Whoever was there when a node registered holds it against a roster that it names the node
 * too early (registration-age.ts), whatever round the registration names.
 *
 * Of late. A coordinator can't have heard all that a node has by the time it judges. So whatever
 * depends on registrations, deals and results may follow from the state that the node has now or
 * from one that it had within the last grace; for each account it is enough that one of them says
 * so. And what the coordinator may have heard first is waited for until R(e).
 */

import { RuleError, type Statement } from '../base/statement.ts'
import { checkDraw } from '../deal/assignment.ts'
import { turnRound } from '../deal/coordinators.ts'
import { allowancesAt } from '../membership/allowance.ts'
import type { DrawBody, HeartbeatBody } from '../message/bodies.ts'
import { graceRounds, sealingLead, seedRound } from '../network/schedule.ts'
import type { State } from '../state/state.ts'
import { type Arrivals, isTooYoung, LONG_AGO, withoutYoung } from './registration-age.ts'
import { eligibleAt, rosterAt } from './roster.ts'
import { excludedAt, trustedAt } from './seal.ts'

/**
 * A draw may miss this share of the accounts that are there, and of an account's nodes, as news
 * travel differently.
 */
export const LEFT_OUT_SHARE = 0.25

export type DrawFault =
  | 'late: it came when its beacon round was out'
  | 'not by a coordinator'
  | "early: its coordinator's turn has not come"
  | 'its coordinator sealed two'
  | 'ill-formed'
  | 'the pool heads that it cites are not here'
  | 'a node on its roster is not registered here'
  | 'a node on its roster registered later than it says'
  | 'its roster does not follow from the pool heads that it cites'
  | 'it excludes an account without cause'
  | 'it trusts an account without cause'
  | 'it allows an account more than it has shown work for'
  | 'it allows an account less than it has shown work for'
  | 'it leaves out nodes that are there'

const MENDABLE: ReadonlySet<DrawFault | null> = new Set<DrawFault>([
  "early: its coordinator's turn has not come",
  'the pool heads that it cites are not here',
  'a node on its roster is not registered here',
  'its roster does not follow from the pool heads that it cites',
  'it excludes an account without cause',
  'it trusts an account without cause',
  'it allows an account more than it has shown work for',
  'it allows an account less than it has shown work for',
])

/**
 * Faults that may mend by what is still on its way: a node waits with these until the beacon round.
 */
export const mayMend = (fault: DrawFault | null): boolean => MENDABLE.has(fault)

export interface DrawView {
  /**
   * What follows from the documents that are here, and from those that were here within the last
   * grace. Newest first.
   */
  readonly states: readonly [State, ...State[]]
  /** The newest beacon round that was out when the draw arrived. */
  readonly arrived: number
  /** The newest beacon round now. */
  readonly round: number
  /** The heartbeats under the heads that it cites; null while some of those are not here. */
  readonly cited: readonly HeartbeatBody[] | null
  /** All heartbeats that this node knows, also of nodes that have said something newer. */
  readonly known: Iterable<HeartbeatBody>
  /** When registrations reached this node; all of them long ago unless told. */
  readonly arrivals?: Arrivals
}

/** @returns what is wrong with it, or null */
export function drawFault(draw: Statement<DrawBody>, view: DrawView): DrawFault | null {
  const { states, round, cited, arrivals = LONG_AGO } = view
  const [now] = states
  const { genesis } = now
  const { body } = draw
  if (view.arrived >= seedRound(genesis, body.epoch)) return 'late: it came when its beacon round was out'
  if (!genesis.body.coordinators.includes(draw.signer)) return 'not by a coordinator'
  if (now.equivocations.some(({ coordinator, epoch }) => coordinator === draw.signer && epoch <= body.epoch)) {
    return 'its coordinator sealed two'
  }
  try {
    checkDraw(genesis, body)
  } catch (error) {
    if (error instanceof RuleError) return 'ill-formed'
    throw error
  }
  if (round < turnRound(genesis, draw)) return "early: its coordinator's turn has not come"
  if (!cited) return 'the pool heads that it cites are not here'
  if (body.roster.some(({ node }) => !now.nodes.has(node))) return 'a node on its roster is not registered here'
  if (body.roster.some((entry) => isTooYoung(genesis, arrivals, body.epoch, entry))) {
    return 'a node on its roster registered later than it says'
  }
  // Who came of late is on the roster as the coordinator heard of it: it may have been cut off when
  // we were not.
  const named = new Set(body.roster.map(({ node }) => node))
  const asHeard = states.map((state) => withoutYoung(state, arrivals, body.epoch - 1, 'latest', named))
  if (!asHeard.some((state) => follows(body, state, cited))) {
    return 'its roster does not follow from the pool heads that it cites'
  }
  // What was over when it was sealed may be forgotten by now, and the other way round.
  const lately = [round, Math.max(0, round - graceRounds(genesis))]
  const excluded = new Set(states.flatMap((state) => lately.flatMap((at) => excludedAt(state, at))))
  if (body.excluded.some((account) => !excluded.has(account))) return 'it excludes an account without cause'
  const trusted = new Set(states.flatMap(trustedAt))
  if (body.trusted.some((account) => !trusted.has(account))) return 'it trusts an account without cause'
  const allowed = allowanceFault(body, asHeard as [State, ...State[]], cited)
  if (allowed) return allowed
  const surelyOld = states.map((state) => withoutYoung(state, arrivals, body.epoch, 'latest'))
  return surelyOld.every((state, i) => leavesOut(body, state, asHeard[i]!, cited, view.known))
    ? 'it leaves out nodes that are there'
    : null
}

/** The roster, as it follows from the cited heartbeats. */
function follows(body: DrawBody, state: State, cited: readonly HeartbeatBody[]): boolean {
  const roster = rosterAt(state, cited, new Set(body.excluded), body.epoch, body.allowances)
  return (
    roster.length === body.roster.length &&
    body.roster.every(({ node, account, capacity }, i) => {
      const entry = roster[i]!
      return node === entry.node && account === entry.account && capacity === entry.capacity
    })
  )
}

type Units = ReadonlyMap<string, number>
const unitsBy = (list: DrawBody['allowances']): Units => new Map(list.map(({ account, units }) => [account, units]))

/**
 * News travel differently, and a whole epoch's results come at once: what was certified of late is
 * at most what is due.
 */
function allowanceFault(
  { epoch, excluded, allowances }: DrawBody,
  states: readonly [State, ...State[]],
  cited: readonly HeartbeatBody[],
): DrawFault | null {
  const given = unitsBy(allowances)
  const most = states.map((state) => unitsBy(allowancesAt(state)))
  if (allowances.some(({ account, units }) => most.every((shown) => units > (shown.get(account) ?? 0)))) {
    return 'it allows an account more than it has shown work for'
  }
  const least = states.map((state) => unitsBy(allowancesAt(state, 'bestOfOld')))
  const dueTo = (account: string) => Math.min(...least.map((shown) => shown.get(account) ?? 0))
  const isShort = (account: string) => (given.get(account) ?? 0) < dueTo(account)
  // Of more nodes than a draw can name some are on no roster, whatever they have shown: who would
  // be on it counts.
  const [now] = states
  const due = new Map(given)
  for (const { account } of now.accounts) if (isShort(account)) due.set(account, dueTo(account))
  const corrected = [...due].map(([account, units]) => ({ account, units }))
  return rosterAt(now, cited, new Set(excluded), epoch, corrected).some(({ account }) => isShort(account))
    ? 'it allows an account less than it has shown work for'
    : null
}

/**
 * Too many of those who are there are not under the heads that it cites, or are, but as if they had
 * come too late.
 *
 * @param asHeard the state as its coordinator may have had it
 */
function leavesOut(
  { epoch, excluded }: DrawBody,
  state: State,
  asHeard: State,
  cited: readonly HeartbeatBody[],
  known: Iterable<HeartbeatBody>,
): boolean {
  const { genesis } = state
  const saidBy = seedRound(genesis, epoch) - sealingLead(genesis) - graceRounds(genesis)
  const all = [...known]
  const eligible = (heartbeats: readonly HeartbeatBody[], from = state) =>
    eligibleAt(from, heartbeats, new Set(excluded), epoch)
  const still = new Set(eligible(all).map(({ node }) => node))
  const named = new Set(eligible(cited, asHeard).map(({ node }) => node))
  const nodes = new Map<string, { there: number; missing: number }>()
  for (const { node, account } of eligible(all.filter(({ round }) => round <= saidBy))) {
    if (!still.has(node)) continue
    const { there, missing } = nodes.get(account) ?? { there: 0, missing: 0 }
    nodes.set(account, { there: there + 1, missing: missing + (named.has(node) ? 0 : 1) })
  }
  const left = [...nodes.values()].filter(({ there, missing }) => missing > LEFT_OUT_SHARE * there)
  return left.length > LEFT_OUT_SHARE * nodes.size
}
