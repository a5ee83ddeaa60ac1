/** Evidence only grows: whatever one signer adds later, what others have shown honestly goes on counting. */
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readCertificate } from '../../../../orbit/rules/certificate/read.ts'
import { writeCertificate } from '../../../../orbit/rules/certificate/write.ts'
import type { Assignment } from '../../../../orbit/rules/message/unit.ts'
import { deadlineRound, lastRound, seedRound } from '../../../../orbit/rules/network/schedule.ts'
import { verify } from '../../../verifier/verify.mjs'
import { Party } from '../party.ts'

setDefaultTimeout(2_400_000)

const window = 1n << 43n
const LEAVES = [0, 1, 2, 3, 4, 5, 6, 7]
const withoutOwn = (commits: readonly string[], own: string) => commits.filter((cid) => cid !== own)

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

/** A window of one unit, its three results, and their commits. */
function certified() {
  const party = new Party({ accounts: 14, partition: { units: 1 } })
  const [unit] = party.deal(2, 1) as [Assignment]
  const good = party.result(unit, party.claim(unit))
  const commits = unit.quorum.map((node) => party.commit(node, [good], 7))
  const show = (i: number, cites = withoutOwn(commits, commits[i]!), round = 8) =>
    party.reveal(unit.quorum[i]!, commits[i]!, new Map([[0, cites]]), round)
  for (const i of [0, 1, 2]) show(i)
  return { party, unit, good, commits, show }
}

const statusOf = (party: Party, unit: Assignment) => party.settlement(unit)!.status
const bothVerify = (party: Party) => {
  const file = writeCertificate(party.state(), window, {
    leaves: (cid) => party.blocks.get(cid),
    registration: (node) => party.registration(node),
  })
  const { units, contested } = readCertificate(file, party.memory)
  const theirs = verify(file)
  expect(theirs.units).toBe(units.size)
  // A spoiler who hides his leaves contests a unit, and no leaf of it.
  for (const { unit } of contested) expect(theirs.contested).toContain(unit)
  return file
}

describe('a signer of a certified unit takes nothing back', () => {
  test('by a second commit', () => {
    const { party, unit } = certified()
    party.commit(unit.quorum[0]!, [party.result(unit, party.claim(unit, 3))], lastRound(party.genesis, 2) + 200)
    expect(statusOf(party, unit)).toBe('certified')
    expect(party.settlement(unit)!.refused.size).toBe(0)
  })

  test('by showing his result again, citing nobody', () => {
    const { party, unit, show } = certified()
    show(0, [], 9)
    show(0, [], 250)
    expect(statusOf(party, unit)).toBe('certified')
    expect(party.settlement(unit)!.counted).toHaveLength(3)
    expect(party.settlement(unit)!.needed).toHaveLength(3)
    bothVerify(party)
  })

  test('by a second result: that convicts him, and the leaf leaves the unit certified', () => {
    const { party, unit, commits } = certified()
    const spoiler = unit.quorum[0]!
    const lie = party.commit(spoiler, [party.result(unit, party.claim(unit, 1))], 7)
    party.reveal(spoiler, lie, new Map([[0, commits.slice(1)]]), 9)
    for (const leaf of LEAVES) party.learn(unit, leaf)
    expect(statusOf(party, unit)).toBe('certified')
    expect(party.state().convictions.map(({ node }) => node)).toEqual([spoiler])
    expect(party.state().windows.get(window)!.certified.size).toBe(1)
    bothVerify(party)
  })

  test('by hiding who cited whom: what one of his reveals cites is in the certificate, whichever is listed', () => {
    const party = new Party({ accounts: 14, partition: { units: 1 } })
    const [unit] = party.deal(2, 1) as [Assignment]
    const good = party.result(unit, party.claim(unit))
    const [a, b, c] = unit.quorum.map((node) => party.commit(node, [good], 7)) as [string, string, string]
    const late = lastRound(party.genesis, 2)
    const [A, B, C] = unit.quorum as [string, string, string]
    // Each of two reveals of A's cites one of the others.
    for (const cites of [[b], [c]]) party.reveal(A, a, new Map([[0, cites]]), late)
    party.reveal(B, b, new Map([[0, [a, c].sort()]]), late)
    party.reveal(C, c, new Map([[0, [a, b].sort()]]), late)
    expect(statusOf(party, unit)).toBe('certified')
    expect(party.settlement(unit)!.counted).toHaveLength(3)
    expect(party.settlement(unit)!.needed).toHaveLength(4)
    bothVerify(party)
  })
})

test('whatever one or two spoilers add to a certified unit, it stays certified and its certificate holds: 60 sets of documents', () => {
  let disputes = 0
  for (let seed = 1; seed <= 60; seed++) {
    const next = random(seed)
    const { party, unit, good, commits } = certified()
    const { genesis } = party
    const seats = [...unit.quorum, ...unit.reserve]
    // Of the quorum, of the reserve that may be called, or of the others; the second is in it with the first.
    const spoilers = [...new Set([seats[next(6)]!, seats[next(9)]!].slice(next(4) === 0 ? 1 : 0))]
    const own = new Map(spoilers.map((node) => [node, commits.filter((_, i) => unit.quorum[i] === node)]))
    const rounds = [7, 9, 20, deadlineRound(genesis, 2), deadlineRound(genesis, 2) + 100, lastRound(genesis, 2)]
    for (let n = 4 + next(10); n > 0; n--) {
      const spoiler = spoilers[next(spoilers.length)]!
      const mine = own.get(spoiler)!
      const round = rounds[next(rounds.length)]!
      const what = next(6)
      if (what === 0) party.decline(spoiler, unit)
      else if (what < 3 || mine.length === 0) {
        const variant = next(4)
        // One of the lies is hidden: its leaves are with nobody.
        const result = variant === 0 ? good : party.result(unit, party.claim(unit, variant), variant < 3)
        mine.push(party.commit(spoiler, [result], round))
      } else {
        const commit = mine[next(mine.length)]!
        const cites = [...new Set([...commits, ...[...own.values()].flat()])].filter(
          (cid) => !mine.includes(cid) && next(3) > 0,
        )
        party.reveal(spoiler, commit, new Map([[0, cites]]), Math.max(round, seedRound(genesis, 2) + 1))
      }
    }
    if (party.settlement(unit, false)!.status === 'disputed') disputes++
    for (const leaf of LEAVES) party.learn(unit, leaf)
    const { status, counted, results } = party.settlement(unit)!
    expect([seed, status]).toEqual([seed, 'certified'])
    for (const node of unit.quorum) expect(counted.some((reveal) => reveal.node === node)).toBe(true)
    expect(results.every(({ item }) => item.result.leaves === good.leaves)).toBe(true)
    expect(party.state().windows.get(window)!.complete).toBe(true)
    const certificate = bothVerify(party)
    // Nor does it matter what came first.
    party.documents.results.reverse()
    expect(bothVerify(party)).toEqual(certificate)
  }
  expect(disputes).toBeGreaterThan(5)
})
