/** Two real nodes on loopback: what one verifies, the other sees; and nothing acknowledged is lost to kill -9. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { readCertificate } from '../../orbit/rules/certificate/read.ts'
import { until } from '../until.ts'
import { Machine, type Status } from './processes.ts'

setDefaultTimeout(2_400_000)

const founder = new Machine('founder')
const guest = new Machine('guest')
let founderNode: Bun.Subprocess
let guestNode: Bun.Subprocess

beforeAll(async () => {
  // 2^36 numbers a window: one unit, done in a second or two.
  await founder.run('init', '--local', '--bits', '36', '--name', 'founder', '--listen', '/ip4/127.0.0.1/tcp/0')
  founderNode = founder.start('node')
  await guest.run('join', await founder.address(), '--name', 'guest')
  guestNode = guest.start('node')
})

afterAll(async () => {
  await founder.dispose()
  await guest.dispose()
})

const isSame = (a: Status, b: Status, part: 'accounts' | 'units'): boolean => Bun.deepEquals(a[part], b[part])

test('a newcomer adopts the genesis by a multiaddr, to the byte', async () => {
  const [ours, theirs] = [founder, guest].map(({ home }) => readFileSync(`${home}/genesis.cbor`))
  expect(theirs!.equals(ours!)).toBe(true)
})

test('both see the same frontier after the first has verified a window', async () => {
  await founder.kill(founderNode, 'SIGTERM')
  founderNode = founder.start('work', '--cpu', '1', '--units', '2', '--listen', founderListen())
  const first = await founder.until((s) => s.frontier.windows >= 2, 'two windows at the founder')
  expect(first.accounts.map(({ name }) => name)).toContain('founder')
  // Who registered comes with a log of its own: later, maybe, than who did what.
  const second = await guest.until((s) => s.frontier.windows >= 2 && isSame(s, first, 'accounts'), 'the same accounts')
  expect(second.frontier).toEqual(first.frontier)
  expect(BigInt(first.frontier.below)).toBe((1n << 71n) + 2n * (1n << 36n))
})

test('both wrote the same certificate, and it holds', async () => {
  const window = 1n << 35n
  const path = (home: string) => `${home}/certificates/window-${window}.json`
  const certificates = await Promise.all(
    [founder, guest].map(async (machine) => {
      await until(() => existsSync(path(machine.home)), `the certificate of ${machine.name}`)
      return readFileSync(path(machine.home))
    }),
  )
  expect(certificates[1]!.equals(certificates[0]!)).toBe(true)
  expect(readCertificate(new Uint8Array(certificates[1]!)).window).toBe(window)
})

test('killed and started again, each has all that it had acknowledged', async () => {
  await founderNode.exited
  const before = await founder.status()
  await guest.until((s) => isSame(s, before, 'units'), 'what the founder has')
  await guest.kill(guestNode)
  const killed = await guest.status()
  expect(killed.frontier).toEqual(before.frontier)
  expect(killed.units).toEqual(before.units)

  founderNode = founder.start('work', '--cpu', '1', '--capacity', '2', '--listen', founderListen())
  await founder.until((s) => s.frontier.windows >= 3, 'a third window')
  const acknowledged = await founder.status()
  await founder.kill(founderNode)
  const after = await founder.status()
  expect(after.units.results).toBeGreaterThanOrEqual(acknowledged.units.results)
  expect(after.frontier.windows).toBeGreaterThanOrEqual(acknowledged.frontier.windows)
})

test('after both are back, they agree again', async () => {
  founderNode = founder.start('node', '--listen', founderListen())
  guestNode = guest.start('node')
  const ours = await founder.until((s) => s.running && s.peers.length > 0, 'a peer')
  // What was finished but not shown before the kill is shown now: both go on from what they had.
  const least = BigInt(ours.frontier.below)
  const theirs = await guest.until((s) => BigInt(s.frontier.below) >= least, 'the same frontier')
  await founder.until((s) => s.units.certified >= theirs.units.certified, 'as many units')
})

test("a second account's units count as the first's do", async () => {
  await guest.kill(guestNode, 'SIGTERM')
  guestNode = guest.start('work', '--cpu', '1', '--capacity', '2')
  const status = await guest.until(
    (s) => s.accounts.some((a) => a.name === 'guest' && a.units > 0),
    'a unit by the guest',
  )
  expect(status.units.refused).toEqual({})
})

/** The guest dials the address that it joined at: the founder keeps to it. */
function founderListen(): string {
  const { peers } = JSON.parse(readFileSync(`${guest.home}/config.json`, 'utf8')) as { peers: string[] }
  return peers[0]!.replace(/\/p2p\/.*$/, '')
}
