/**
 * The newest epoch that this node has sealed a draw for. Two draws for one epoch expose a
 * coordinator for good (rules: coordinators.ts), and a node whose database was lost or restored
 * from a backup does not know what it sealed. So the number lies in a file of its own beside the
 * key, and is on disk before a draw is published.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeAtomically } from '../storage/atomic-file.ts'
import { HomeError } from './home.ts'

const NAME = 'last-sealed'

export class LastSealed {
  private readonly directory: string
  /** -1: it has sealed nothing. */
  private newest: number

  /** @throws {HomeError} when the file is damaged */
  constructor(directory: string) {
    this.directory = directory
    this.newest = existsSync(this.path) ? read(this.path) : -1
  }

  private get path(): string {
    return join(this.directory, NAME)
  }

  /** Whether a draw may still be sealed for an epoch. */
  allows(epoch: number): boolean {
    return epoch > this.newest
  }

  /**
   * On disk when it returns.
   *
   * @throws when it can't be written: the epoch is not sealed, and may be tried again
   */
  seal(epoch: number): void {
    writeAtomically(this.path, `${epoch}\n`)
    this.newest = epoch
  }
}

function read(path: string): number {
  const text = readFileSync(path, 'utf8').trim()
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new HomeError(
    `${path} is not the number of an epoch: write the newest epoch into it that this node may have sealed a draw for, or delete it if that is long over`,
  )
}
