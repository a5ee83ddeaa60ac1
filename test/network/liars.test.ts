/** Five real nodes, N = 3, and one of them cheats: nothing false is certified, and what can be proved is proved. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { readSource } from '../../cli/network/state-source.ts'
import { cpuEngine } from '../../kernels/cpu.ts'
import { fraudProofPath } from '../../orbit/node/home/fraud-proof-files.ts'
import { openHome } from '../../orbit/node/home/home.ts'
import type { SignedResult } from '../../orbit/rules/answer/results.ts'
import type { DealtDraw } from '../../orbit/rules/deal/canonical-draws.ts'
import { SEATS_AN_ESCALATION } from '../../orbit/rules/deal/seats.ts'
import { LEVELS } from '../../orbit/rules/membership/levels.ts'
import { checksumHex, peakText, resultKey } from '../../orbit/rules/message/bodies.ts'
import type { Assignment } from '../../orbit/rules/message/unit.ts'
import { dealtUnitKey } from '../../orbit/rules/message/unit.ts'
import { roundAt } from '../../orbit/rules/network/beacon.ts'
import { lastRound } from '../../orbit/rules/network/schedule.ts'
import { until } from '../until.ts'
import { certificateOf, certifiedUnits } from './certified.ts'
import { deal, done, everybodyHasRoom, isDone } from './patient.ts'
import { Machine, type Status } from './processes.ts'

setDefaultTimeout(2_400_000)

const N = 3
/** Rounds of a second: so many that a node that waits for a core is not taken for one that knows nothing. */
const EPOCH = 12
const DEADLINE = 30
const names = ['founder', 'ada', 'blaise', 'carl'] as const
const honest = names.map((name) => new Machine(name))
const [founder] = honest as [Machine]
const liars: Machine[] = []
let address = ''

beforeAll(async () => {
  const size = ['--bits', '30', '--replication', String(N), '--epoch', String(EPOCH), '--deadline', String(DEADLINE)]
  await founder.run('init', '--local', ...size, '--name', 'founder', '--listen', '/ip4/127.0.0.1/tcp/0')
  // It seals a draw when it is asked for one, so that the cheat and all others are on each.
  founder.startScript(join(import.meta.dir, 'rogue.ts'), founder.home, 'patient', '2')
  address = await founder.address()
  for (const [i, machine] of honest.entries()) {
    if (i === 0) continue
    await machine.run('join', address, '--name', names[i]!)
    machine.start('work', '--cpu', '1', '--capacity', '2')
  }
})

afterAll(async () => {
  for (const machine of [...honest, ...liars]) await machine.dispose()
})

interface Liar {
  readonly machine: Machine
  readonly account: string
  readonly node: Bun.Subprocess
}

const WAYS = ['checksum', 'copy', 'skip', 'silent'] as const
/** What convicts. */
const KINDS = { checksum: 'leaf', copy: 'evidence' } as const
const entered = new Map<string, Promise<Liar>>()

/** One after the other: the next is let in when the one before has done what it does. */
function enter(how: (typeof WAYS)[number]): Promise<Liar> {
  const known = entered.get(how) ?? letIn(how)
  entered.set(how, known)
  return known
}

async function letIn(how: string): Promise<Liar> {
  const machine = new Machine(how)
  liars.push(machine)
  await machine.run('join', address, '--name', how)
  const node = machine.startScript(join(import.meta.dir, 'liar.ts'), machine.home, how)
  const { accounts } = await founder.until((s) => s.accounts.some(({ name }) => name === how), `${how} registered`)
  return { machine, node, account: accounts.find(({ name }) => name === how)!.account }
}

/** Stops a liar, and lets the next one in. */
async function exchange({ machine, node }: Liar, how: (typeof WAYS)[number]): Promise<void> {
  await machine.kill(node)
  const next = WAYS[WAYS.indexOf(how) + 1]
  if (next) await enter(next)
}

const isBanned = (status: Status, account: string) => status.convictions.some((c) => c.account === account)
const isManned = ({ accounts }: Status) => names.every((name) => accounts.some((account) => account.name === name))
const unitsOf = ({ accounts }: Status, account: string) => accounts.find((a) => a.account === account)?.units ?? 0

/** Nothing that honest accounts have is taken from them. */
function expectUntouched(before: Status, after: Status): void {
  for (const name of names) {
    const [had, has] = [before, after].map(({ accounts }) => accounts.find((a) => a.name === name)!)
    expect(has!.units).toBeGreaterThanOrEqual(had!.units)
    const [was, is] = [had, has].map((a) => LEVELS.indexOf(a!.level))
    expect(is).toBeGreaterThanOrEqual(was!)
  }
}

/** Deals until a cheat has had that many units to do. @returns the last draw, and which of its units those are */
async function dealTo(how: string, account: string, least: number): Promise<{ draw: DealtDraw; own: Assignment[] }> {
  for (let dealt = 0; ; ) {
    await everybodyHasRoom(founder, { founder: 2, ada: 2, blaise: 2, carl: 2, [how]: 4 })
    const draw = await deal(founder)
    const { node } = draw.draw.body.roster.find((entry) => entry.account === account)!
    const own = draw.assignments.filter(({ quorum }) => quorum.includes(node))
    dealt += own.length
    if (dealt >= least) return { draw, own }
  }
}

/**
 * Deals until a cheat is banned: on a slow machine others may have done what it would have lied about.
 *
 * @returns the draw that was dealt last, and how many units it had before
 */
async function dealUntilBanned(
  how: string,
  account: string,
): Promise<{ draw: DealtDraw; banned: Status; earned: number }> {
  const { genesis } = openHome(founder.home)
  let earned = 0
  while (true) {
    const { draw } = await dealTo(how, account, 1)
    const status = await founder.until((s) => {
      earned = Math.max(earned, unitsOf(s, account))
      const isOver = (s.network.beaconRound ?? 0) > lastRound(genesis, draw.draw.body.epoch)
      return isBanned(s, account) || isOver || draw.assignments.every(({ window }) => isDone(s, window))
    }, `${how} banned at the founder, or a draw done`)
    if (isBanned(status, account)) return { draw, banned: status, earned }
  }
}

const epochAt = (milliseconds: number): number => {
  const { chain, body } = openHome(founder.home).genesis
  return Math.floor(roundAt(chain, Math.floor(milliseconds / 1000)) / body.epoch.rounds)
}

/** The epoch from which the lie is out, and with it a result that differs from it where it takes that to see it. */
async function shownIn(account: string): Promise<number> {
  const { state } = await readSource(openHome(founder.home))
  const conviction = state.convictions.find((c) => c.account === account)!
  const { results } = state.answers.units.get(dealtUnitKey(conviction))!
  const [lie] = results.get(conviction.node) as [SignedResult]
  if (conviction.kind === 'evidence') return lie.body.batch
  const others = [...results.values()].flat().filter(({ item }) => resultKey(item) !== resultKey(lie.item))
  return Math.max(lie.body.batch, Math.min(...others.map(({ body }) => body.batch)))
}

/** Every certified result in every honest node's files, computed again. */
async function nothingFalseIsCertified(): Promise<number> {
  const { partition } = openHome(founder.home).genesis
  const engine = cpuEngine(partition, 1)
  const truths = new Map<bigint, Promise<string>>()
  const truthOf = async (window: bigint, index: number) => {
    const { count, checksum, peak, root } = await engine.verify({ partition, window, index })
    return JSON.stringify([count, checksumHex(checksum), peakText(peak), Buffer.from(root).toString('hex')])
  }
  try {
    for (const { home } of honest) {
      for (const { window, unit, result } of certifiedUnits(home)) {
        const { count, checksum, peak, root } = result
        if (!truths.has(window)) truths.set(window, truthOf(window, unit))
        const certified = JSON.stringify([count, checksum, peak, Buffer.from(root).toString('hex')])
        expect({ window, certified }).toEqual({ window, certified: await truths.get(window)! })
      }
    }
  } finally {
    await engine.close()
  }
  return truths.size
}

for (const how of ['checksum', 'copy'] as const) {
  test(`${how}: the liar is convicted on every honest node within three epochs, and nobody else is`, async () => {
    const before = await founder.until(isManned, 'the honest accounts')
    const liar = await enter(how)
    const { account } = liar
    const { draw, banned, earned } = await dealUntilBanned(how, account)
    const { kind, epoch, window } = banned.convictions.find((c) => c.account === account)!
    expect(kind).toBe(KINDS[how])
    const shown = await shownIn(account)
    for (const other of honest) {
      await other.until((s) => isBanned(s, account), `${how} banned`)
      const proof = fraudProofPath(other.home, { account, kind })
      await until(() => existsSync(proof), `the proof against ${how} at ${other.name}`)
      expect(epochAt(statSync(proof).mtimeMs) - shown).toBeLessThanOrEqual(3)
      expect(await other.run('verify', proof)).toContain(account)
    }
    await exchange(liar, how)

    // What it lied about is settled with two more called, if they had enough of the machine to answer in time.
    const { status: after, more } = await done(founder, draw, [window])
    const settled = await certificateOf(founder.home, BigInt(window))
    expect(settled.accounts).not.toContain(account)
    expect(settled.counted).toBeLessThanOrEqual(N + SEATS_AN_ESCALATION)
    if (more === 0) expect(settled.epoch).toBe(epoch)
    // What it did before that, honestly, is certified, and stays so; nothing was copied honestly.
    const least = how === 'checksum' ? Math.max(1, earned) : 0
    expect(unitsOf(after, account)).toBeGreaterThanOrEqual(least)
    expect(certifiedUnits(founder.home).some(({ accounts }) => accounts.includes(account))).toBe(how === 'checksum')
    // And nobody else has anything to answer for.
    const guilty = new Set(after.convictions.map((c) => c.account))
    for (const { name, account: key, level } of after.accounts) {
      expect(level === 'BANNED').toBe(guilty.has(key))
      expect(guilty.has(key)).toBe(!names.includes(name as never) && WAYS.indexOf(name as never) <= WAYS.indexOf(how))
    }
    expectUntouched(before, after)
  })
}

for (const how of ['skip', 'silent'] as const) {
  test(`${how}: nothing of it counts, and every unit that it was dealt is done without it`, async () => {
    const before = await founder.until(isManned, 'the honest accounts')
    const liar = await enter(how)
    const { account } = liar
    const { draw, own } = await dealTo(how, account, 2)
    const windows = own.map(({ window }) => window)
    const { status: after, more } = await done(founder, draw, windows)
    const { state } = await readSource(openHome(founder.home))
    for (const { epoch, window, unit } of own) {
      const certified = await certificateOf(founder.home, window)
      expect(certified.accounts).not.toContain(account)
      if (more === 0) expect(certified.epoch).toBe(epoch)
      // Those of the reserve took over: two at most, as nobody said anything else.
      expect(state.settlements.get(dealtUnitKey({ epoch, window, unit }))?.escalations ?? 0).toBe(0)
      expect(certified.counted).toBeLessThanOrEqual(N + SEATS_AN_ESCALATION)
    }
    if (how === 'skip') expect(after.units.refused['evidence-short']).toBeGreaterThan(0)
    // It has signed nothing false: no credit is all that it comes to.
    expect(unitsOf(after, account)).toBe(0)
    expect(isBanned(after, account)).toBe(false)
    expectUntouched(before, after)
    await exchange(liar, how)
  })
}

test('all that was certified is true, on every honest node', async () => {
  expect(await nothingFalseIsCertified()).toBeGreaterThan(10)
  const newest = await founder.status()
  for (const machine of honest) {
    const caughtUp = (s: Status) => BigInt(s.frontier.below) >= BigInt(newest.frontier.below)
    const theirs = await machine.until(caughtUp, 'the frontier')
    expect(theirs.convictions.map(({ account }) => account)).toEqual(newest.convictions.map(({ account }) => account))
    for (const name of names) expect(theirs.accounts.find((a) => a.name === name)!.units).toBeGreaterThan(0)
  }
})
