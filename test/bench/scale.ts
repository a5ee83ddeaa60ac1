/**
 * What 100,000 certified units cost: `bun test/bench/scale.ts [--windows 100] [--units 1000]`. It makes the documents of a
 * network of 20 accounts, N = 3, with real statements and made-up results, and then measures what a node does with them.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import * as dagCbor from '@ipld/dag-cbor'
import { cpuEngine } from '../../kernels/cpu.ts'
import { readSnapshot, writeSnapshot } from '../../orbit/node/snapshot.ts'
import { writeCertificate } from '../../orbit/rules/certificate.ts'
import { encodeSettled, type SettledWindow } from '../../orbit/rules/history.ts'
import { stateOf, summaryOf } from '../../orbit/rules/state.ts'
import { Party } from '../orbit/rules/party.ts'

const { values } = parseArgs({
  options: { windows: { type: 'string', default: '100' }, units: { type: 'string', default: '1000' } },
})
const windows = Number(values.windows)

async function timedAsync<T>(what: string, action: () => Promise<T>): Promise<T> {
  const before = performance.now()
  const result = await action()
  report(what, before)
  return result
}

function report(what: string, before: number): void {
  const mib = process.memoryUsage().rss / 2 ** 20
  console.log(
    `${what.padEnd(44)} ${((performance.now() - before) / 1000).toFixed(2)} s   ${mib.toFixed(0)} MiB resident`,
  )
}

const timed = <T>(what: string, action: () => T): T => {
  const before = performance.now()
  const result = action()
  const mib = process.memoryUsage().rss / 2 ** 20
  console.log(
    `${what.padEnd(44)} ${((performance.now() - before) / 1000).toFixed(2)} s   ${mib.toFixed(0)} MiB resident`,
  )
  return result
}

const party = new Party({
  accounts: 20,
  partition: { bits: 40, units: Number(values.units), leaves: 1, hardSteps: 128 },
})
const perWindow = party.unitsPerWindow
timed(`making ${windows} windows of ${perWindow} units`, () => {
  for (let w = 0; w < windows; w++) {
    const epoch = 2 + w
    const assignments = party.seal(epoch, perWindow, {
      capacity: Math.ceil((perWindow * 3) / 20) + 8,
      from: w * perWindow,
    })
    party.answerAll(assignments)
  }
})
const directory = mkdtempSync(join(tmpdir(), 'collatz-scale-'))
const bytes = party.documents.results.map((document) => dagCbor.encode(document))
const size = bytes.reduce((sum, { length }) => sum + length, 0)
console.log(
  `${bytes.length} documents of results, ${(size / 2 ** 20).toFixed(1)} MiB: ${Math.round(size / (windows * perWindow))} bytes a unit`,
)

const fresh = { ...party.documents, results: bytes.map((b) => dagCbor.decode(b)) }
const state = timed('the state, from documents never seen before', () => stateOf(party.genesis, perWindow, fresh))
timed('the state again, when one document changes', () => stateOf(party.genesis, perWindow, fresh))
const certified = [...state.windows.values()].reduce((sum, w) => sum + w.certified.size, 0)
console.log(`${certified} units certified, ${state.frontier.windows} windows`)

const settled = timed('settling all windows', () => [...state.windows.values()].map((w) => summaryOf(state, w)))
const kept = settled.reduce((sum, window) => sum + encodeSettled(window).length, 0)
console.log(`settled: ${kept} bytes, ${(kept / certified).toFixed(1)} bytes a unit`)
const history = new Map(settled.map((window: SettledWindow) => [window.window, window]))
const after = timed('the state of settled windows', () =>
  stateOf(party.genesis, perWindow, { ...fresh, draws: [], results: [] }, undefined, history),
)
if (after.frontier.windows !== state.frontier.windows) throw new Error('the settled state is another')
if (JSON.stringify(after.accounts) !== JSON.stringify(state.accounts))
  throw new Error('the settled accounts are others')

const file = join(directory, 'snapshot.car')
const sources = {
  leaves: (cid: string) => party.blocks.get(cid),
  registration: (node: string) => party.registration(node),
}
await timedAsync('writing the snapshot', () =>
  writeSnapshot(file, party.genesis, [...state.windows.keys()], (window) => writeCertificate(state, window, sources)),
)
console.log(
  `snapshot: ${(statSync(file).size / 2 ** 20).toFixed(1)} MiB, ${Math.round(statSync(file).size / certified)} bytes a unit`,
)
const engine = cpuEngine(party.genesis.partition, 1)
await timedAsync('checking the snapshot, as a newcomer does', async () => {
  let windowsRead = 0
  for await (const _ of readSnapshot(file, party.genesis, engine)) windowsRead++
  if (windowsRead !== windows) throw new Error('the snapshot has lost windows')
})
await engine.close()
rmSync(directory, { recursive: true })
