/**
 * Certificates that are well signed and untrue. Each is made by hand (forger.ts) from an honest one, differs from it in one
 * lie, and is refused with a sentence that names the lie. Honest ones, and honest bad luck, are accepted.
 */
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import * as dagJson from '@ipld/dag-json'
import { verifyCertificate } from '../../orbit/rules/certificate/verify.ts'
import { randomnessOf } from '../../orbit/rules/network/beacon.ts'
import { type Answer, beaconAt, Forger, type ForgerOptions, type Shown } from './forger.ts'
import { firstVerdictOf, secondVerdict, secondVerdictOf } from './verdicts.ts'

setDefaultTimeout(120_000)

const forger = new Forger()
const [quorum] = forger.quorums
const [liar, second] = quorum as [string, string]

/** The honest file, with one answer of unit 0 changed by its signer. */
function with0(change: (shown: Shown) => Shown, from = forger, node = from.quorums[0]![0]!): object {
  const isChanged = (a: Answer) => a.unit === 0 && a.node === node
  return from.file(from.answers().map((a) => (isChanged(a) ? { ...a, ...change(a) } : a)))
}
const everybody = (change: (answer: Answer) => Shown): object =>
  forger.file(forger.answers().map((a) => ({ ...a, ...(a.unit === 0 && change(a)) })))
const plus = (items: Shown['items'], tier: number, n: bigint): Shown['items'] =>
  items.map((list, i) => (i === tier ? [...list, n].sort((a, b) => (a < b ? -1 : 1)) : list))

/** Both refuse it, and name the reason in their own words. */
function refused(file: object, second: RegExp, first: RegExp): void {
  expect(secondVerdictOf(file)).toMatch(second)
  expect(firstVerdictOf(file)).toMatch(first)
}
function valid(file: object): void {
  expect([firstVerdictOf(file), secondVerdictOf(file)]).toEqual(['valid', 'valid'])
}
const FALSE = /lists numbers as evidence that are none for it/
const SHORT = /so little evidence that it can not have done all of the work/
const UNREADABLE = /evidence/
const COUNT = /a count that is far from what theory expects/

test('what is honest is valid', () => valid(forger.file(forger.answers())))

describe('evidence', () => {
  /** A number that outlives the steps of tier 1, and is not among its items. */
  const other = (items: Shown['items']) =>
    forger
      .alive(0)
      .flat()
      .find(({ n }) => !items[0]!.includes(n))!.n
  const first = (forger.window << BigInt(forger.partition.bits)) + forger.unitClass(0).residue

  const LIES: Record<string, [(shown: Shown) => Shown, RegExp, RegExp]> = {
    'of another signer': [() => forger.honest(0, second), /^unit 0: .*its evidence is false: \d+ /, FALSE],
    'of another unit': [
      (shown) => ({ ...shown, items: forger.honest(0, liar, undefined, undefined, 1).items }),
      /^unit 0: .*its evidence is false: \d+ /,
      FALSE,
    ],
    'of another draw': [
      () => forger.honest(0, liar, undefined, randomnessOf(beaconAt(9))),
      /^unit 0: .*its evidence is false: \d+ /,
      FALSE,
    ],
    'padded with a number that outlives the steps': [
      ({ leaves, items }) => ({ leaves, items: plus(items, 0, other(items)) }),
      /its evidence is false: \d+ (is not selected by its hash|does not carry the flag) \(tier 1\)/,
      FALSE,
    ],
    'padded with any number of the unit': [
      ({ leaves, items }) => ({ leaves, items: plus(items, 2, first) }),
      /its evidence is false: \d+ is (not selected by its hash|dropped within \d+ steps|dropped by rule P) \(tier 3\)/,
      FALSE,
    ],
    'with an item twice': [
      ({ leaves, items }) => ({ leaves, items: plus(items, 0, items[0]![0]!) }),
      /its evidence does not ascend/,
      UNREADABLE,
    ],
    'of nothing': [
      ({ leaves }) => ({ leaves, items: [[], [], []] }),
      /its evidence falls short: 0 items where \d+\.\d are expected \(tier 1\)/,
      SHORT,
    ],
    'with the second tier starved': [
      ({ leaves, items }) => ({ leaves, items: [items[0]!, items[1]!.slice(0, 9), items[2]!] }),
      /its evidence falls short: 9 items where \d+\.\d are expected \(tier 2\)/,
      SHORT,
    ],
  }
  test.each(Object.keys(LIES))('%s is refused', (name) => {
    const [change, second, first] = LIES[name]!
    // encodeItems() would not write an item twice: what it writes is changed instead.
    if (name === 'with an item twice') {
      const file: any = forger.file(forger.answers())
      const { evidence } = file.units[0].results[0]
      evidence.set(evidence.subarray(2, 5), 5)
      refused(file, second, first)
    } else refused(with0(change), second, first)
  })

  test('that a signer copied, with all that it shows, is refused', () => {
    const copied = everybody((a) => (a.node === liar ? forger.honest(0, second) : a))
    refused(copied, /^unit 0: the result of node [0-9a-f]{8}: its evidence is false/, FALSE)
  })

  test('that is not what was signed is refused', () => {
    const file: any = forger.file(forger.answers())
    file.units[0].results[0].evidence = file.units[0].results[1].evidence
    refused(file, /its evidence is not what it signed/, /evidence that (is not what it|was not) signed/)
  })

  describe('of 512 items', () => {
    const partition = { bits: 24, units: 1, leaves: 8, hardSteps: 112, evidence: { flagBits: 0, items: 512 } }
    const large = new Forger({ accounts: 1, replication: 1, partition })
    const dropping = (isDropped: (i: number) => boolean) => {
      let i = 0
      const items = large.honest(0, large.quorums[0]![0]!).items.map((list) => list.filter(() => !isDropped(i++)))
      return with0(({ leaves }) => ({ leaves, items }), large)
    }
    test('one missing is luck', () => valid(dropping((i) => i === 100)))
    test('a quarter missing is not', () => {
      const quarter = dropping((i) => i % 4 === 0)
      refused(quarter, /its evidence falls short: \d+ items where \d+\.\d are expected/, SHORT)
    })
  })

  test('of a hundred units that each lack 5 % is refused over all of them', async () => {
    const partition = { bits: 24, units: 100, leaves: 1, hardSteps: 84, evidence: { flagBits: 0, items: 8192 } }
    const many = new Forger({ accounts: 1, replication: 1, partition })
    const answers = many.answers()
    const verdict = (list: readonly Answer[]) => secondVerdictOf(many.file(list))
    const baselessIn = async (list: readonly Answer[]) => {
      const engineFor = () => ({ verifyLeaf: () => Promise.reject(new Error('no leaf is asked for')) })
      return (await verifyCertificate(dagJson.encode(many.file(list)), { engineFor })).baseless
    }
    expect(verdict(answers)).toBe('valid')
    expect(await baselessIn(answers)).toBeNull()
    let i = 0
    const short = answers.map((a) => ({ ...a, items: a.items.map((list) => list.filter(() => ++i % 20 !== 0)) }))
    expect(verdict(short)).toMatch(/^unit 0 rests on accounts alone whose evidence falls short over their units/)
    expect(await baselessIn(short)).toMatchObject({ unit: 0 })
  })
})

describe('leaves', () => {
  const all = (change: (shown: Shown) => Shown['leaves']) => everybody((a) => ({ leaves: change(a), items: a.items }))
  const edited = (leaf: number, change: (of: Shown['leaves'][0]) => object) => (shown: Shown) =>
    shown.leaves.map((of, i) => (i === leaf ? { ...of, ...change(of) } : of))

  test('whose peak is no hard number are refused, if all agree on them', () => {
    const step = 1n << 20n
    const forged = edited(1, ({ peak }) => ({ peak: { n: peak!.n ^ step, value: 1n << 255n } }))
    refused(all(forged), /^unit 0: the peak of leaf 1 is no hard number of that leaf$/, /not a hard number/)
  })
  test('whose peak is hard and reaches another value are refused', () => {
    const forged = edited(2, ({ peak }) => ({ peak: { n: peak!.n, value: peak!.value + 2n } }))
    refused(all(forged), /^unit 0: .*it is not the sum of its leaves/, /leaves that are not those/)
  })
  test('without peaks are refused', () => {
    const forged = edited(0, () => ({ peak: null }))
    refused(all(forged), /^unit 0: leaf 0 has hard numbers without a peak/, /a peak that is not a hard number/)
  })
  test('with twice the hard numbers that theory knows are refused', () => {
    const forged = (shown: Shown) => shown.leaves.map((leaf) => ({ ...leaf, count: 2 * leaf.count }))
    refused(all(forged), /^unit 0: .*\d+ hard numbers are more than 6 deviations off/, COUNT)
  })
  test('without any hard number are refused', () => {
    refused(
      all(({ leaves }) => leaves.map(() => ({ count: 0, checksum: 0n, peak: null }))),
      /6 deviations off/,
      COUNT,
    )
  })
  test('of which the checksum alone is wrong, and on which all agree, are not found out without computing one', () => {
    valid(all(edited(3, ({ checksum }) => ({ checksum: checksum ^ 1n }))))
  })
})

describe('a genesis', () => {
  const file = (options: ForgerOptions) => {
    const made = new Forger({ accounts: 1, replication: 1, ...options })
    return made.file([{ ...forger.answer(0, liar), node: made.quorums[0]![0]!, unit: 0 }])
  }
  test('that calls a beacon of its own drand is refused', () => {
    const changes = { beacon: { ...forger.beacon, source: 'drand' } }
    refused(
      file({ changes }),
      /^the genesis calls a beacon drand that is not drand$/,
      /drand that is none of its chains/,
    )
  })
  test('under which next to no number is hard proves nothing, whatever else is in the file', () => {
    expect(secondVerdictOf(file({ partition: { hardSteps: 4000 } }))).toBe('proves nothing')
  })
  test('whose units are too small for hard numbers proves nothing, though all in it is true', () => {
    const partition = { bits: 22, units: 4, leaves: 8, hardSteps: 109 }
    const made = new Forger({ accounts: 1, replication: 1, partition })
    const small = made.file(made.answers())
    expect([firstVerdictOf(small), secondVerdictOf(small)]).toEqual(['proves nothing', 'proves nothing'])
  })
})

describe('the program does not choke', () => {
  test('on 65,536 units', () => {
    const partition = { bits: 60, units: 65_536, leaves: 65_536, hardSteps: 320 }
    const made = new Forger({ accounts: 1, replication: 1, partition })
    const answer = { unit: 0, node: made.quorums[0]![0]!, round: made.seed, leaves: [], items: [[], [], []] }
    const start = performance.now()
    expect(secondVerdictOf({ ...made.file([answer]), scope: 'units' })).toMatch(/there are too few bytes/)
    expect(performance.now() - start).toBeLessThan(60_000)
  }, 60_000)
  test('on what is nested deeply', () => {
    const million = (byte: number) => new Uint8Array(1_000_000).fill(byte)
    expect(secondVerdict(million(0x81))).toMatch(/^the file is nested too deeply/)
    const braces = new TextEncoder().encode('{"a":'.repeat(200_000))
    expect(secondVerdict(braces)).toMatch(/^the file is nested too deeply/)
  })
})
