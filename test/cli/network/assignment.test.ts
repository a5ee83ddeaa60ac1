/**
 * Who is there, who was dealt what, and what a party could do: the commands, on a network of one,
 * offline.
 */
import { Database } from 'bun:sqlite'
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import { certificateFiles } from '../../../orbit/node/home/certificate-files.ts'
import { openHome } from '../../../orbit/node/home/home.ts'
import { publicKeyOf } from '../../../orbit/rules/base/statement.ts'
import { readDealtDraws } from '../../../orbit/rules/certificate/signed-lists.ts'
import type { DrawBody } from '../../../orbit/rules/message/bodies.ts'
import { Desk, type Outcome } from '../program.ts'

setDefaultTimeout(2_400_000)

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

test('verify draw: recomputed from what is stored, and the same', async () => {
  const { epoch, units, cid } = await json('draw')
  const said = await text('verify', 'draw', String(epoch))
  expect(said).toStartWith(`VALID: the deal of epoch ${epoch} follows from draw ${cid}, which stands.`)
  expect(said).toMatch(/^roster +ok +1 node of 1 account/m)
  expect(said).toMatch(/^witnesses +ok +1 of 1 account, 1 are needed: founder$/m)
  const verified = await json('verify', 'draw', String(epoch))
  expect(verified).toMatchObject({ valid: true, fault: null, epoch, units, cid })
  expect(said).toContain(verified.digest)
})

test('verify draw: when its documents are dropped, the certificate shows that it stood, and what is gone is said', async () => {
  const [proof] = certificateFiles(desk.path('data'))
  const [{ epoch }] = readDealtDraws(new Uint8Array(readFileSync(proof!.path))).map(({ draw }) => draw.body) as [
    DrawBody,
  ]
  const { digest } = await json('verify', 'draw', String(epoch))
  const data = desk.path('settled')
  cpSync(desk.path('data'), data, { recursive: true })
  const sql = new Database(join(data, 'node.sqlite'))
  // As settling does it: the documents of draws go, and the pools with their logs.
  const of = (kind: string) => `(SELECT address FROM databases WHERE kind = '${kind}')`
  sql.run(`DELETE FROM documents WHERE db IN ${of('draws')} OR db IN ${of('pool')}`)
  for (const { hash } of sql.query<{ hash: string }, []>(`SELECT hash FROM entries WHERE db IN ${of('pool')}`).all()) {
    sql.query('DELETE FROM blocks WHERE k = ?').run(CID.parse(hash, base58btc).multihash.bytes)
  }
  sql.run(`DELETE FROM entries WHERE db IN ${of('pool')}`)
  sql.close()
  const said = await text('verify', 'draw', String(epoch), '--data', data)
  expect(said).toStartWith('VALID')
  expect(said).toMatch(/^roster +\? +not looked at/m)
  expect(said).toMatch(/^cited +\? +the pool heads that it cites are not here any more/m)
  expect(said).toMatch(/^witnesses +ok +1 of 1 account, 1 are needed: the certificate of window [0-9]+ has so many$/m)
  expect(said).toContain(digest)

  const [certificate] = certificateFiles(data)
  const bytes = readFileSync(certificate!.path)
  // In the sealed draw: what the certificate says of its units is not what a draw is verified by.
  bytes[bytes.indexOf('"draws":') + 200]! ^= 1
  for (const { path } of certificateFiles(data)) writeFileSync(path, bytes)
  const { code, stdout, stderr } = await desk.run('verify', 'draw', String(epoch), '--data', data, '--json')
  expect(code).toBe(65)
  expect(stderr).toMatch(
    /^collatz: INVALID: the draw of epoch [0-9]+: the files here were changed: the certificate of window/,
  )
  expect(JSON.parse(stdout)).toMatchObject({ valid: false, epoch })
})

const refused: readonly [string, RegExp, number][] = [
  ['-3', /^collatz: -3 is negative/, 64],
  ['now', /^collatz: the epoch is "now": give a whole number/, 64],
  ['1.5', /^collatz: the epoch is "1.5": give a whole number/, 64],
  ['0', /^collatz: epoch 0 has no draw here: the newest that is dealt is [0-9]+/, 1],
  ['999999', /^collatz: epoch 999999 has no draw here/, 1],
  ['1 2', /^collatz: unexpected argument "2"/, 64],
]
test.each(refused)('draw and verify draw of epoch %s: one line, and which', async (epoch, says, code) => {
  for (const command of [['draw'], ['verify', 'draw']]) {
    const outcome = await desk.run(...command, ...epoch.split(' '))
    expect(outcome).toEqual({ code, stdout: '', stderr: expect.stringMatching(says) })
    expect(outcome.stderr.trim().split('\n')).toHaveLength(1)
  }
})

test('security: what a share of the tickets comes to, and what accounts cost', async () => {
  const { shares, costs, tickets: all, coreSecondsPerAccount } = await json('security')
  // With N = 1 a unit is whose ticket it is.
  for (const { tickets, chance } of shares) expect(chance).toBeCloseTo(tickets / all, 12)
  expect(costs.map(({ accounts }: { accounts: number }) => accounts)).toEqual([1, 10, 100, 1000])
  for (const { accounts, coreSeconds } of costs) expect(coreSeconds).toBeCloseTo(accounts * coreSecondsPerAccount, 9)
  expect(await text('security')).toContain('N = 1')
})

test('security: for the shares and numbers of accounts that are asked about, and for no others', async () => {
  const { shares, costs } = await json('security', '--shares', '.25,100 %', '--accounts', '7')
  expect(shares.map(({ share }: { share: number }) => share)).toEqual([0.25, 1])
  expect(shares[1].chance).toBe(1)
  expect(costs).toMatchObject([{ accounts: 7 }])
  for (const [flag, value] of [
    ['--shares', '0'],
    ['--shares', '1.01'],
    ['--shares', '101%'],
    ['--shares', 'half'],
    ['--accounts', '0'],
    ['--accounts', '2.5'],
    ['--accounts', 'many'],
  ] as const) {
    const { code, stdout, stderr } = await desk.run('security', flag, value)
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' })
    expect(stderr).toStartWith(`collatz: ${flag} has "${value}": give `)
  }
})

test('coordinate: its first line of JSON says that it started, and Ctrl-C ends it', async () => {
  const child = desk.start('coordinate', '--json')
  const first = (await child.stdout.getReader().read()).value!
  expect(JSON.parse(new TextDecoder().decode(first))).toMatchObject({ event: 'started', node })
  child.kill('SIGINT')
  expect(await child.exited).toBe(0)
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
