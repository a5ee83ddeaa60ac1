/** Checkpoints of commands that need no network: what is known so far, in the data directory. */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as dagCbor from '@ipld/dag-cbor'
import { decodeLeaf, encodeLeaf } from '../kernels/result.ts'
import type { HardSummary, Partition } from '../kernels/unit.ts'
import { homeDirectory, writeAtomically } from '../orbit/node/home.ts'

/** One file of dag-cbor. Where it can't be written, work goes on without, and says so once. */
class CheckpointFile {
  readonly path: string
  private readonly notice: (line: string) => void
  private failed = false

  constructor(data: string | undefined, name: string, notice: (line: string) => void) {
    this.path = join(homeDirectory(data), 'checkpoints', name)
    this.notice = notice
  }

  /** @param parse throws on what it can't read: half a checkpoint is none, and the work is done again. */
  read<T>(parse: (stored: any) => T): T | null {
    try {
      return existsSync(this.path) ? parse(dagCbor.decode(new Uint8Array(readFileSync(this.path)))) : null
    } catch {
      return null
    }
  }

  /** @returns whether it is kept */
  write(content: unknown): boolean {
    try {
      mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 })
      writeAtomically(this.path, dagCbor.encode(content))
      return true
    } catch (error) {
      if (!this.failed) {
        this.notice(`No checkpoint can be kept (${(error as Error).message}): give another directory with --data`)
      }
      this.failed = true
      return false
    }
  }

  remove(): void {
    if (existsSync(this.path)) rmSync(this.path, { force: true })
  }
}

export type Leaves = Map<number, HardSummary>

/** The leaves known of a window. */
export class Checkpoint {
  /** By unit, then by leaf. */
  readonly units: Map<number, Leaves>
  private readonly file: CheckpointFile

  constructor(
    data: string | undefined,
    { bits, units, leaves, hardSteps }: Partition,
    window: bigint,
    notice: (line: string) => void,
  ) {
    this.file = new CheckpointFile(data, `window-${window}-${bits}-${units}-${leaves}-${hardSteps}.cbor`, notice)
    const stored = this.file.read((content: [number, [number, Uint8Array][]][]) => {
      return content.map(([unit, known]) => {
        return [unit, new Map(known.map(([leaf, record]) => [leaf, decodeLeaf(record)]))] as const
      })
    })
    this.units = new Map(stored ?? [])
  }

  get leaves(): number {
    return [...this.units.values()].reduce((sum, leaves) => sum + leaves.size, 0)
  }

  of(unit: number): Leaves {
    const known = this.units.get(unit) ?? new Map()
    this.units.set(unit, known)
    return known
  }

  /** @returns whether it is kept */
  save(): boolean {
    return this.file.write(
      [...this.units].map(([unit, known]) => [unit, [...known].map(([leaf, summary]) => [leaf, encodeLeaf(summary)])]),
    )
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

/** Where a scan is. */
export interface ScanState {
  /** Every smaller number of the range is done. */
  readonly at: bigint
  readonly records: readonly FoundNumber[]
  readonly hardNumbers: readonly FoundNumber[]
}

type StoredNumber = readonly [n: string, sigma: number | null, peak: string]
const pack = ({ n, sigma, peak }: FoundNumber): StoredNumber => [n.toString(), sigma, peak.toString()]
const unpack = ([n, sigma, peak]: StoredNumber): FoundNumber => ({ n: BigInt(n), sigma, peak: BigInt(peak) })

/** How far a scan has come, and what it found. */
export class ScanCheckpoint {
  private readonly file: CheckpointFile

  /** @param name of the range and of what is looked for */
  constructor(data: string | undefined, name: string, notice: (line: string) => void) {
    this.file = new CheckpointFile(data, `scan-${name}.cbor`, notice)
  }

  read(): ScanState | null {
    return this.file.read(([at, records, hardNumbers]: [string, StoredNumber[], StoredNumber[]]) => ({
      at: BigInt(at),
      records: records.map(unpack),
      hardNumbers: hardNumbers.map(unpack),
    }))
  }

  /** @returns whether it is kept */
  save({ at, records, hardNumbers }: ScanState): boolean {
    return this.file.write([at.toString(), records.map(pack), hardNumbers.map(pack)])
  }

  remove(): void {
    this.file.remove()
  }
}
