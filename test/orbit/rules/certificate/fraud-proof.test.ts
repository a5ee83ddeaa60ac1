/** A fraud proof convicts from its bytes alone, and no bytes convict whoever signed what is right. */
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import * as dagJson from '@ipld/dag-json'
import { inclusionProof } from '../../../../kernels/merkle.ts'
import { equalBytes } from '../../../../orbit/rules/base/bytes.ts'
import { RuleError, sign } from '../../../../orbit/rules/base/statement.ts'
import { readFraudProof, writeFraudProof } from '../../../../orbit/rules/certificate/fraud-proof.ts'
import type { LeafClaim, Reveal } from '../../../../orbit/rules/message/answers.ts'
import type { AuditBody, ResultBody } from '../../../../orbit/rules/message/bodies.ts'
import { type Assignment, leafKey } from '../../../../orbit/rules/message/unit.ts'
import { seedRound } from '../../../../orbit/rules/network/schedule.ts'
import type { Conviction } from '../../../../orbit/rules/quorum/convictions.ts'
import { beaconAt, Party } from '../party.ts'

setDefaultTimeout(2_400_000)

const sources = (party: Party) => ({
  leaves: (cid: string) => party.blocks.get(cid),
  registration: (node: string) => party.registration(node),
})

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
  const party = new Party({ accounts: 12 })
  const [unit] = party.deal(2, 1) as [Assignment]
  lie(party, unit)
  party.learn(unit, 2)
  const state = party.state()
  expect(state.convictions).toHaveLength(1)
  const conviction = state.convictions[0]!
  return { party, conviction, bytes: writeFraudProof(state, conviction, sources(party)) }
}

/** A node shows this result, committed to, citing whoever else is there. */
function show(party: Party, node: string, result: ResultBody, cites: readonly string[] = []): string {
  const round = seedRound(party.genesis, result.epoch) + 1
  const commit = party.commit(node, [result], round)
  party.reveal(node, commit, new Map([[0, cites]]), round + 1)
  return commit
}

const claimOf = (party: Party, unit: Assignment, leaf: number, variant: number): AuditBody['claims'][number] => {
  const records = party.blocks.get(party.result(unit, party.claim(unit, variant)).leaves)!
  return [unit.epoch, unit.window.toString(), unit.unit, leaf, records.slice(leaf * 64, (leaf + 1) * 64)]
}

const cases: Record<Conviction['kind'], Case> = {
  leaf: caseOf((party, unit) => {
    party.answer(unit, unit.quorum, [0, 0, 1])
    party.answer(unit, unit.reserve.slice(0, 2), [0, 0], 10)
  }),
  sum: caseOf((party, unit) => {
    const honest = party.result(unit, party.claim(unit))
    const [a, b, c] = unit.quorum as [string, string, string]
    const commits = [
      party.commit(a, [honest], 8),
      party.commit(b, [honest], 8),
      party.commit(c, [{ ...honest, count: honest.count + 1 }], 8),
    ]
    for (const [i, node] of unit.quorum.entries()) {
      party.reveal(node, commits[i]!, new Map([[0, commits.filter((_, j) => j !== i)]]), 9)
    }
  }),
  contradiction: caseOf((party, unit) => {
    const node = unit.quorum[0]!
    for (const [i, variant] of [0, 1].entries()) {
      const commit = party.commit(node, [party.result(unit, party.claim(unit, variant))], 7 + i)
      party.reveal(node, commit, new Map([[0, []]]), 9)
    }
  }),
  claim: caseOf((party, unit) => {
    party.answer(unit, unit.quorum)
    party.audit(unit.reserve[0]!, [claimOf(party, unit, 2, 1)])
  }),
}
const kinds = Object.entries(cases) as [Conviction['kind'], Case][]

describe.each(kinds)('a proof of kind %s', (kind, { party, conviction, bytes }) => {
  test('says whom it convicts of what, and holds', () => {
    const { account, node, window, unit, leaf, evidence, epoch } = conviction
    expect(conviction.kind).toBe(kind)
    expect(readFraudProof(bytes)).toMatchObject({ account, node, kind, epoch, window, unit, leaf, evidence })
    expect(readFraudProof(bytes).genesis.networkId).toBe(party.genesis.networkId)
    expect(evidence).toHaveLength(kind === 'contradiction' ? 2 : 1)
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
    expect(writeFraudProof(party.state(), conviction, sources(party))).toEqual(bytes)
  }
})

test('a proof that needs leaves which nobody has is not written', () => {
  for (const kind of ['leaf', 'sum'] as const) {
    const { party, conviction } = cases[kind]
    const without = { ...sources(party), leaves: () => undefined }
    expect(() => writeFraudProof(party.state(), conviction, without)).toThrow(RuleError)
  }
})

describe('an honest account can not be convicted:', () => {
  const party = new Party({ accounts: 12 })
  const [unit, other] = party.deal(2, 2) as [Assignment, Assignment]
  party.answer(unit, unit.quorum)
  party.answer(other, other.quorum, [0, 0, 1])
  const node = unit.quorum.find((key) => key !== other.quorum[2])!
  party.audit(node, [claimOf(party, other, 2, 0)])
  const { evidence } = party.state()
  const revealOf = (of: Assignment, by: string): Reveal =>
    evidence.units.get(`${of.epoch}/${of.window}/${of.unit}`)!.reveals.get(by)![0]!
  const own = revealOf(unit, node)

  /** As the account's enemies would write it. */
  const accuse = (kind: Conviction['kind'], changes: Partial<Conviction>, file: object = {}) => {
    const conviction: Conviction = {
      ...{ account: party.member(node).account, node, kind, epoch: 2, window: unit.window, unit: unit.unit },
      ...{ leaf: null, evidence: [], reveals: [], claim: null },
      ...changes,
    }
    const bytes = writeFraudProof(party.state(), conviction, sources(party))
    return verdict(party, dagJson.encode({ ...dagJson.decode<object>(bytes), ...file }))
  }
  const records = party.blocks.get(own.item.result.leaves)!
  const wrongRecords = party.blocks.get(party.result(unit, party.claim(unit, 1)).leaves)!
  const split = (bytes: Uint8Array) =>
    Array.from({ length: bytes.length / 64 }, (_, i) => bytes.slice(64 * i, 64 * i + 64))

  test('a leaf that is right convicts nobody, whichever it is', () => {
    for (let leaf = 0; leaf * 64 < records.length; leaf++) {
      expect(accuse('leaf', { reveals: [own], leaf })).toBe('does not hold')
    }
  })

  test('a wrong leaf in its place, or a right one in a wrong place, was not signed', () => {
    const record = split(wrongRecords)[2]!
    expect(accuse('leaf', { reveals: [own], leaf: 2 }, { record })).toBe('refused')
    const recordProof = inclusionProof(split(wrongRecords), 2)
    expect(accuse('leaf', { reveals: [own], leaf: 2 }, { record, recordProof })).toBe('refused')
    expect(accuse('leaf', { reveals: [own], leaf: 2 }, { leaf: 3 })).toBe('refused')
    expect(accuse('leaf', { reveals: [own], leaf: 2 }, { leaf: 2 + split(records).length })).toBe('refused')
  })

  test('its result is the sum of its leaves, and other leaves are not what it named', () => {
    expect(accuse('sum', { reveals: [own] })).toBe('refused')
    expect(accuse('sum', { reveals: [own] }, { leaves: wrongRecords })).toBe('refused')
    expect(accuse('sum', { reveals: [own] }, { leaves: records.slice(64) })).toBe('refused')
  })

  test('a result contradicts neither itself, nor that of another unit, nor that of another node', () => {
    const second = [unit.quorum, other.quorum].flat().find((key) => key !== node && unit.quorum.includes(key))!
    const liar = revealOf(other, other.quorum[2]!)
    const pairs: [Reveal, Reveal][] = [
      [own, own],
      [own, revealOf(unit, second)],
      [own, liar],
    ]
    for (const [a, b] of pairs) {
      expect(accuse('contradiction', { reveals: [a, b] })).toBe('refused')
      expect(accuse('contradiction', { reveals: [b, a] })).toBe('refused')
    }
  })

  test("another node's lie is not its own", () => {
    const liar = revealOf(other, other.quorum[2]!)
    expect(verdict(party, writeFraudProof(party.state(), guilty(liar), sources(party)))).toBe('guilty')
    expect(accuse('leaf', { reveals: [liar], leaf: 2 })).toBe('refused')
  })
  const guilty = (reveal: Reveal): Conviction => ({
    ...{ account: party.member(reveal.node).account, node: reveal.node, kind: 'leaf', epoch: 2, claim: null },
    ...{ window: other.window, unit: other.unit, leaf: 2, evidence: [], reveals: [reveal] },
  })

  test("another node's item can't be put under its reveal", () => {
    const liar = revealOf(other, other.quorum[2]!)
    const [entry] = dagJson.decode<any>(writeFraudProof(party.state(), guilty(own), sources(party))).shown
    expect(accuse('leaf', { reveals: [own], leaf: 2 }, { shown: [{ ...entry, item: liar.bytes }] })).toBe('refused')
    expect(accuse('leaf', { reveals: [own], leaf: 2 }, { shown: [{ ...entry, index: 1 }] })).toBe('refused')
  })

  test('an audit that is right convicts nobody, nor does a claim that it did not make', () => {
    const claim = [...evidence.units.values()].flatMap(({ claims }) => claims)[0] as LeafClaim
    expect(claim.node).toBe(node)
    expect(accuse('claim', { claim })).toBe('does not hold')
    expect(accuse('claim', { claim }, { claim: 1 })).toBe('refused')
  })
})

describe('nobody is made to compute what is no leaf of the network:', () => {
  const { party, conviction } = cases.leaf
  const { node } = conviction
  const base = readFraudProof(cases.leaf.bytes)
  const signed = (changes: Partial<ResultBody>) => {
    const unit: Assignment = { epoch: 2, window: base.window, unit: base.unit, quorum: [], reserve: [], audited: null }
    const result = { ...party.result(unit, party.claim(unit, 1)), ...changes }
    show(party, node, result)
    const document = party.documents.results.at(-1) as { statement: Uint8Array; items: Uint8Array[] }
    const shown = [{ reveal: document.statement, index: 0, proof: [], item: document.items[0]! }]
    return verdict(party, dagJson.encode({ ...dagJson.decode<object>(cases.leaf.bytes), shown }))
  }

  test('the same with nothing changed holds', () => expect(signed({})).toBe('guilty'))
  test('a unit that the partition has not', () => expect(signed({ unit: party.unitsPerWindow })).toBe('refused'))
  test('a window below the baseline', () => expect(signed({ window: '5' })).toBe('refused'))
  test('a window beyond the engines', () => expect(signed({ window: (1n << 69n).toString() })).toBe('refused'))

  test('a claim about a leaf that there is not', () => {
    const words = { type: 'audit', network: party.genesis.networkId, batch: 1, round: 3, beacon: beaconAt(3) }
    const forged = (leaf: number, window = base.window.toString()) => {
      const claims = [[2, window, base.unit, leaf, new Uint8Array(64).fill(1)]]
      const { node: auditor } = cases.claim.conviction
      const audit = sign({ ...words, claims }, party.member(auditor).nodeSecret).bytes
      return verdict(party, dagJson.encode({ ...dagJson.decode<object>(cases.claim.bytes), audit }))
    }
    expect(forged(7)).toBe('guilty')
    expect(forged(8)).toBe('refused')
    expect(forged(7, '5')).toBe('refused')
  })
})

test('a lie among other results is shown alone, without them', () => {
  const party = new Party({ accounts: 12 })
  const units = party.deal(2, 4)
  const { node, account } = party.members[3]!
  const commit = party.commit(
    node,
    units.map((unit, i) => party.result(unit, party.claim(unit, i === 2 ? 1 : 0))),
    8,
  )
  party.reveal(node, commit, new Map(units.map((_, i) => [i, []])), 9)
  const proofOf = ({ window, unit }: Assignment) => {
    const reveal = party.state().evidence.units.get(`2/${window}/${unit}`)!.reveals.get(node)![0]!
    expect(reveal.body.size).toBe(4)
    const about = { account, node, kind: 'leaf', epoch: 2, window, unit, leaf: 2, claim: null } as const
    return writeFraudProof(party.state(), { ...about, evidence: [], reveals: [reveal] }, sources(party))
  }
  expect(units.map((unit) => verdict(party, proofOf(unit)))).toEqual([
    'does not hold',
    'does not hold',
    'guilty',
    'does not hold',
  ])
  expect(dagJson.decode<any>(proofOf(units[2]!)).shown).toHaveLength(1)
})
