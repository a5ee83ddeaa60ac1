/**
 * Checkpoints of commands that need no network: what is known so far, in the data directory.
 *
 * Entries are only added to the file, so that a save costs no more than what is new. After each
 * entry comes a seal (orbit/node/storage/seal.ts), which covers the seal before it and with it
 * all of the file up to there. An entry that a crash cut short is dropped. A file that is not as it
 * was written in any other way is set aside. The user is told of both.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import * as dagCbor from '@ipld/dag-cbor'
import { decodeLeaf, encodeLeaf } from '../../kernels/result.ts'
import type { HardSummary, Partition } from '../../kernels/unit.ts'
import { homeDirectory } from '../../orbit/node/home/home.ts'
import { privateFolder } from '../../orbit/node/storage/atomic-file.ts'
import { SEAL_BYTES, sealOf } from '../../orbit/node/storage/seal.ts'

const LENGTH_BYTES = 4

/** Where it can't be written, work goes on without, and says so once. */
class CheckpointFile {
  readonly path: string
  private readonly name: string
  private readonly notice: (line: string) => void
  private failed = false
  /** Another process writes to it: what is in it is not ours to remove. */
  private shared = false
  private seal = ''
  /** Bytes that it has if nobody else writes to it. */
  private size = 0

  constructor(data: string | undefined, name: string, notice: (line: string) => void) {
    this.path = join(homeDirectory(data), 'checkpoints', name)
    this.name = name
    this.notice = notice
  }

  /** What was added, in order. */
  read(): any[] {
    if (!existsSync(this.path)) return []
    const bytes = new Uint8Array(readFileSync(this.path))
    const entries: any[] = []
    let at = 0
    while (at + LENGTH_BYTES <= bytes.length) {
      const start = at + LENGTH_BYTES
      const end = start + new DataView(bytes.buffer, at).getUint32(0)
      if (end + SEAL_BYTES > bytes.length) break
      const content = bytes.subarray(start, end)
      const seal = this.sealAfter(content)
      if (seal !== hex(bytes.subarray(end, end + SEAL_BYTES))) return this.setAside()
      entries.push(dagCbor.decode(content))
      this.seal = seal
      at = end + SEAL_BYTES
      this.size = at
    }
    if (at === bytes.length) return entries
    // Not one whole entry: that is no crash.
    if (at === 0) return this.setAside()
    truncateSync(this.path, at)
    this.notice('The end of the checkpoint is missing: what comes before it is used.')
    return entries
  }

  /** @returns whether it is kept */
  add(entry: unknown): boolean {
    if (this.failed) return false
    try {
      // Two that begin where the file ended would each be sealed after the same entry: neither
      // could be read again.
      if ((existsSync(this.path) ? statSync(this.path).size : 0) !== this.size) return this.leave()
      const content = dagCbor.encode(entry)
      const seal = this.sealAfter(content)
      const length = Buffer.alloc(LENGTH_BYTES)
      length.writeUInt32BE(content.length)
      privateFolder(dirname(dirname(this.path)))
      privateFolder(dirname(this.path))
      const file = openSync(this.path, 'a', 0o600)
      const bytes = Buffer.concat([length, content, Buffer.from(seal, 'hex')])
      try {
        writeFileSync(file, bytes)
        fsyncSync(file)
      } finally {
        closeSync(file)
      }
      this.seal = seal
      this.size += bytes.length
      return true
    } catch (error) {
      this.notice(`No checkpoint can be kept (${(error as Error).message}): give another directory with --data`)
      this.failed = true
      return false
    }
  }

  remove(): void {
    if (!this.shared && existsSync(this.path)) rmSync(this.path, { force: true })
  }

  /** To the other process that writes to it. */
  private leave(): false {
    this.notice(
      `Another process works on the same and writes to ${this.path}: what is done here from now on is not kept. Let that one go on, or give another directory with --data`,
    )
    this.failed = true
    this.shared = true
    return false
  }

  private sealAfter(content: Uint8Array): string {
    return hex(sealOf(`${this.name} ${this.seal}`, content))
  }

  private setAside(): [] {
    const aside = `${this.path}.set-aside`
    renameSync(this.path, aside)
    this.seal = ''
    this.size = 0
    this.notice(
      `The checkpoint was damaged, or is of another version of collatz: it is set aside as ${aside}, and the work begins anew.`,
    )
    return []
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

export type Leaves = Map<number, HardSummary>

/** The leaves known of a window. */
export class Checkpoint {
  /** How many were there at the start. */
  readonly known: number
  private readonly units = new Map<number, Leaves>()
  private readonly file: CheckpointFile
  /** Encoded, not yet in the file. */
  private added: [unit: number, leaf: number, record: Uint8Array][] = []
  private isKept = true

  constructor(
    data: string | undefined,
    { bits, units, leaves, hardSteps }: Partition,
    window: bigint,
    notice: (line: string) => void,
  ) {
    this.file = new CheckpointFile(data, `window-${window}-${bits}-${units}-${leaves}-${hardSteps}.cbor`, notice)
    let known = 0
    for (const entry of this.file.read() as [number, number, Uint8Array][][]) {
      for (const [unit, leaf, record] of entry) this.of(unit).set(leaf, decodeLeaf(record))
      known += entry.length
    }
    this.known = known
  }

  /** Those known of a unit. */
  of(unit: number): Leaves {
    const leaves = this.units.get(unit) ?? new Map()
    this.units.set(unit, leaves)
    return leaves
  }

  add(unit: number, leaf: number, summary: HardSummary): void {
    this.added.push([unit, leaf, encodeLeaf(summary)])
  }

  /** Writes what is new. @returns whether all is kept */
  save(): boolean {
    if (this.added.length === 0) return this.isKept
    this.isKept = this.file.add(this.added) && this.isKept
    this.added = []
    return this.isKept
  }

  remove(): void {
    this.file.remove()
  }
}

/** A number found by a scan. */
export interface FoundNumber {
  readonly n: bigint
  /** null where no rule fires, and for records. */
  readonly sigma: number | null
  readonly peak: bigint
}

/** Where a scan is, and what it found up to there. */
export interface ScanState {
  /** Every smaller number of the range is done. */
  at: bigint
  readonly records: FoundNumber[]
  readonly hardNumbers: FoundNumber[]
}

type StoredNumber = readonly [n: string, sigma: number | null, peak: string]
type StoredState = readonly [at: string, records: StoredNumber[], hardNumbers: StoredNumber[]]
const pack = ({ n, sigma, peak }: FoundNumber): StoredNumber => [n.toString(), sigma, peak.toString()]
const unpack = ([n, sigma, peak]: StoredNumber): FoundNumber => ({ n: BigInt(n), sigma, peak: BigInt(peak) })

/** How far a scan has come. */
export class ScanCheckpoint {
  readonly state: ScanState
  private readonly file: CheckpointFile
  private saved: { at: bigint; records: number; hardNumbers: number }
  private isKept = true

  /**
   * @param name of the range and of what is looked for
   * @param start where the range begins
   */
  constructor(data: string | undefined, name: string, start: bigint, notice: (line: string) => void) {
    this.file = new CheckpointFile(data, `scan-${name}.cbor`, notice)
    const entries = this.file.read() as StoredState[]
    this.state = {
      at: BigInt(entries.at(-1)?.[0] ?? start),
      records: entries.flatMap(([, records]) => records.map(unpack)),
      hardNumbers: entries.flatMap(([, , hardNumbers]) => hardNumbers.map(unpack)),
    }
    this.saved = this.mark()
  }

  private mark() {
    const { at, records, hardNumbers } = this.state
    return { at, records: records.length, hardNumbers: hardNumbers.length }
  }

  /** Writes what is new. @returns whether all is kept */
  save(): boolean {
    const { at, records, hardNumbers } = this.state
    if (at === this.saved.at) return this.isKept
    const entry: StoredState = [
      at.toString(),
      records.slice(this.saved.records).map(pack),
      hardNumbers.slice(this.saved.hardNumbers).map(pack),
    ]
    this.isKept = this.file.add(entry) && this.isKept
    this.saved = this.mark()
    return this.isKept
  }

  remove(): void {
    this.file.remove()
  }
}
