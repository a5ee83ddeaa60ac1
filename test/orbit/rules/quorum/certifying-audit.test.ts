/** Adaptive replication: what one result of a trusted account and its audit certify, and what they do not. */
import { beforeEach, describe, expect, test } from 'bun:test'
import * as dagJson from '@ipld/dag-json'
import { cidOf } from '../../../../orbit/rules/base/cid.ts'
import { RuleError } from '../../../../orbit/rules/base/statement.ts'
import { readCertificate, settledBy } from '../../../../orbit/rules/certificate/read.ts'
import { withoutLeaves, writeCertificate } from '../../../../orbit/rules/certificate/write.ts'
import { assign } from '../../../../orbit/rules/deal/assignment.ts'
import { mayAnswer, NO_CALLS } from '../../../../orbit/rules/deal/seats.ts'
import type { Assignment } from '../../../../orbit/rules/message/unit.ts'
import { certifyingEpoch, deadlineRound, seedRound } from '../../../../orbit/rules/network/schedule.ts'
import { duties, revealable } from '../../../../orbit/rules/state/duties.ts'
import { accountHistory } from '../../../../orbit/rules/state/profile.ts'
import { beaconAt, Party } from '../party.ts'

const adaptive = { audit: { leaves: 2, auditors: 2, adaptive: true } }
let party: Party
let unit: Assignment
let one: string
let auditors: readonly [string, string]

/** Deals units of which all members are trusted. */
function everybodyTrusted(units = 1): readonly Assignment[] {
  party = new Party({ accounts: 12, changes: adaptive })
  return party.deal(2, units, { trusted: party.members.map(({ account }) => account) })
}

beforeEach(() => {
  unit = everybodyTrusted()[0]!
  one = unit.quorum[0]!
  auditors = party.certifyingAudit(unit).auditors as [string, string]
})

const half = () => seedRound(party.genesis, certifyingEpoch(party.genesis, unit.epoch))
const isCertified = () => party.state().windows.get(unit.window)?.certified.has(unit.unit) ?? false
const accountOf = (node: string) => party.member(node).account
const convicted = () => party.state().convictions.map(({ account }) => account)

describe('the deal', () => {
  test('gives the unit to the first of the N that is trusted; the others head the reserve', () => {
    const all = party.members.map(({ account }) => account)
    const plain = new Party({ accounts: 12, changes: adaptive })
    const [before] = plain.deal(2, 1) as [Assignment]
    expect(before.quorum).toHaveLength(3)
    expect(before.audited).toBeNull()
    for (const [i, node] of before.quorum.entries()) {
      const again = new Party({ accounts: 12, changes: adaptive })
      const [dealt] = again.deal(2, 1, { trusted: [again.member(node).account] }) as [Assignment]
      expect(dealt.quorum).toEqual([node])
      expect(dealt.reserve.slice(0, 2)).toEqual(before.quorum.filter((_, j) => j !== i))
      expect(dealt.reserve.slice(2)).toEqual([...before.reserve])
    }
    expect(all).toHaveLength(12)
  })

  test('trusts nobody in a network where N must agree, and lists whom it trusts in order', () => {
    const [draw] = [...party.state().draws.values()]
    const plain = new Party({ accounts: 12 })
    const signature = beaconAt(seedRound(plain.genesis, 2))
    const body = { ...draw!.draw.body, network: plain.genesis.networkId }
    expect(() => assign(plain.genesis, body, signature)).toThrow(RuleError)
    const reversed = { ...draw!.draw.body, trusted: [...draw!.draw.body.trusted].reverse() }
    expect(() => assign(party.genesis, reversed, signature)).toThrow('not sorted')
  })

  test('has the others answer when the one declines, or at the deadline, and not before', () => {
    const [second, third, fourth, fifth] = unit.reserve as [string, string, string, string]
    const at = (node: string, round: number, calls = NO_CALLS) => mayAnswer(party.genesis, unit, node, round, calls)
    const deadline = deadlineRound(party.genesis, unit.epoch)
    expect([second, third, fourth].map((node) => at(node, deadline - 1))).toEqual([false, false, false])
    expect([second, third, fourth, fifth].map((node) => at(node, deadline))).toEqual([true, true, true, false])
    const declined = { declines: 1, escalations: 0 }
    expect([second, third, fourth, fifth].map((node) => at(node, 7, declined))).toEqual([true, true, true, false])
    party.decline(one, unit)
    const state = party.state()
    expect([second, third, fourth].map((node) => duties(state, node, 8).length)).toEqual([1, 1, 1])
    expect(duties(state, fifth, 8)).toEqual([])
  })
})

describe('one result and an audit', () => {
  test('certify a unit, and the one account gets the credit', () => {
    expect(duties(party.state(), one, 7)).toHaveLength(1)
    for (const node of unit.reserve) expect(duties(party.state(), node, 7)).toEqual([])
    party.answer(unit, [one])
    expect(isCertified()).toBe(false)
    for (const node of auditors) party.certify(node, unit)
    expect(isCertified()).toBe(true)
    const { accounts } = party.state()
    expect(accounts.filter(({ units }) => units > 0).map(({ account }) => account)).toEqual([accountOf(one)])
  })

  test('the result is shown as soon as it is committed to: there is nobody to wait for', () => {
    const cid = party.commit(one, [party.result(unit, party.claim(unit))], 7)
    expect(revealable(party.state(), one, 7).flatMap(({ commits }) => commits)).toEqual([cid])
  })

  test('a result without its audit is nothing, nor is half an audit, or one by others, or of another round', () => {
    party.answer(unit, [one])
    const { leaves } = party.certifyingAudit(unit)
    party.certify(auditors[0], unit)
    expect(isCertified()).toBe(false)
    party.certify(auditors[1], unit, 0, leaves.slice(0, 1))
    expect(isCertified()).toBe(false)
    const stranger = party.members.find(({ node }) => node !== one && !auditors.includes(node))!
    party.certify(stranger.node, unit)
    party.certify(one, unit)
    expect(isCertified()).toBe(false)
    const records = leaves.map((leaf) =>
      party.blocks.get(party.result(unit, party.claim(unit)).leaves)!.slice(64 * leaf, 64 * leaf + 64),
    )
    const claims = leaves.map(
      (leaf, i) => [2, `${unit.window}`, unit.unit, leaf, records[i]!] as [number, string, number, number, Uint8Array],
    )
    party.audit(auditors[1], claims, Math.floor(half() / 3) + 1, half() + 3)
    expect(isCertified()).toBe(false)
    party.certify(auditors[1], unit, 0, leaves.slice(1))
    expect(isCertified()).toBe(true)
  })

  test('nobody asks for the leaves before all auditors have spoken; then they decide', () => {
    party.answer(unit, [one])
    party.certify(auditors[0], unit)
    expect(party.state(false).wants).toEqual({ leaves: [], truths: [] })
    party.certify(auditors[1], unit)
    const { leaves } = party.result(unit, party.claim(unit))
    expect(party.state(false).wants.leaves).toEqual([leaves])
    expect(party.state(false).windows.get(unit.window)!.certified.size).toBe(0)
    expect(isCertified()).toBe(true)
  })

  test('a result that was shown when its audit was drawn waits for the others', () => {
    const result = party.result(unit, party.claim(unit))
    const late = party.commit(one, [result], half())
    party.reveal(one, late, new Map([[0, []]]), half())
    for (const node of auditors) party.certify(node, unit)
    expect(isCertified()).toBe(false)
    const deadline = deadlineRound(party.genesis, unit.epoch)
    party.answer(unit, unit.reserve.slice(0, 3), [], deadline)
    expect(isCertified()).toBe(true)
  })

  test('without auditors N certify the unit after the deadline, the one among them', () => {
    party.answer(unit, [one])
    party.answer(unit, unit.reserve.slice(0, 2), [], deadlineRound(party.genesis, unit.epoch))
    const { certified } = party.state().windows.get(unit.window)!
    expect(certified.get(unit.unit)!.results.map(({ node }) => node)).toEqual([one, ...unit.reserve.slice(0, 2)])
    expect(certified.get(unit.unit)!.settlement.auditors).toEqual([])
  })
})

describe('a lie', () => {
  /** A lie is in leaf 2 (party.ts): a deal whose audit looks at it. */
  beforeEach(() => {
    const [first, ...others] = everybodyTrusted(24)
    unit = [first!, ...others].find((dealt) => party.certifyingAudit(dealt).leaves.includes(2))!
    one = unit.quorum[0]!
    auditors = party.certifyingAudit(unit).auditors as [string, string]
  })

  test('that one honest auditor meets convicts its signer, and the others certify the truth', () => {
    party.answer(unit, [one], [9])
    // One of the auditors is in on it.
    party.certify(auditors[0], unit, 9)
    party.certify(auditors[1], unit)
    expect(isCertified()).toBe(false)
    party.learn(unit, 2)
    expect(convicted().sort()).toEqual([one, auditors[0]].map(accountOf).sort())
    const owes = (node: string) =>
      duties(party.state(), node, half() + 1).some((dealt) => dealt.unit === unit.unit && dealt.window === unit.window)
    const called = unit.reserve.filter(owes)
    expect(called).toEqual(unit.reserve.slice(0, called.length))
    expect(called.length).toBeGreaterThanOrEqual(3)
    party.answer(unit, called, [], half() + 1)
    expect(isCertified()).toBe(true)
    const { results } = party.state().windows.get(unit.window)!.certified.get(unit.unit)!
    expect(results.every(({ node }) => called.includes(node))).toBe(true)
  })

  test('passes where both auditors are in on it, and only there; whoever looks exposes all three', () => {
    party.answer(unit, [one], [9])
    for (const node of auditors) party.certify(node, unit, 9)
    expect(isCertified()).toBe(true)
    const looker = party.members.find(({ node }) => node !== one && !auditors.includes(node))!
    party.certify(looker.node, unit)
    party.learn(unit, 2)
    expect(isCertified()).toBe(false)
    expect(convicted().sort()).toEqual([one, ...auditors].map(accountOf).sort())
  })

  test('of an auditor about a result that is right costs the auditor, and the unit goes to the others', () => {
    party.answer(unit, [one])
    party.certify(auditors[0], unit, 9)
    party.certify(auditors[1], unit)
    expect(isCertified()).toBe(false)
    party.learn(unit, 2)
    expect(convicted()).toEqual([accountOf(auditors[0])])
    party.answer(unit, unit.reserve.slice(0, 2), [], deadlineRound(party.genesis, unit.epoch))
    expect(isCertified()).toBe(true)
  })
})

describe('the certificate', () => {
  let bytes: Uint8Array
  let sources: Parameters<typeof writeCertificate>[2]

  beforeEach(() => {
    const units = everybodyTrusted(party.unitsPerWindow)
    unit = units[0]!
    for (const dealt of units) {
      party.answer(dealt, [dealt.quorum[0]!])
      for (const node of party.certifyingAudit(dealt).auditors) party.certify(node, dealt)
    }
    sources = { leaves: (cid) => party.blocks.get(cid), registration: (node) => party.registration(node) }
    bytes = writeCertificate(party.state(), unit.window, sources)
  })

  test('holds, and comes to what the state says', () => {
    const certificate = readCertificate(bytes, party.memory)
    expect(certificate.complete).toBe(true)
    for (const { accounts } of certificate.units.values()) expect(accounts).toHaveLength(1)
    const credited = party.state().accounts.filter(({ units }) => units > 0)
    const settled = settledBy(certificate)
    expect([...settled.credits.keys()].sort()).toEqual(credited.map(({ account }) => account).sort())
    expect(readCertificate(withoutLeaves(bytes), party.memory).checksum).toBe(certificate.checksum)
  })

  test('does not hold without an audit, or with those of another unit; one more, or another order, changes nothing', () => {
    type File = { units: { audits: Uint8Array[] }[] }
    const read = (change: (audits: Uint8Array[], file: File) => void) => {
      const file = dagJson.decode<File>(bytes)
      change(file.units[0]!.audits, file)
      return readCertificate(dagJson.encode(file), party.memory)
    }
    const refused: Record<string, (audits: Uint8Array[], file: File) => void> = {
      dropped: (audits) => audits.pop(),
      'all dropped': (audits) => audits.splice(0),
      'one twice in place of the other': (audits) => audits.splice(0, 1, audits[1]!),
      "another unit's": (audits, file) => audits.splice(0, 2, ...file.units[1]!.audits),
    }
    for (const [name, change] of Object.entries(refused)) expect(() => read(change), name).toThrow(RuleError)
    const same: Record<string, (audits: Uint8Array[], file: File) => void> = {
      twice: (audits) => audits.push(audits[1]!),
      'out of order': (audits) => audits.reverse(),
      'one more': (audits, file) => audits.push(file.units[1]!.audits[0]!),
    }
    for (const [name, change] of Object.entries(same)) {
      expect(settledBy(read(change)), name).toEqual(settledBy(readCertificate(bytes, party.memory)))
    }
  })
})

test('the history of the account names the audits beside what it signed', () => {
  party.answer(unit, [one])
  for (const node of auditors) party.certify(node, unit)
  const state = party.state()
  const account = state.accounts.find(({ nodes }) => nodes.includes(one))!
  const [credited] = accountHistory(state, account).certified
  const documents = new Set(
    party.documents.results.map((document) => cidOf((document as { statement: Uint8Array }).statement).toString()),
  )
  expect(credited!.audits).toHaveLength(2)
  for (const cid of credited!.audits) expect(documents.has(cid)).toBe(true)
})
