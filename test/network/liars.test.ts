/** Five real nodes, N = 3, and one of them cheats: nothing false is certified, and what can be proved is proved. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { readSource } from '../../cli/source.ts'
import { cpuEngine } from '../../kernels/cpu.ts'
import { fraudProofPath } from '../../orbit/node/fraud.ts'
import { openHome } from '../../orbit/node/home.ts'
import { dealtUnitKey } from '../../orbit/rules/batch.ts'
import { roundAt } from '../../orbit/rules/beacon.ts'
import { checksumHex, resultKey } from '../../orbit/rules/events.ts'
import { Machine, type Status } from './processes.ts'

setDefaultTimeout(300_000)

const DEADLINE = 12
const names = ['founder', 'ada', 'blaise', 'carl'] as const
const honest = names.map((name) => new Machine(name))
const [founder] = honest as [Machine]
const liars: Machine[] = []
let address = ''

beforeAll(async () => {
  const size = ['--bits', '30', '--replication', '3', '--deadline', String(DEADLINE)]
  await founder.run('init', '--local', ...size, '--name', 'founder', '--listen', '/ip4/127.0.0.1/tcp/0')
  const work = (machine: Machine) => machine.start('work', '--cpu', '1', '--capacity', '2')
  work(founder)
  address = await founder.address()
  for (const [i, machine] of honest.entries()) {
    if (i === 0) continue
    await machine.run('join', address, '--name', names[i]!)
    work(machine)
  }
})

afterAll(async () => {
  for (const machine of [...honest, ...liars]) await machine.dispose()
})

async function liar(how: string): Promise<{ machine: Machine; account: string; node: Bun.Subprocess }> {
  const machine = new Machine(how)
  liars.push(machine)
  await machine.run('join', address, '--name', how)
  const node = machine.startScript(join(import.meta.dir, 'liar.ts'), machine.home, how)
  const { accounts } = await founder.until((s) => s.accounts.some(({ name }) => name === how), `${how} registered`)
  return { machine, node, account: accounts.find(({ name }) => name === how)!.account }
}

const isBanned = (status: Status, account: string) => status.convictions.some((c) => c.account === account)

/** The fraud proof that a node writes by itself as soon as it knows. */
async function proofOf(machine: Machine, account: string): Promise<string> {
  const { kind } = (await machine.status()).convictions.find((c) => c.account === account)!
  const path = fraudProofPath(machine.home, { account, kind })
  for (let i = 0; !existsSync(path) && i < 100; i++) await Bun.sleep(200)
  return path
}

const epochAt = (milliseconds: number): number => {
  const { chain, body } = openHome(founder.home).genesis
  return Math.floor(roundAt(chain, Math.floor(milliseconds / 1000)) / body.epoch.rounds)
}

/** The epoch from which the lie and a result that differs from it are both out. */
async function shownIn(account: string): Promise<number> {
  const { state } = await readSource(openHome(founder.home))
  const conviction = state.convictions.find((c) => c.account === account)!
  const { reveals } = state.evidence.units.get(dealtUnitKey(conviction))!
  const lie = reveals.get(conviction.node)!
  const others = [...reveals.values()].filter(({ item }) => resultKey(item.result) !== resultKey(lie.item.result))
  return Math.max(lie.body.batch, Math.min(...others.map(({ body }) => body.batch)))
}

/** Every certified result, computed again. */
async function nothingFalseIsCertified(): Promise<number> {
  const { state } = await readSource(openHome(founder.home))
  const engine = cpuEngine(state.genesis.partition, 1)
  let checked = 0
  try {
    for (const { window, certified } of state.windows.values()) {
      for (const [index, { results, settlement }] of certified) {
        const truth = await engine.verify({ partition: state.genesis.partition, window, index })
        for (const { item } of results) {
          expect(item.result.checksum).toBe(checksumHex(truth.checksum))
          expect(item.result.count).toBe(truth.count)
        }
        expect(settlement.escalations).toBeLessThanOrEqual(1)
        checked++
      }
    }
  } finally {
    await engine.close()
  }
  return checked
}

for (const how of ['checksum', 'skip']) {
  test(`${how}: the liar is convicted on every honest node within three epochs, and nobody else is`, async () => {
    const { account, machine, node } = await liar(how)
    await founder.until((s) => isBanned(s, account), `${how} banned at the founder`, 200)
    for (const other of honest) await other.until((s) => isBanned(s, account), `${how} banned`)
    const { convictions, accounts } = await founder.status()
    const guilty = new Set(convictions.map((c) => c.account))
    const banned = accounts.filter(({ level }) => level === 'BANNED')
    expect(banned.map(({ name }) => name)).toContain(how)
    expect(banned.every(({ name, account: key }) => guilty.has(key) && !names.includes(name as never))).toBe(true)
    const shown = await shownIn(account)
    for (const other of honest) {
      const proof = await proofOf(other, account)
      expect(await other.run('verify', proof)).toContain(account)
      expect(epochAt(statSync(proof).mtimeMs) - shown).toBeLessThanOrEqual(3)
    }
    await machine.kill(node)
  })
}

for (const how of ['copy', 'silent']) {
  test(`${how}: nothing of it counts, and every unit that it was dealt is done without it`, async () => {
    const { account, machine, node } = await liar(how)
    const dealt = async () => {
      const { state } = await readSource(openHome(founder.home))
      const own = state.accounts.find((a) => a.account === account)?.nodes ?? []
      return [...state.draws.values()].flatMap(({ assignments }) =>
        assignments.filter(({ quorum }) => quorum.some((n) => own.includes(n))),
      )
    }
    let first = await dealt()
    for (let i = 0; first.length < 2 && i < 100; i++) {
      await Bun.sleep(500)
      first = await dealt()
    }
    expect(first.length).toBeGreaterThanOrEqual(2)
    const wanted = first.slice(0, 2).map(({ window }) => window.toString())
    const status = await founder.until(
      (s) => wanted.every((window) => s.windows.find((w) => w.window === window)?.complete),
      'the units that it was dealt',
      150,
    )
    expect(status.accounts.find((a) => a.account === account)!.units).toBe(0)
    await machine.kill(node)
  })
}

test('all that was certified is true, with at most two more called for a unit', async () => {
  expect(await nothingFalseIsCertified()).toBeGreaterThan(5)
  const { accounts } = await founder.status()
  for (const name of names) expect(accounts.find((a) => a.name === name)!.units).toBeGreaterThan(0)
})
