/** Evidence only grows: whatever one signer adds later, what others have shown honestly goes on counting. */
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readCertificate } from '../../../../orbit/rules/certificate/read.ts'
import { writeCertificate } from '../../../../orbit/rules/certificate/write.ts'
import type { Assignment } from '../../../../orbit/rules/message/unit.ts'
import { deadlineRound, lastRound } from '../../../../orbit/rules/network/schedule.ts'
import { verify } from '../../../verifier/standalone/certificate.mjs'
import { Party } from '../party.ts'

setDefaultTimeout(2_400_000)

const window = 1n << 49n
const LEAVES = [0, 1, 2, 3]

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

/** A window of one unit, and its three results. */
function certified() {
  const party = new Party({ accounts: 14, partition: { units: 1 }, real: true })
  const [unit] = party.deal(2, 1) as [Assignment]
  party.answer(unit, unit.quorum)
  return { party, unit }
}

const statusOf = (party: Party, unit: Assignment) => party.settlement(unit)!.status
const bothVerify = (party: Party) => {
  const file = writeCertificate(party.state(), window, party.sources)
  const { units, contested } = readCertificate(file, party.memory)
  const theirs = verify(file)
  expect(theirs.units).toHaveLength(units.size)
  // A spoiler who hides his leaves contests a unit, and no leaf of it.
  for (const { unit } of contested) expect(theirs.units.find((of) => of.unit === unit)!.isContested).toBe(true)
  return file
}

describe('a signer of a certified unit takes nothing back', () => {
  test('by showing his result again, later or when all is over', () => {
    const { party, unit } = certified()
    for (const round of [9, 250, lastRound(party.genesis, 2) + 200])
      party.answer(unit, unit.quorum.slice(0, 1), [], round)
    expect(statusOf(party, unit)).toBe('certified')
    expect(party.settlement(unit)!.counted).toHaveLength(3)
    expect(party.settlement(unit)!.refused.size).toBe(0)
    bothVerify(party)
  })

  test('by a second result: that convicts him, and the leaf leaves the unit certified', () => {
    const { party, unit } = certified()
    const spoiler = unit.quorum[0]!
    party.answer(unit, [spoiler], [1], 9)
    for (const leaf of LEAVES) party.learn(unit, leaf)
    expect(statusOf(party, unit)).toBe('certified')
    expect(party.state().convictions.map(({ node }) => node)).toEqual([spoiler])
    expect(party.state().windows.get(window)!.certified.size).toBe(1)
    bothVerify(party)
  })

  test('by a second result whose evidence is false: that convicts him as well', () => {
    const { party, unit } = certified()
    const [spoiler, other] = unit.quorum as [string, string]
    party.show(spoiler, [party.result(unit, party.claim(unit), true, { node: other })], 9)
    expect(statusOf(party, unit)).toBe('certified')
    expect(party.state().convictions.map(({ node, kind }) => [node, kind])).toEqual([[spoiler, 'evidence']])
    bothVerify(party)
  })
})

test('whatever one or two spoilers add to a certified unit, it stays certified and its certificate holds: 12 sets of documents', () => {
  let disputes = 0
  for (let seed = 1; seed <= 12; seed++) {
    const next = random(seed)
    const { party, unit } = certified()
    const { genesis } = party
    const seats = [...unit.quorum, ...unit.reserve]
    // Of the quorum, of the reserve that may be called, or of the others; the second is in it with the first.
    const spoilers = [...new Set([seats[next(6)]!, seats[next(9)]!].slice(next(4) === 0 ? 1 : 0))]
    const rounds = [7, 9, 20, deadlineRound(genesis, 2), deadlineRound(genesis, 2) + 100, lastRound(genesis, 2)]
    for (let n = 4 + next(10); n > 0; n--) {
      const spoiler = spoilers[next(spoilers.length)]!
      if (next(5) === 0) {
        party.decline(spoiler, unit)
        continue
      }
      const variant = next(4)
      // One of the lies is hidden: its leaves are with nobody. And now and then somebody copies evidence.
      const node = next(4) === 0 ? unit.quorum[next(3)]! : spoiler
      const result = party.result(unit, party.claim(unit, variant), variant < 3, { node })
      party.show(spoiler, [result], rounds[next(rounds.length)]!)
    }
    if (party.settlement(unit)!.status === 'disputed') disputes++
    for (const leaf of LEAVES) party.learn(unit, leaf)
    const { status, counted, results } = party.settlement(unit)!
    expect([seed, status]).toEqual([seed, 'certified'])
    for (const node of unit.quorum) expect(counted.some((reveal) => reveal.node === node)).toBe(true)
    expect(results.every(({ item }) => item.leaves === results[0]!.item.leaves)).toBe(true)
    expect(results.map(({ node }) => node)).toEqual(expect.arrayContaining([...unit.quorum]))
    expect(party.state().windows.get(window)!.complete).toBe(true)
    const certificate = bothVerify(party)
    // Nor does it matter what came first.
    party.documents.results.reverse()
    expect(bothVerify(party)).toEqual(certificate)
  }
  expect(disputes).toBeGreaterThan(1)
})
