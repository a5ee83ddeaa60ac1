/** A fraud proof convicts from its bytes alone, and no bytes convict whoever signed what is right. */
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import * as dagJson from '@ipld/dag-json'
import { inclusionProof } from '../../../../kernels/merkle.ts'
import { encodeLeaf } from '../../../../kernels/result.ts'
import { evidenceRecord, openItem, type SignedResult } from '../../../../orbit/rules/answer/results.ts'
import { equalBytes } from '../../../../orbit/rules/base/bytes.ts'
import { RuleError, sign } from '../../../../orbit/rules/base/statement.ts'
import { readFraudProof, writeFraudProof } from '../../../../orbit/rules/certificate/fraud-proof.ts'
import type { LeafClaim } from '../../../../orbit/rules/message/answers.ts'
import type { AuditBody, ResultItem } from '../../../../orbit/rules/message/bodies.ts'
import { type Assignment, dealtUnitKey, leafKey } from '../../../../orbit/rules/message/unit.ts'
import type { Conviction } from '../../../../orbit/rules/quorum/convictions.ts'
import { beaconAt, Party } from '../party.ts'

setDefaultTimeout(2_400_000)

/** What becomes of a file: the leaf that it names, if any, is computed. */
function verdict(party: Party, bytes: Uint8Array): string {
  try {
    const { window, unit, leaf, record } = readFraudProof(bytes)
    if (leaf === null || record === null) return 'guilty'
    party.learn({ window, unit }, leaf)
    return equalBytes(record, party.truths.get(leafKey({ window, unit, leaf }))!) ? 'does not hold' : 'guilty'
  } catch (error) {
    return error instanceof RuleError ? 'refused' : `threw ${error}`
  }
}

/** A network in which one account lies, and the proof that its state leads to. */
interface Case {
  readonly party: Party
  readonly conviction: Conviction
  readonly bytes: Uint8Array
}

function caseOf(lie: (party: Party, unit: Assignment) => void): Case {
  const party = new Party({ accounts: 12, real: true })
  const [unit] = party.deal(2, 1) as [Assignment]
  lie(party, unit)
  party.learn(unit, 2)
  const state = party.state()
  expect(state.convictions).toHaveLength(1)
  const conviction = state.convictions[0]!
  return { party, conviction, bytes: writeFraudProof(state, conviction, party.sources) }
}

const claimOf = (party: Party, unit: Assignment, leaf: number, variant: number): AuditBody['claims'][number] => {
  return [unit.epoch, unit.window.toString(), unit.unit, leaf, encodeLeaf(party.claim(unit, variant)[leaf]!)]
}

const cases: Record<Conviction['kind'], Case> = {
  leaf: caseOf((party, unit) => {
    party.answer(unit, unit.quorum, [0, 0, 1])
    party.answer(unit, unit.reserve.slice(0, 2), [0, 0], 10)
  }),
  sum: caseOf((party, unit) => {
    const [a, b, c] = unit.quorum as [string, string, string]
    party.answer(unit, [a, b])
    const honest = party.result(unit, party.claim(unit), true, { node: c })
    party.show(c, [party.changed(honest, { count: openItem(honest.item).count + 1 })], 8)
  }),
  contradiction: caseOf((party, unit) => {
    party.answer(unit, [unit.quorum[0]!, unit.quorum[0]!], [0, 1])
  }),
  evidence: caseOf((party, unit) => {
    const [a, b, c] = unit.quorum as [string, string, string]
    party.answer(unit, [a, b])
    // Somebody else's evidence.
    party.show(c, [party.result(unit, party.claim(unit), true, { node: a })], 8)
  }),
  claim: caseOf((party, unit) => {
    party.answer(unit, unit.quorum)
    party.audit(unit.reserve[0]!, [claimOf(party, unit, 2, 1)])
  }),
}
const kinds = Object.entries(cases) as [Conviction['kind'], Case][]

describe.each(kinds)('a proof of kind %s', (kind, { party, conviction, bytes }) => {
  test('says whom it convicts of what, and holds', () => {
    const { account, node, window, unit, leaf, statements, epoch } = conviction
    expect(conviction.kind).toBe(kind)
    expect(readFraudProof(bytes)).toMatchObject({ account, node, kind, epoch, window, unit, leaf, statements })
    expect(readFraudProof(bytes).genesis.networkId).toBe(party.genesis.networkId)
    expect(statements).toHaveLength(kind === 'contradiction' ? 2 : 1)
    expect(verdict(party, bytes)).toBe('guilty')
  })

  test('is refused with any bit of it flipped', () => {
    const verdicts = new Set<string>()
    // Every fifth byte, and another bit each time: all that is long is base64, where one is as good as the next.
    for (let at = 0; at < bytes.length; at += 5) {
      const changed = bytes.slice()
      changed[at]! ^= 1 << (at % 8)
      verdicts.add(verdict(party, changed))
    }
    expect([...verdicts]).toEqual(['refused'])
  })

  test('is refused cut short, with something after it, and with a field too many', () => {
    expect(verdict(party, bytes.slice(0, -1))).toBe('refused')
    expect(verdict(party, new Uint8Array([...bytes, 0x0a]))).toBe('refused')
    expect(verdict(party, new Uint8Array())).toBe('refused')
    expect(verdict(party, dagJson.encode({ ...dagJson.decode<object>(bytes), leaf: 2, note: '' }))).toBe('refused')
  })

  test("convicts neither under another account's registration, nor under one that the account did not sign", () => {
    const other = party.members.find(({ account }) => account !== conviction.account)!
    const { network, signer } = { network: party.genesis.networkId, signer: party.member(conviction.node) }
    const words = { type: 'registration', network, account: other.account, node: signer.node, name: other.name }
    const framed = sign({ ...words, round: 1, beacon: beaconAt(1), nonce: 0 }, signer.accountSecret).bytes
    const consent = sign({ type: 'consent', network, account: other.account, node: signer.node }, signer.nodeSecret)
    for (const registration of [party.registration(other.node), { registration: framed, consent: consent.bytes }]) {
      expect(verdict(party, dagJson.encode({ ...dagJson.decode<object>(bytes), registration }))).toBe('refused')
    }
  })

  test('does not hold in another network', () => {
    const { genesis } = new Party({ accounts: 12, changes: { name: 'another' } })
    expect(verdict(party, dagJson.encode({ ...dagJson.decode<object>(bytes), genesis: genesis.bytes }))).toBe('refused')
  })
})

test('what was learned later does not change the file', () => {
  for (const [, { party, conviction, bytes }] of kinds) {
    party.documents.results.reverse()
    expect(writeFraudProof(party.state(), conviction, party.sources)).toEqual(bytes)
  }
})

test('a proof that needs leaves which nobody has is not written', () => {
  for (const kind of ['leaf', 'sum'] as const) {
    const { party, conviction } = cases[kind]
    const without = { ...party.sources, leaves: () => undefined }
    expect(() => writeFraudProof(party.state(), conviction, without)).toThrow(RuleError)
  }
})

describe('an honest account can not be convicted:', () => {
  const party = new Party({ accounts: 12, real: true })
  const [unit, other] = party.deal(2, 2) as [Assignment, Assignment]
  party.answer(unit, unit.quorum)
  party.answer(other, other.quorum, [0, 0, 1])
  const node = unit.quorum.find((key) => key !== other.quorum[2])!
  party.audit(node, [claimOf(party, other, 2, 0)])
  const { answers } = party.state()
  const resultBy = (of: Assignment, by: string): SignedResult =>
    answers.units.get(dealtUnitKey(of))!.results.get(by)![0]!
  const own = resultBy(unit, node)

  /** As the account's enemies would write it. */
  const accuse = (kind: Conviction['kind'], changes: Partial<Conviction>, file: object = {}) => {
    const conviction: Conviction = {
      ...{ account: party.member(node).account, node, kind, epoch: 2, window: unit.window, unit: unit.unit },
      ...{ leaf: null, item: null, statements: [], results: [], claim: null },
      ...changes,
    }
    const bytes = writeFraudProof(party.state(), conviction, party.sources)
    return verdict(party, dagJson.encode({ ...dagJson.decode<object>(bytes), ...file }))
  }
  const records = party.blocks.get(own.item.leaves)!
  const wrongRecords = Uint8Array.from(party.claim(unit, 1).flatMap((leaf) => [...encodeLeaf(leaf)]))
  const split = (bytes: Uint8Array) =>
    Array.from({ length: bytes.length / 64 }, (_, i) => bytes.slice(64 * i, 64 * i + 64))

  test('a leaf that is right convicts nobody, whichever it is', () => {
    for (let leaf = 0; leaf * 64 < records.length; leaf++) {
      expect(accuse('leaf', { results: [own], leaf })).toBe('does not hold')
    }
  })

  test('a wrong leaf in its place, or a right one in a wrong place, was not signed', () => {
    const record = split(wrongRecords)[2]!
    expect(accuse('leaf', { results: [own], leaf: 2 }, { record })).toBe('refused')
    const recordProof = inclusionProof(split(wrongRecords), 2)
    expect(accuse('leaf', { results: [own], leaf: 2 }, { record, recordProof })).toBe('refused')
    expect(accuse('leaf', { results: [own], leaf: 2 }, { leaf: 3 })).toBe('refused')
    expect(accuse('leaf', { results: [own], leaf: 2 }, { leaf: 2 + split(records).length })).toBe('refused')
  })

  test('its result is the sum of its leaves, and other leaves are not what it named', () => {
    expect(accuse('sum', { results: [own] })).toBe('refused')
    expect(accuse('sum', { results: [own] }, { leaves: wrongRecords })).toBe('refused')
    expect(accuse('sum', { results: [own] }, { leaves: records.slice(64) })).toBe('refused')
  })

  test('a result contradicts neither itself, nor that of another unit, nor that of another node', () => {
    const second = [unit.quorum, other.quorum].flat().find((key) => key !== node && unit.quorum.includes(key))!
    const liar = resultBy(other, other.quorum[2]!)
    const pairs: [SignedResult, SignedResult][] = [
      [own, own],
      [own, resultBy(unit, second)],
      [own, liar],
    ]
    for (const [a, b] of pairs) {
      expect(accuse('contradiction', { results: [a, b] })).toBe('refused')
      expect(accuse('contradiction', { results: [b, a] })).toBe('refused')
    }
  })

  test("another node's lie is not its own", () => {
    const liar = resultBy(other, other.quorum[2]!)
    expect(verdict(party, writeFraudProof(party.state(), guilty(liar), party.sources))).toBe('guilty')
    expect(accuse('leaf', { results: [liar], leaf: 2 })).toBe('refused')
  })
  const guilty = (result: SignedResult): Conviction => ({
    ...{ account: party.member(result.node).account, node: result.node, kind: 'leaf', epoch: 2, claim: null },
    ...{ window: other.window, unit: other.unit, leaf: 2, item: null, statements: [], results: [result] },
  })

  test("another node's item can't be put under its statement", () => {
    const liar = resultBy(other, other.quorum[2]!)
    const [entry] = dagJson.decode<any>(writeFraudProof(party.state(), guilty(own), party.sources)).shown
    expect(accuse('leaf', { results: [own], leaf: 2 }, { shown: [{ ...entry, item: liar.bytes }] })).toBe('refused')
    expect(accuse('leaf', { results: [own], leaf: 2 }, { shown: [{ ...entry, index: 1 }] })).toBe('refused')
  })

  test('an audit that is right convicts nobody, nor does a claim that it did not make', () => {
    const claim = [...answers.units.values()].flatMap(({ claims }) => claims)[0] as LeafClaim
    expect(claim.node).toBe(node)
    expect(accuse('claim', { claim })).toBe('does not hold')
    expect(accuse('claim', { claim }, { claim: 1 })).toBe('refused')
  })
})

describe('nobody is made to compute what is no leaf of the network:', () => {
  const { party, conviction } = cases.leaf
  const { node } = conviction
  const base = readFraudProof(cases.leaf.bytes)
  const signed = (changes: Partial<ResultItem>) => {
    const [unit] = [...party.state().draws.get(2)!.assignments].filter((dealt) => dealt.unit === base.unit)
    const honest = party.result(unit!, party.claim(unit!, 1), true, { node })
    const result = party.changed(honest, changes)
    party.show(node, [result], 7)
    const { statement } = party.documents.results.at(-1) as { statement: Uint8Array }
    const shown = [{ statement, index: 0, proof: [], item: result.item }]
    return verdict(party, dagJson.encode({ ...dagJson.decode<object>(cases.leaf.bytes), shown }))
  }

  test('the same with nothing changed holds', () => expect(signed({})).toBe('guilty'))
  test('a unit that the partition has not', () => expect(signed({ unit: party.unitsPerWindow })).toBe('refused'))
  test('a window below the baseline', () => expect(signed({ window: '5' })).toBe('refused'))
  test('a window beyond the engines', () => expect(signed({ window: (1n << 75n).toString() })).toBe('refused'))

  test('a claim about a leaf that there is not', () => {
    const words = { type: 'audit', network: party.genesis.networkId, batch: 1, round: 3, beacon: beaconAt(3) }
    const forged = (leaf: number, window = base.window.toString()) => {
      const claims = [[2, window, base.unit, leaf, new Uint8Array(64).fill(1)]]
      const { node: auditor } = cases.claim.conviction
      const audit = sign({ ...words, claims }, party.member(auditor).nodeSecret).bytes
      return verdict(party, dagJson.encode({ ...dagJson.decode<object>(cases.claim.bytes), audit }))
    }
    expect(forged(3)).toBe('guilty')
    expect(forged(4)).toBe('refused')
    expect(forged(3, '5')).toBe('refused')
  })
})

test('a lie among other results is shown alone, without them', () => {
  const party = new Party({ accounts: 12 })
  const units = party.deal(2, 4)
  const { node, account } = party.members[3]!
  party.show(
    node,
    units.map((unit, i) => party.result(unit, party.claim(unit, i === 2 ? 1 : 0))),
    8,
  )
  const proofOf = ({ epoch, window, unit }: Assignment) => {
    const result = party.state().answers.units.get(dealtUnitKey({ epoch, window, unit }))!.results.get(node)![0]!
    expect(result.body.size).toBe(4)
    const about = { account, node, kind: 'leaf', epoch, window, unit, leaf: 2, item: null, claim: null } as const
    return writeFraudProof(party.state(), { ...about, statements: [], results: [result] }, party.sources)
  }
  expect(units.map((unit) => verdict(party, proofOf(unit)))).toEqual([
    'does not hold',
    'does not hold',
    'guilty',
    'does not hold',
  ])
  expect(dagJson.decode<any>(proofOf(units[2]!)).shown).toHaveLength(1)
})

describe('a record of evidence convicts', () => {
  const party = new Party({ accounts: 12, real: true })
  const [unit] = party.deal(2, 1) as [Assignment]
  party.answer(unit, unit.quorum)
  const [node, other] = unit.quorum as [string, string]
  const resultBy = (by: string) => party.state().answers.units.get(dealtUnitKey(unit))!.results.get(by)!.at(-1)!
  const accuse = (item: number, file: object = {}, results = [resultBy(node)]) => {
    const about = { account: party.member(node).account, node, kind: 'evidence', epoch: 2, leaf: null } as const
    const conviction = { ...about, window: unit.window, unit: unit.unit, item, statements: [], results, claim: null }
    const bytes = writeFraudProof(party.state(), conviction, party.sources)
    return verdict(party, dagJson.encode({ ...dagJson.decode<object>(bytes), ...file }))
  }

  test('nobody who listed items alone, whichever it is', () => {
    const { items } = resultBy(node).item
    expect(items).toBeGreaterThan(30)
    for (let item = 0; item < items; item++) expect(accuse(item)).toBe('refused')
  })

  test('nobody of what he has not signed: another record, place, round or unit', () => {
    const record = evidenceRecord(0, unit.window << 22n)
    expect(accuse(3, { record })).toBe('refused')
    expect(accuse(3, { place: 4 })).toBe('refused')
    expect(accuse(3, { signature: beaconAt(9) })).toBe('refused')
  })

  test('who lists what is an item for another, in a file of some 2 KB', () => {
    party.show(node, [party.result(unit, party.claim(unit), true, { node: other })], 8)
    const results = party.state().answers.units.get(dealtUnitKey(unit))!.results.get(node)!
    const copied = results.find(({ evidence }) => equalBytes(evidence, resultBy(other).evidence))!
    expect(accuse(0, {}, [copied])).toBe('guilty')
    const [conviction] = party.state().convictions
    expect(conviction).toMatchObject({ node, kind: 'evidence', leaf: null })
    const bytes = writeFraudProof(party.state(), conviction!, party.sources)
    const { genesis: _, registration: __, ...rest } = dagJson.decode<any>(bytes)
    expect(dagJson.encode(rest).length).toBeLessThan(2500)
  })
})
