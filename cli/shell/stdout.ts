/**
 * What is printed reaches its reader, or the command fails.
 *
 * Bun's console.log drops what can't be written: on a full disk a command would end with exit code
 * 0 and half its output. Importing this file makes console.log write at once and throw where it
 * can't.
 */
import { writeSync } from 'node:fs'
import { format } from 'node:util'
import { EXIT, UserError } from './errors.ts'

const STDOUT = 1
/** How long to wait before a pipe that is full is tried again. */
const FULL_PIPE_MS = 5

const REASONS: Readonly<Record<string, string>> = { ENOSPC: 'the disk is full', EIO: 'the device failed' }

console.log = (...values: unknown[]): void => {
  let rest = Buffer.from(`${format(...values)}\n`)
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(STDOUT, rest))
    } catch (error) {
      const { code = '', message } = error as NodeJS.ErrnoException
      // The reader has seen enough, as `head` has.
      if (code === 'EPIPE') return
      if (code !== 'EAGAIN') throw new UserError(`cannot write the output: ${REASONS[code] ?? message}`, EXIT.output)
      Bun.sleepSync(FULL_PIPE_MS)
    }
  }
}
