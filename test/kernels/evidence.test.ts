/**
 * The definition of evidence: keys, tiers, thresholds and items, against true arithmetic and tables
 * of literals.
 */
import { describe, expect, test } from 'bun:test'
import { refusalOf, tiersOfNumber, valuesAt } from '../../kernels/evidence/item.ts'
import { outliving } from '../../kernels/evidence/outliving.ts'
import { evidenceTest, itemHash } from '../../kernels/evidence/request.ts'
import { evidenceOf, thresholdsOf, tiersOf } from '../../kernels/evidence/tiers.ts'
import { expectedHard } from '../../kernels/expected.ts'
import { classes } from '../../kernels/partition.ts'
import { children, ROOT } from '../../kernels/rules.ts'
import type { ClassState, MapName, Partition, Unit } from '../../kernels/unit.ts'
import { bruteHash, bruteKey, bruteTier, bruteValue } from './evidence-brute.ts'

const MAPS: readonly MapName[] = ['3n+1', '3n-1', '5n+1']
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'))
const hex = (data: Uint8Array) => Buffer.from(data).toString('hex')
const NAMED = { network: 'a1'.repeat(32), seed: 'b2'.repeat(32), signer: 'c3'.repeat(32) }
const request = { network: bytes(NAMED.network), seed: bytes(NAMED.seed), signer: bytes(NAMED.signer) }
const partition = (bits: number, units = 1, rest: Partial<Partition> = {}): Partition => ({
  map: '3n+1',
  bits,
  units,
  leaves: 16,
  hardSteps: 320,
  ...rest,
})

describe('numbers that outlive S steps', () => {
  /** All classes of `depth` bits that no rule drops. */
  const classesAt = (depth: number, map: MapName): readonly ClassState[] => {
    let states: readonly ClassState[] = [ROOT]
    for (let k = 0; k < depth; k++) states = states.flatMap((state) => children(state, map))
    return states
  }

  for (const map of MAPS) {
    test(`are counted as true arithmetic counts them: ${map}, S = 14`, () => {
      for (const depth of [0, 1, 5, 9]) {
        const counted = new Map<bigint, bigint>()
        for (let r = 0n; r < 2n ** 14n; r++) {
          // Far above zero, so that values and coefficients agree.
          if (bruteValue(2n ** 60n + r, 14, map) === null) continue
          const key = r % 2n ** BigInt(depth)
          counted.set(key, (counted.get(key) ?? 0n) + 1n)
        }
        const states = classesAt(depth, map)
        expect(states).toHaveLength(counted.size)
        for (const state of states) expect(outliving(state, map, 14)).toBe(counted.get(state.residue)!)
      }
    })
  }

  test('agree with the expectation of hard numbers in floating point', () => {
    for (const map of MAPS) {
      for (const state of [ROOT, ...classesAt(6, map)]) {
        const { mean } = expectedHard({ map, bits: 40, hardSteps: 320 }, state)
        const share = map === '3n+1' ? 5 / 9 : 1
        const exact = (share * Number(outliving(state, map, 320) >> 200n)) / 2 ** 80
        expect(exact / mean).toBeCloseTo(1, 9)
      }
    }
  })
})

describe('tiers', () => {
  // W, S0, then steps and shares of the three tiers: one below, at and above the S0 that leaves a
  // tier out.
  const CASES: readonly [number, number, [number, number][]][] = [
    [
      60,
      320,
      [
        [83, 42],
        [143, 50],
        [320, 8],
      ],
    ],
    [
      40,
      124,
      [
        [63, 42],
        [123, 50],
        [124, 8],
      ],
    ],
    [
      40,
      123,
      [
        [63, 42],
        [123, 0],
        [123, 58],
      ],
    ],
    [
      40,
      122,
      [
        [63, 42],
        [123, 0],
        [122, 58],
      ],
    ],
    [
      20,
      44,
      [
        [43, 42],
        [103, 0],
        [44, 58],
      ],
    ],
    [
      20,
      43,
      [
        [43, 0],
        [103, 0],
        [43, 100],
      ],
    ],
  ]
  test.each(CASES)('of windows of 2^%d at S0 = %d', (bits, hardSteps, tiers) => {
    expect(tiersOf({ bits, hardSteps }).map(({ steps, share }) => [steps, share])).toEqual(tiers)
    expect(tiersOf({ bits, hardSteps }).map(({ flagged }) => flagged)).toEqual([true, true, false])
  })

  test.each([
    [20, 1, 0],
    [24, 1, 0],
    [26, 1, 2],
    [30, 1, 6],
    [36, 1, 12],
    [39, 1, 14],
    [40, 1, 15],
    [48, 256, 15],
    [60, 16_384, 15],
  ])('J by default: 2^%d in %d units has %d bits', (bits, units, flagBits) => {
    expect(evidenceOf(partition(bits, units))).toEqual({ flagBits, items: 512 })
  })

  test('what a partition states is taken, within its bounds', () => {
    const stated = (flagBits: number, items: number) => evidenceOf(partition(30, 1, { evidence: { flagBits, items } }))
    expect(stated(0, 1)).toEqual({ flagBits: 0, items: 1 })
    expect(stated(15, 16_384)).toEqual({ flagBits: 15, items: 16_384 })
    for (const flagBits of [-1, 16, 1.5]) expect(() => stated(flagBits, 512)).toThrow(`0 to 15 bits, not ${flagBits}`)
    for (const items of [0, 16_385, 0.5])
      expect(() => stated(8, items)).toThrow(`1 to 16384 items on average, not ${items}`)
  })

  test('the means are the shares of k, except where a tier has not so many numbers', () => {
    const means = (of: Partition, items: number) =>
      thresholdsOf(of, classes(of)[0]!, items).map(({ mean }) => Number(mean) / 2 ** 32)
    for (const map of MAPS) {
      for (const [items, shares] of [
        [512, [215.04, 256, 40.96]],
        [1024, [430.08, 512, 81.92]],
      ] as const) {
        for (const [i, mean] of means(partition(60, 16_384, { map }), items).entries())
          expect(mean).toBeCloseTo(shares[i]!, 6)
      }
    }
    const small = means(partition(30), 512)
    expect(small[0]).toBeCloseTo(215.04, 6)
    expect(small[1]).toBeCloseTo(256, 6)
    expect(small[2]).toBeCloseTo(8.531, 3)
    expect(thresholdsOf(partition(30), ROOT, 512)[2]!.tau).toBe(2n ** 64n)
  })
})

describe('key, flag and hash', () => {
  const unit: Unit = { partition: partition(60, 64), window: 2n ** 11n + 5n, index: 37 }

  test('are laid out as stated', () => {
    const { key, flag, flagBits } = evidenceTest(unit, request)
    expect(hex(key)).toBe(bruteKey(NAMED, unit.window, unit.index))
    expect(flagBits).toBe(15)
    expect(flag).toBe(Number.parseInt(hex(key).slice(0, 4), 16) >> 1)
    for (const tier of [1, 2, 3]) {
      for (const n of [0n, 2n ** 71n + 1n, 2n ** 128n - 1n]) {
        expect(itemHash(key, tier, n)).toBe(bruteHash(hex(key), tier, n))
      }
    }
  })

  test('thresholds of a unit of the main network, pinned', () => {
    const main: Unit = { partition: partition(60, 16_384), window: 2n ** 11n, index: 4321 }
    expect(evidenceTest(main, request).tiers.map(({ tau }) => tau)).toEqual([
      8763156437275662n,
      179451565496818460n,
      1298646956370298n,
    ])
  })

  test('differ for every network, draw, window, unit and signer', () => {
    const other = bytes('d4'.repeat(32))
    const keys = [
      evidenceTest(unit, request),
      evidenceTest(unit, { ...request, network: other }),
      evidenceTest(unit, { ...request, seed: other }),
      evidenceTest(unit, { ...request, signer: other }),
      evidenceTest({ ...unit, window: unit.window + 1n }, request),
      evidenceTest({ ...unit, index: 38 }, request),
    ].map(({ key }) => hex(key))
    expect(new Set(keys).size).toBe(keys.length)
  })

  test('what is out of range is refused', () => {
    expect(() => evidenceTest(unit, { ...request, seed: new Uint8Array(31) })).toThrow(
      'the seed of evidence has 32 bytes, not 31',
    )
    expect(() => evidenceTest(unit, { ...request, items: 0 })).toThrow('not 0')
    expect(() => evidenceTest({ ...unit, index: 1000 }, request)).toThrow('no unit 1000')
    expect(() => evidenceTest({ ...unit, window: -1n }, request)).toThrow('of window -1')
  })
})

describe('items', () => {
  for (const map of MAPS) {
    test(`are those of true arithmetic: 2^14 numbers from 2^71, ${map}`, () => {
      const unit: Unit = {
        partition: partition(20, 1, {
          map,
          hardSteps: 110,
          evidence: { flagBits: map === '5n+1' ? 7 : 1, items: 400 },
        }),
        window: 2n ** 51n,
        index: 0,
      }
      const evidence = evidenceTest(unit, request)
      const key = hex(evidence.key)
      const from = 2n ** 71n
      for (const [tier, { steps, flagged, tau }] of evidence.tiers.entries()) {
        const carriers = [
          ...bruteTier(
            from,
            from + 2n ** 14n,
            steps,
            map,
            flagged ? evidence.flagBits : 0,
            flagged ? evidence.flag : 0,
          ),
        ]
        const expected = carriers.filter((n) => bruteHash(key, tier + 1, n) < tau)
        const found: bigint[] = []
        for (let n = from; n < from + 2n ** 14n; n++) {
          if (tiersOfNumber(n, evidence, map).includes(tier)) found.push(n)
        }
        expect(found).toEqual(expected)
        for (const n of expected) expect(refusalOf(n, tier, unit, evidence)).toBeNull()
        if (tier < 2) expect(expected.length).toBeGreaterThan(map === '5n+1' ? 1 : 0)
      }
    })
  }

  test('what is no item is refused with the reason', () => {
    const unit: Unit = {
      partition: partition(24, 4, { hardSteps: 120, evidence: { flagBits: 2, items: 16_384 } }),
      window: 2n ** 47n,
      index: 1,
    }
    const evidence = evidenceTest(unit, request)
    const { depth, residue } = classes(unit.partition)[1]!
    const reasons = new Map<string, bigint>()
    for (let a = 0n; a < 2n ** 15n; a++) {
      const n = 2n ** 71n + residue + (a << BigInt(depth))
      const reason = refusalOf(n, 0, unit, evidence) ?? 'sound'
      if (!reasons.has(reason)) reasons.set(reason, n)
    }
    expect([...reasons.keys()].toSorted()).toEqual([
      'does not carry the flag',
      'does not outlive the steps of the tier',
      'is dropped by rule P',
      'sound',
    ])
    const sound = reasons.get('sound')!
    expect(refusalOf(sound + 1n, 0, unit, evidence)).toBe('lies outside of the unit')
    expect(refusalOf(sound + 2n ** 24n, 0, unit, evidence)).toBe('lies outside of the unit')
    expect(refusalOf(sound - 2n ** 72n, 0, unit, evidence)).toBe('lies outside of the unit')
    const strict = (tau: bigint) => ({ ...evidence, tiers: evidence.tiers.map((tier) => ({ ...tier, tau })) })
    const hash = itemHash(evidence.key, 1, sound)
    expect(refusalOf(sound, 0, unit, strict(hash))).toBe('is not selected by its hash')
    expect(refusalOf(sound, 0, unit, strict(hash + 1n))).toBeNull()
  })

  test('values at stops end where a rule fires', () => {
    // 7 11 17 26 13 20 10 5
    expect(valuesAt(7n, '3n+1', [0, 1, 4, 6, 7])).toEqual([7n, 11n, 13n, 10n])
    expect(valuesAt(7n, '3n-1', [0, 1, 2, 3, 4])).toEqual([7n, 10n])
    expect(valuesAt(0n, '3n+1', [0, 1])).toEqual([0n])
  })
})
