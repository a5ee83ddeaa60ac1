/**
 * Five colluders among twenty accounts: they get what arithmetic allows, which is the units whose whole quorum is theirs,
 * and audits take that away as well.
 */
import { beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { encodeLeaf, summarize } from '../../../../kernels/result.ts'
import { detectionChance } from '../../../../orbit/rules/deal/capture.ts'
import { checksumHex } from '../../../../orbit/rules/message/bodies.ts'
import type { Assignment } from '../../../../orbit/rules/message/unit.ts'
import { randomnessOf } from '../../../../orbit/rules/network/beacon.ts'
import { seedRound } from '../../../../orbit/rules/network/schedule.ts'
import { auditOf } from '../../../../orbit/rules/quorum/audit.ts'
import type { State } from '../../../../orbit/rules/state/state.ts'
import { beaconAt, Party } from '../party.ts'

setDefaultTimeout(2_400_000)

const UNITS = 1000
const EPOCH = 2
let party: Party
let assignments: readonly Assignment[]
let colluders: Set<string>

/** Everybody answers all that he was dealt; a colluder lies where `lies` says so. */
function run(lies: (assignment: Assignment) => boolean): void {
  party = new Party({ accounts: 20, partition: { bits: 40, units: UNITS, leaves: 4, hardSteps: 128 } })
  colluders = new Set(party.members.slice(0, 5).map(({ node }) => node))
  assignments = party.seal(EPOCH, UNITS, { capacity: Math.ceil((UNITS * 3) / 20) + 8 })
  party.answerAll(assignments, (node, assignment) => (colluders.has(node) && lies(assignment) ? 1 : 0))
}

const isTheirs = ({ quorum }: Assignment) => quorum.every((node) => colluders.has(node))
const certifiedIn = (state: State) => [...state.windows.values()].flatMap(({ certified }) => [...certified.values()])
const falseUnits = (state: State) =>
  certifiedIn(state).filter(({ assignment, results }) => {
    const [{ item }] = results as [(typeof results)[0]]
    return item.checksum !== checksumHex(summarize(party.claim(assignment)).checksum)
  })

/** The 99 % interval of a binomial distribution, from its exact tails. */
function interval(n: number, p: number): [number, number] {
  let at = (1 - p) ** n
  let below = 0
  let low = -1
  for (let k = 0; k <= n; k++) {
    below += at
    if (low < 0 && below > 0.005) low = k
    if (below >= 0.995) return [low, k]
    at *= ((n - k) / (k + 1)) * (p / (1 - p))
  }
  throw new Error('no such interval')
}

describe('lying where the whole quorum is theirs', () => {
  beforeAll(() => run(isTheirs))

  test('gets exactly those units certified, as many as the hypergeometric prediction says', () => {
    const state = party.state()
    expect(certifiedIn(state)).toHaveLength(assignments.length)
    const wrong = falseUnits(state)
    expect(wrong.map(({ assignment }) => assignment.unit).sort()).toEqual(
      assignments
        .filter(isTheirs)
        .map(({ unit }) => unit)
        .sort(),
    )
    // C(5, 3) / C(20, 3)
    const [low, high] = interval(assignments.length, 10 / 1140)
    expect(wrong.length).toBeGreaterThanOrEqual(low)
    expect(wrong.length).toBeLessThanOrEqual(high)
    expect(state.convictions).toEqual([])
  })

  test('is met by audits that a later round draws, as often as arithmetic says, and costs all three their accounts', () => {
    const wrong = falseUnits(party.state())
    const { leaves, auditors } = party.genesis.body.audit
    const { roster } = party.state().draws.get(EPOCH)!.draw.body
    const later = randomnessOf(beaconAt(seedRound(party.genesis, EPOCH + 5)))
    const found = wrong.filter(({ assignment }) => {
      const { epoch, window, unit, quorum } = assignment
      const signers = quorum.map((node) => party.member(node).account)
      const drawn = auditOf(
        party.genesis,
        { epoch, window, unit, leaves: 4, signers, level: 'UNTRUSTED' },
        roster,
        later,
      )!
      expect([drawn.leaves.length, drawn.auditors.length]).toEqual([leaves, auditors])
      // The lie is in leaf 2. Colluders say nothing.
      const honest = drawn.auditors.filter((node) => !colluders.has(node))
      if (!drawn.leaves.includes(2)) return false
      const record = encodeLeaf(party.claim(assignment)[2]!)
      for (const node of honest) party.audit(node, [[epoch, window.toString(), unit, 2, record]])
      party.learn(assignment, 2)
      return honest.length > 0
    })
    // Both auditors are colluders with chance 2/17 * 1/16.
    const [low, high] = interval(wrong.length, detectionChance(4, 1, leaves) * (1 - (2 / 17) * (1 / 16)))
    expect(found.length).toBeGreaterThanOrEqual(low)
    expect(found.length).toBeLessThanOrEqual(high)
    expect(found.length).toBeGreaterThan(0)
    const banned = new Set(party.state().convictions.map(({ node }) => node))
    expect(banned).toEqual(new Set(found.flatMap(({ assignment }) => assignment.quorum)))
    // And with the accounts all that they certified among themselves.
    for (const { assignment } of falseUnits(party.state())) {
      expect(assignment.quorum.every((node) => banned.has(node))).toBe(false)
    }
  })

  test('and what is left goes with the next that meets it, until nothing false is left and all who signed are banned', () => {
    const auditor = party.members[19]!.node
    const wrong = falseUnits(party.state())
    const claims = wrong.map(({ assignment }) => {
      party.learn(assignment, 2)
      const record = encodeLeaf(party.claim(assignment)[2]!)
      return [EPOCH, assignment.window.toString(), assignment.unit, 2, record] as [
        number,
        string,
        number,
        number,
        Uint8Array,
      ]
    })
    if (claims.length > 0) party.audit(auditor, claims)
    const state = party.state()
    expect(falseUnits(state)).toEqual([])
    const banned = new Set(state.accounts.filter(({ level }) => level === 'BANNED').flatMap(({ nodes }) => nodes))
    expect(banned).toEqual(new Set(assignments.filter(isTheirs).flatMap(({ quorum }) => quorum)))
    for (const node of banned) expect(colluders.has(node)).toBe(true)
  })
})

describe('lying always', () => {
  beforeAll(() => run(() => true))

  test('gets nothing more certified; every other unit is in dispute and calls two', () => {
    const state = party.state()
    const mixed = assignments.filter((a) => a.quorum.some((node) => colluders.has(node)) && !isTheirs(a))
    expect(falseUnits(state).every(({ assignment }) => isTheirs(assignment))).toBe(true)
    for (const { window, unit } of mixed) expect(state.windows.get(window)!.disputed.has(unit)).toBe(true)
    expect(state.wants.truths.length).toBeGreaterThanOrEqual(mixed.length)
  })

  test('with the leaves that decide, every unit is settled by two more, and all five are convicted', () => {
    for (const assignment of assignments) party.learn(assignment, 2)
    const round = seedRound(party.genesis, EPOCH) + 5
    const { windows } = party.state()
    const disputed = assignments.filter((a) => windows.get(a.window)!.disputed.has(a.unit))
    // The reserve answers in one batch, and the colluders among it keep lying.
    party.callAll(disputed, round, (node) => (colluders.has(node) ? 1 : 0))
    const state = party.state()
    expect(new Set(state.convictions.map(({ node }) => node))).toEqual(colluders)
    for (const settlement of state.settlements.values()) expect(settlement.escalations).toBeLessThanOrEqual(2)
    // What is open drew so many colluders that two more did not make up three honest ones: the next two are called.
    const open = assignments.filter(({ window, unit }) => !state.windows.get(window)!.certified.has(unit))
    for (const { quorum, reserve } of open) {
      const honest = [...quorum, ...reserve.slice(0, 2)].filter((node) => !colluders.has(node))
      expect(honest.length).toBeLessThan(3)
    }
    expect(open.length).toBeLessThan(0.1 * assignments.length)
    expect(falseUnits(state)).toEqual([])
  })
})
