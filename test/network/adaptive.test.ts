/** Four real nodes with adaptive replication: once an account is TRUSTED, its result and an audit certify a unit. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { certificatePath } from '../../orbit/node/home/certificate-files.ts'
import { type CertifiedUnit, certifiedUnits } from './certified.ts'
import { Machine } from './processes.ts'

setDefaultTimeout(2_400_000)

const names = ['founder', 'ada', 'blaise', 'carl'] as const
const machines = names.map((name) => new Machine(name))
const [founder, ...others] = machines as [Machine, Machine, Machine, Machine]

beforeAll(async () => {
  const size = ['--bits', '30', '--replication', '3', '--deadline', '24', '--adaptive', '--trusted', '2']
  await founder.run('init', '--local', ...size, '--name', 'founder', '--listen', '/ip4/127.0.0.1/tcp/0')
  founder.start('work', '--cpu', '1', '--capacity', '2')
  const address = await founder.address()
  for (const [i, machine] of others.entries()) {
    await machine.run('join', address, '--name', names[i + 1]!)
    machine.start('work', '--cpu', '1', '--capacity', '2')
  }
})

afterAll(() => Promise.all(machines.map((machine) => machine.dispose())))

const byOne = () => certifiedUnits(founder.home).filter(({ accounts }) => accounts.length === 1)

test('windows are certified by three at first, then by one and an audit, and every node says the same', async () => {
  await founder.until(() => byOne().length >= 3, 'three windows that one account certified')
  expect(certifiedUnits(founder.home)[0]!.accounts.length).toBe(3)
  const [{ window }] = byOne() as [CertifiedUnit]
  for (const machine of others) {
    const status = await machine.until((s) => BigInt(s.frontier.below) > window << 30n, 'the window')
    expect(status.convictions).toEqual([])
    expect(status.units.refused).toEqual({})
  }
  // All of it holds; windows of 2^30 have so few hard numbers that they prove nothing.
  const { code, stdout } = await others[0]!.outcome('verify', certificatePath(founder.home, window), '--seconds', '1')
  expect({ code, stdout }).toEqual({ code: 5, stdout: expect.stringMatching(/1 by one result of a trusted account/) })
})

test('the independent verifier is convinced as well', async () => {
  const path = certificatePath(founder.home, byOne()[0]!.window)
  const script = join(import.meta.dir, '../verifier/standalone/verify.mjs')
  const child = Bun.spawn([process.execPath, script, path], { stdout: 'pipe', stderr: 'pipe' })
  const [output, errors] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  expect([errors, await child.exited]).toEqual(['', 5])
  expect(output).toMatch(/^PROVES NOTHING[\s\S]*1 account signed results, of [34] on the roster/)
})

test('the program says what it costs', async () => {
  const text = await founder.run('security')
  expect(text).toContain('adaptive')
})
