/** A node's audits: one that fails is done later, and no account is drawn to audit its own result. */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { cpuEngine } from '../../../../kernels/cpu.ts'
import type { Engine } from '../../../../kernels/unit.ts'
import { Audits } from '../../../../orbit/node/work/audits.ts'
import type { AuditBody } from '../../../../orbit/rules/message/bodies.ts'
import type { Assignment } from '../../../../orbit/rules/message/unit.ts'
import { randomnessOf } from '../../../../orbit/rules/network/beacon.ts'
import { beaconAt, Party } from '../../rules/party.ts'

setDefaultTimeout(2_400_000)

const { signal } = new AbortController()

/**
 * Every node without a result in a unit audits it. The claims are made up (party.ts), so that a node
 * that computes a leaf denies them.
 */
function auditing(node: (party: Party, unit: Assignment) => string) {
  const party = new Party({ accounts: 6, changes: { audit: { leaves: 2, auditors: 16, adaptive: false } } })
  const [unit] = party.deal(2, 1) as [Assignment]
  party.answer(unit, unit.quorum)
  const published: AuditBody['claims'] = []
  const machine = { engine: () => cpuEngine(party.genesis.partition, 1) as Engine }
  const audits = new Audits({
    node: node(party, unit),
    openEngine: () => machine.engine(),
    beacon: async (round) => ({ round, signature: beaconAt(round), randomness: randomnessOf(beaconAt(round)) }),
    leaves: (cid) => party.blocks.get(cid),
    publish: async (claims) => void published.push(...claims),
  })
  audits.hear(party.state(), 8)
  return {
    party,
    unit,
    published,
    machine,
    audits,
    at: (round: number) => audits.run(party.state(), round, signal),
  }
}
const auditor = (_: Party, { reserve }: Assignment) => reserve[0]!

test('leaves that are not as they were certified are published, once', async () => {
  const { unit, published, at } = auditing(auditor)
  await at(10)
  expect(published.map(([epoch, , index]) => [epoch, index])).toEqual([
    [2, unit.unit],
    [2, unit.unit],
  ])
  await at(19)
  expect(published).toHaveLength(2)
})

test('an engine that fails costs a retry, not the audit', async () => {
  const { party, published, machine, at } = auditing(auditor)
  machine.engine = () => {
    const engine = cpuEngine(party.genesis.partition, 1)
    return { ...engine, close: () => engine.close(), verifyLeaf: () => Promise.reject(new Error('the device is lost')) }
  }
  await expect(at(10)).rejects.toThrow('the device is lost')
  machine.engine = () => cpuEngine(party.genesis.partition, 1)
  await at(13)
  expect(published).toHaveLength(2)
})

test('an account that gives its node to another is not drawn to audit its own result', async () => {
  const own = auditing((_, { quorum }) => quorum[0]!)
  for (const node of own.unit.quorum) own.party.move(node, crypto.getRandomValues(new Uint8Array(32)))
  await own.at(10)
  expect(own.published).toEqual([])
  const other = auditing(auditor)
  for (const node of other.unit.quorum) other.party.move(node, crypto.getRandomValues(new Uint8Array(32)))
  await other.at(10)
  expect(other.published).toHaveLength(2)
})
