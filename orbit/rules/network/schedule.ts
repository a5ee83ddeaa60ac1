/**
 * All arithmetic of rounds and epochs, in one place: when a draw is sealed, when it is dealt, and
 * until when anything is awaited, counted or remembered of it. Pure functions of the genesis; what
 * they are for is told where they are used.
 *
 * Epoch e is the rounds [e * rounds, (e + 1) * rounds), and R(e) = e * rounds deals its draw:
 *
 *     R(e) - lead              coordinators seal (deal/coordinators.ts)
 *     R(e)                     the draw is dealt
 *     R(e) + deadline          seats that said nothing pass to the reserve (deal/seats.ts)
 *     R(e) + 3 * deadline      the last round at which an answer is awaited
 *     R(e) + 6 * deadline      the last round at which anything counts
 */
import type { Genesis } from './genesis.ts'

/** What the arithmetic needs of a genesis. */
export type Clock = Pick<Genesis, 'body'>

/** The epoch that a round lies in. */
export const epochAt = ({ body }: Clock, round: number): number => Math.floor(round / body.epoch.rounds)

/**
 * R(e): the round whose randomness deals the draw of epoch e, and the first round of that epoch.
 */
export const seedRound = ({ body }: Clock, epoch: number): number => epoch * body.epoch.rounds

/** The epoch whose R(e) is the next to come after `round`. */
export const nextEpoch = (clock: Clock, round: number): number => epochAt(clock, round) + 1

/** The last round at which a unit of epoch e may still be awaited from its quorum alone. */
export const deadlineRound = (clock: Clock, epoch: number): number =>
  seedRound(clock, epoch) + clock.body.deadlineRounds

/** Deadlines that may pass after the first before a unit is offered again. */
export const OVERTIMES = 2

/**
 * From this round on the node at a place of the reserve (from 0) may answer, though no seat fell
 * free.
 */
export const reserveRound = (clock: Clock, epoch: number, place: number): number =>
  seedRound(clock, epoch) + clock.body.deadlineRounds * (1 + Math.floor(place / clock.body.replication))

/** The last round at which anything is still awaited from a deal. */
export const lastRound = (clock: Clock, epoch: number): number =>
  seedRound(clock, epoch) + clock.body.deadlineRounds * (1 + OVERTIMES)

/** After this round nothing more counts of a deal: neither an answer nor an audit nor a miss. */
export const settledAfter = (clock: Clock, epoch: number): number =>
  lastRound(clock, epoch) + 3 * clock.body.deadlineRounds

/**
 * The epoch whose R(a) draws the audit that certifies a unit of the deal of `epoch`: the first
 * after half of the deadline.
 */
export const certifyingEpoch = ({ body }: Clock, epoch: number): number =>
  Math.ceil((2 * epoch * body.epoch.rounds + body.deadlineRounds) / (2 * body.epoch.rounds))

/**
 * The last round by which all who had the draw of an epoch in time have said so: a draw that is not
 * witnessed then is void.
 */
export const witnessedBy = (clock: Clock, epoch: number): number => seedRound(clock, epoch) + clock.body.freshRounds

/**
 * Rounds before R(e) at which the first coordinator seals the draw of epoch e. 1 or more, at most
 * an epoch.
 */
export const sealingLead = ({ body: { epoch, freshRounds } }: Clock): number =>
  Math.max(1, Math.min(Math.floor(freshRounds / 3), epoch.rounds))

/** Coordinators that can have a turn in one epoch, if its rounds suffice for so many steps. */
const MOST_TURNS = 8

/** Rounds between the turns of two coordinators. 1 or more. */
export const stepRounds = (clock: Clock): number =>
  Math.max(1, Math.floor(sealingLead(clock) / Math.min(clock.body.coordinators.length, MOST_TURNS)))

/**
 * Rounds that news may take: what had been said so long before a draw was sealed, its coordinator
 * had heard.
 */
export const graceRounds = ({ body: { epoch, freshRounds } }: Clock): number =>
  Math.max(1, Math.min(epoch.rounds, Math.floor(freshRounds / 6)))

/**
 * Rounds from one heartbeat of a node to its next, at most: two minutes of the five for which one
 * is fresh.
 */
export const beatRounds = ({ body }: Clock): number => Math.floor((2 * body.freshRounds) / 5)

/**
 * Rounds after R(e) by which a node that had the draw of epoch e in time has said so: news are told
 * once an epoch, or sooner.
 */
export const spokenRounds = (clock: Clock): number =>
  Math.min(clock.body.epoch.rounds, beatRounds(clock)) + graceRounds(clock)

/**
 * The latest round at which a node may have registered to be dealt to in an epoch. Founders need
 * not have.
 */
export const registeredBy = (clock: Clock, epoch: number): number => seedRound(clock, epoch) - clock.body.epoch.rounds

/**
 * For how many rounds the arrival of a registration can matter: then it is old enough for any draw
 * to come.
 */
export const remembersArrivals = (clock: Clock): number => 3 * clock.body.epoch.rounds + 2 * graceRounds(clock)
