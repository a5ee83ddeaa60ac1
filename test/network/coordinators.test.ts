/** A network of two coordinators: they take turns, and when one seals nothing any more the other goes on alone. */
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { readSource } from '../../cli/network/state-source.ts'
import { openHome } from '../../orbit/node/home/home.ts'
import { until } from '../until.ts'
import { Machine } from './processes.ts'

setDefaultTimeout(2_400_000)

const [founder, second] = ['founder', 'second'].map((name) => new Machine(name)) as [Machine, Machine]

afterAll(async () => {
  for (const machine of [founder, second]) await machine.dispose()
})

test('both seal draws in turn; one that seals nothing any more is stepped in for', async () => {
  const { node: key } = JSON.parse(await second.run('coordinate', '--prepare', '--json'))
  expect(JSON.parse(await second.run('coordinate', '--prepare', '--json')).node).toBe(key)
  const size = ['--bits', '30', '--replication', '2', '--allowance', '2', '--coordinators', key]
  await founder.run('init', '--local', ...size, '--name', 'founder', '--listen', '/ip4/127.0.0.1/tcp/0')
  const node = founder.start('work', '--cpu', '1', '--capacity', '2')
  await second.run('join', await founder.address(), '--name', 'second')
  // It asks for more than it has shown work for.
  second.start('work', '--cpu', '1', '--capacity', '64')
  await second.address()
  const sealers = async () => {
    const { state } = await readSource(openHome(second.home))
    return [...state.draws].map(([epoch, { draw }]) => ({ epoch, coordinator: draw.signer }))
  }
  const both = async () => {
    const distinct = new Set((await sealers()).map(({ coordinator }) => coordinator))
    return distinct.size >= 2 && distinct
  }
  expect(await until(both, 'draws of both', { every: 500 })).toContain(key)

  // The founder's node makes this network's beacon; it goes on with that, and with nothing else.
  await founder.kill(node, 'SIGTERM')
  const last = Math.max(...(await sealers()).map(({ epoch }) => epoch))
  founder.startScript(join(import.meta.dir, 'rogue.ts'), founder.home, 'idle')
  const later = async () => (await sealers()).filter(({ epoch }) => epoch > last + 1)
  const three = async () => {
    const draws = await later()
    return draws.length >= 3 && draws
  }
  const newest = await until(three, 'three more draws', { every: 500 })
  expect(new Set(newest.map(({ coordinator }) => coordinator))).toEqual(new Set([key]))
  const { state } = await readSource(openHome(second.home))
  const tickets = [...state.draws.values()].flatMap(({ draw: { body } }) =>
    body.roster.flatMap(({ node: of, capacity }) => (of === key ? [capacity] : [])),
  )
  expect(tickets.length).toBeGreaterThan(2)
  // With two units an epoch between the two of them its best epoch has two, and twice that is four.
  expect(Math.max(...tickets)).toBeLessThanOrEqual(4)
  // Epochs of both parities: those too in which it was the other's turn.
  expect(new Set(newest.map(({ epoch }) => epoch % 2)).size).toBe(2)
})
