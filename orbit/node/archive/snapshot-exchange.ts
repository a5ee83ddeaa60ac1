/**
 * Hands out the newest snapshot, and asks for one: protocol /collatz/snapshot/1. The answer is one
 * message with the size of the CAR file, u64 big endian, then its bytes in messages of up to 64
 * KiB; no message at all if there is no snapshot yet. The asker believes nothing and checks it
 * (snapshot.ts).
 */
import { createWriteStream, existsSync } from 'node:fs'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { BlockIndex } from '@ipld/car/indexer'
import type { Stream } from '@libp2p/interface'
import type { Genesis } from '../../rules/network/genesis.ts'
import { readCertificateFile } from '../home/certificate-files.ts'
import type { OrbitNode } from '../orbit-node.ts'
import { ask } from '../p2p/ask.ts'
import { messages, sendMessage } from '../p2p/streams.ts'
import { blocksIn, bytesAt, writeSnapshot } from './snapshot.ts'

const PROTOCOL = '/collatz/snapshot/1'
const CHUNK = 1 << 16
/** A snapshot of a million windows would be larger. */
const LARGEST = 4 * 2 ** 30
const SERVING_MS = 600_000
/** Handed out at a time. Other askers are told that there is none, and get the documents. */
const SERVED_AT_ONCE = 3
/** A peer that sends nothing for so many milliseconds has gone. */
const STALL_MS = 20_000
/** A snapshot is written anew when there are a tenth more windows, or after this time. */
const REWRITE = { growth: 1.1, milliseconds: 600_000 }

export const snapshotPath = (directory: string): string => join(directory, 'snapshot.car')

/** The snapshot that a node keeps for others. */
export class SnapshotShelf {
  private readonly directory: string
  private readonly genesis: Genesis
  private windows = 0
  private written = Number.NEGATIVE_INFINITY
  private serving = 0
  /** Where the certificates lie in the file, by window, ascending. */
  private index: readonly (readonly [window: bigint, block: BlockIndex])[] = []

  constructor(directory: string, genesis: Genesis) {
    this.directory = directory
    this.genesis = genesis
  }

  /** Writes it anew if it is worth it. @param archived windows, in any order */
  async update(archived: Iterable<bigint>): Promise<void> {
    const windows = [...archived].sort((a, b) => (a < b ? -1 : 1))
    const isNews =
      windows.length >= this.windows * REWRITE.growth || performance.now() - this.written > REWRITE.milliseconds
    if (windows.length === this.windows || !isNews) return
    const certificate = (window: bigint) => readCertificateFile(this.directory, window)
    const known = windows.filter((window) => certificate(window) !== null)
    if (known.length === 0) return
    // It is not true of the new file.
    this.index = []
    await writeSnapshot(snapshotPath(this.directory), this.genesis, known, (window) => certificate(window)!)
    const blocks = await blocksIn(snapshotPath(this.directory), this.genesis)
    this.index = [...blocks].map(([window, block]) => [BigInt(window), block] as const)
    this.windows = windows.length
    this.written = performance.now()
  }

  /** The windows that the snapshot has, whose certificates are in it. */
  get onShelf(): ReadonlySet<bigint> {
    return new Set(this.index.map(([window]) => window))
  }

  /**
   * The certificates in the snapshot of those windows that are wanted, without leaves, ascending.
   */
  async *certificates(
    isWanted: (window: bigint) => boolean,
  ): AsyncGenerator<{ window: bigint; size: number; bytes: AsyncIterable<Uint8Array> }> {
    const { index } = this
    const wanted = index.filter(([window]) => isWanted(window))
    if (wanted.length === 0) return
    // The same file to the end, also if a newer one takes its place meanwhile.
    const file = await open(snapshotPath(this.directory))
    try {
      // It may be the newer one already, which this index does not describe.
      if (this.index !== index) return
      for (const [window, { blockOffset, blockLength: size }] of wanted) {
        yield { window, size, bytes: pieces(file, blockOffset, size) }
      }
    } finally {
      await file.close()
    }
  }

  async serve(node: Pick<OrbitNode, 'handle'>): Promise<void> {
    await node.handle(PROTOCOL, async (stream) => {
      const signal = AbortSignal.timeout(SERVING_MS)
      const path = snapshotPath(this.directory)
      const isThere = existsSync(path) && this.serving < SERVED_AT_ONCE
      this.serving++
      try {
        if (isThere) {
          const file = await open(path)
          const head = Buffer.alloc(8)
          head.writeBigUInt64BE(BigInt((await file.stat()).size))
          await sendMessage(stream, head, signal)
          // Closes the file at its end, or when we break off.
          const chunks = file.createReadStream({ highWaterMark: CHUNK })
          for await (const chunk of chunks) await sendMessage(stream, new Uint8Array(chunk as Buffer), signal)
        }
        await stream.close({ signal })
      } catch (error) {
        stream.abort(error as Error)
      } finally {
        this.serving--
      }
    })
  }
}

async function* pieces(file: FileHandle, offset: number, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < size; at += CHUNK) {
    yield await bytesAt(file, { blockOffset: offset + at, blockLength: Math.min(CHUNK, size - at) })
  }
}

/**
 * Asks the node at a multiaddr for its snapshot and writes it to a file.
 *
 * @param onBytes gets how many have come so far, and how many there are
 * @returns whether there was one
 * @throws {Error} when the node can't be reached, breaks off, or sends without end; no file is left
 * then
 */
export async function fetchSnapshot(
  address: string,
  path: string,
  { signal, onBytes }: { signal: AbortSignal; onBytes: (bytes: number, total: number) => void },
): Promise<boolean> {
  const stalled = new AbortController()
  let timer = setTimeout(() => stalled.abort(), STALL_MS)
  let bytes = 0
  let size: number | null = null
  async function* received(stream: Stream) {
    for await (const message of messages(stream, CHUNK)) {
      clearTimeout(timer)
      timer = setTimeout(() => stalled.abort(), STALL_MS)
      if (size === null) {
        size = message.length === 8 ? Number(Buffer.from(message).readBigUInt64BE()) : Number.POSITIVE_INFINITY
        if (size > LARGEST) throw new Error(`it would send more than ${LARGEST / 2 ** 30} GiB`)
        continue
      }
      bytes += message.length
      if (bytes > size) throw new Error('it sends more than it said')
      onBytes(bytes, size)
      yield message
    }
  }
  try {
    await ask(address, PROTOCOL, AbortSignal.any([signal, stalled.signal]), (stream) =>
      pipeline(Readable.from(received(stream)), createWriteStream(path, { mode: 0o600 })),
    )
  } catch (error) {
    await rm(path, { force: true })
    throw stalled.signal.aborted ? new Error('it stopped sending') : error
  } finally {
    clearTimeout(timer)
  }
  if (size !== null && bytes === size) return true
  await rm(path, { force: true })
  if (size !== null) throw new Error('it broke off')
  return false
}
