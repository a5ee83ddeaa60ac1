/**
 * What a party would have to hold, or to pay, to be believed when it lies: the chance that a unit's
 * quorum is all its own, and the price of the accounts for it.
 *
 * The deal (deal.ts) seats N accounts, each drawn with chance in proportion to its tickets among
 * the accounts not yet seated. With T tickets in all, a party whose accounts hold t_1, t_2, ...
 * therefore has all N seats with chance
 *
 *     sum over ordered N-tuples of its accounts of  t_a / T * t_b / (T - t_a) * t_c / (T - t_a -
 *     t_b) * ...
 *
 * which is exact for the first unit of a deal, and for all of them when all accounts hold equally
 * many; later units of an unequal roster differ by what the earlier ones took out of the deck. Each
 * factor is largest when the seated accounts were small, so of all ways to hold S tickets the most
 * dangerous is S accounts of one each: C(S, N) / C(T, N), the hypergeometric chance of N tickets
 * out of S. That is the bound to quote when only a share is known.
 *
 * All of it is computed in whole numbers; only toNumber() rounds.
 */

import { RuleError } from '../base/statement.ts'
import type { GenesisBody } from '../network/genesis.ts'

/** A fraction in lowest terms, denominator 1 or more. */
export interface Rational {
  readonly numerator: bigint
  readonly denominator: bigint
}

/** Terms of the sum that captureChance() is ready to add up: about a second. */
const MAX_TERMS = 4096

/**
 * The chance that one quorum is all of a party that holds `tickets` of `total`, however it splits
 * them.
 *
 * @param replication N
 */
export function captureBound(tickets: number, total: number, replication: number): Rational {
  checkCounts(tickets, total, replication)
  return equalAccountsCapture(BigInt(tickets), 1n, BigInt(total), replication)
}

/**
 * The chance that one quorum is all of a party, from the tickets of each of its accounts.
 *
 * @param party       tickets of each account of the party, 1 or more
 * @param total       tickets of the whole roster
 * @param replication N
 * @throws {RuleError} when the party's accounts are of so many sizes that the sum is too long:
 *   quote captureBound()
 */
export function captureChance(party: readonly number[], total: number, replication: number): Rational {
  const held = party.reduce((sum, tickets) => sum + tickets, 0)
  checkCounts(held, total, replication)
  if (party.some((tickets) => !Number.isSafeInteger(tickets) || tickets < 1)) {
    throw new RuleError('an account of the party has no tickets')
  }
  const counts = new Map<number, number>()
  for (const tickets of party) counts.set(tickets, (counts.get(tickets) ?? 0) + 1)
  if (counts.size === 1) return equalAccountsCapture(BigInt(held), BigInt(party[0]!), BigInt(total), replication)
  if (counts.size ** (replication - 1) > MAX_TERMS) {
    throw new RuleError(
      `accounts of ${counts.size} sizes are too many to add up for N = ${replication}: use the bound instead`,
    )
  }
  const sizes = [...counts].map(([tickets, count]) => ({ tickets: BigInt(tickets), count }))
  const seat = (left: bigint, all: bigint, seats: number): Rational => {
    if (seats === 1) return rational(left, all)
    let sum = rational(0n, 1n)
    for (const size of sizes) {
      if (size.count === 0) continue
      const weight = BigInt(size.count) * size.tickets
      size.count--
      const rest = seat(left - size.tickets, all - size.tickets, seats - 1)
      size.count++
      sum = add(sum, { numerator: weight * rest.numerator, denominator: all * rest.denominator })
    }
    return sum
  }
  return party.length < replication ? rational(0n, 1n) : seat(BigInt(held), BigInt(total), replication)
}

/**
 * How many of `units` quorums are all of the party, on average. Exact, though the quorums of a deal
 * are not independent.
 */
export const expectedCaptures = (chance: Rational, units: number): Rational =>
  rational(chance.numerator * BigInt(units), chance.denominator)

/** What a party that registers new accounts against a given roster must do and pay. */
export interface SybilCost {
  /** New accounts. */
  readonly accounts: number
  /** Their share of all tickets, with them. */
  readonly share: Rational
  /** The chance that one quorum is all theirs. */
  readonly capture: Rational
  /** The price of the registrations. */
  readonly coreSeconds: number
}

/**
 * The price of `accounts` new accounts beside a roster, and what they could then do.
 *
 * @param options.tickets     tickets of everybody else
 * @param options.capacity    tickets of each new account
 * @param options.coreSeconds the genesis' price of one registration
 */
export function costOfAccounts(options: {
  accounts: number
  tickets: number
  capacity: number
  replication: number
  coreSeconds: number
}): SybilCost {
  const { accounts, tickets, capacity, replication, coreSeconds } = options
  const held = accounts * capacity
  checkCounts(held, tickets + held, replication)
  const total = BigInt(tickets + held)
  return {
    accounts,
    share: total === 0n ? rational(0n, 1n) : rational(BigInt(held), total),
    capture: equalAccountsCapture(BigInt(held), BigInt(capacity), total, replication),
    coreSeconds: accounts * coreSeconds,
  }
}

/**
 * The fewest new accounts that have a quorum to themselves with at least a given chance, and their
 * price.
 *
 * @param options.chance more than 0, less than 1
 */
export function costOfCapture(options: {
  chance: Rational
  tickets: number
  capacity: number
  replication: number
  coreSeconds: number
}): SybilCost {
  const { chance, ...rest } = options
  if (chance.numerator <= 0n || chance.numerator >= chance.denominator) {
    throw new RuleError('the chance to reach must be more than 0 and less than 1')
  }
  const enough = (accounts: number) => {
    const { capture } = costOfAccounts({ ...rest, accounts })
    return capture.numerator * chance.denominator >= chance.numerator * capture.denominator
  }
  let high = 1
  while (!enough(high)) high *= 2
  let low = Math.floor(high / 2)
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (enough(middle)) high = middle
    else low = middle
  }
  return costOfAccounts({ ...rest, accounts: high })
}

/**
 * The chance that a lie of one trusted account passes the audit that would certify it, if of the
 * other accounts on the roster `colluders` are in on it: all auditors are, or the leaves drawn are
 * not among the wrong ones.
 *
 * @param others accounts on the roster besides the signer's
 * @returns 0 to 1, rounded as floating point rounds
 */
export function passChance(
  { auditors, leaves }: GenesisBody['audit'],
  [others, colluders]: readonly [number, number],
  [total, wrong]: readonly [number, number],
): number {
  let allIn = 1
  for (let i = 0; i < auditors; i++) allIn *= Math.max(0, colluders - i) / Math.max(1, others - i)
  return allIn + (1 - allIn) * (1 - detectionChance(total, wrong, leaves))
}

/**
 * The chance that an audit of `leaves` of L leaves meets one of `wrong` wrong ones, if at least one
 * auditor is honest.
 *
 * @returns 0 to 1, rounded as floating point rounds
 */
export function detectionChance(total: number, wrong: number, leaves: number): number {
  let missed = 1
  for (let i = 0; i < Math.min(leaves, total); i++) missed *= Math.max(0, total - wrong - i) / (total - i)
  return 1 - missed
}

export function rational(numerator: bigint, denominator: bigint): Rational {
  let [a, b] = [numerator, denominator]
  while (b !== 0n) [a, b] = [b, a % b]
  return a === 0n ? { numerator: 0n, denominator: 1n } : { numerator: numerator / a, denominator: denominator / a }
}

/**
 * For showing: right to about 15 digits, also where numerator and denominator are far beyond the
 * range of numbers.
 */
export function toNumber({ numerator, denominator }: Rational): number {
  if (numerator === 0n) return 0
  const bits = (n: bigint) => n.toString(2).length
  const shift = bits(denominator) - bits(numerator) + 60
  const scaled = shift >= 0 ? (numerator << BigInt(shift)) / denominator : numerator / (denominator << BigInt(-shift))
  return Number(scaled) * 2 ** -shift
}

/**
 * Accounts of one size: the sum has one term, held * (held - size) * ... / (total * (total - size)
 * * ...).
 */
function equalAccountsCapture(held: bigint, size: bigint, total: bigint, replication: number): Rational {
  let [numerator, denominator] = [1n, 1n]
  for (let i = 0n; i < replication; i++) {
    if (held - i * size <= 0n) return rational(0n, 1n)
    numerator *= held - i * size
    denominator *= total - i * size
  }
  return rational(numerator, denominator)
}

const add = (a: Rational, b: Rational): Rational =>
  rational(a.numerator * b.denominator + b.numerator * a.denominator, a.denominator * b.denominator)

function checkCounts(tickets: number, total: number, replication: number): void {
  const whole = [tickets, total].every((n) => Number.isSafeInteger(n) && n >= 0)
  if (!whole || tickets > total) throw new RuleError(`a party can't hold ${tickets} of ${total} tickets`)
  if (!Number.isSafeInteger(replication) || replication < 1) {
    throw new RuleError(`a quorum of ${replication} accounts: it must be 1 or more`)
  }
}
