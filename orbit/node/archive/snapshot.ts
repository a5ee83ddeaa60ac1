/**
 * Snapshots: all archived windows in one CAR file (https://ipld.io/specs/transport/car/carv1/), so
 * that a newcomer need not get the documents of years. The root is a dag-cbor block
 *
 *     { format: "collatz-snapshot", version: 1, network, windows: [[w as a decimal string, CID of its certificate]] }
 *
 * and each certificate is a dag-cbor block, without the leaves (write.ts). The newcomer checks each
 * of them like any other certificate, computes the leaves that are contested, and believes nothing
 * else in the file.
 */

import { createReadStream, createWriteStream, existsSync } from 'node:fs'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { CarBlockIterator, CarIndexer, CarWriter } from '@ipld/car'
import type { BlockIndex } from '@ipld/car/indexer'
import * as dagCbor from '@ipld/dag-cbor'
import type { CID } from 'multiformats/cid'
import { z } from 'zod'
import { equalBytes } from '../../rules/base/bytes.ts'
import { cidOf } from '../../rules/base/cid.ts'
import { field } from '../../rules/base/fields.ts'
import { createMemory, type Memory } from '../../rules/base/memory.ts'
import { RuleError } from '../../rules/base/statement.ts'
import { settledBy } from '../../rules/certificate/read.ts'
import { judgeCertificate, type LeafEngine } from '../../rules/certificate/recompute.ts'
import { withoutLeaves } from '../../rules/certificate/write.ts'
import type { Genesis } from '../../rules/network/genesis.ts'
import type { SettledWindow } from '../../rules/state/settled-window.ts'

const manifest = z.strictObject({
  format: z.literal('collatz-snapshot'),
  version: z.literal(1),
  network: field.network,
  windows: z.array(z.tuple([field.natural, z.unknown()])).max(1_000_000),
})

/**
 * Where the certificates lie in this node's snapshot, by window; empty when the file is not as it
 * should be.
 */
export async function blocksIn(path: string, genesis: Genesis): Promise<Map<string, BlockIndex>> {
  const found = new Map<string, BlockIndex>()
  if (!existsSync(path)) return found
  try {
    const file = await open(path)
    try {
      const byCid = new Map<string, BlockIndex>()
      let head: BlockIndex | null = null
      for await (const block of await CarIndexer.fromIterable(createReadStream(path))) {
        head ??= block
        byCid.set(block.cid.toString(), block)
      }
      const listed = head ? readManifest(await bytesAt(file, head), genesis) : []
      for (const [window, cid] of listed) {
        const block = byCid.get(String(cid))
        if (block) found.set(window, block)
      }
    } finally {
      await file.close()
    }
  } catch {
    found.clear()
  }
  return found
}

export async function bytesAt(
  file: FileHandle,
  { blockOffset, blockLength }: Pick<BlockIndex, 'blockOffset' | 'blockLength'>,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(blockLength)
  await file.read(bytes, 0, blockLength, blockOffset)
  return bytes
}

/**
 * Writes a snapshot of these windows, in order. The file is there when it is whole.
 *
 * A certificate without its leaves takes a quarter of a second to make for a thousand units, so
 * those in the file that is replaced are taken over.
 *
 * @param mode of the file, less what the process withholds; by default its owner alone may read it
 */
export async function writeSnapshot(
  path: string,
  genesis: Genesis,
  windows: readonly bigint[],
  certificate: (window: bigint) => Uint8Array,
  mode = 0o600,
): Promise<{ root: CID; windows: number }> {
  const known = await blocksIn(path, genesis)
  const old = known.size > 0 ? await open(path) : null
  const blockOf = async (window: bigint): Promise<Uint8Array> => {
    const at = known.get(window.toString())
    const bytes = at && (await bytesAt(old!, at))
    return bytes && cidOf(bytes).equals(at!.cid) ? bytes : withoutLeaves(certificate(window))
  }
  try {
    return await write(path, genesis, windows, blockOf, mode)
  } finally {
    await old?.close()
  }
}

async function write(
  path: string,
  genesis: Genesis,
  windows: readonly bigint[],
  blockOf: (window: bigint) => Promise<Uint8Array>,
  mode: number,
): Promise<{ root: CID; windows: number }> {
  // Each block is made twice: a snapshot may be larger than the memory.
  const blocks: (readonly [string, CID])[] = []
  for (const window of windows) blocks.push([window.toString(), cidOf(await blockOf(window))])
  const head = dagCbor.encode({
    ...{ format: 'collatz-snapshot', version: 1, network: genesis.networkId },
    windows: blocks.map(([window, cid]) => [window, cid]),
  })
  const root = cidOf(head)
  const { writer, out } = CarWriter.create([root])
  const unfinished = `${path}.part`
  const put = async () => {
    await writer.put({ cid: root, bytes: head })
    for (const [i, window] of windows.entries()) {
      await writer.put({ cid: blocks[i]![1], bytes: await blockOf(window) })
    }
    await writer.close()
  }
  try {
    // Both at once: when the disk is full, the stream takes no more, and the writer would wait for
    // ever.
    await Promise.all([put(), pipeline(Readable.from(out), createWriteStream(unfinished, { mode }))])
    await rename(unfinished, path)
  } catch (error) {
    await rm(unfinished, { force: true })
    throw error
  }
  return { root, windows: windows.length }
}

/** An archived window, by a certificate that holds. */
export interface CheckedWindow {
  readonly settled: SettledWindow
  /**
   * CIDs of the draws that dealt its units. The certificate can't prove that they were published.
   */
  readonly draws: readonly string[]
}

export interface SnapshotWindow extends CheckedWindow {
  /** The certificate, as it came. */
  readonly certificate: Uint8Array
  /** How many windows the snapshot has. */
  readonly total: number
}

/**
 * Reads and checks a snapshot, a window at a time.
 *
 * @param engine computes what is contested
 * @throws {RuleError} when anything in it does not hold
 */
export async function* readSnapshot(
  path: string,
  genesis: Genesis,
  engine: LeafEngine,
): AsyncGenerator<SnapshotWindow> {
  const iterator = await openCar(path)
  const memory = createMemory()
  const [root] = await iterator.getRoots()
  let wanted: readonly (readonly [string, unknown])[] | null = null
  let at = 0
  for await (const { cid, bytes } of iterator) {
    if (!cidOf(bytes).equals(cid)) throw new RuleError('the snapshot has a block that is not what its CID says')
    if (!wanted) {
      if (!root?.equals(cid)) throw new RuleError('the snapshot does not begin with its root')
      wanted = readManifest(bytes, genesis)
      continue
    }
    const next = wanted[at++]
    if (!next || String(next[1]) !== cid.toString())
      throw new RuleError('the snapshot has blocks that its root does not list')
    const checked = await readCertifiedWindow(next[0], bytes, genesis, engine, memory)
    yield { ...checked, certificate: bytes, total: wanted.length }
  }
  if (at !== (wanted?.length ?? -1)) throw new RuleError('the snapshot ends too early')
}

async function openCar(path: string): Promise<CarBlockIterator> {
  try {
    return await CarBlockIterator.fromIterable(createReadStream(path))
  } catch (error) {
    throw new RuleError(`the snapshot is not a CAR file (${(error as Error).message})`)
  }
}

function readManifest(bytes: Uint8Array, genesis: Genesis): readonly (readonly [string, unknown])[] {
  const parsed = manifest.safeParse(dagCbor.decode(bytes))
  if (!parsed.success) throw new RuleError('the root of the snapshot does not fit its schema')
  const { network, windows } = parsed.data
  if (network !== genesis.networkId)
    throw new RuleError(`the snapshot is of network ${network}, not ${genesis.networkId}`)
  return windows
}

/**
 * Checks the certificate of a window that came from somewhere, and computes the leaves that are
 * contested in it.
 *
 * @param window as a decimal string
 * @throws {RuleError}
 */
export async function readCertifiedWindow(
  window: string,
  bytes: Uint8Array,
  genesis: Genesis,
  engine: LeafEngine,
  memory: Memory = createMemory(),
): Promise<CheckedWindow> {
  const { certified, wrong } = await judgeCertificate(bytes, () => engine, {
    memory,
    leavesOf: (read) => {
      if (equalBytes(read.genesis.bytes, genesis.bytes) && read.window.toString() === window) return read.contested
      throw new RuleError(`what should be the certificate of window ${window} is about something else`)
    },
  })
  if (wrong) {
    const { leaf, unit } = wrong
    throw new RuleError(`leaf ${leaf} of unit ${unit} of window ${window} was signed wrong by those who certify it`)
  }
  return { settled: settledBy(certified), draws: certified.draws.map(({ cid }) => cid) }
}
