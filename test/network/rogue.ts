/**
 * Nodes that are not as they should be: `bun test/network/rogue.ts HOME HOW [CAPACITY]`.
 *
 *   late      the founder, who coordinates, seals a draw when its beacon round is out
 *   omit      the founder leaves out a node that the heads it cites contain
 *   idle      the founder's node, whose beacon the network has, seals nothing
 *   two       the founder seals two different draws for one epoch
 *   patient   the founder's node works, and seals a draw when it is asked for one (patient.ts)
 *   unasked   a registered node commits to and shows 1,000 results of units that it was not dealt: all that were just dealt
 *             to others, before those have answered, and for the rest such as nobody was dealt
 *   lazy      a node computes nothing of what it is dealt; it declines when it is told to
 *   spoilt    the founder hands out the snapshot that lies in its folder, whatever is in it
 */

import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startNode } from '../../cli/network/running-node.ts'
import { cpuEngine } from '../../kernels/cpu.ts'
import { merkleRoot } from '../../kernels/merkle.ts'
import { SnapshotShelf } from '../../orbit/node/archive/snapshot-exchange.ts'
import { openHome } from '../../orbit/node/home/home.ts'
import { work } from '../../orbit/node/work/worker.ts'
import { commitTo, itemsOf } from '../../orbit/rules/answer/commit-reveal.ts'
import { cidOf, rawCid } from '../../orbit/rules/base/cid.ts'
import { sign } from '../../orbit/rules/base/statement.ts'
import { nextDraw } from '../../orbit/rules/draw/seal.ts'
import { type DrawBody, MAX_REVEALED, type ResultBody } from '../../orbit/rules/message/bodies.ts'
import { databaseName, documentKey, spanOf } from '../../orbit/rules/message/documents.ts'
import { seedRound } from '../../orbit/rules/network/schedule.ts'
import { until } from '../until.ts'
import { isAskedFor, isSealed } from './patient.ts'

type How = 'idle' | 'late' | 'omit' | 'two' | 'patient' | 'unasked' | 'lazy' | 'spoilt'
const [directory, how, capacity = '64'] = process.argv.slice(2) as [string, How, string?]
if (how === 'spoilt') SnapshotShelf.prototype.update = async () => {}
const home = openHome(directory)
const { service } = await startNode({ home, capacity: Number(capacity) })
const { beacon } = service
const { replica } = service.parts
/** Of the founder's node. */
const coordinator = service.parts.coordinator as unknown as { seal: (round: { round: number }) => Promise<void> }
const { genesis } = service
const network = genesis.networkId
const { rounds, perDatabase } = genesis.body.epoch
/** What it did, for the test to read: whole at any moment. */
const tell = (what: unknown) => {
  writeFileSync(join(directory, 'rogue.new'), JSON.stringify(what))
  renameSync(join(directory, 'rogue.new'), join(directory, 'rogue'))
}

if (how === 'unasked') {
  await service.firstRound()
  const newest = () => Math.max(0, ...service.state().draws.keys())
  const began = beacon.current()!.round
  await until(() => newest() * rounds > began, 'a draw of an epoch that begins after this node was there', {
    every: 50,
  })
  const epoch = newest()
  const { assignments } = service.state().draws.get(epoch)!
  const dealt = assignments.map(({ window }) => window)
  tell(dealt.map(String))
  const { round, signature } = beacon.current()!
  const leaves = rawCid(new Uint8Array()).toString()
  const results = Array.from({ length: 1000 }, (_, i) => {
    const window = dealt[i] ?? genesis.firstWindow + 10_000n + BigInt(i)
    const result: ResultBody = {
      ...{ epoch, window: window.toString(), unit: 0, count: 1 },
      ...{ checksum: '0123456789abcdef', peak: null, root: merkleRoot([]), leaves },
    }
    return { result, salt: new Uint8Array(16).fill(i) }
  })
  const batch = Math.floor(round / rounds)
  const results_ = databaseName('results', spanOf(batch, perDatabase))
  const at = { network, batch, round, beacon: signature }
  const commit = sign({ type: 'commit', ...commitTo(service.nodeKey, results), ...at }, home.nodeKey).bytes
  await replica.put(results_, documentKey.commit(service.nodeKey, batch, commit), { statement: commit })
  const items = itemsOf(cidOf(commit).toString(), service.nodeKey, results, new Map(results.map((_, i) => [i, []])))
  for (let part = 0; part * MAX_REVEALED < items.length; part++) {
    const some = items.slice(part * MAX_REVEALED, (part + 1) * MAX_REVEALED)
    const body = { type: 'reveal', ...at, part, size: some.length, root: merkleRoot(some) }
    const { bytes } = sign(body, home.nodeKey)
    await replica.put(results_, documentKey.reveal(service.nodeKey, batch, part, bytes), {
      statement: bytes,
      items: some,
    })
  }
} else if (how === 'patient') {
  const seal = coordinator.seal.bind(coordinator)
  let asked = false
  service.events.on('sealed', () => {
    isSealed(directory)
    asked = false
  })
  coordinator.seal = async (round) => {
    // From the beginning of an epoch on, so that the draw has all of it to reach the others.
    asked ||= isAskedFor(directory) && round.round % rounds === 0
    if (asked) await seal(round)
  }
  await work(service, cpuEngine(genesis.partition, 1), { signal: AbortSignal.timeout(3_600_000) })
} else if (how !== 'lazy' && how !== 'spoilt') {
  // Its own node is as it should be but for what it seals.
  coordinator.seal = async () => {}
  await service.firstRound()
  if (how === 'idle') await new Promise(() => setInterval(() => {}, 1000))
  const there = () => [...service.state().nodes.keys()].filter((node) => service.state().heartbeats.has(node)).length
  const epochs: number[] = []
  const seal = async (body: DrawBody) => {
    const { bytes } = sign(body, home.nodeKey)
    await replica.put(databaseName('draws'), documentKey.draw(service.nodeKey, body.epoch, bytes), { statement: bytes })
  }
  // Several times but for `two`: right after its start its own heartbeat may not have reached the others, who then refuse it
  // for that.
  while (epochs.length < (how === 'two' ? 1 : 8)) {
    await Bun.sleep(200)
    const round = beacon.current()?.round ?? 0
    const honest =
      there() < 4
        ? null
        : nextDraw(service.state(), round, service.unitsPerWindow, await replica.citedPool(service.nodeKey, round))
    // What it sealed for the same epoch before it went astray would expose it as sealing two.
    const isSealedAlready = ({ epoch }: DrawBody) =>
      service.state().sealed.has(epoch) || service.state().draws.has(epoch)
    if (!honest || epochs.includes(honest.epoch) || isSealedAlready(honest)) continue
    if (how === 'late') await beacon.round(seedRound(genesis, honest.epoch))
    await seal(how === 'omit' ? { ...honest, roster: honest.roster.slice(1) } : honest)
    const [offer] = honest.offers as [DrawBody['offers'][0]]
    const other = { ...offer, window: (BigInt(offer.window) + 1000n).toString() }
    if (how === 'two') await seal({ ...honest, offers: [other] })
    epochs.push(honest.epoch)
    tell(epochs)
  }
}
// Until it is stopped: others have to get what it wrote.
await new Promise(() => setInterval(() => {}, 1000))
