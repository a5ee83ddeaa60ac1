/**
 * From a sealed draw and the beacon round R(e) that came after it to the nodes that must compute
 * each unit. Everyone computes this alone and gets the same.
 */

import { classes } from '../../../kernels/partition.ts'
import { createMemory, type Memory } from '../base/memory.ts'
import { RuleError } from '../base/statement.ts'
import { limitFor, ticketsOf } from '../membership/allowance.ts'
import type { DrawBody } from '../message/bodies.ts'
import { type Assignment, type UnitId, unitKey } from '../message/unit.ts'
import { verifyRound } from '../network/beacon.ts'
import type { Genesis } from '../network/genesis.ts'
import { seedRound } from '../network/schedule.ts'
import { deal } from './deal.ts'
import { reserveLength } from './seats.ts'

/**
 * What a draw must be: it can be dealt, its lists are sorted, and no account has more tickets than
 * the draw lists for it or a newcomer has.
 *
 * @returns the units on offer
 * @throws {RuleError}
 */
export function checkDraw(genesis: Genesis, draw: DrawBody): UnitId[] {
  if (draw.excluded.some((account, i) => i > 0 && draw.excluded[i - 1]! >= account)) {
    throw new RuleError('a draw whose exclusions are not sorted')
  }
  const allowed = new Map<string, number>()
  for (const [i, { account, units }] of draw.allowances.entries()) {
    if (i > 0 && draw.allowances[i - 1]!.account >= account)
      throw new RuleError('a draw whose allowances are not sorted')
    allowed.set(account, units)
  }
  for (const [account, tickets] of ticketsOf(draw.roster)) {
    // How many seats a newcomer was dealt before, the draw alone does not say (check.ts looks at
    // that).
    if (tickets > limitFor(genesis, allowed.get(account) ?? 0, 0)) {
      throw new RuleError('a draw in which an account has more tickets than it is allowed')
    }
  }
  return offeredUnits(genesis, draw)
}

/**
 * Of a draw what the deal rests on: sorted roster without repeats, trust only where it may be
 * given, offers inside the partition and above the baseline, no unit twice. For a certificate that
 * is enough: the other lists say why the roster is what it is, and whether they say so truly is for
 * its witnesses to judge.
 *
 * @returns the units on offer
 * @throws {RuleError}
 */
export function offeredUnits(genesis: Genesis, draw: DrawBody): UnitId[] {
  if (draw.network !== genesis.networkId) throw new RuleError('a draw for another network')
  if (draw.epoch < 1) throw new RuleError('a draw for an epoch before the first')
  for (let i = 1; i < draw.roster.length; i++) {
    if (draw.roster[i - 1]!.node >= draw.roster[i]!.node) throw new RuleError('a draw whose roster is not sorted')
  }
  if (draw.trusted.some((account, i) => i > 0 && draw.trusted[i - 1]! >= account)) {
    throw new RuleError('a draw whose trusted accounts are not sorted')
  }
  if (draw.trusted.length > 0 && !genesis.body.audit.adaptive) {
    throw new RuleError('a draw that trusts accounts, in a network where N must agree')
  }
  const units: UnitId[] = []
  const seen = new Set<string>()
  const unitsPerWindow = classes(genesis.partition).length
  for (const { window, from, to } of draw.offers) {
    if (from >= to || to > unitsPerWindow) throw new RuleError('a draw that offers what the partition has not')
    if (BigInt(window) < genesis.firstWindow) throw new RuleError('a draw that offers a window below the baseline')
    for (let unit = from; unit < to; unit++) {
      const id = { window: BigInt(window), unit }
      if (seen.has(unitKey(id))) throw new RuleError('a draw that offers a unit twice')
      seen.add(unitKey(id))
      units.push(id)
    }
  }
  return units
}

/**
 * @param signature the BLS signature of R(draw.epoch)
 * @param units     those on offer
 * @throws {RuleError} when the draw is ill-formed or the signature is not that round's
 */
export function assign(
  genesis: Genesis,
  draw: DrawBody,
  signature: Uint8Array,
  units: readonly UnitId[] = checkDraw(genesis, draw),
  memory: Memory = createMemory(),
): Assignment[] {
  const randomness = verifyRound(genesis.chain, seedRound(genesis, draw.epoch), signature, memory)
  const dealt = deal({
    networkId: genesis.networkId,
    epoch: draw.epoch,
    randomness,
    roster: draw.roster,
    units: units.length,
    replication: genesis.body.replication,
  })
  const assignments: Assignment[] = []
  const trusted = new Set(draw.trusted)
  units.forEach((id, i) => {
    const quorum = dealt.quorums[i]
    if (!quorum) return
    const node = (index: number) => draw.roster[index]!.node
    const reserve = [...dealt.reserve(i).take(reserveLength(genesis.body.replication))].map(node)
    const dealtTo = { ...id, epoch: draw.epoch }
    // The first of the N that is trusted computes the unit; the others are called if that does not
    // certify it.
    const single = quorum.find((index) => trusted.has(draw.roster[index]!.account))
    if (single === undefined) assignments.push({ ...dealtTo, quorum: quorum.map(node), reserve, audited: null })
    else {
      const others = quorum.filter((index) => index !== single).map(node)
      assignments.push({ ...dealtTo, quorum: [node(single)], reserve: [...others, ...reserve], audited: draw.roster })
    }
  })
  return assignments
}
