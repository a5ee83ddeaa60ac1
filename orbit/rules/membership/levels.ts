/**
 * Levels, computed from certified units and convictions, and from nothing else. They decide audit
 * rates and the vote; a shortcut to N only in a network whose genesis says so (audit.ts).
 *
 * Rise.       VERIFIED, TRUSTED and ELITE from so many accepted units on, as the genesis says.
 * Decay.      For each full `idleRounds` since R(e) of its newest accepted unit an account drops by
 *             one level: a key that lies unused is worth less to a thief. One more accepted unit
 *             restores what its units give.
 * Shortfall.  An account whose evidence falls short over its units (kernels/evidence/shortfall.ts)
 *             is UNTRUSTED for as long as it does (state/tally.ts).
 * Conviction. A signed wrong leaf, a result that is not the sum of its leaves, a false item of
 *             evidence, or two different results of one unit ban the account, by what was signed
 *             alone (convictions.ts): it is on no roster any more, and a unit that convicted
 *             accounts alone agree on is not certified, also if its window is settled. What it did
 *             together with others stands.
 * Re-entry.   A banned account stays banned. Its owner may register another, which pays the price
 *             again (puzzle.ts) and begins as UNTRUSTED. An account that only missed deadlines
 *             registers anew and goes on (roster.ts).
 */
import type { Genesis } from '../network/genesis.ts'

/** From the lowest. */
export const LEVELS = ['BANNED', 'UNTRUSTED', 'VERIFIED', 'TRUSTED', 'ELITE'] as const
export type Level = (typeof LEVELS)[number]

export const isTrusted = (level: Level): boolean => LEVELS.indexOf(level) >= LEVELS.indexOf('TRUSTED')

/**
 * What a level rests on: what its units earned, and how many levels it lost since by lying idle.
 */
export interface Standing {
  readonly earned: Level
  readonly dropped: number
  readonly level: Level
}

/**
 * @param acceptedUnits units certified with a result of this account
 * @param idle rounds since R(e) of the newest of them
 */
export function standingOf(genesis: Genesis, acceptedUnits: number, idle: number): Standing {
  const { verified, trusted, elite, idleRounds } = genesis.body.trust
  const earned = 1 + [verified, trusted, elite].filter((units) => acceptedUnits >= units).length
  const dropped = Math.min(earned - 1, Math.floor(Math.max(0, idle) / idleRounds))
  return { earned: LEVELS[earned]!, dropped, level: LEVELS[earned - dropped]! }
}

export const levelOf = (genesis: Genesis, acceptedUnits: number, idle: number): Level =>
  standingOf(genesis, acceptedUnits, idle).level
