/**
 * Two real nodes whose beacon the test holds: what goes on when no round comes, and when the
 * coordinator vanishes between sealing a draw and writing its round down. Everybody hears of rounds
 * as from peers; nobody here can make one.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cpuEngine } from '../../../../kernels/cpu.ts'
import type { Engine } from '../../../../kernels/unit.ts'
import type { BeaconSource } from '../../../../orbit/node/beacon/source.ts'
import { adopt, found } from '../../../../orbit/node/home/founding.ts'
import type { Home } from '../../../../orbit/node/home/home.ts'
import { readDocuments } from '../../../../orbit/node/offline/knowledge.ts'
import type { Replica } from '../../../../orbit/node/replica/replica.ts'
import { Service } from '../../../../orbit/node/service.ts'
import { work } from '../../../../orbit/node/work/worker.ts'
import { beaconDocument } from '../../../../orbit/rules/message/documents.ts'
import type { Assignment } from '../../../../orbit/rules/message/unit.ts'
import { roundAt, signRound } from '../../../../orbit/rules/network/beacon.ts'
import { seedRound } from '../../../../orbit/rules/network/schedule.ts'
import { until } from '../nodes.ts'

setDefaultTimeout(2_400_000)

const LISTEN = ['/ip4/127.0.0.1/tcp/0']
/** So long that a draw comes in time on a busy machine. */
const EPOCH_ROUNDS = 8
const directory = mkdtempSync(join(tmpdir(), 'collatz-beacon-gone-'))
let founderHome: Home
let adaHome: Home
let founder: Service
let ada: Service
let engine: Engine
const running = new Set<Service>()

/** The test's own beacon: it says each round to every node, until it is silenced. */
let silent = false
const sourceOf = (service: Service) => (service as unknown as { beacon: BeaconSource }).beacon
const replicaOf = (service: Service): Replica => service.parts.replica
const wallRound = () => roundAt(founderHome.genesis.chain, Date.now() / 1000)
let secret: Uint8Array
const say = (round: number) => {
  const signature = signRound(secret, round)
  for (const service of running) sourceOf(service).accept(round, signature)
}
const timer = setInterval(() => {
  if (!silent && running.size > 0) say(wallRound())
}, 1000)

const start = async (home: Home, capacity: number, peers: string[] = []) => {
  const service = await Service.start({ home, capacity, listen: LISTEN, peers })
  running.add(service)
  return service
}
const stop = async (service: Service) => {
  running.delete(service)
  await service.stop()
}

const drawsOf = (service: Service) => {
  const { draws, sealed } = service.state()
  return [...draws.keys(), ...sealed.keys()].sort((a, b) => a - b)
}

/** Computes all that a node owes, and so many units at the most. */
async function workOff(service: Service): Promise<number> {
  const units = service.owed().length
  const stopping = new AbortController()
  let done = 0
  const off = service.events.on('finished', () => {
    if (++done === units) stopping.abort()
  })
  await work(service, engine, { signal: stopping.signal })
  off()
  return done
}

beforeAll(async () => {
  const kind = { kind: 'local', network: 'gone', account: 'founder', bits: 28, listen: LISTEN } as const
  const home = found({ ...kind, directory: join(directory, 'founder'), epochRounds: EPOCH_ROUNDS })
  secret = home.beaconKey!
  founderHome = { ...home, beaconKey: null }
  const newcomer = { account: 'ada', listen: LISTEN, peers: [] }
  adaHome = adopt(join(directory, 'ada'), home.genesis, newcomer)
  engine = cpuEngine(home.genesis.partition, 1)
  // The founder seals draws and computes nothing: all that is dealt is dealt to the other.
  founder = await start(founderHome, 0)
  ada = await start(adaHome, 4, founder.node.addresses())
})

afterAll(async () => {
  clearInterval(timer)
  for (const service of [...running]) await stop(service)
  await engine.close()
  rmSync(directory, { recursive: true, force: true })
})

/** What was dealt when the beacon fell silent. */
let dealt: readonly Assignment[]

const isCertifiedAt = (service: Service, { window, unit }: Assignment) =>
  service.state().windows.get(window)?.certified.has(unit) ?? false

test('without rounds nothing is drawn, and what was dealt is computed', async () => {
  await until(() => ada.owed().length > 0, 'something to do')
  silent = true
  await founder.idle()
  await ada.idle()
  const before = [drawsOf(founder), drawsOf(ada)]
  dealt = ada.owed()
  const owed = dealt.length
  expect(await workOff(ada)).toBe(owed)
  // Another epoch by the clock, at least.
  await Bun.sleep((EPOCH_ROUNDS + 1) * 1000)
  expect([drawsOf(founder), drawsOf(ada)]).toEqual(before)
  expect(ada.owed()).toEqual([])
  expect(ada.pending()).toBe(owed)
})

test('when rounds come again, what was computed is certified, and draws go on within one epoch', async () => {
  const last = Math.max(...drawsOf(founder))
  // At the beginning of an epoch: all that it takes to seal the next one's draw comes after the
  // silence.
  await until(() => wallRound() % EPOCH_ROUNDS === 0, 'the beginning of an epoch')
  const resumed = wallRound()
  // What a source would be asked for: the round of a draw that was sealed when it fell silent.
  silent = false
  for (const seed of [resumed, ...drawsOf(founder).map((epoch) => seedRound(founderHome.genesis, epoch))]) {
    if (seed <= resumed) say(seed)
  }
  await until(() => Math.max(...drawsOf(ada)) > last, 'another draw')
  const first = Math.min(...drawsOf(ada).filter((epoch) => epoch > last))
  expect(seedRound(founderHome.genesis, first)).toBeLessThanOrEqual(resumed + EPOCH_ROUNDS)
  await until(() => dealt.every((unit) => isCertifiedAt(ada, unit)) && ada.pending() === 0, 'its units certified')
})

test('a draw whose coordinator vanishes is dealt by its round, and certified, without it', async () => {
  // Silence from just after a draw is sealed until its coordinator is gone.
  const before = Math.max(0, ...drawsOf(founder))
  const sealed = new Promise<number>((resolve) => {
    const off = founder.events.on('sealed', ({ epoch }) => {
      silent = true
      off()
      resolve(epoch)
    })
  })
  await until(async () => {
    if (ada.owed().length > 0) await workOff(ada)
    return silent
  }, 'a draw')
  const epoch = await sealed
  expect(epoch).toBeGreaterThan(before)
  await until(() => ada.state().sealed.has(epoch), 'the draw at the other node')
  await until(() => ada.verdictsOnDraws().some((v) => v.epoch === epoch && v.fault === null), 'its verdict')
  await stop(founder)
  const seed = seedRound(adaHome.genesis, epoch)
  await until(() => wallRound() >= seed, "the draw's round")
  say(seed)
  await until(() => ada.state().draws.has(epoch), 'the deal')
  expect(replicaOf(ada).hasRound(seed)).toBe(false)

  // What is kept is on disk: for a start, and for commands that start nothing.
  await stop(ada)
  const rounds = readDocuments(adaHome).draws.filter((document) => beaconDocument.safeParse(document).success)
  expect(rounds.some((document) => beaconDocument.parse(document).round === seed)).toBe(true)
  ada = await start(adaHome, 4)
  expect(ada.state().draws.has(epoch)).toBe(true)
  silent = false
  await until(() => ada.owed().length > 0, 'its units')
  expect(await workOff(ada)).toBeGreaterThan(0)
  const { assignments } = ada.state().draws.get(epoch)!
  await until(() => assignments.every((unit) => isCertifiedAt(ada, unit)), 'its units certified')
})

test('when the coordinator is back it writes the round down, and nobody need keep it', async () => {
  const [kept] = [...replicaOf(ada).rounds.keys()] as [number]
  founder = await start(founderHome, 0, ada.node.addresses())
  await until(() => founder.round() !== null, 'a round')
  say(kept)
  await until(() => replicaOf(ada).hasRound(kept), 'the round in a document')
  await until(() => !replicaOf(ada).rounds.has(kept), 'that it is dropped')
  expect(ada.state().draws.has(kept / EPOCH_ROUNDS)).toBe(true)
})
