/** A certificate of three accounts, with a liar and a decline in it: real work, judged, and nothing in it too many. */
import { beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import * as dagJson from '@ipld/dag-json'
import type { Engine } from '../../../../kernels/unit.ts'
import { RuleError, sign } from '../../../../orbit/rules/base/statement.ts'
import type { CertificateFile } from '../../../../orbit/rules/certificate/format.ts'
import { packLeaves, unpackLeaves } from '../../../../orbit/rules/certificate/packed-leaves.ts'
import { readCertificate } from '../../../../orbit/rules/certificate/read.ts'
import { judgeCertificate } from '../../../../orbit/rules/certificate/recompute.ts'
import { withoutLeaves, writeCertificate } from '../../../../orbit/rules/certificate/write.ts'
import type { Assignment } from '../../../../orbit/rules/message/unit.ts'
import { Party } from '../party.ts'

setDefaultTimeout(300_000)

type UnitResult = CertificateFile['units'][number]['results'][number]

const party = new Party({ accounts: 14, real: true })
let lied: Assignment
let declined: Assignment
let bytes: Uint8Array
let file: CertificateFile
/** Counts what it is asked for. */
const computed: number[] = []
const engine = {
  verifyLeaf: async ({ window, index }, leaf) => {
    computed.push(leaf)
    return party.claim({ window, unit: index })[leaf]!
  },
} as Pick<Engine, 'verifyLeaf'>

beforeAll(() => {
  ;[lied, declined] = party.deal(2, 2) as [Assignment, Assignment]
  party.answer(lied, lied.quorum, [0, 1, 0])
  party.answer(lied, lied.reserve.slice(0, 2), [0, 0], 20)
  party.learn(lied, 2)
  party.decline(declined.quorum[1]!, declined)
  // Of no use: nobody was called by it.
  party.decline(declined.reserve[3]!, declined)
  party.answer(declined, [declined.quorum[0]!, declined.quorum[2]!, declined.reserve[0]!])
  bytes = writeCertificate(party.state(), lied.window, party.sources)
  file = dagJson.decode(bytes)
})

const verdict = (change: (altered: CertificateFile) => void): string => {
  const altered = dagJson.decode<CertificateFile>(bytes)
  change(altered)
  try {
    readCertificate(dagJson.encode(altered), party.memory)
    return 'holds'
  } catch (error) {
    if (error instanceof RuleError) return error.message
    throw error
  }
}

test('it holds, its results are judged, and the contested leaf is computed', async () => {
  const units: number[] = []
  const { certified, recomputed, wrong } = await judgeCertificate(bytes, () => engine, {
    onUnit: (unit) => void units.push(unit),
  })
  expect([wrong, units, computed]).toEqual([null, [0, 1], [2]])
  expect(recomputed).toEqual([{ window: lied.window, unit: lied.unit, leaf: 2 }])
  expect(certified.units.get(lied.unit)!.wrong.map(({ node, leaf }) => [node, leaf])).toEqual([[lied.quorum[1]!, 2]])
  expect(certified.units.get(lied.unit)!.accounts).toHaveLength(4)
  expect(certified.draws.map(({ accounts, witnesses }) => [accounts, witnesses])).toEqual([[14, 8]])
  const read = readCertificate(withoutLeaves(bytes))
  // The contested one keeps them.
  expect([...read.units.values()].map(({ leaves }) => leaves === null)).toEqual([false, true])
  await judgeCertificate(withoutLeaves(bytes), () => engine)
})

describe('it is refused', () => {
  test('with an entry that it could do without', () => {
    const useless = declined.reserve[3]!
    const { epoch, window, unit } = declined
    const idle = { type: 'decline', network: party.genesis.networkId, epoch, window: `${window}`, unit }
    const decline = sign(idle, party.member(useless).nodeSecret).bytes
    const stranger = party.members.find(({ node }) => !lied.quorum.includes(node))!
    expect(file.units[1]!.declines).toHaveLength(1)
    expect(verdict(() => {})).toBe('holds')
    expect(verdict(({ units }) => units[1]!.declines.push(decline))).toMatch(/could do without/)
    expect(verdict(({ units }) => units[1]!.declines.pop())).toMatch(/not certified|do not count/)
    expect(verdict(({ draws }) => draws[0]!.witnesses.push(draws[0]!.witnesses[0]!))).toMatch(
      /more witnesses than it needs/,
    )
    expect(verdict(({ draws }) => draws[0]!.witnesses.pop())).toMatch(/more than half/)
    expect(verdict(({ draws }) => draws[0]!.witnesses.reverse())).toMatch(/not in order/)
    expect(verdict(({ registrations }) => registrations.reverse())).toMatch(/registrations are not sorted/)
    expect(verdict(({ registrations }) => registrations.push(registrations[0]!))).toMatch(/not sorted/)
    expect(verdict(({ registrations }) => registrations.push(party.registration(stranger.node)))).toMatch(
      /not sorted|nothing rests on/,
    )
    expect(verdict(({ statements }) => statements.push(statements[0]!))).toMatch(/statements are not sorted/)
    expect(verdict(({ units }) => units[0]!.contested.pop())).toMatch(/lacks the leaves/)
    expect(verdict(({ units }) => units[1]!.contested.push(units[0]!.contested[0]!))).toMatch(
      /peak|has some that nobody/,
    )
    expect(verdict(({ units }) => units[0]!.results.reverse())).toMatch(/deal's order/)
    expect(verdict(({ units }) => units[0]!.results.push(units[0]!.results[0]!))).toMatch(/do not count/)
    expect(verdict(({ units }) => units[0]!.results.splice(1, 1))).toMatch(/not certified|do not count/)
    expect(verdict(({ units }) => (units[0]!.leaves = null))).toMatch(/not certified/)
    const plain = ({ units }: CertificateFile) => {
      units[1]!.leaves = null
      units[1]!.contested = [units[0]!.leaves!]
    }
    expect(verdict(plain)).toMatch(/peak|leaves are left out/)
  })

  test('with evidence that was not signed, and with another signer under it', () => {
    expect(verdict(({ units }) => (units[0]!.results[0]!.evidence = units[0]!.results[1]!.evidence))).toMatch(
      /not signed/,
    )
    const swap = ({ units: [unit] }: CertificateFile) => {
      const [first, second] = unit!.results as [UnitResult, UnitResult]
      ;[first.statement, second.statement] = [second.statement, first.statement]
    }
    expect(verdict(swap)).toMatch(/does not cover/)
  })

  test('whose results have a fault, though its form holds', async () => {
    const forged = new Party({ accounts: 5, partition: { units: 1 }, real: true })
    const [unit] = forged.deal(2, 1) as [Assignment]
    const [first] = unit.quorum as [string]
    // Three who are in it together show the work of one.
    for (const node of unit.quorum)
      forged.show(node, [forged.result(unit, forged.claim(unit), true, { node: first })], 7)
    const sound = { fault: null, falseItem: null, wrongLeaf: null, tallies: [] }
    const state = forged.state({ ...forged.knowledge, judged: () => sound })
    const certificate = writeCertificate(state, unit.window, forged.sources)
    expect(readCertificate(certificate).units.size).toBe(1)
    expect(judgeCertificate(certificate, () => engine)).rejects.toThrow(
      'lists numbers as evidence that are none for it',
    )
  })
})

test('packed leaves come back as they were, in some 16 bytes each, and have one encoding', () => {
  const records = party.blocks.get(readCertificate(bytes, party.memory).units.get(lied.unit)!.result.leaves)!
  const packed = packLeaves(party.genesis, lied, records)
  expect(packed).toEqual(file.units[lied.unit]!.leaves!)
  expect(unpackLeaves(party.genesis, lied, packed)).toEqual(records)
  const empty = new Uint8Array(records.length)
  expect(packLeaves(party.genesis, lied, empty)).toEqual(new Uint8Array(4))
  expect(unpackLeaves(party.genesis, lied, new Uint8Array(4))).toEqual(empty)
  for (const wrong of [
    packed.slice(0, -1),
    Uint8Array.of(...packed, 0),
    Uint8Array.of(0x80, 0, 0, 0, 0),
    new Uint8Array(3),
  ]) {
    expect(() => unpackLeaves(party.genesis, lied, wrong)).toThrow(RuleError)
  }
})
