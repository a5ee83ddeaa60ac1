/**
 * A node was away while windows were archived and their documents deleted: it gets the certificates
 * from a peer, checks them, and has the same frontier. An archived window leaves no log and no
 * leaves behind.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as dagCbor from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { cpuEngine } from '../../../../kernels/cpu.ts'
import type { Engine } from '../../../../kernels/unit.ts'
import { leavesNamed } from '../../../../orbit/node/archive/archived-windows.ts'
import { readCertificateFile } from '../../../../orbit/node/home/certificate-files.ts'
import { adopt, found } from '../../../../orbit/node/home/founding.ts'
import { createHome, type Home } from '../../../../orbit/node/home/home.ts'
import { Service } from '../../../../orbit/node/service.ts'
import { PRIVATE, privateValue } from '../../../../orbit/node/storage/private.ts'
import { SqliteFile } from '../../../../orbit/node/storage/sqlite.ts'
import { work } from '../../../../orbit/node/work/worker.ts'
import { sign } from '../../../../orbit/rules/base/statement.ts'
import { readCertificate } from '../../../../orbit/rules/certificate/read.ts'
import { readGenesis } from '../../../../orbit/rules/network/genesis.ts'
import { until } from '../nodes.ts'

setDefaultTimeout(2_400_000)

const LISTEN = ['/ip4/127.0.0.1/tcp/0']
const directory = mkdtempSync(join(tmpdir(), 'collatz-away-'))
let founderHome: Home
let adaHome: Home
let founder: Service
let engine: Engine
let working: Promise<number>
const stopping = new AbortController()

const settledBy = (service: Service) =>
  [...service.state().windows.values()].filter(({ settled }) => settled).map(({ window }) => window)

beforeAll(async () => {
  const kind = { kind: 'local', network: 'away', account: 'founder', bits: 28, listen: LISTEN } as const
  const made = found({ ...kind, directory: join(directory, 'made'), deadlineRounds: 2 })
  // A database an epoch, as on the main network: what is over is dropped within the minute.
  const body = { ...made.genesis.body, epoch: { rounds: 3, perDatabase: 1 } }
  const genesis = readGenesis(sign(body, made.accountKey).bytes)
  const { accountKey, nodeKey, beaconKey } = made
  founderHome = createHome({
    ...{
      directory: join(directory, 'founder'),
      genesis,
      name: 'founder',
      accountKey,
      nodeKey,
      listen: LISTEN,
      peers: [],
    },
    beaconKey: beaconKey!,
  })
  adaHome = adopt(join(directory, 'ada'), genesis, { account: 'ada', listen: LISTEN, peers: [] })
  engine = cpuEngine(genesis.partition, 1)
  founder = await Service.start({ home: founderHome, capacity: 2, listen: LISTEN })
  working = work(founder, engine, { signal: stopping.signal })
})

afterAll(async () => {
  stopping.abort()
  await working
  await founder.stop()
  await engine.close()
  rmSync(directory, { recursive: true, force: true })
})

test('a node that was away gets what was archived meanwhile as certificates, and works on above them', async () => {
  let ada = await Service.start({ home: adaHome, capacity: 0, peers: founder.node.addresses() })
  await until(() => ada.round() !== null && ada.state().draws.size > 0, 'the first draw')
  await ada.stop()
  const before = settledBy(ada)

  await until(() => settledBy(founder).length >= before.length + 2, 'two more windows settled')
  const missing = settledBy(founder).filter((window) => !before.includes(window))
  // Nothing but the certificates speaks of the first of them any more.
  const isSpokenOf = (service: Service) =>
    [...service.state().evidence.units.keys()].some((key) => key.split('/')[1] === missing[0]!.toString())
  await until(() => !isSpokenOf(founder), 'the documents to be gone')

  ada = await Service.start({ home: adaHome, capacity: 0, peers: founder.node.addresses() })
  try {
    await until(() => missing.every((window) => settledBy(ada).includes(window)), 'the windows')
    for (const window of missing) {
      const certified = readCertificate(readCertificateFile(adaHome.directory, window)!)
      expect(certified.complete).toBe(true)
      expect(ada.state().windows.get(window)!.settled).toEqual(founder.state().windows.get(window)!.settled)
    }
    const { frontier } = founder.state()
    await until(() => ada.state().frontier.windows >= frontier.windows, 'the frontier')
  } finally {
    await ada.stop()
  }
})

test('what is archived leaves neither a log nor leaves behind', async () => {
  const overIn = (service: Service) =>
    settledBy(service).flatMap((window) => {
      const { units } = readCertificate(readCertificateFile(founderHome.directory, window)!)
      return [...units.values()].map(({ epoch, result }) => ({ epoch, leaves: result.leaves }))
    })
  const firstDrawOf = (service: Service) => Math.min(...service.state().draws.keys())
  await until(() => {
    const over = overIn(founder)
    return over.length >= 4 && over.some(({ epoch }) => epoch < firstDrawOf(founder))
  }, 'windows settled, and draws of them forgotten')
  stopping.abort()
  await working
  await founder.idle()
  const live = leavesNamed(founder.state())
  const first = firstDrawOf(founder)
  const over = overIn(founder)
  await founder.stop()
  const sql = new SqliteFile(founderHome.directory)
  try {
    const stored = sql.all<{ s: string }>('SELECT DISTINCT s FROM storage').map(({ s }) => s)
    const held = (epoch: number) => stored.some((name) => name.endsWith(`/results-${epoch}/heads`))
    // What it was about to delete when it stopped it deletes when it starts again.
    const left = privateValue(sql, PRIVATE.leaving)
    const leaving = new Set(left ? dagCbor.decode<string[]>(left) : [])
    const early = over.filter(({ epoch }) => epoch < first)
    expect(early.length).toBeGreaterThan(0)
    for (const { epoch, leaves } of early) {
      expect([epoch, held(epoch)]).toEqual([epoch, false])
      if (live.has(leaves) || leaving.has(leaves)) continue
      expect(sql.bytes('SELECT v FROM blocks WHERE k = ?', CID.parse(leaves).multihash.bytes)).toBeUndefined()
    }
    // That is how they are named.
    expect(stored.some((name) => /\/(accounts|draws)\/heads$/.test(name))).toBe(true)
  } finally {
    sql.close()
  }
})
