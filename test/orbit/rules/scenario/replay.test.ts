/** The state is a function of the set of documents: their order, copies of them, and what came late make no difference. */

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import * as dagCbor from '@ipld/dag-cbor'
import { encodeLeaf } from '../../../../kernels/result.ts'
import { createMemory, type Memory } from '../../../../orbit/rules/base/memory.ts'
import { writeCertificate } from '../../../../orbit/rules/certificate/write.ts'
import type { Assignment } from '../../../../orbit/rules/message/unit.ts'
import { deadlineRound } from '../../../../orbit/rules/network/schedule.ts'
import { NO_HISTORY } from '../../../../orbit/rules/state/settled-window.ts'
import { type Documents, type State, stateOf } from '../../../../orbit/rules/state/state.ts'
import { Party } from '../party.ts'

setDefaultTimeout(2_400_000)

/** A log with everything in it: agreement, a lie, a decline, a missed deadline, a copy, two results of one unit, audits. */
function eventful(): Party {
  const party = new Party({ accounts: 14 })
  const [lied, declined, missed, plain] = party.deal(2, 4) as [any, any, any, any]
  party.answer(lied, lied.quorum, [0, 1, 0])
  party.answer(lied, lied.reserve.slice(0, 2), [0, 0], 20)
  party.learn(lied, 2)
  party.decline(declined.quorum[1], declined)
  party.answer(declined, [declined.quorum[0], declined.quorum[2], declined.reserve[0]])
  party.answer(missed, [missed.quorum[0], missed.quorum[1], missed.reserve[0]], [], deadlineRound(party.genesis, 2))
  const [copied] = party.answer(missed, [missed.quorum[2]], [], 150) as [string]
  party.blame(copied, 'evidence-short')
  party.answerAll([plain])
  const [twice, false_, open] = party.deal(4, 3, { from: 4 }) as [any, any, any]
  party.answer(twice, twice.quorum)
  party.answer(twice, twice.quorum.slice(0, 1), [], 15)
  party.answer(false_, false_.quorum, [1, 1, 1])
  party.audit(false_.reserve[0], [[4, false_.window.toString(), false_.unit, 2, encodeLeaf(party.claim(false_)[2]!)]])
  party.learn(false_, 2)
  party.answer(open, open.quorum.slice(0, 2))
  return party
}

/** The same where one account and an audit may certify: audited, exposed, audited too late, falsely audited. */
function adaptive(): Party {
  const party = new Party({ accounts: 14, changes: { audit: { leaves: 2, auditors: 2, adaptive: true } } })
  const trusted = party.members.map(({ account }) => account)
  // A lie is in leaf 2; its signer must have no part in another unit, as that would fall with him.
  const involved = (unit: Assignment) => [unit.quorum[0]!, ...party.certifyingAudit(unit).auditors]
  const lookedAt = (units: readonly Assignment[]) =>
    units.find(
      (unit) =>
        party.certifyingAudit(unit).leaves.includes(2) &&
        units.every((other) => other === unit || !involved(other).includes(unit.quorum[0]!)),
    )
  let units = party.deal(2, 4, { trusted })
  for (let epoch = 4; !lookedAt(units); epoch += 2) units = party.deal(epoch, 4, { trusted })
  const lied = lookedAt(units)!
  for (const unit of units) {
    party.answer(unit, [unit.quorum[0]!], [unit === lied ? 1 : 0])
    for (const node of party.certifyingAudit(unit).auditors) party.certify(node, unit)
  }
  party.learn(lied, 2)
  party.answer(lied, lied.reserve.slice(0, 4), [], deadlineRound(party.genesis, lied.epoch) - 3)
  // A false auditor, whose other word nothing rests on.
  const others = new Set(units.flatMap(involved))
  const falseOf = ([, denied]: readonly Assignment[]) =>
    party.certifyingAudit(denied!).auditors.find((node) => !others.has(node))
  let more = party.deal(20, 2, { from: 4, trusted })
  for (let epoch = 22; !falseOf(more); epoch += 2) more = party.deal(epoch, 2, { from: 4, trusted })
  const [late, denied] = more as [Assignment, Assignment]
  party.answer(late, [late.quorum[0]!])
  party.certify(party.certifyingAudit(late).auditors[0]!, late)
  party.answer(denied, [denied.quorum[0]!])
  party.certify(falseOf(more)!, denied, 3)
  for (const leaf of [0, 1, 2, 3, 4, 5, 6, 7]) party.learn(denied, leaf)
  return party
}

const KINDS = ['accounts', 'pool', 'draws', 'results'] as const

/** What may be shown to others, to the byte. */
function outcome(party: Party, state: State): string {
  const certificates = [...state.windows.values()]
    .filter(({ complete }) => complete)
    .map(({ window }) => writeCertificate(state, window, party.sources))
  return JSON.stringify(
    {
      accounts: state.accounts,
      convictions: state.convictions.map(({ results: _, claim: __, ...rest }) => rest),
      frontier: state.frontier,
      refused: Object.entries(state.refused).sort(),
      windows: [...state.windows.values()].map((w) => [
        w.window,
        [...w.certified.keys()].sort(),
        [...w.disputed].sort(),
      ]),
      certificates: certificates.map((bytes) => Buffer.from(bytes).toString('base64')),
    },
    (_, value) => (typeof value === 'bigint' ? value.toString() : value),
  )
}

/** xorshift32, so that a failure can be had again. */
function random(seed: number): (below: number) => number {
  let x = seed * 2654435761 + 1
  return (below) => {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return (x >>> 0) % below
  }
}

function shuffled<T>(items: readonly T[], next: (below: number) => number): T[] {
  const out = [...items]
  for (let i = out.length - 1; i > 0; i--) {
    const j = next(i + 1)
    ;[out[i], out[j]] = [out[j]!, out[i]!]
  }
  return out
}

test('the log has something of everything in it', () => {
  const state = eventful().state()
  expect(state.convictions.map(({ kind }) => kind)).toContain('leaf')
  expect(state.convictions.length).toBeGreaterThanOrEqual(3)
  expect(state.refused['evidence-short']).toBe(1)
  expect(
    state.answers.units
      .get(`4/${(1n << 43n) + 1n}/0`)!
      .results.values()
      .some((own) => own.length > 1),
  ).toBe(true)
  expect(state.frontier.windows).toBe(1)
})

test('and so has the other', () => {
  const { convictions, windows, settlements, frontier } = adaptive().state()
  expect(convictions.map(({ kind }) => kind)).toContain('leaf')
  expect([...settlements.values()].filter(({ auditors }) => auditors.length > 0).length).toBeGreaterThanOrEqual(3)
  expect(frontier.windows).toBe(1)
  expect([...windows.values()].at(-1)!.certified.size).toBe(0)
})

const copyOf = (document: unknown): unknown => dagCbor.decode(dagCbor.encode(document))

describe.each([
  ['N must agree', eventful()],
  ['one and an audit may certify', adaptive()],
])('where %s', (_name, party) => {
  const stateFrom = (documents: Documents) =>
    stateOf(party.genesis, party.unitsPerWindow, documents, party.knowledge, NO_HISTORY, party.memory)
  const expected = outcome(party, party.state())

  test('shuffled and with copies, from documents read anew: 50 times the same, to the byte', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const next = random(seed)
      const documents = Object.fromEntries(
        KINDS.map((kind) => {
          const all = party.documents[kind]
          const twice = all.filter(() => next(4) === 0)
          const list = shuffled([...all, ...twice], next)
          return [kind, seed % 10 === 0 ? list.map(copyOf) : list]
        }),
      ) as unknown as Documents
      expect(outcome(party, stateFrom(documents))).toBe(expected)
    }
  })

  test('cut short anywhere, it does not depend on the order either, and what was missing makes it whole', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const next = random(1000 + seed)
      const kept = shuffled(party.documents.results, next).slice(0, next(party.documents.results.length))
      const draws = next(3) === 0 ? party.documents.draws.slice(0, 2) : party.documents.draws
      const some = { ...party.documents, draws, results: kept }
      const again = { ...some, results: shuffled(kept, next), pool: shuffled(party.documents.pool, next) }
      expect(outcome(party, stateFrom(again))).toBe(outcome(party, stateFrom(some)))
      const rest = party.documents.results.filter((document) => !kept.includes(document))
      expect(outcome(party, stateFrom({ ...party.documents, results: [...rest, ...kept] }))).toBe(expected)
    }
  })

  test('a memory changes no result: neither an empty one, nor one that has seen all of it, nor one of other networks', () => {
    const { genesis, unitsPerWindow, documents, knowledge } = party
    const outcomeWith = (memory: Memory) =>
      outcome(party, stateOf(genesis, unitsPerWindow, documents, knowledge, NO_HISTORY, memory))
    expect(outcomeWith(createMemory())).toBe(expected)
    const other = new Party({ accounts: 5, changes: { name: 'other' } })
    other.answerAll(other.deal(2, 2))
    const foreign = createMemory()
    stateOf(other.genesis, unitsPerWindow, other.documents, other.knowledge, NO_HISTORY, foreign)
    expect(outcomeWith(foreign)).toBe(expected)
    expect(outcomeWith(party.memory)).toBe(expected)
  })

  test('what is learned later only adds: without the facts nobody is banned, and nothing disputed is certified', () => {
    const before = party.state({ ...party.knowledge, truth: () => undefined })
    const after = party.state()
    expect(before.convictions).toEqual([])
    for (const [window, { certified }] of after.windows) {
      for (const unit of certified.keys()) expect(after.windows.get(window)!.disputed.has(unit)).toBe(false)
    }
    expect(before.frontier.windows).toBe(0)
  })
})
