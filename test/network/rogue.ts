/**
 * Nodes that break the rules of the draw: `bun test/network/rogue.ts HOME HOW`.
 *
 *   late      the founder, who coordinates, seals a draw when its beacon round is out
 *   omit      the founder leaves out a node that the heads it cites contain
 *   idle      the founder's node, whose beacon the network has, seals nothing
 *   two       the founder seals two different draws for one epoch
 *   unasked   a registered node commits to and shows 1,000 results of units that nobody dealt it
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { merkleRoot } from '../../kernels/result.ts'
import { openHome } from '../../orbit/node/home.ts'
import { Service } from '../../orbit/node/service.ts'
import { seedRound } from '../../orbit/rules/assignment.ts'
import { commitTo, itemsOf } from '../../orbit/rules/batch.ts'
import { nextDraw } from '../../orbit/rules/draw.ts'
import {
  type DrawBody,
  databaseName,
  documentKey,
  MAX_REVEALED,
  type ResultBody,
  spanOf,
} from '../../orbit/rules/events.ts'
import { cidOf } from '../../orbit/rules/genesis.ts'
import { sign } from '../../orbit/rules/statement.ts'

const [directory, how] = process.argv.slice(2) as [string, 'idle' | 'late' | 'omit' | 'two' | 'unasked']
const home = openHome(directory)
const service = await Service.start({ home, capacity: how === 'unasked' ? 0 : 64 })
const { ledger, beacon } = service as unknown as {
  ledger: import('../../orbit/node/ledger.ts').Ledger
  beacon: import('../../orbit/node/beacon.ts').BeaconSource
}
const { genesis } = service
const network = genesis.networkId
const { perDatabase } = genesis.body.epoch

if (how === 'unasked') {
  await service.firstRound()
  for (let i = 0; i < 100 && service.state().draws.size === 0; i++) await Bun.sleep(200)
  const epoch = Math.max(...service.state().draws.keys())
  const { round, signature } = beacon.current()!
  const results = Array.from({ length: 1000 }, (_, i) => {
    const result: ResultBody = {
      ...{ epoch, window: (genesis.firstWindow + 10_000n + BigInt(i)).toString(), unit: 0, count: 1 },
      ...{ checksum: '0123456789abcdef', peak: null, root: merkleRoot([]), leaves: `b${'a'.repeat(58)}` },
    }
    return { result, salt: new Uint8Array(16).fill(i) }
  })
  const batch = Math.floor(round / genesis.body.epoch.rounds)
  const results_ = databaseName('results', spanOf(batch, perDatabase))
  const at = { network, batch, round, beacon: signature }
  const commit = sign({ type: 'commit', ...commitTo(service.nodeKey, results), ...at }, home.nodeKey).bytes
  await ledger.put(results_, documentKey.commit(service.nodeKey, batch, commit), { statement: commit })
  const items = itemsOf(cidOf(commit).toString(), service.nodeKey, results, new Map(results.map((_, i) => [i, []])))
  for (let part = 0; part * MAX_REVEALED < items.length; part++) {
    const some = items.slice(part * MAX_REVEALED, (part + 1) * MAX_REVEALED)
    const body = { type: 'reveal', ...at, part, size: some.length, root: merkleRoot(some) }
    const { bytes } = sign(body, home.nodeKey)
    await ledger.put(results_, documentKey.reveal(service.nodeKey, batch, part, bytes), {
      statement: bytes,
      items: some,
    })
  }
} else {
  // Its own node is as it should be but for what it seals.
  const { coordinator } = service as unknown as { coordinator: { seal: () => Promise<void> } }
  coordinator.seal = async () => {}
  await service.firstRound()
  if (how === 'idle') await new Promise(() => setInterval(() => {}, 1000))
  const there = () => [...service.state().nodes.keys()].filter((node) => service.state().heartbeats.has(node)).length
  const epochs: number[] = []
  const seal = async (body: DrawBody) => {
    const { bytes } = sign(body, home.nodeKey)
    await ledger.put(databaseName('draws'), documentKey.draw(service.nodeKey, body.epoch, bytes), { statement: bytes })
  }
  // Several times: right after its start its own heartbeat may not have reached the others, who then refuse it for that.
  for (let i = 0; i < 300 && epochs.length < (how === 'omit' ? 8 : 1); i++) {
    await Bun.sleep(200)
    const round = beacon.current()?.round ?? 0
    const honest =
      there() < 4 ? null : nextDraw(service.state(), round, service.unitsPerWindow, await ledger.pool(round))
    if (!honest || epochs.includes(honest.epoch)) continue
    if (how === 'late') await beacon.round(seedRound(genesis, honest.epoch))
    await seal(how === 'omit' ? { ...honest, roster: honest.roster.slice(1) } : honest)
    const [offer] = honest.offers as [DrawBody['offers'][0]]
    const other = { ...offer, window: (BigInt(offer.window) + 1000n).toString() }
    if (how === 'two') await seal({ ...honest, offers: [other] })
    epochs.push(honest.epoch)
    writeFileSync(join(directory, 'rogue'), JSON.stringify(epochs))
  }
}
// Until it is stopped: others have to get what it wrote.
await new Promise(() => setInterval(() => {}, 1000))
