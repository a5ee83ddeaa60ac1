/** Certificates and fraud proofs judged with an engine: what is computed, when, and what comes of a leaf that is wrong. */
import { beforeAll, describe, expect, test } from 'bun:test'
import { encodeLeaf } from '../../../../kernels/result.ts'
import type { Unit } from '../../../../kernels/unit.ts'
import { RuleError } from '../../../../orbit/rules/base/statement.ts'
import { writeFraudProof } from '../../../../orbit/rules/certificate/fraud-proof.ts'
import type { Certified } from '../../../../orbit/rules/certificate/read.ts'
import {
  isWithinEngines,
  judgeCertificate,
  judgeFraudProof,
  type LeafEngine,
  leafRecord,
  leavesToRecompute,
} from '../../../../orbit/rules/certificate/recompute.ts'
import { writeCertificate } from '../../../../orbit/rules/certificate/write.ts'
import { Party } from '../party.ts'

/** Unit 0: one of its quorum lied in leaf 2, and two of the reserve were called. Unit 1: all of the quorum lied. */
let party: Party
let window: bigint
let certificate: Uint8Array
let proof: Uint8Array
const computed: string[] = []

/** What is true is what Party claims, by default; each leaf that is computed is written down. */
const engineOf = (variant = 0): LeafEngine => ({
  verifyLeaf: async ({ window: w, index }: Unit, leaf) => {
    computed.push(`${index}/${leaf}`)
    return party.claim({ window: w, unit: index }, variant)[leaf]!
  },
})

beforeAll(() => {
  party = new Party({ accounts: 12 })
  const units = party.deal(2, party.unitsPerWindow)
  party.answerAll(units, (node, { unit, quorum }) => (unit === 1 || (unit === 0 && node === quorum[0]) ? 1 : 0))
  party.learn(units[0]!, 2)
  party.callAll([units[0]!], 9, () => 0)
  window = units[0]!.window
  const state = party.state()
  const sources = {
    leaves: (cid: string) => party.blocks.get(cid),
    registration: (node: string) => party.registration(node),
  }
  certificate = writeCertificate(state, window, sources)
  proof = writeFraudProof(state, state.convictions[0]!, sources)
})

const judge = (leaves: ((certified: Certified) => readonly (readonly [number, number])[]) | null, variant = 0) => {
  computed.length = 0
  return judgeCertificate(certificate, () => engineOf(variant), {
    ...(leaves && { leavesOf: (certified) => leaves(certified).map(([unit, leaf]) => ({ window, unit, leaf })) }),
  })
}

describe('a certificate', () => {
  test('has its contested leaves computed, and no others unless told', async () => {
    const { certified, recomputed, wrong } = await judge(null)
    expect(computed).toEqual(['0/2'])
    expect(recomputed).toEqual([{ window, unit: 0, leaf: 2 }])
    expect(wrong).toBeNull()
    expect(certified.units.size).toBe(party.unitsPerWindow)
  })

  test('is judged by the first leaf that is not as signed, and computed no further', async () => {
    const { recomputed, wrong } = await judge(() => [
      [2, 0],
      [1, 2],
      [3, 0],
    ])
    expect(computed).toEqual(['2/0', '1/2'])
    expect(recomputed).toEqual([{ window, unit: 2, leaf: 0 }])
    expect(wrong).toEqual({
      ...{ window, unit: 1, leaf: 2 },
      signed: party.claim({ window, unit: 1 }, 1)[2]!,
      computed: party.claim({ window, unit: 1 }, 0)[2]!,
    })
  })

  test('whose contested leaf was signed wrong by those who certify it, is not valid', async () => {
    const { wrong } = await judge(null, 1)
    expect(wrong).toMatchObject({ unit: 0, leaf: 2 })
  })

  test('opens no engine for no leaf, nor for a file that does not hold or that the caller refuses', async () => {
    const engineFor = () => {
      throw new Error('an engine was opened')
    }
    const none = await judgeCertificate(certificate, engineFor, { leavesOf: () => [] })
    expect(none).toMatchObject({ recomputed: [], wrong: null })
    await expect(judgeCertificate(certificate.slice(1), engineFor)).rejects.toThrow(RuleError)
    const leavesOf = () => {
      throw new RuleError('it is about something else')
    }
    await expect(judgeCertificate(certificate, engineFor, { leavesOf })).rejects.toThrow('about something else')
  })

  test('says what it is at', async () => {
    const told: string[] = []
    await judgeCertificate(certificate, () => engineOf(), {
      leavesOf: () => [0, 1].map((leaf) => ({ window, unit: 3, leaf })),
      onLeaf: ({ leaf }, done, total) => told.push(`${leaf}: ${done} of ${total}`),
    })
    expect(told).toEqual(['0: 0 of 2', '1: 1 of 2'])
  })
})

/** Units 0 and 1 have two leaves each, 2 has none in the file; somebody said nothing in 1; leaf 1 of 0 is contested. */
const certifiedAs = {
  window: 7n,
  contested: [{ window: 7n, unit: 0, leaf: 1 }],
  units: new Map([
    [0, { leaves: [{}, {}], silent: [] }],
    [1, { leaves: [{}, {}], silent: ['x'] }],
    [2, { leaves: null, silent: [] }],
  ]),
} as unknown as Certified

test.each([
  [0, [], 0, '0/1'],
  [0, [1], 0, '0/1 1/0 1/1'],
  [0, [2], 0, '0/1'],
  // Drawn of all four leaves, then of the two where somebody is silent.
  [1, [], 0, '0/1 0/0 1/0'],
  [1, [], 1, '0/1 1/1'],
  [2, [], 0, '0/1 0/0 1/0 1/1'],
  [9, [], 0, '0/1 0/0 1/0 1/1'],
] as const)('a sample of %i, whole units %p, each draw the %i-th: leaves %s', (sample, whole, place, expected) => {
  const below = (n: number) => Math.min(place, n - 1)
  const leaves = leavesToRecompute(certifiedAs, { sample, whole, below })
  expect(leaves.map(({ unit, leaf }) => `${unit}/${leaf}`).join(' ')).toBe(expected)
})

test.each([
  [28, (1n << 68n) - 1n, true],
  [28, 1n << 68n, false],
  [44, (1n << 52n) - 1n, true],
  [44, 1n << 52n, false],
] as const)('windows of 2^%i: window %p is within what engines compute: %p', (bits, w, is) => {
  expect(isWithinEngines({ ...party.genesis.partition, bits }, w)).toBe(is)
})

test('a leaf is computed as the record that it would be signed as', async () => {
  const { partition } = party.genesis
  const record = await leafRecord(engineOf(), partition, { window, unit: 1, leaf: 3 })
  expect(record).toEqual(encodeLeaf(party.claim({ window, unit: 1 })[3]!))
})

describe('a fraud proof', () => {
  test('holds if computing its leaf gives another record than was signed, and only then', async () => {
    const guilty = await judgeFraudProof(proof, () => engineOf(0))
    expect(guilty).toMatchObject({ holds: true, proof: { kind: 'leaf', leaf: 2 } })
    expect(guilty.record).not.toEqual(guilty.proof.record)
    expect((await judgeFraudProof(proof, () => engineOf(1))).holds).toBe(false)
  })

  test('is refused for what it is about before anything is computed', async () => {
    computed.length = 0
    const accept = () => {
      throw new RuleError('of another network')
    }
    await expect(judgeFraudProof(proof, () => engineOf(), accept)).rejects.toThrow('of another network')
    expect(computed).toEqual([])
  })
})

test('a browser can bundle all that judges a certificate', async () => {
  const entrypoint = new URL('../../../../orbit/rules/certificate/recompute.ts', import.meta.url).pathname
  const { success, outputs } = await Bun.build({ entrypoints: [entrypoint], target: 'browser', format: 'esm' })
  expect(success).toBe(true)
  const text = await outputs[0]!.text()
  expect(text).toContain('judgeCertificate')
  expect(text).not.toMatch(/\bfrom ?["'](node:|bun)|require\(["']node:/)
})
