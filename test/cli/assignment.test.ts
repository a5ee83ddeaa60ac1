/** Who is there, who was dealt what, and what a party could do: the commands, on a network of one, offline. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { openHome } from '../../orbit/node/home.ts'
import { publicKeyOf } from '../../orbit/rules/statement.ts'
import { Desk, type Outcome } from './program.ts'

setDefaultTimeout(120_000)

const desk = new Desk()
const ok = ({ code, stdout, stderr }: Outcome): string => {
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
}
const text = async (...args: string[]) => ok(await desk.run(...args))
const json = async (...args: string[]) => JSON.parse(await text(...args, '--json'))
let node: string

beforeAll(async () => {
  await text('init', '--local', '--bits', '32', '--name', 'founder', '--listen', '/ip4/127.0.0.1/tcp/0')
  await text('work', '--units', '2')
  node = publicKeyOf(openHome(desk.path('data')).nodeKey)
})
afterAll(() => desk.dispose())

test('pool: who is there, since when, and whether the next draw has it', async () => {
  const { nodes } = await json('pool')
  expect(nodes).toEqual([expect.objectContaining({ node, name: 'founder', fresh: true })])
  expect(await text('pool')).toContain('founder')
})

test('draw: sealed by the founder, witnessed, and each unit dealt to it', async () => {
  const dealt = await json('draw')
  expect(dealt).toMatchObject({ coordinator: node, witnesses: { accounts: 1, needed: 1, of: 1 } })
  expect(dealt.units.length).toBeGreaterThan(0)
  for (const { quorum } of dealt.units) expect(quorum).toEqual([node])
  expect(await text('draw', String(dealt.epoch))).toContain(`epoch ${dealt.epoch}: 1 node on the roster`)
})

test('verify draw: recomputed from the sealed draw and the beacon round, and the same', async () => {
  const { epoch, units, cid } = await json('draw')
  expect(await text('verify', 'draw', String(epoch))).toStartWith(`VALID: the deal of epoch ${epoch} follows`)
  expect(await json('verify', 'draw', String(epoch))).toMatchObject({ valid: true, epoch, units, cid })
  const { code, stderr } = await desk.run('verify', 'draw', String(epoch + 1000))
  expect({ code, lines: stderr.trim().split('\n').length }).toEqual({ code: 1, lines: 1 })
  expect(stderr).toContain(`epoch ${epoch + 1000} has no draw here`)
})

test('security: what a share of the tickets comes to, and what accounts cost', async () => {
  const { shares, costs, tickets: all, coreSecondsPerAccount } = await json('security')
  // With N = 1 a unit is whose ticket it is.
  for (const { tickets, chance } of shares) expect(chance).toBeCloseTo(tickets / all, 12)
  expect(costs.map(({ accounts }: { accounts: number }) => accounts)).toEqual([1, 10, 100, 1000])
  for (const { accounts, coreSeconds } of costs) expect(coreSeconds).toBeCloseTo(accounts * coreSecondsPerAccount, 9)
  expect(await text('security')).toContain('N = 1')
})

test('decline: what is owed is given back, once', async () => {
  const { declined } = await json('decline')
  expect(declined).toBeGreaterThanOrEqual(0)
  const { nodes } = await json('pool')
  expect(nodes[0].missed).toBeGreaterThanOrEqual(declined)
})

test('coordinate --prepare prints the key that a founder needs, the same each time', async () => {
  const other = ['--data', desk.path('other')]
  const prepared = await json('coordinate', '--prepare', ...other)
  expect(prepared.node).toMatch(/^[0-9a-f]{64}$/)
  expect(await text('coordinate', '--prepare', ...other)).toContain(`Node key ${prepared.node}`)
})
