/** What a network that is founded here asks of its volunteers. */
import { afterAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { classes } from '../../../../kernels/partition.ts'
import { found } from '../../../../orbit/node/home/founding.ts'
import { hardInLeaf, LEAST_HARD, provesNothing } from '../../../../orbit/rules/network/genesis.ts'

const directory = mkdtempSync(join(tmpdir(), 'collatz-founding-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

let founded = 0
const founding = (kind: 'local' | 'production', bits?: number) =>
  found({
    ...{ kind, network: 'n', account: 'a', listen: [], directory: join(directory, `${founded++}`) },
    ...(bits !== undefined && { bits }),
  }).genesis

test('the main network: windows of 2^60 numbers in 16,384 units, of which each leaf shows that it was computed', () => {
  const genesis = founding('production')
  const { partition, body, baseline } = genesis
  expect(partition).toEqual({
    ...{ map: '3n+1', bits: 60, units: 16_384, leaves: 256, hardSteps: 320 },
    evidence: { flagBits: 15, items: 512 },
  })
  expect([body.replication, baseline, body.beacon.source]).toEqual([3, 2n ** 71n, 'drand'])
  expect(classes(partition)).toHaveLength(16_384)
  // 2.2e9 hard numbers a window, in four million leaves.
  expect(Math.round(hardInLeaf(genesis))).toBe(2184)
  expect(provesNothing(genesis)).toBe(false)
})

test.each([
  ['a window of a try-out', 43, 8, 15, false],
  ['one that a test waits for', 30, 1, 6, true],
])('%s has the evidence that fits its size', (_, bits, units, flagBits, isNothing) => {
  const genesis = founding('local', bits)
  expect(genesis.partition).toMatchObject({ bits, units, evidence: { flagBits, items: 512 } })
  expect([provesNothing(genesis), hardInLeaf(genesis) < LEAST_HARD]).toEqual([isNothing, isNothing])
})

test('a main network of another size is cut as its size asks for', () => {
  expect(founding('production', 56).partition).toMatchObject({ bits: 56, units: 1024, leaves: 256 })
})
