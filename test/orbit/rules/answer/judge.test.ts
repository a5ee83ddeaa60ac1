/**
 * What arithmetic finds in a result, by its boundaries: real units of a small window, and each
 * thing that can be wrong.
 */
import { beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { expectedHard } from '../../../../kernels/expected.ts'
import { classes } from '../../../../kernels/partition.ts'
import { summarize } from '../../../../kernels/result.ts'
import type { EvidenceItems, HardSummary } from '../../../../kernels/unit.ts'
import { isLikelyCount, judge, judgeEvidence, requestFor, talliesOf } from '../../../../orbit/rules/answer/judge.ts'
import { openItem, resultOf } from '../../../../orbit/rules/answer/results.ts'
import type { ResultItem } from '../../../../orbit/rules/message/bodies.ts'
import type { Assignment } from '../../../../orbit/rules/message/unit.ts'
import type { Genesis, GenesisBody } from '../../../../orbit/rules/network/genesis.ts'
import { Party } from '../party.ts'
import { realEvidence, realLeaves, SMALL } from '../real-work.ts'

setDefaultTimeout(300_000)

/** k = 512 of 60,000 survivors: as much evidence as on the main network. */
const MANY = { ...SMALL, bits: 24, units: 1, hardSteps: 112, evidence: { flagBits: 0, items: 512 } }

let genesis: Genesis
let party: Party
let unit: Assignment
let node: string
let other: string
let seed: Uint8Array
let leaves: readonly HardSummary[]
let evidence: EvidenceItems

const real = (of: Assignment, by: string, at = seed, network = genesis): EvidenceItems =>
  realEvidence({ partition: network.partition, window: of.window, index: of.unit }, requestFor(network, of, by, at))

beforeAll(() => {
  party = new Party({ accounts: 12, partition: MANY })
  ;({ genesis } = party)
  unit = party.deal(2, 1)[0]!
  ;[node, other] = unit.quorum as [string, string]
  seed = party.seedOf(unit)
  leaves = realLeaves({ partition: genesis.partition, window: unit.window, index: unit.unit })
  evidence = real(unit, node)
})

interface Changes {
  readonly leaves?: readonly HardSummary[]
  readonly evidence?: EvidenceItems
  readonly item?: Partial<ResultItem>
  /** The bytes of the evidence in place of those that the item states. */
  readonly bytes?: Uint8Array
  readonly by?: string
}

function judged(changes: Changes = {}) {
  const claimed = changes.leaves ?? leaves
  const made = resultOf(genesis, unit, { ...summarize(claimed), evidence: changes.evidence ?? evidence })
  const item = { ...openItem(made.item), ...changes.item }
  const shown = { node: changes.by ?? node, item, evidence: changes.bytes ?? made.evidence }
  const { fault, falseItem, wrongLeaf } = judge(genesis, unit, shown, made.leaves, seed)
  return [fault, falseItem, wrongLeaf]
}
const SOUND = [null, null, null]
const withLeaf = (leaf: number, changes: Partial<HardSummary>) =>
  leaves.map((l, i) => (i === leaf ? { ...l, ...changes } : l))
const without = (tier: number, ...places: number[]) =>
  evidence.map((numbers, t) => (t === tier ? numbers.filter((_, i) => !places.includes(i)) : numbers))

test('what an engine has computed is sound', () => {
  expect(judged()).toEqual(SOUND)
  expect(evidence.flat().length).toBeGreaterThan(400)
})

describe('the leaves', () => {
  test('add up to what the item states, or the sum is the fault, before everything else', () => {
    for (const item of [{ count: 1 }, { checksum: '0'.repeat(16) }, { peak: null }, { root: new Uint8Array(32) }]) {
      expect(judged({ item, evidence: [[], [], []] })).toEqual(['sum', null, null])
    }
    const records = new Uint8Array(64 * (leaves.length - 1))
    const made = resultOf(genesis, unit, { ...summarize(leaves), evidence })
    const shown = { node, item: openItem(made.item), evidence: made.evidence }
    expect(judge(genesis, unit, shown, records, seed).fault).toBe('sum')
  })

  test('have peaks that are hard numbers of theirs, and reach what is stated', () => {
    const [first, second] = leaves as [HardSummary, HardSummary]
    const { n, value } = first.peak!
    const wrong: readonly HardSummary['peak'][] = [
      { n, value: value + 2n },
      { n, value: value - 2n },
      { n: n + (1n << 24n), value },
      { n: n - (1n << 24n), value },
      { n: n + 2n, value },
      // Hard, but of the next leaf.
      second.peak,
    ]
    // In leaf 0, whose peak may be that of the unit or not.
    for (const peak of wrong) expect(judged({ leaves: withLeaf(0, { peak }) })).toEqual(['peak', null, 0])
    expect(judged({ leaves: withLeaf(3, { peak: second.peak }) })).toEqual(['peak', null, 3])
  })

  test('have a peak where they have hard numbers; that one is missing convicts nobody by itself', () => {
    expect(judged({ leaves: withLeaf(1, { peak: null }) })).toEqual(['peak', null, null])
    // Under another map numbers of a leaf may all be candidates.
    const drill = { ...genesis, partition: { ...genesis.partition, map: '5n+1' } } as Genesis
    const none = resultOf(drill, unit, {
      ...summarize(leaves.map((leaf) => ({ ...leaf, peak: null }))),
      evidence: [[], [], []],
    })
    const item = { ...openItem(none.item) }
    const { fault } = judge(drill, unit, { node, item, evidence: none.evidence }, none.leaves, seed)
    expect(fault).not.toBe('peak')
  })

  test('may hold another hard number for their peak, and another checksum: that is for who computes them', () => {
    expect(judged({ leaves: withLeaf(2, { checksum: leaves[2]!.checksum ^ 1n }) })).toEqual(SOUND)
  })
})

describe('the count', () => {
  test('is within 6 standard deviations of theory: one below, at, and above', () => {
    const state = classes(genesis.partition)[unit.unit]!
    const { mean, standardDeviation } = expectedHard(genesis.partition, state)
    const [least, most] = [Math.ceil(mean - 6 * standardDeviation), Math.floor(mean + 6 * standardDeviation)]
    const cases: [number, boolean][] = [
      [least - 1, false],
      [least, true],
      [Math.round(mean), true],
      [most, true],
      [most + 1, false],
    ]
    for (const [count, isLikely] of cases) {
      expect([count, isLikelyCount(genesis, { unit: unit.unit, count })]).toEqual([count, isLikely])
      const first = leaves[0]!.count + count - summarize(leaves).count
      const changed = withLeaf(0, { count: first })
      if (first > 0) expect(judged({ leaves: changed })[0] ?? null).toBe(isLikely ? null : 'count')
    }
  })
})

describe('the evidence', () => {
  test('with one item missing of some 500 is accepted: that is luck', () => {
    for (const tier of [0, 1, 2]) expect(judged({ evidence: without(tier, 0) })).toEqual(SOUND)
  })

  test('is of the number and the root that the item states, in its one encoding', () => {
    const malformed = ['malformed' as const, null, null]
    expect(judged({ item: { items: evidence.flat().length - 1 } })).toEqual(malformed)
    expect(judged({ item: { items: evidence.flat().length + 1 } })).toEqual(malformed)
    expect(judged({ item: { evidence: new Uint8Array(32) } })).toEqual(malformed)
    const { evidence: bytes } = resultOf(genesis, unit, { ...summarize(leaves), evidence })
    expect(judged({ bytes: Uint8Array.of(...bytes, 0) })).toEqual(malformed)
    expect(judged({ bytes: bytes.slice(0, -1) })).toEqual(malformed)
    expect(judged({ bytes: new Uint8Array() })).toEqual(malformed)
    for (const at of [0, 1, 4, bytes.length - 1]) {
      const flipped = Uint8Array.from(bytes)
      flipped[at]! ^= 1
      expect(judged({ bytes: flipped })).toEqual(malformed)
    }
  })

  test('of another signer, of another draw, of another network and of another unit is false', () => {
    const anotherSeed = new Uint8Array(32).fill(5)
    const network = new Party({ accounts: 3, partition: MANY, changes: { name: 'another' } }).genesis
    for (const copied of [real(unit, other), real(unit, node, anotherSeed), real(unit, node, seed, network)]) {
      const [fault, falseItem, leaf] = judged({ evidence: copied })
      expect([fault, typeof falseItem, leaf]).toEqual(['evidence-false', 'number', null])
    }
    // Numbers of another unit are not even members of this one.
    const elsewhere = real({ ...unit, window: unit.window + 1n }, node)
    expect(() => judged({ evidence: elsewhere })).toThrow(RangeError)
  })

  test('copied whole by another is false for him', () => {
    expect(judged({ by: other })[0]).toBe('evidence-false')
  })

  test('padded with a single number that is none is false, and the place of that one is told', () => {
    const { residue, depth } = classes(genesis.partition)[unit.unit]!
    const least = (unit.window << BigInt(genesis.partition.bits)) + residue
    for (const tier of [0, 1, 2]) {
      const listed = new Set(evidence[tier])
      let padding = least
      while (listed.has(padding)) padding += 1n << BigInt(depth)
      const padded = evidence.map((numbers, t) => (t === tier ? [padding, ...numbers] : numbers))
      const place = evidence.slice(0, tier).flat().length
      expect(judged({ evidence: padded })).toEqual(['evidence-false', place, null])
    }
  })

  test('moved to another tier is false', () => {
    const moved = [
      evidence[0]!.slice(1),
      [...evidence[1]!, evidence[0]![0]!].sort((a, b) => (a < b ? -1 : 1)),
      evidence[2]!,
    ]
    expect(judged({ evidence: moved })[0]).toBe('evidence-false')
  })

  test('is short where so few come once in a million units: by tier and in all, one above and one below', () => {
    // The greatest counts that are short of 215.04, 256 and 40.96 expected, and of 512 (kernels:
    // evidence-shortfall.test.ts).
    const means = talliesOf(genesis, unit, { node, evidence: new Uint8Array(6) }).map(
      ({ mean }) => Number(mean) / 2 ** 32,
    )
    expect(means.map((mean) => Math.round(mean))).toEqual([215, 256, 41])
    const cut = (...counts: number[]) =>
      evidence.map((numbers, tier) => numbers.slice(0, counts[tier] ?? numbers.length))
    const full = evidence.map(({ length }) => length)
    const faultAt = (tier: number, count: number) => judged({ evidence: cut(...full.with(tier, count)) })[0]
    expect([faultAt(1, 183), faultAt(1, 184)]).toEqual(['evidence-short', null])
    expect([faultAt(2, 13), faultAt(2, 14)]).toEqual(['evidence-short', null])
    expect(faultAt(0, 0)).toBe('evidence-short')
    // 407 are short of 512, whichever tier they lack: none of them alone is.
    const [a, b] = [178, 209]
    const pooled = (sum: number) => judged({ evidence: cut(a, b, sum - a - b) })[0]
    expect([pooled(407), pooled(408)]).toEqual(['evidence-short', null])
  })

  test('of one whose result may stand alone is twice as much, and half of it is short', () => {
    const changes: Partial<GenesisBody> = { audit: { leaves: 2, auditors: 2, adaptive: true } }
    const partition = { ...MANY, evidence: { flagBits: 0, items: 300 } }
    const adaptive = new Party({ accounts: 12, partition, changes })
    const [lone] = adaptive.deal(2, 1, { trusted: adaptive.members.map(({ account }) => account) }) as [Assignment]
    const at = adaptive.seedOf(lone)
    const shownBy = (by: string, of: Assignment) => {
      const items = real(of, by, at, adaptive.genesis)
      const { item, evidence: bytes } = resultOf(adaptive.genesis, lone, { ...summarize(leaves), evidence: items })
      return { shown: { node: by, item: openItem(item), evidence: bytes }, items: items.flat().length }
    }
    const [one, second] = [lone.quorum[0]!, lone.reserve[0]!]
    const whole = shownBy(one, lone)
    const half = shownBy(one, { ...lone, audited: null })
    expect(judgeEvidence(adaptive.genesis, lone, whole.shown, at).fault).toBeNull()
    expect(whole.items).toBeGreaterThan(1.7 * half.items)
    expect(judgeEvidence(adaptive.genesis, lone, half.shown, at).fault).toBe('evidence-short')
    // The others of its N list what all do. Who lists as much as the one has false items, but a
    // proof does not carry the deal.
    expect(judgeEvidence(adaptive.genesis, lone, shownBy(second, lone).shown, at).fault).toBeNull()
    const asLone = shownBy(second, { ...lone, quorum: [second], reserve: [] })
    expect(judgeEvidence(adaptive.genesis, lone, asLone.shown, at)).toMatchObject({
      fault: 'evidence-false',
      falseItem: null,
    })
  })
})
