import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { accountAt, type DealtDraw, mayStand } from '../deal/canonical-draws.ts'
import { allotted, limitFor } from '../membership/allowance.ts'
import { isFresh, newestHeartbeats } from '../membership/heartbeats.ts'
import { type DrawBody, type HeartbeatBody, MAX_ROSTER, type RosterEntry } from '../message/bodies.ts'
import type { Registration } from '../message/registration.ts'
import type { Genesis } from '../network/genesis.ts'
import { registeredBy, seedRound, spokenRounds } from '../network/schedule.ts'
import type { State } from '../state/state.ts'

/** Whether a node of this registration is old enough for the draw of an epoch. */
export const isOldEnough = (genesis: Genesis, { node, round }: Pick<Registration, 'node' | 'round'>, epoch: number) =>
  round <= registeredBy(genesis, epoch) || genesis.body.founders.some((founder) => founder.node === node)

/** What was dealt in epochs before `before` at rounds after `since`, of the draws that count. */
function* dealtBetween(state: State, since: number, before: number): Iterable<readonly [number, DealtDraw]> {
  const now = seedRound(state.genesis, before)
  for (const [epoch, dealt] of state.draws) {
    if (epoch >= before || seedRound(state.genesis, epoch) <= since) continue
    if (mayStand(state, dealt, now)) yield [epoch, dealt]
  }
}

/**
 * Seats in quorums that the deals of epochs before `before`, whose R(e) came after `round`, gave a
 * node.
 */
export function seatsSince(state: State, node: string, round: number, before: number): number {
  let seats = 0
  for (const [, dealt] of dealtBetween(state, round, before)) {
    seats += dealt.seats.get(node) ?? 0
  }
  return seats
}

/**
 * By account: seats in quorums that deals gave its nodes whose R(e) came after `round`, of epochs
 * before `before`. Of draws that are witnessed, or that whoever had them in time may not have
 * spoken of yet.
 */
function seatsByAccount(state: State, round: number, before: number): Map<string, number> {
  const { genesis, witnessed } = state
  const seats = new Map<string, number>()
  for (const [epoch, dealt] of dealtBetween(state, round, before)) {
    const spoken = seedRound(genesis, epoch) + spokenRounds(genesis) < seedRound(genesis, before)
    if (spoken && !witnessed.has(dealt.cid)) continue
    for (const [node, given] of dealt.seats) {
      const account = accountAt(state, epoch, node)
      if (account !== undefined) seats.set(account, (seats.get(account) ?? 0) + given)
    }
  }
  return seats
}

/**
 * Tickets that each account may have in the draw of an epoch.
 *
 * @param allowances of accounts that have shown work
 */
export function limitsAt(state: State, epoch: number, allowances: DrawBody['allowances']): (account: string) => number {
  const { genesis } = state
  const listed = new Map(allowances.map(({ account, units }) => [account, units]))
  const dealt = seatsByAccount(state, seedRound(genesis, epoch) - genesis.body.deadlineRounds, epoch)
  return (account) => limitFor(genesis, listed.get(account) ?? 0, dealt.get(account) ?? 0)
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
const byNode = (a: RosterEntry, b: RosterEntry): number => compare(a.node, b.node)

/** As many as a draw can name. @param beacon the signature in the newest heartbeat */
function foremost(
  { networkId }: Genesis,
  epoch: number,
  nodes: readonly RosterEntry[],
  allowances: DrawBody['allowances'],
  beacon: Uint8Array,
): RosterEntry[] {
  if (nodes.length <= MAX_ROSTER) return [...nodes]
  const turn = (key: string) =>
    bytesToHex(sha256(concatBytes(utf8ToBytes(`collatz/roster/2\0${networkId}\0${epoch}\0${key}\0`), beacon)))
  const allowed = new Map(allowances.map(({ account, units }) => [account, units]))
  const ofAccount = new Map<string, { entry: RosterEntry; turn: string }[]>()
  for (const entry of nodes) {
    const known = ofAccount.get(entry.account)
    if (known) known.push({ entry, turn: turn(entry.node) })
    else ofAccount.set(entry.account, [{ entry, turn: turn(entry.node) }])
  }
  const inOrder = [...ofAccount].flatMap(([account, own]) => {
    const [units, place] = [allowed.get(account) ?? 0, turn(account)]
    return own.sort((a, b) => compare(a.turn, b.turn)).map(({ entry }, before) => ({ entry, before, units, place }))
  })
  return inOrder
    .sort((a, b) => a.before - b.before || b.units - a.units || compare(a.place, b.place))
    .slice(0, MAX_ROSTER)
    .map(({ entry }) => entry)
    .sort(byNode)
}

/**
 * Eligible nodes, each with all its room as its capacity, sorted by node key.
 *
 * @param heartbeats in any order, of anybody
 * @param excluded   accounts that are not dealt anything
 * @param at         the round at which they have to be fresh
 */
export function eligibleAt(
  state: State,
  heartbeats: Iterable<HeartbeatBody>,
  excluded: ReadonlySet<string>,
  epoch: number,
  at = seedRound(state.genesis, epoch),
): RosterEntry[] {
  const { genesis, nodes } = state
  const eligible: RosterEntry[] = []
  for (const heartbeat of newestHeartbeats(heartbeats).values()) {
    const registration = nodes.get(heartbeat.node)
    if (!registration || !isFresh(genesis, heartbeat, at) || !isOldEnough(genesis, registration, epoch)) continue
    if (excluded.has(registration.account)) continue
    const capacity = heartbeat.capacity - seatsSince(state, heartbeat.node, heartbeat.round, epoch)
    if (capacity >= 1) eligible.push({ node: heartbeat.node, account: registration.account, capacity })
  }
  return eligible.sort(byNode)
}

/**
 * @param allowances of accounts that have shown work
 * @returns sorted by node key: the order of the deal's tickets
 */
export function rosterAt(
  state: State,
  heartbeats: Iterable<HeartbeatBody>,
  excluded: ReadonlySet<string>,
  epoch: number,
  allowances: DrawBody['allowances'],
  at = seedRound(state.genesis, epoch),
): RosterEntry[] {
  const words = [...heartbeats]
  const limitOf = limitsAt(state, epoch, allowances)
  const eligible = eligibleAt(state, words, excluded, epoch, at).filter(({ account }) => limitOf(account) > 0)
  const newest = words.reduce<HeartbeatBody | null>((a, b) => (a && a.round >= b.round ? a : b), null)
  const named = foremost(state.genesis, epoch, eligible, allowances, newest?.beacon ?? new Uint8Array())
  return allotted(named, limitOf)
}
