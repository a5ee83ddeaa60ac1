/** Five real nodes, N = 3: what is dealt is done, also when one is killed and one declines; and nothing else counts. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { readSource } from '../../cli/network/state-source.ts'
import { openHome } from '../../orbit/node/home/home.ts'
import { seedRound } from '../../orbit/rules/network/schedule.ts'
import { until } from '../until.ts'
import { certificateOf, certifiedUnits } from './certified.ts'
import { deal, done, everybodyHasRoom, isDone } from './patient.ts'
import { Machine, type Status } from './processes.ts'

setDefaultTimeout(2_400_000)

const N = 3
/** Beacon rounds, a second each: so many that what a slow machine takes between two of them does not matter. */
const EPOCH = 15
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
const rogue = (machine: Machine, how: string, capacity?: string) =>
  machine.startScript(
    join(import.meta.dir, 'rogue.ts'),
    machine.home,
    ...(capacity === undefined ? [how] : [how, capacity]),
  )
/** What a rogue says it did, or null. */
const toldBy = <T>({ home }: Machine): T | null =>
  existsSync(join(home, 'rogue')) ? JSON.parse(readFileSync(join(home, 'rogue'), 'utf8')) : null

beforeAll(async () => {
  // 2^30 numbers a window: one unit, a moment of a core, so that what takes time is the protocol.
  const rounds = ['--epoch', String(EPOCH), '--deadline', String(DEADLINE)]
  const size = ['--bits', '30', '--replication', String(N), ...rounds]
  await founder.run('init', '--local', ...size, '--name', 'founder', '--listen', '/ip4/127.0.0.1/tcp/0')
  // The founder seals a draw when it is asked for one, and one of the others takes its time with what it is dealt.
  running.set(founder, rogue(founder, 'patient', '2'))
  const address = await founder.address()
  for (const { name, machine } of machines.slice(1)) {
    await machine.run('join', address, '--name', name)
    if (machine === carl) running.set(carl, rogue(carl, 'lazy', '2'))
    else work(machine)
  }
})

afterAll(async () => {
  for (const { machine } of machines) await machine.dispose()
})

const ROOMS = { founder: 2, ada: 2, blaise: 2, carl: 2, doris: 2 }

test('one is killed and one declines: every unit is done within the deadline and an epoch', async () => {
  await everybodyHasRoom(founder, ROOMS)
  // Stopped before it is killed: it owes what it is dealt now.
  running.get(doris)!.kill('SIGSTOP')
  const { draw, assignments } = await deal(founder)
  await doris.kill(running.get(doris)!)
  const { epoch, roster } = draw.body
  expect(new Set(roster.map(({ account }) => account)).size).toBe(machines.length)
  const decline = async () => JSON.parse(await carl.run('decline', '--json')).declined as number
  await until(async () => (await decline()) > 0, 'something to decline', { every: 500 })

  // Ten tickets, three units of three: each of the two has a seat at least.
  const { state } = await readSource(openHome(founder.home))
  const nodesOf = (name: string) => state.accounts.find((account) => account.name === name)!.nodes
  const owedBy = (name: string) =>
    assignments.filter(({ quorum }) => nodesOf(name).some((node) => quorum.includes(node)))
  expect(owedBy('doris').length).toBeGreaterThan(0)
  expect(owedBy('carl').length).toBeGreaterThan(0)
  await founder.until((s) => assignments.every(({ window }) => isDone(s, window)), 'every unit of the draw')
  const gone = state.accounts.flatMap(({ name, account }) => (name === 'doris' || name === 'carl' ? [account] : []))
  for (const { window } of assignments) {
    const certified = await certificateOf(founder.home, window)
    expect(certified.accounts.filter((account) => gone.includes(account))).toEqual([])
    expect(certified.epoch).toBe(epoch)
    const deadline = seedRound(state.genesis, epoch) + DEADLINE
    // A node shows once an epoch: what is finished after that is shown as the next epoch begins.
    expect(Math.floor(certified.shown[N - 1]! / EPOCH)).toBeLessThanOrEqual(Math.floor(deadline / EPOCH) + 1)
  }
})

test('the two come back: three accounts agree on each unit, and all five see the same frontier', async () => {
  await carl.kill(running.get(carl)!)
  for (const machine of [carl, doris]) work(machine)
  await everybodyHasRoom(founder, ROOMS)
  const dealt = await deal(founder)
  const windows = dealt.assignments.map(({ window }) => window)
  const { frontier, units, accounts } = (await done(founder, dealt, windows)).status
  expect(frontier.windows).toBeGreaterThanOrEqual(2)
  expect(units.refused['not-assigned'] ?? 0).toBe(0)
  expect(accounts.length).toBe(machines.length)
  for (const { accounts } of certifiedUnits(founder.home)) expect(new Set(accounts).size).toBeGreaterThanOrEqual(N)
  for (const machine of [ada, blaise, carl, doris]) {
    await machine.until((s) => BigInt(s.frontier.below) >= BigInt(frontier.below), 'the frontier')
  }
})

test('1,000 results of units that their signer was not dealt are refused by all five nodes, and say so', async () => {
  const stranger = new Machine('stranger')
  machines.push({ name: 'stranger', machine: stranger })
  await stranger.run('join', await founder.address(), '--name', 'stranger')
  const node = rogue(stranger, 'unasked', '0')
  await founder.until((s) => s.accounts.some(({ name }) => name === 'stranger'), 'the stranger registered')
  await everybodyHasRoom(founder, ROOMS)
  const dealt = await deal(founder)
  const { assignments } = dealt
  // What is settled is not counted any more: on a slow machine, the units that others were dealt may be before all is here.
  const isRefused = (s: Status) =>
    (s.units.refused['not-assigned'] ?? 0) >= 1000 - assignments.filter(({ window }) => isDone(s, window)).length
  for (const machine of [founder, ada, blaise, carl, doris]) {
    const { accounts } = await machine.until(isRefused, '1,000 refusals')
    expect(accounts.find(({ name }) => name === 'stranger')!.units).toBe(0)
  }
  await stranger.kill(node)
  // Units that others were dealt are among them, which keeps nobody from doing these.
  const windows = assignments.map(({ window }) => window.toString())
  expect(toldBy(stranger)).toEqual(windows)
  await done(founder, dealt, windows)
})

test('without a beacon nothing is drawn, what was dealt is kept, and an epoch after it is back draws go on', async () => {
  await founder.kill(running.get(founder)!)
  const before = await ada.status()
  // Time is what is tested here: an epoch by the clock.
  await Bun.sleep(1000 * EPOCH)
  const during = await ada.status()
  expect(during.windows.length).toBe(before.windows.length)
  work(founder)
  await founder.until((s) => s.frontier.windows > before.frontier.windows, 'another window')
  const theirs = await ada.until((s) => s.windows.length > before.windows.length, 'another draw')
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
    const coordinator = rogue(founder, how)
    const epochs = () => toldBy<number[]>(founder) ?? []
    try {
      for (const machine of [ada, blaise, carl, doris]) {
        const status = await machine.until((s) => isSeen(epochs(), s), `a coordinator that ${what}`)
        expect(status.running).toBe(true)
      }
    } finally {
      rmSync(join(founder.home, 'rogue'), { force: true })
      await founder.kill(coordinator)
      work(founder)
    }
  })
}
