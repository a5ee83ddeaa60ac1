/** Four real nodes, N = 3: who is there, who was dealt what, and whether that was right, asked of a node and of its files. */
import { Database } from 'bun:sqlite'
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as dagCbor from '@ipld/dag-cbor'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import { openHome } from '../../orbit/node/home/home.ts'
import { publicKeyOf } from '../../orbit/rules/base/statement.ts'
import { until } from '../until.ts'
import { Machine } from './processes.ts'

setDefaultTimeout(2_400_000)

const scratch = mkdtempSync(join(tmpdir(), 'collatz-draws-'))
const [founder, ada, blaise, carl] = ['founder', 'ada', 'blaise', 'carl'].map((name) => new Machine(name)) as [
  Machine,
  Machine,
  Machine,
  Machine,
]
const NAMES = ['ada', 'blaise', 'carl']
/** Seconds, long enough for a slow machine to have a draw everywhere before its beacon round. */
const EPOCH_ROUNDS = 5
const REFUSED = 65
const events = join(scratch, 'events')
let coordinator: Bun.Subprocess
let carlsNode: Bun.Subprocess
/** The key of the founder's node. */
let sealer: string
/** An epoch whose draw stands, and what was made of it while all ran. */
let epoch: number
let digest: string

interface Verified {
  readonly valid: boolean | null
  readonly fault: string | null
  readonly epoch: number
  readonly coordinator: string
  readonly cid: string
  readonly digest: string
  readonly checks: readonly { readonly check: string; readonly result: string; readonly says: string }[]
  readonly witnesses: { readonly accounts: number; readonly needed: number; readonly of: number }
  readonly units: readonly { readonly quorum: readonly string[] }[]
  readonly roster: readonly { readonly node: string; readonly account: string }[]
}

interface Pool {
  readonly nextEpoch: number
  readonly nodes: readonly { readonly name: string; readonly capacity: number; readonly fresh: boolean }[]
}

/** One JSON value and nothing else on stdout. */
const json = async (machine: Machine, ...args: string[]) => JSON.parse(await machine.run(...args, '--json'))
const linesOf = (text: string) => text.trim().split('\n')
beforeAll(async () => {
  const size = ['--bits', '30', '--replication', '3', '--epoch', String(EPOCH_ROUNDS)]
  await founder.run('init', '--local', ...size, '--name', 'founder', '--listen', '/ip4/127.0.0.1/tcp/0')
  sealer = publicKeyOf(openHome(founder.home).nodeKey)
  coordinator = founder.startWriting(Bun.file(events), 'coordinate', '--json')
  const address = await founder.address()
  for (const [i, machine] of [ada, blaise, carl].entries()) {
    await machine.run('join', address, '--name', NAMES[i]!)
    const node = machine.start('work', '--cpu', '1', '--capacity', '2')
    if (machine === carl) carlsNode = node
  }
  await ada.until(({ draws }) => (draws?.witnessed ?? 0) > 0, 'a draw that it witnesses')
  await until(async () => (await ada.outcome('verify', 'draw')).code === 0, 'a draw that stands', { every: 500 })
})

afterAll(async () => {
  for (const machine of [founder, ada, blaise, carl]) await machine.dispose()
  rmSync(scratch, { recursive: true, force: true })
})

test('coordinate --json: a line of JSON at its start and for each draw that it sealed', () => {
  const said = linesOf(readFileSync(events, 'utf8')).map((line) => JSON.parse(line))
  const { networkId } = openHome(founder.home).genesis
  expect(said[0]).toMatchObject({ event: 'started', network: networkId, node: sealer })
  expect(said[0].addresses.length).toBeGreaterThan(0)
  expect(said.length).toBeGreaterThan(1)
  for (const { event, units, nodes } of said.slice(1)) {
    expect({ event, nodes }).toEqual({ event: 'sealed', nodes: 3 })
    expect(units).toBeGreaterThan(0)
  }
})

test('pool: three that work, each with an account and tickets, and one that only seals', async () => {
  let last: unknown
  const freshNodes = async () => {
    const { nodes, nextEpoch }: Pool = await json(ada, 'pool')
    last = nodes
    expect(nodes.map(({ name }) => name).sort()).toEqual([...NAMES, 'founder'])
    expect(nextEpoch).toBeGreaterThan(0)
    const working = nodes.filter(({ capacity }) => capacity > 0)
    return working.length === NAMES.length && working.every(({ fresh }) => fresh)
  }
  // On a slow machine one or the other is late with its heartbeat.
  await until(freshNodes, 'three fresh nodes', { seen: () => last })
})

test('verify draw: all of it recomputed by a node that runs, and the same as it says of itself', async () => {
  // The newest one that stands.
  const verified: Verified = await json(ada, 'verify', 'draw')
  // Whether it came to this node in time is the machine's affair.
  expect(verified.checks.filter(({ check, result }) => result !== 'holds' && check !== 'here')).toEqual([])
  expect(verified.checks.map(({ check }) => check)).toEqual([
    ...['sealed', 'beacon', 'offers', 'cited', 'roster', 'excluded', 'trusted', 'allowances', 'left out'],
    ...['witnesses', 'here', 'deal'],
  ])
  expect(verified).toMatchObject({ valid: true, fault: null, coordinator: sealer, witnesses: { of: 3, needed: 2 } })
  expect(verified.witnesses.accounts).toBeGreaterThanOrEqual(2)
  epoch = verified.epoch
  digest = verified.digest
  const { units, cid } = await json(ada, 'draw', String(epoch))
  expect({ units: units.map(({ quorum }: Verified['units'][0]) => quorum), cid }).toEqual({
    units: verified.units.map(({ quorum }) => quorum),
    cid: verified.cid,
  })
  for (const { quorum } of verified.units) expect(new Set(quorum).size).toBe(3)
  // Another node, which only seals.
  expect(await json(founder, 'verify', 'draw', String(epoch))).toMatchObject({ valid: true, digest })
})

test('verify draw of an epoch to come: one line, and no VALID', async () => {
  const { code, stdout, stderr } = await ada.outcome('verify', 'draw', '1000000', '--json')
  expect({ code, stdout, lines: linesOf(stderr).length }).toEqual({ code: 1, stdout: '', lines: 1 })
  expect(stderr).toMatch(/^collatz: epoch 1000000 has no draw here: the newest that is dealt is \d+/)
})

test('security: of the roster that there is, for the shares and the accounts that are asked about', async () => {
  const ofThree = async () => {
    const answer = await json(ada, 'security', '--shares', '0.5,100%', '--accounts', '3,30')
    return answer.nodes === NAMES.length && answer
  }
  const { shares, costs, tickets, replication } = await until(ofThree, 'a roster of three')
  expect(replication).toBe(3)
  expect(shares.map(({ share }: { share: number }) => share)).toEqual([0.5, 1])
  expect(shares[1]).toMatchObject({ tickets, chance: 1 })
  // C(S, 3) / C(T, 3)
  const S = Math.round(tickets / 2)
  expect(shares[0].chance).toBeCloseTo((S * (S - 1) * (S - 2)) / (tickets * (tickets - 1) * (tickets - 2)), 12)
  expect(costs.map(({ accounts }: { accounts: number }) => accounts)).toEqual([3, 30])
})

test('a draw that leaves out somebody whom its heads contain is INVALID, and says so', async () => {
  await founder.kill(coordinator, 'SIGTERM')
  founder.startScript(join(import.meta.dir, 'rogue.ts'), founder.home, 'omit')
  const note = join(founder.home, 'rogue')
  const sealed = (): number[] => (existsSync(note) ? JSON.parse(readFileSync(note, 'utf8')) : [])
  const isWrong = ({ epoch, fault }: { epoch: number; fault: string }) =>
    sealed().includes(epoch) && fault.includes('does not follow from the pool heads')
  const status = await ada.until(({ draws }) => draws?.refused.some(isWrong) ?? false, 'a draw that it refuses')
  const wrong = status.draws!.refused.find(isWrong)!
  const { code, stdout, stderr } = await ada.outcome('verify', 'draw', String(wrong.epoch), '--json')
  expect({ code, lines: linesOf(stderr).length }).toEqual({ code: REFUSED, lines: 1 })
  expect(stderr).toContain(`INVALID: the draw of epoch ${wrong.epoch}: its roster does not follow from the pool heads`)
  const verified: Verified = JSON.parse(stdout)
  expect(verified.valid).toBe(false)
  expect(verified.checks).toContainEqual(expect.objectContaining({ check: 'roster', result: 'fails' }))
  expect(verified.checks).toContainEqual(
    expect.objectContaining({ check: 'here', says: expect.stringContaining('this node refused it') }),
  )
})

test('decline: says in JSON how many units it gave back', async () => {
  expect(await json(carl, 'decline')).toEqual({ declined: expect.any(Number) })
})

/** A copy of the files of a node that is stopped, with something in its database changed. */
function changed(name: string, change: (sql: Database) => void): string {
  const directory = join(scratch, name)
  cpSync(carl.home, directory, { recursive: true })
  const sql = new Database(join(directory, 'node.sqlite'))
  change(sql)
  sql.close()
  return directory
}

const flipped = (bytes: Uint8Array, at: number): Uint8Array => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte))

test('verify draw: from the files alone it is the same; with any of them changed it is INVALID', async () => {
  await carl.kill(carlsNode, 'SIGTERM')
  const before: Verified = await json(carl, 'verify', 'draw', String(epoch))
  expect(before).toMatchObject({ valid: true, digest })
  const beaconKey = `${sealer}/beacon/${epoch * EPOCH_ROUNDS}`
  const cases: readonly [string, string, RegExp][] = [
    [
      'a draw',
      changed('draw', (sql) => {
        const like = `${sealer}/draw/${epoch}/%`
        const { key, value } = sql
          .query<{ key: string; value: Uint8Array }, [string]>('SELECT key, value FROM documents WHERE key LIKE ?')
          .get(like)!
        const bytes = new Uint8Array(value)
        sql.query('UPDATE documents SET value = ? WHERE key = ?').run(flipped(bytes, bytes.length - 40), key)
      }),
      new RegExp(`the files here were changed: the draw of epoch ${epoch}`),
    ],
    [
      'its beacon round',
      changed('beacon', (sql) => {
        const { value } = sql
          .query<{ value: Uint8Array }, [string]>('SELECT value FROM documents WHERE key = ?')
          .get(beaconKey)!
        const { signature, ...rest } = dagCbor.decode<{ signature: Uint8Array }>(new Uint8Array(value))
        const other = dagCbor.encode({ ...rest, signature: flipped(signature, 20) })
        sql.query('UPDATE documents SET value = ? WHERE key = ?').run(other, beaconKey)
      }),
      new RegExp(`the files here were changed: beacon round ${epoch * EPOCH_ROUNDS}: .*wrong signature`),
    ],
    [
      'a heartbeat under the heads that it cites',
      changed('pool', (sql) => {
        const entries = sql
          .query<{ hash: string }, []>(
            "SELECT hash FROM entries JOIN databases ON entries.db = databases.address WHERE kind = 'pool' ORDER BY time LIMIT 1",
          )
          .all()
        const key = CID.parse(entries[0]!.hash, base58btc).multihash.bytes
        const { v } = sql.query<{ v: Uint8Array }, [Uint8Array]>('SELECT v FROM blocks WHERE k = ?').get(key)!
        const block = new Uint8Array(v)
        sql.query('UPDATE blocks SET v = ? WHERE k = ?').run(flipped(block, block.length - 5), key)
      }),
      /the files here were changed: the pool has an entry/,
    ],
  ]
  for (const [what, data, says] of cases) {
    const { code, stdout, stderr } = await carl.outcome('verify', 'draw', String(epoch), '--data', data, '--json')
    expect({ what, code, stderr }).toEqual({ what, code: REFUSED, stderr: expect.stringMatching(says) })
    expect(stderr).toContain(`INVALID: the draw of epoch ${epoch}`)
    expect({ what, ...JSON.parse(stdout) }).toMatchObject({ what, valid: false, epoch })
  }
})
