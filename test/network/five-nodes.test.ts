/** Five real nodes, N = 3: what is dealt is done, also when one is killed and one declines; and nothing else counts. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { certificateFiles } from '../../orbit/node/certificates.ts'
import { readCertificate } from '../../orbit/rules/certificate.ts'
import { Machine, type Status } from './processes.ts'

setDefaultTimeout(300_000)

/** Beacon rounds, a second each. */
const DEADLINE = 30
const machines = ['founder', 'ada', 'blaise', 'carl', 'doris'].map((name) => ({ name, machine: new Machine(name) }))
const [founder, ada, blaise, carl, doris] = machines.map(({ machine }) => machine) as [
  Machine,
  Machine,
  Machine,
  Machine,
  Machine,
]
const running = new Map<Machine, Bun.Subprocess>()

const work = (machine: Machine) => running.set(machine, machine.start('work', '--cpu', '1', '--capacity', '2'))

beforeAll(async () => {
  // 2^34 numbers a window: one unit, half a second of a core, so that what takes time is the protocol.
  const size = ['--bits', '34', '--replication', '3', '--deadline', String(DEADLINE)]
  await founder.run('init', '--local', ...size, '--name', 'founder', '--listen', '/ip4/127.0.0.1/tcp/0')
  work(founder)
  const address = await founder.address()
  for (const { name, machine } of machines.slice(1)) {
    await machine.run('join', address, '--name', name)
    work(machine)
  }
})

afterAll(async () => {
  for (const { machine } of machines) await machine.dispose()
})

const seen = (wish: (status: Status) => boolean, what: string) => founder.until(wish, what, 280)

test('three accounts agree on each unit, and the frontier moves', async () => {
  const status = await seen((s) => s.frontier.windows >= 2 && s.accounts.length === 5, 'two windows by five accounts')
  expect(status.units.refused['not-assigned'] ?? 0).toBe(0)
  const [file] = certificateFiles(founder.home)
  const certificate = readCertificate(new Uint8Array(readFileSync(file!.path)))
  expect(new Set(certificate.accounts.map(({ account }) => account)).size).toBeGreaterThanOrEqual(3)
})

test('one is killed and one declines: every unit that they were dealt is done all the same', async () => {
  await doris.kill(running.get(doris)!)
  const { node } = JSON.parse(
    await carl.run('decline', '--json').then((text) => JSON.stringify({ node: JSON.parse(text) })),
  )
  expect(node.declined).toBeGreaterThanOrEqual(0)
  const before = await founder.status()
  const dealt = before.windows.map(({ window }) => window)
  const after = await seen(
    (s) => dealt.every((window) => s.windows.find((w) => w.window === window)?.complete),
    'every window that was dealt before the kill',
  )
  expect(after.frontier.windows).toBeGreaterThanOrEqual(dealt.length)
})

test('all that are left see the same frontier', async () => {
  const { frontier } = await founder.status()
  for (const machine of [ada, blaise, carl]) {
    const theirs = await machine.until((s) => BigInt(s.frontier.below) >= BigInt(frontier.below), 'the frontier')
    expect(theirs.units.refused['not-assigned'] ?? 0).toBe(0)
  }
})
