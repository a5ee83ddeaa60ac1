/**
 * What 100,000 certified units cost: `bun test/bench/scale.ts [--windows 100] [--units 1000]`. A network of 20 accounts,
 * N = 3, with real statements and made-up results, lives through that many windows: each is dealt, answered, certified and
 * settled. Then what a newcomer and a command have to do (`npm run build` first).
 *
 * With `--live UNITS` instead: what a node does again and again while so many units are certified and not settled, which is to
 * work out the state after each document.
 */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import * as dagCbor from '@ipld/dag-cbor'
import { writeSnapshot } from '../../orbit/node/archive/snapshot.ts'
import { writeCertificate } from '../../orbit/rules/certificate/write.ts'
import { decodeSettled, encodeSettled, NO_HISTORY, type SettledWindow } from '../../orbit/rules/state/settled-window.ts'
import { NO_KNOWLEDGE, stateOf } from '../../orbit/rules/state/state.ts'
import { summaryOf } from '../../orbit/rules/state/windows.ts'
import { Party } from '../orbit/rules/party.ts'
import { median } from './median.ts'

const { values } = parseArgs({
  options: {
    windows: { type: 'string', default: '100' },
    units: { type: 'string', default: '1000' },
    live: { type: 'string' },
  },
})
const windows = Number(values.windows)

async function timed<T>(what: string, action: () => T | Promise<T>): Promise<T> {
  const before = performance.now()
  const began = process.cpuUsage()
  const result = await action()
  const seconds = (performance.now() - before) / 1000
  const { user, system } = process.cpuUsage(began)
  const mib = process.memoryUsage().rss / 2 ** 20
  const cpu = (user + system) / 1e6
  console.log(`${what.padEnd(48)} ${seconds.toFixed(2)} s, ${cpu.toFixed(2)} s of CPU   ${mib.toFixed(0)} MiB resident`)
  return result
}

const party = new Party({
  accounts: 20,
  partition: { bits: 40, units: Number(values.units), leaves: 1, hardSteps: 128 },
})
const perWindow = party.unitsPerWindow

/** Units dealt in one epoch. */
const AT_ONCE = 1000

async function live(units: number): Promise<void> {
  const stateNow = () => stateOf(party.genesis, perWindow, party.documents, NO_KNOWLEDGE, NO_HISTORY, party.memory)
  await timed(`answering ${units} units`, () => {
    for (let from = 0; from < units; from += AT_ONCE) {
      const dealt = Math.min(AT_ONCE, units - from)
      party.answerAll(party.seal(2 + from / AT_ONCE, dealt, { capacity: Math.ceil((dealt * 3) / 20) + 8, from }))
    }
    party.blocks.clear()
  })
  await timed('the state, from documents never seen before', stateNow)
  const { node } = party.members[0]!
  const round = 3 * (2 + Math.ceil(units / AT_ONCE))
  const [next] = party.seal(round / 3, 1, { capacity: 1, from: units })
  stateNow()
  for (const [what, say] of [
    ['nothing', () => {}],
    ['a heartbeat', () => party.beat(node, round)],
    ['the three results of one unit', () => party.answer(next!, next!.quorum)],
  ] as const) {
    say()
    await timed(`the state after ${what}`, stateNow)
  }
  const certified = [...stateNow().windows.values()].reduce((sum, window) => sum + window.certified.size, 0)
  if (certified !== units + 1) throw new Error(`${certified} units are certified`)
}

if (values.live !== undefined) {
  await live(Number(values.live))
  process.exit()
}

const directory = mkdtempSync(join(tmpdir(), 'collatz-scale-'))
const certificateOf = (window: bigint) => join(directory, `window-${window}.json`)
mkdirSync(directory, { recursive: true })
const sources = {
  leaves: (cid: string) => party.blocks.get(cid),
  registration: (node: string) => party.registration(node),
}
const history = new Map<bigint, SettledWindow>()
const seconds: number[] = []
let bytes = 0
await timed(`living through ${windows} windows of ${perWindow} units`, () => {
  for (let w = 0; w < windows; w++) {
    const capacity = Math.ceil((perWindow * 3) / 20) + 8
    party.answerAll(party.seal(2 + w, perWindow, { capacity, from: w * perWindow }))
    const encoded = party.documents.results.map((document) => dagCbor.encode(document))
    bytes += encoded.reduce((sum, { length }) => sum + length, 0)
    const documents = { ...party.documents, results: encoded.map((b) => dagCbor.decode(b)) }
    const before = performance.now()
    const state = stateOf(party.genesis, perWindow, documents, NO_KNOWLEDGE, history, party.memory)
    seconds.push((performance.now() - before) / 1000)
    const window = [...state.windows.values()].find(({ settled }) => !settled)!
    writeFileSync(certificateOf(window.window), writeCertificate(state, window.window, sources))
    history.set(window.window, summaryOf(state, window))
    Object.assign(party.documents, { draws: [], results: [] })
    party.blocks.clear()
  }
})
const units = windows * perWindow
console.log(
  `the state with one window under way: median ${median(seconds).toFixed(2)} s, from documents never seen before`,
)
console.log(`documents of results: ${Math.round(bytes / units)} bytes a unit`)
const kept = [...history.values()].map(encodeSettled)
console.log(`settled: ${(kept.reduce((sum, { length }) => sum + length, 0) / units).toFixed(1)} bytes a unit`)

const state = await timed('the state of all that is settled, from disk', () =>
  stateOf(
    party.genesis,
    perWindow,
    party.documents,
    NO_KNOWLEDGE,
    new Map(kept.map(decodeSettled).map((window) => [window.window, window])),
  ),
)
if (state.frontier.windows !== windows) throw new Error('windows were lost')

const file = join(directory, 'snapshot.car')
await timed('writing the snapshot', () =>
  writeSnapshot(
    file,
    party.genesis,
    [...history.keys()],
    (window) => new Uint8Array(readFileSync(certificateOf(window))),
  ),
)
console.log(
  `snapshot: ${(statSync(file).size / 2 ** 20).toFixed(1)} MiB, ${Math.round(statSync(file).size / units)} bytes a unit`,
)
await timed('and again, when it is there already', () =>
  writeSnapshot(
    file,
    party.genesis,
    [...history.keys()],
    (window) => new Uint8Array(readFileSync(certificateOf(window))),
  ),
)

/** A command of the program, as a newcomer gives it. */
async function command(...args: string[]): Promise<void> {
  const before = performance.now()
  const child = Bun.spawn([join(import.meta.dir, '../../dist/collatz'), ...args], {
    env: { ...process.env, COLLATZ_HOME: join(directory, 'home') },
    stdout: 'pipe',
    stderr: 'inherit',
  })
  // Of the program itself: what the kernel says of a child begins with the memory of its parent.
  let mib = 0
  const watch = setInterval(() => {
    const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))
    mib = Math.max(mib, Number(peak?.[1] ?? 0) / 1024)
  }, 50)
  const output = await new Response(child.stdout).text()
  clearInterval(watch)
  if ((await child.exited) !== 0) throw new Error(output)
  const seconds = (performance.now() - before) / 1000
  console.log(`${`collatz ${args[0]}`.padEnd(48)} ${seconds.toFixed(2)} s   ${mib.toFixed(0)} MiB at most`)
}
const genesis = join(directory, 'genesis.cbor')
writeFileSync(genesis, party.genesis.bytes)
await command('join', genesis, '--snapshot', file)
for (let i = 0; i < 3; i++) await command('status')
rmSync(directory, { recursive: true })
