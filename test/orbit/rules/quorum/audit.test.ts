/** Who audits what is drawn by a beacon that came later; and what an audit finds is a matter of arithmetic. */
import { describe, expect, test } from 'bun:test'
import { sha256 } from '@noble/hashes/sha2.js'
import { detectionChance, passChance } from '../../../../orbit/rules/deal/capture.ts'
import type { Level } from '../../../../orbit/rules/membership/levels.ts'
import { certifyingEpoch } from '../../../../orbit/rules/network/schedule.ts'
import { type AuditedUnit, auditOf } from '../../../../orbit/rules/quorum/audit.ts'
import { Party } from '../party.ts'

const { genesis, members } = new Party({ accounts: 12 })
const roster = members.map(({ node, account }) => ({ node, account, capacity: 1 }))
const signers = members.slice(0, 3).map(({ account }) => account)
const unitAt = (unit: number, level: Level = 'UNTRUSTED'): AuditedUnit => ({
  ...{ epoch: 5, window: 1n << 43n, unit, leaves: 256, signers, level },
})
const beacon = (i: number) => sha256(Uint8Array.of(i >> 8, i & 255))
const audit = (i: number, level?: Level) => auditOf(genesis, unitAt(i, level), roster, beacon(i))

test('the beacon that draws a certifying audit is the first after half of the deadline', () => {
  // Epochs of 3 rounds, a deadline of 100: R(5) is round 15, and half of the deadline later is round 65.
  expect(certifyingEpoch(genesis, 5) * 3).toBe(66)
  const odd = { ...genesis, body: { ...genesis.body, deadlineRounds: 99 } }
  expect(certifyingEpoch(odd, 5) * 3).toBe(66)
  const even = { ...genesis, body: { ...genesis.body, deadlineRounds: 96 } }
  expect(certifyingEpoch(even, 5) * 3).toBe(63)
})

test('two others compute the same two leaves', () => {
  for (let i = 0; i < 50; i++) {
    const { leaves, auditors } = audit(i)!
    expect(leaves).toHaveLength(2)
    expect(new Set(leaves).size).toBe(2)
    expect(new Set(auditors).size).toBe(2)
    for (const node of auditors) expect(signers).not.toContain(members.find((m) => m.node === node)!.account)
  }
})

test('everybody computes the same, in whatever order the roster is', () => {
  const backwards = [...roster].reverse()
  expect(auditOf(genesis, unitAt(3), backwards, beacon(3))).toEqual(audit(3))
})

test('another beacon draws other leaves and auditors', () => {
  const seen = new Set(
    Array.from({ length: 40 }, (_, i) => JSON.stringify(auditOf(genesis, unitAt(1), roster, beacon(i)))),
  )
  expect(seen.size).toBeGreaterThan(35)
})

test('each account and each leaf is drawn as often as any other', () => {
  const times = new Map<string, number>()
  const halves = [0, 0]
  for (let i = 0; i < 900; i++) {
    const { leaves, auditors } = audit(i)!
    for (const node of auditors) times.set(node, (times.get(node) ?? 0) + 1)
    for (const leaf of leaves) halves[leaf < 128 ? 0 : 1]!++
  }
  // 9 candidates, 2 of them: 200 times each, and a standard deviation of 12.5; half of 1,800 leaves, and one of 21.
  expect(times.size).toBe(9)
  for (const n of times.values()) expect(Math.abs(n - 200)).toBeLessThan(4 * 12.5)
  expect(Math.abs(halves[0]! - 900)).toBeLessThan(4 * 21.3)
})

describe('the better the record, the rarer', () => {
  const share = (level: Level) => Array.from({ length: 800 }, (_, i) => audit(i, level)).filter(Boolean).length / 800
  test.each([
    ['UNTRUSTED', 1],
    ['VERIFIED', 1 / 2],
    ['TRUSTED', 1 / 4],
    ['ELITE', 1 / 8],
  ] as [Level, number][])('%s: one in %d', (level, expected) => {
    const deviation = Math.sqrt((expected * (1 - expected)) / 800)
    expect(Math.abs(share(level) - expected)).toBeLessThanOrEqual(4 * deviation)
  })
})

test('the chance to meet a wrong leaf: by the formula, and by counting what the draw does', () => {
  expect(detectionChance(256, 0, 2)).toBe(0)
  expect(detectionChance(256, 256, 1)).toBe(1)
  expect(detectionChance(4, 1, 2)).toBeCloseTo(0.5, 12)
  const wrong = 64
  const met = Array.from({ length: 900 }, (_, i) => audit(i)!.leaves.some((leaf) => leaf < wrong)).filter(
    Boolean,
  ).length
  const expected = detectionChance(256, wrong, 2)
  expect(Math.abs(met / 900 - expected)).toBeLessThan(4 * Math.sqrt((expected * (1 - expected)) / 900))
})

test('a lie of one passes its audit as often as drawing it says', () => {
  const party = new Party({ accounts: 12, partition: { leaves: 256 } })
  const all = party.members.map(({ node, account }) => ({ node, account, capacity: 1 }))
  const [signer, ...others] = party.members
  const inOnIt = new Set(others.slice(0, 5).map(({ node }) => node))
  const wrong = (leaf: number) => leaf < 100
  const draws = 4000
  let passed = 0
  for (let i = 0; i < draws; i++) {
    const unit = { ...unitAt(i), signers: [signer!.account] }
    const { auditors, leaves } = auditOf(party.genesis, unit, all, beacon(i))!
    if (auditors.every((node) => inOnIt.has(node)) || !leaves.some(wrong)) passed++
  }
  const chance = passChance(party.genesis.body.audit, [11, 5], [256, 100])
  expect(Math.abs(passed - draws * chance)).toBeLessThan(4 * Math.sqrt(draws * chance * (1 - chance)))
  expect(passChance(party.genesis.body.audit, [11, 0], [256, 256])).toBe(0)
  expect(passChance(party.genesis.body.audit, [11, 11], [256, 256])).toBe(1)
})
