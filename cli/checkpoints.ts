/** Checkpoints of commands that need no network: the leaves known so far, in the data directory. */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import * as dagCbor from '@ipld/dag-cbor'
import { decodeLeaf, encodeLeaf } from '../kernels/result.ts'
import type { HardSummary, Partition } from '../kernels/unit.ts'
import { homeDirectory, writeAtomically } from '../orbit/node/home.ts'

export type Leaves = Map<number, HardSummary>

export class Checkpoint {
  /** By unit, then by leaf. */
  readonly units = new Map<number, Leaves>()
  private readonly path: string

  constructor(data: string | undefined, partition: Partition, window: bigint) {
    const { bits, units, leaves, hardSteps } = partition
    const name = `window-${window}-${bits}-${units}-${leaves}-${hardSteps}.cbor`
    this.path = join(homeDirectory(data), 'checkpoints', name)
    if (!existsSync(this.path)) return
    try {
      const stored = dagCbor.decode<[number, [number, Uint8Array][]][]>(new Uint8Array(readFileSync(this.path)))
      for (const [unit, known] of stored) {
        this.units.set(unit, new Map(known.map(([leaf, record]) => [leaf, decodeLeaf(record)])))
      }
    } catch {
      // Half a checkpoint is none: the work is done again.
      this.units.clear()
    }
  }

  get leaves(): number {
    return [...this.units.values()].reduce((sum, leaves) => sum + leaves.size, 0)
  }

  of(unit: number): Leaves {
    const known = this.units.get(unit) ?? new Map()
    this.units.set(unit, known)
    return known
  }

  save(): void {
    mkdirSync(join(this.path, '..'), { recursive: true })
    const stored = [...this.units].map(([unit, known]) => [
      unit,
      [...known].map(([leaf, summary]) => [leaf, encodeLeaf(summary)]),
    ])
    writeAtomically(this.path, dagCbor.encode(stored))
  }

  remove(): void {
    rmSync(this.path, { force: true })
  }
}
