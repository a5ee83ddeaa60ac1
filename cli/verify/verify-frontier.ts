/**
 * `collatz verify DIR|SNAPSHOT`: every certificate of a folder or of a snapshot, with one verdict:
 * how far the frontier reaches by them. Each is verified as `collatz verify FILE` does it; a
 * snapshot leaves the leaves out, so of those nothing is recomputed.
 */
import {
  closeSync,
  createReadStream,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { CarBlockIterator } from '@ipld/car'
import * as dagCbor from '@ipld/dag-cbor'
import { cidOf } from '../../orbit/rules/base/cid.ts'
import type { Verification } from '../../orbit/rules/certificate/verify.ts'
import { type Genesis, provesNothing } from '../../orbit/rules/network/genesis.ts'
import { frontierOf, frontierSentence, gapsOf } from '../../orbit/rules/state/frontier.ts'
import { plainText } from '../../site/text.ts'
import { interruptible } from '../shell/command.ts'
import { EXIT, UserError } from '../shell/errors.ts'
import { lateBar, printJson } from '../shell/print.ts'
import { beaconText, type CertificateOptions, verifyShown } from './verify-certificate.ts'

interface NamedCertificate {
  readonly name: string
  /** Of how many. */
  readonly total: number
  bytes(): Uint8Array
}

/**
 * The certificates in a folder: a data directory, its folder `certificates`, or any that holds
 * window-<w>.json.
 */
function* certificatesIn(folder: string): Generator<NamedCertificate> {
  const inner = join(folder, 'certificates')
  const place = existsSync(inner) ? inner : folder
  const names = readdirSync(place).filter((name) => /^window-[0-9]{1,40}\.json$/.test(name))
  for (const name of names.sort((a, b) => a.length - b.length || (a < b ? -1 : 1))) {
    const path = join(place, name)
    yield { name: path, total: names.length, bytes: () => new Uint8Array(readFileSync(path)) }
  }
}

/** A CAR begins with the length of a dag-cbor map, and the map with its key `roots`: 0xa2 0x65. */
export function isSnapshot(path: string): boolean {
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) return false
  const head = new Uint8Array(3)
  const file = openSync(path, 'r')
  try {
    readSync(file, head)
  } finally {
    closeSync(file)
  }
  return head[0]! < 0x80 && head[1] === 0xa2 && head[2] === 0x65
}

/**
 * The certificates in a snapshot: all blocks but the first, which lists them.
 *
 * @throws {UserError}
 */
async function* certificatesOf(path: string): AsyncGenerator<NamedCertificate> {
  const refuse = (why: string) => new UserError(`NOT VALID: ${path}: ${why}`, EXIT.refused)
  const blocks = await CarBlockIterator.fromIterable(createReadStream(path)).catch((error: Error) => {
    throw refuse(`it is not a CAR file (${error.message})`)
  })
  let read = 0
  let total = 0
  for await (const { cid, bytes } of blocks) {
    if (!cidOf(bytes).equals(cid)) throw refuse(`block ${read} is not what its CID says`)
    if (read++ === 0) total = dagCbor.decode<{ windows: unknown[] }>(bytes).windows.length
    else yield { name: `${path}, certificate ${read - 1}`, total, bytes: () => bytes }
  }
  if (read - 1 !== total) throw refuse(`it lists ${total} certificates and has ${read - 1}`)
}

/** What all certificates together have shown. */
interface Shown {
  genesis: Genesis | null
  last: Verification | null
  readonly windows: Set<bigint>
  units: number
  items: number
  skippable: number
  leaves: number
  recomputed: number
  provesNothing: boolean
}

function add(shown: Shown, name: string, verification: Verification): void {
  const { certified } = verification
  const { genesis } = certified
  shown.genesis ??= genesis
  if (genesis.networkId !== shown.genesis.networkId) {
    throw new UserError(
      `NOT VALID: ${name} is of network ${genesis.networkId}, the others of ${shown.genesis.networkId}`,
      EXIT.refused,
    )
  }
  shown.last = verification
  if (certified.complete) shown.windows.add(certified.window)
  shown.units += certified.units.size
  shown.items += verification.items
  shown.skippable = Math.max(shown.skippable, verification.skippable)
  shown.leaves += verification.leaves
  shown.recomputed += verification.recomputed.length
  shown.provesNothing ||= provesNothing(genesis)
}

/**
 * @param options of which --seconds is for all certificates together; a leaf of each is computed in
 * any case
 */
export async function verifyFrontier(path: string, isFolder: boolean, options: CertificateOptions): Promise<void> {
  const signal = interruptible()
  const bar = lateBar('certificates')
  const deadline = performance.now() + options.seconds * 1000
  const shown: Shown = {
    ...{ genesis: null, last: null, windows: new Set(), units: 0, items: 0 },
    ...{ skippable: 0, leaves: 0, recomputed: 0, provesNothing: false },
  }
  let done = 0
  try {
    for await (const { name, total, bytes } of isFolder ? certificatesIn(path) : certificatesOf(path)) {
      const seconds = Math.max(0, deadline - performance.now()) / 1000 / (total - done)
      const within = {
        ...bar,
        update: (share: number, note: string) => bar.update((done + share) / total, `${done + 1} of ${total}: ${note}`),
      }
      add(shown, name, await verifyShown(name, bytes(), { ...options, seconds, signal }, within))
      done++
    }
  } finally {
    bar.stop()
  }
  if (!shown.genesis) throw new UserError(`${path} holds no certificate: they are called window-<w>.json`)
  if (shown.provesNothing) process.exitCode = EXIT.provesNothing
  report(path, done, shown, shown.genesis, Boolean(options.json))
}

function report(path: string, certificates: number, shown: Shown, genesis: Genesis, json: boolean): void {
  const frontier = frontierOf(genesis, shown.windows)
  const gaps = gapsOf(genesis, frontier)
  const { units, items, skippable, leaves, recomputed } = shown
  if (json) {
    printJson({
      ...{ valid: true, provesNothing: shown.provesNothing, network: genesis.networkId, certificates, frontier, gaps },
      arithmetic: { units, items, skippable: skippable / 1000, leaves, recomputed },
      beacon: genesis.body.beacon.source,
    })
    return
  }
  const figure = (n: number) => n.toLocaleString('en-US')
  const beyond =
    gaps.length === 0
      ? ''
      : `\n  gaps       ${gaps.map(({ from, to }) => (from === to ? `window ${from}` : `windows ${from} to ${to}`)).join(', ')}`
  console.log(`${shown.provesNothing ? 'PROVES NOTHING' : 'VALID'}: ${path}: ${figure(certificates)} certificate${certificates === 1 ? '' : 's'}
  says       ${frontierSentence(genesis, frontier)}${beyond}
  network    ${genesis.networkId} (${plainText(genesis.body.name, 64)}), N = ${genesis.body.replication}
What arithmetic shows
  evidence   ${figure(units)} units: ${figure(items)} items sound; a signer that had skipped ${(skippable / 10).toFixed(1)} % of a unit would have been caught with probability 99.9999 %
  recomputed ${figure(recomputed)} of ${figure(leaves)} leaves, equal to the bit
What signatures say
  signed     each unit as its certificate says: \`collatz verify FILE\` lists who
Who ran the beacon
  beacon     ${beaconText(shown.last!.certified)}`)
}
