/** Rounds and epochs: each function by numbers that can be reckoned by hand, one below, at and one above each boundary. */
import { describe, expect, test } from 'bun:test'
import * as schedule from '../../../../orbit/rules/network/schedule.ts'
import { genesisOf } from '../literals.ts'

const clock = genesisOf()
const withEpochs = (rounds: number, freshRounds = 60, coordinators = 1) =>
  genesisOf({
    ...{ epoch: { rounds, perDatabase: 10 }, freshRounds },
    coordinators: Array.from({ length: coordinators }, (_, i) => `${i}`),
  })

test.each([
  [0, 0, 1],
  [9, 0, 1],
  [10, 1, 2],
  [11, 1, 2],
  [19, 1, 2],
  [20, 2, 3],
  [99_999, 9_999, 10_000],
])('round %i lies in epoch %i, and %i is next', (round, epoch, next) => {
  expect(schedule.epochAt(clock, round)).toBe(epoch)
  expect(schedule.nextEpoch(clock, round)).toBe(next)
})

/** Of a deal: R(e), its deadline, and until when it is awaited, and counts. */
test.each([
  [0, 0, 100, 300, 600],
  [1, 10, 110, 310, 610],
  [2, 20, 120, 320, 620],
  [37, 370, 470, 670, 970],
])('the deal of epoch %i', (epoch, seed, deadline, last, settled) => {
  expect(schedule.seedRound(clock, epoch)).toBe(seed)
  expect(schedule.deadlineRound(clock, epoch)).toBe(deadline)
  expect(schedule.lastRound(clock, epoch)).toBe(last)
  expect(schedule.settledAfter(clock, epoch)).toBe(settled)
  expect(schedule.witnessedBy(clock, epoch)).toBe(seed + 60)
  expect(schedule.registeredBy(clock, epoch)).toBe(seed - 10)
})

/** N = 3 places fall due with each deadline that passes. */
test.each([
  [0, 120],
  [1, 120],
  [2, 120],
  [3, 220],
  [5, 220],
  [6, 320],
  [8, 320],
  [9, 420],
])('place %i of the reserve of epoch 2 is due at round %i', (place, round) => {
  expect(schedule.reserveRound(clock, 2, place)).toBe(round)
})

/** The first epoch whose R comes half a deadline after the deal, or later. */
test.each([
  [10, 100, 2, 7],
  [10, 101, 2, 8],
  [10, 99, 2, 7],
  [10, 19, 2, 3],
  [10, 20, 2, 3],
  [10, 21, 2, 4],
  [3, 100, 2, 19],
  [1, 1, 0, 1],
])('epochs of %i rounds, a deadline of %i: the deal of %i is audited by R(%i)', (rounds, deadlineRounds, epoch, a) => {
  const network = genesisOf({ epoch: { rounds, perDatabase: 10 }, deadlineRounds })
  expect(schedule.certifyingEpoch(network, epoch)).toBe(a)
  expect(2 * (schedule.seedRound(network, a) - schedule.seedRound(network, epoch))).toBeGreaterThanOrEqual(
    deadlineRounds,
  )
  expect(2 * (schedule.seedRound(network, a - 1) - schedule.seedRound(network, epoch))).toBeLessThan(deadlineRounds)
})

/** lead = min(fresh / 3, epoch), grace = min(fresh / 6, epoch), at least 1; a beat is two fifths of fresh. */
describe.each([
  { rounds: 10, fresh: 60, lead: 10, grace: 10, beat: 24, spoken: 20, remembers: 50 },
  { rounds: 100, fresh: 60, lead: 20, grace: 10, beat: 24, spoken: 34, remembers: 320 },
  { rounds: 100, fresh: 59, lead: 19, grace: 9, beat: 23, spoken: 32, remembers: 318 },
  { rounds: 20, fresh: 60, lead: 20, grace: 10, beat: 24, spoken: 30, remembers: 80 },
  { rounds: 19, fresh: 60, lead: 19, grace: 10, beat: 24, spoken: 29, remembers: 77 },
  { rounds: 25, fresh: 60, lead: 20, grace: 10, beat: 24, spoken: 34, remembers: 95 },
  { rounds: 3, fresh: 2, lead: 1, grace: 1, beat: 0, spoken: 1, remembers: 11 },
  { rounds: 3, fresh: 6, lead: 2, grace: 1, beat: 2, spoken: 3, remembers: 11 },
  { rounds: 1, fresh: 300, lead: 1, grace: 1, beat: 120, spoken: 2, remembers: 5 },
])('epochs of $rounds rounds, fresh for $fresh', ({ rounds, fresh, lead, grace, beat, spoken, remembers }) => {
  const network = withEpochs(rounds, fresh)
  test(`sealed ${lead} before, news take ${grace}`, () => {
    expect(schedule.sealingLead(network)).toBe(lead)
    expect(schedule.graceRounds(network)).toBe(grace)
    expect(schedule.beatRounds(network)).toBe(beat)
    expect(schedule.spokenRounds(network)).toBe(spoken)
    expect(schedule.remembersArrivals(network)).toBe(remembers)
  })
})

/** A step is the lead over the coordinators, of whom eight count at most; at least a round. */
test.each([
  [100, 240, 1, 80],
  [100, 240, 2, 40],
  [100, 240, 3, 26],
  [100, 240, 7, 11],
  [100, 240, 8, 10],
  [100, 240, 9, 10],
  [100, 240, 64, 10],
  [3, 60, 2, 1],
  [3, 60, 4, 1],
])('epochs of %i rounds, fresh for %i, %i coordinators: a step of %i', (rounds, fresh, coordinators, step) => {
  expect(schedule.stepRounds(withEpochs(rounds, fresh, coordinators))).toBe(step)
})
