/** Five real nodes, N = 3: what is dealt is done, also when one is killed and one declines; and nothing else counts. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { certificateFiles } from '../../orbit/node/certificates.ts'
import { readCertificate } from '../../orbit/rules/certificate.ts'
import { Machine, type Status } from './processes.ts'

setDefaultTimeout(300_000)

/** Beacon rounds, a second each. */
const DEADLINE = 20
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
  // 2^30 numbers a window: one unit, a moment of a core, so that what takes time is the protocol.
  const size = ['--bits', '30', '--replication', '3', '--deadline', String(DEADLINE)]
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

test('1,000 results of units that their signer was not dealt are refused by every node, and say so', async () => {
  const stranger = new Machine('stranger')
  machines.push({ name: 'stranger', machine: stranger })
  await stranger.run('join', await founder.address(), '--name', 'stranger')
  stranger.startScript(join(import.meta.dir, 'rogue.ts'), stranger.home, 'unasked')
  for (const machine of [founder, ada, blaise, carl]) {
    const { accounts } = await machine.until((s) => s.units.refused['not-assigned'] === 1000, '1,000 refusals', 200)
    expect(accounts.find(({ name }) => name === 'stranger')?.units ?? 0).toBe(0)
  }
})

test('without a beacon nothing is drawn, what was dealt is kept, and an epoch after it is back draws go on', async () => {
  await founder.kill(running.get(founder)!)
  const before = await ada.status()
  await Bun.sleep(6_000)
  const during = await ada.status()
  expect(during.windows.length).toBe(before.windows.length)
  work(founder)
  await founder.until((s) => s.frontier.windows > before.frontier.windows, 'another window', 120)
  const theirs = await ada.until((s) => s.windows.length > before.windows.length, 'another draw', 60)
  expect(theirs.frontier.windows).toBeGreaterThanOrEqual(before.frontier.windows)
})

const refused = (why: string) => (epochs: readonly number[], status: Status) =>
  status.draws?.refused.some(({ epoch, fault }) => epochs.includes(epoch) && fault.includes(why)) ?? false
const exposed = (epochs: readonly number[], { equivocations }: Status) =>
  equivocations.some(({ epoch }) => epochs.includes(epoch))

for (const [how, what, isSeen] of [
  ['late', 'seals late is refused', refused('late')],
  ['omit', 'seals without somebody is refused', refused('does not follow from the pool heads')],
  // The last one: nobody witnesses any draw of its any more.
  ['two', 'seals two draws for an epoch is exposed', exposed],
] as const) {
  test(`a coordinator that ${what} by every node, and shown`, async () => {
    await founder.kill(running.get(founder)!, 'SIGTERM')
    const rogue = founder.startScript(join(import.meta.dir, 'rogue.ts'), founder.home, how)
    const note = `${founder.home}/rogue`
    const epochs = (): number[] => (existsSync(note) ? JSON.parse(readFileSync(note, 'utf8')) : [])
    try {
      for (const machine of [ada, blaise, carl]) {
        const status = await machine.until((s) => isSeen(epochs(), s), `a coordinator that ${what}`, 100)
        expect(status.running).toBe(true)
      }
    } finally {
      rmSync(note, { force: true })
      await founder.kill(rogue)
      work(founder)
    }
  })
}
