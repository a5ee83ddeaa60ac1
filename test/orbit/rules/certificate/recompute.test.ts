/** Fraud proofs judged with an engine: what is computed, when, and what comes of it. Certificates: verify.test.ts. */
import { beforeAll, describe, expect, test } from 'bun:test'
import { encodeLeaf } from '../../../../kernels/result.ts'
import type { Unit } from '../../../../kernels/unit.ts'
import { RuleError } from '../../../../orbit/rules/base/statement.ts'
import { writeFraudProof } from '../../../../orbit/rules/certificate/fraud-proof.ts'
import {
  isWithinEngines,
  judgeFraudProof,
  type LeafEngine,
  leafRecord,
} from '../../../../orbit/rules/certificate/recompute.ts'
import { Party } from '../party.ts'

/** One of the quorum of unit 0 lied in leaf 2. */
let party: Party
let window: bigint
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
  const [unit] = party.deal(2, 1)
  party.answer(unit!, unit!.quorum, [1, 0, 0])
  party.learn(unit!, 2)
  window = unit!.window
  const state = party.state()
  proof = writeFraudProof(state, state.convictions[0]!, party.sources)
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
    computed.length = 0
    const guilty = await judgeFraudProof(proof, () => engineOf(0))
    expect(computed).toEqual(['0/2'])
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
