/**
 * Honest accounts are not alarmed: counts drawn from the distribution that theory gives for units of
 * the main network. evidence-cheats.test.ts has real units.
 *
 * By theory 10,000 units raise at most 0.05 alarms together: four lines of a unit and twelve of an
 * account, at 1 in a million each and all. test/bench/cheats.ts counts them over more.
 */
import { describe, expect, test } from 'bun:test'
import { evidenceTest } from '../../kernels/evidence/request.ts'
import { firstAlarm } from './cheats.ts'
import { drawnTallies } from './poisson.ts'
import { Random } from './random.ts'

const bytes = new Uint8Array(32)
const partition = { map: '3n+1', bits: 60, units: 16_384, leaves: 256, hardSteps: 320 } as const

// Accounts, units of each, items expected in a unit, seed.
const CASES: readonly [number, number, number, number][] = [
  [20, 500, 512, 2024],
  [100, 100, 512, 2025],
  [100, 100, 1024, 2026],
]
describe('10,000 units of honest accounts raise no alarm', () => {
  test.each(CASES)(
    '%d accounts of %d units, %d items each, seed %d',
    (accounts, most, items, seed) => {
      const random = new Random(seed)
      const request = { network: bytes, seed: bytes, signer: bytes, items }
      const means = evidenceTest({ partition, window: 1n << 11n, index: 4321 }, request).tiers.map(({ mean }) => mean)
      for (let account = 0; account < accounts; account++) {
        expect([account, firstAlarm(drawnTallies(means, random), most)]).toEqual([account, null])
      }
    },
    300_000,
  )
})
