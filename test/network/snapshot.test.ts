/** A newcomer gets what is settled as a snapshot from the node that it joins, checks it, and goes on with what is live. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { snapshotPath } from '../../orbit/node/archive/snapshot-exchange.ts'
import { certificateFiles } from '../../orbit/node/home/certificate-files.ts'
import { openHome } from '../../orbit/node/home/home.ts'
import { readHistory } from '../../orbit/node/offline/knowledge.ts'
import { until } from '../until.ts'
import { Machine, type Status } from './processes.ts'

setDefaultTimeout(2_400_000)

const [founder, ada, blaise, carl] = ['founder', 'ada', 'blaise', 'carl'].map((name) => new Machine(name)) as [
  Machine,
  Machine,
  Machine,
  Machine,
]
let node: Bun.Subprocess

beforeAll(async () => {
  // N = 1 and a deadline of two rounds: a window is settled a quarter of a minute after it was dealt.
  const size = ['--bits', '30', '--deadline', '2', '--listen', '/ip4/127.0.0.1/tcp/0']
  await founder.run('init', '--local', ...size, '--name', 'founder')
  node = founder.start('work', '--cpu', '1', '--capacity', '2')
})

afterAll(async () => {
  for (const machine of [founder, ada, blaise, carl]) await machine.dispose()
})

const settledAt = (machine: Machine) => readHistory(openHome(machine.home))

test('join brings the settled windows, checked, and work goes on above them', async () => {
  await until(() => existsSync(snapshotPath(founder.home)), 'a snapshot', { every: 200 })
  const address = await founder.address()
  const text = await ada.run('join', address, '--name', 'ada')
  expect(text).toMatch(/checked \d+ certified windows?/)
  expect(existsSync(`${snapshotPath(ada.home)}.new`)).toBe(false)
  const settled = settledAt(ada)
  expect(settled.size).toBeGreaterThan(0)
  for (const window of settled.keys()) {
    expect(certificateFiles(ada.home).map((file) => file.window)).toContain(window)
  }
  // Without any peer, by what was checked alone.
  const alone = await ada.status()
  expect(alone.frontier.windows).toBe(settled.size)

  // A draw whose documents are gone everywhere: the certificates that rest on it have it.
  const { genesis } = openHome(ada.home)
  const [first] = [...settled.values()]
  const epoch = first!.dealtAt / genesis.body.epoch.rounds
  expect(await ada.run('verify', 'draw', String(epoch))).toStartWith(`VALID: the deal of epoch ${epoch} follows`)
  const { units, witnesses } = JSON.parse(await ada.run('draw', String(epoch), '--json'))
  expect(units).toContainEqual(expect.objectContaining({ window: first!.window.toString(), certified: true }))
  expect(witnesses).toEqual({ accounts: 1, needed: 1, of: 1 })

  // And handed over as a file.
  const file = join(ada.home, 'windows.car')
  expect(await ada.run('snapshot', file)).toContain(file)
  const checked = await carl.run('join', address, '--name', 'carl', '--snapshot', file)
  expect(checked).toContain(`${settled.size} certified window`)
  expect([...settledAt(carl)]).toEqual([...settled])

  ada.start('work', '--cpu', '1', '--capacity', '2')
  const { frontier } = await founder.status()
  await ada.until((s) => BigInt(s.frontier.below) >= BigInt(frontier.below), 'the frontier')
  // Who did it comes with a log of its own, later than certificates may, which say how far the frontier is.
  const isCredited = ({ accounts }: Status) =>
    accounts.some(({ name, units }) => name === 'founder' && units >= settled.size)
  await ada.until(isCredited, "the founder's units")
})

test('a snapshot that does not hold is refused in a line, and joining goes on without it', async () => {
  const address = await founder.address()
  await founder.kill(node, 'SIGTERM')
  const path = snapshotPath(founder.home)
  const bytes = readFileSync(path)
  bytes[bytes.length - 200]! ^= 1
  writeFileSync(path, bytes)
  // As it lies there, and as a malicious peer would hand it out: a node like others writes it anew when it starts.
  const again = founder.startScript(join(import.meta.dir, 'rogue.ts'), founder.home, 'spoilt')
  const changed = await founder.until((s) => (s.node?.addresses.length ?? 0) > 0, 'an address')
  expect(changed.node!.addresses[0]).toBeDefined()
  const child = Bun.spawn([blaise.binary, 'join', changed.node!.addresses[0]!, '--name', 'blaise'], {
    env: { ...process.env, COLLATZ_HOME: blaise.home },
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [output, errors] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  expect(await child.exited).toBe(0)
  expect(errors).toMatch(/(^|\n)collatz: NOT VALID: the snapshot from [^\n]+ Joined without it\n$/)
  expect(output).toContain('Joined network')
  expect(settledAt(blaise).size).toBe(0)
  expect(address).toContain('/ip4/127.0.0.1/')
  await founder.kill(again)
})
