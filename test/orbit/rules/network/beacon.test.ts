import { describe, expect, test } from 'bun:test'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { expectedHard } from '../../../../kernels/expected.ts'
import { RuleError, sign } from '../../../../orbit/rules/base/statement.ts'
import {
  chainHash,
  checkChain,
  KNOWN_CHAINS,
  localChain,
  localSecret,
  QUICKNET,
  roundAt,
  signRound,
  timeOf,
  verifyRound,
} from '../../../../orbit/rules/network/beacon.ts'
import { provesNothing, readGenesis } from '../../../../orbit/rules/network/genesis.ts'
import { QUICKNET_ROUNDS } from '../../../vectors/quicknet.ts'
import { Party } from '../party.ts'
import { SMALL } from '../real-work.ts'

const local = (seed: number) => localSecret(new Uint8Array(48).fill(seed))

describe('rounds of quicknet', () => {
  test.each(QUICKNET_ROUNDS)('round $round verifies and gives the published randomness', (vector) => {
    const randomness = verifyRound(QUICKNET, vector.round, hexToBytes(vector.signature))
    expect(bytesToHex(randomness)).toBe(vector.randomness)
  })

  test('a signature with any byte changed is refused', () => {
    const { round, signature } = QUICKNET_ROUNDS[0]!
    for (let i = 0; i < 48; i++) {
      const changed = hexToBytes(signature)
      changed[i]! ^= 1 << (i % 8)
      expect(() => verifyRound(QUICKNET, round, changed)).toThrow(RuleError)
    }
  })

  test('a signature is of its own round only', () => {
    const [a, b] = QUICKNET_ROUNDS
    expect(() => verifyRound(QUICKNET, a!.round, hexToBytes(b!.signature))).toThrow('wrong signature')
    expect(() => verifyRound(QUICKNET, a!.round + 1, hexToBytes(a!.signature))).toThrow('wrong signature')
  })

  test('another chain does not accept it', () => {
    const { round, signature } = QUICKNET_ROUNDS[0]!
    expect(() => verifyRound(localChain(local(1), 0, 3), round, hexToBytes(signature))).toThrow(RuleError)
  })

  test('the same point in another encoding is refused: its randomness would differ', () => {
    const { round, signature } = QUICKNET_ROUNDS[0]!
    const point = bls12_381.G1.Point.fromHex(signature)
    expect(() => verifyRound(QUICKNET, round, point.toBytes(false))).toThrow(RuleError)
    expect(() => verifyRound(QUICKNET, round, new Uint8Array())).toThrow(RuleError)
    expect(() => verifyRound(QUICKNET, round, new Uint8Array(48))).toThrow(RuleError)
    expect(() => verifyRound(QUICKNET, round, bls12_381.G1.Point.ZERO.toBytes(true))).toThrow(RuleError)
  })

  test('a round is a positive whole number', () => {
    const signature = hexToBytes(QUICKNET_ROUNDS[0]!.signature)
    for (const round of [0, -1, 1.5, Number.NaN, 2 ** 53]) {
      expect(() => verifyRound(QUICKNET, round, signature)).toThrow(`${round} is not a beacon round`)
    }
  })
})

describe('the chain', () => {
  test("quicknet's hash is computed as drand computes it", () => {
    expect(chainHash(QUICKNET)).toBe(QUICKNET.hash)
    checkChain(QUICKNET)
  })

  test('every field is bound by the hash or checked', () => {
    const other = localChain(local(1), QUICKNET.genesisTime, 3).publicKey
    for (const change of [
      { period: 30 },
      { period: 0 },
      { genesisTime: QUICKNET.genesisTime + 1 },
      { genesisTime: -1 },
      { groupHash: new Uint8Array(32) },
      { groupHash: new Uint8Array(31) },
      { beaconId: 'default' },
      { publicKey: other },
      { hash: '0'.repeat(64) },
      { scheme: 'pedersen-bls-chained' as typeof QUICKNET.scheme },
    ]) {
      expect(() => checkChain({ ...QUICKNET, ...change })).toThrow(RuleError)
    }
  })

  test('a public key that is no point of G2, or zero, is refused even with a fitting hash', () => {
    const zero = bls12_381.G2.Point.ZERO.toBytes(true)
    for (const publicKey of [new Uint8Array(96), new Uint8Array(96).fill(7), zero, QUICKNET.publicKey.slice(0, 95)]) {
      const chain = { ...QUICKNET, publicKey }
      expect(() => checkChain({ ...chain, hash: chainHash(chain) })).toThrow(/public key/)
    }
  })

  test('round 1 is at the genesis time and rounds come once a period', () => {
    expect(timeOf(QUICKNET, 1)).toBe(1692803367)
    expect(timeOf(QUICKNET, 1000)).toBe(1692803367 + 2997)
    for (const round of [1, 2, 999, 12_345_678]) {
      const time = timeOf(QUICKNET, round)
      expect(roundAt(QUICKNET, time)).toBe(round)
      expect(roundAt(QUICKNET, time + 2.999)).toBe(round)
      expect(roundAt(QUICKNET, time - 0.001)).toBe(round - 1)
    }
    expect(roundAt(QUICKNET, 0)).toBe(0)
  })
})

describe('a local chain', () => {
  const secret = local(7)
  const chain = localChain(secret, 1_800_000_000, 2)

  test('is a chain like any other, and its rounds verify like any other', () => {
    checkChain(chain)
    for (const round of [1, 2, 2 ** 40]) {
      const signature = signRound(secret, round)
      expect(signature).toHaveLength(48)
      expect(verifyRound(chain, round, signature)).toHaveLength(32)
    }
  })

  test('has one signature a round: signing twice gives the same bytes', () => {
    expect(signRound(secret, 5)).toEqual(signRound(secret, 5))
    expect(signRound(secret, 5)).not.toEqual(signRound(secret, 6))
  })

  test('another key can not sign for it', () => {
    expect(() => verifyRound(chain, 1, signRound(local(8), 1))).toThrow('beacon round 1 carries a wrong signature')
  })
})

test('a genesis may call the chains of the League of Entropy drand, whole, and no other', () => {
  const { genesis, members } = new Party({ accounts: 1 })
  const read = (beacon: object) => () =>
    readGenesis(sign({ ...genesis.body, beacon: { source: 'drand', ...beacon } }, members[0]!.accountSecret).bytes)
  for (const chain of KNOWN_CHAINS) expect(read(chain)().chain).toEqual(chain)
  const { hash: _, ...quicknet } = QUICKNET
  const slower = { ...quicknet, period: 30 }
  for (const chain of [slower, { ...quicknet, beaconId: 'quick' }]) {
    expect(read({ ...chain, hash: chainHash(chain) })).toThrow('calls a beacon drand')
  }
  expect(read({ ...slower, hash: QUICKNET.hash })).toThrow('hash does not fit')
})

test('a genesis whose leaves expect fewer than 20 hard numbers proves nothing', () => {
  const at = (leaves: number) => ({ partition: { ...SMALL, units: 1, leaves } })
  const { mean } = expectedHard(SMALL)
  const most = Math.floor(mean / 20)
  expect([most, most + 1].map((leaves) => provesNothing(at(leaves)))).toEqual([false, true])
})
