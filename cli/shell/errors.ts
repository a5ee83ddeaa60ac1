/**
 * What an error means to the user who typed the command: a line and an exit code.
 *
 * Errors that a user can mend are UserErrors (orbit/rules/base/errors.ts), and those of the
 * engines, which stand alone. Anything else is a defect of the program, and is called one.
 */
import { stripVTControlCharacters } from 'node:util'
import { WorkerError } from '../../kernels/wasm/pool.ts'
import { DeviceLost, GpuFault, NoGpu } from '../../kernels/webgpu/errors.ts'
import { UserError } from '../../orbit/rules/base/errors.ts'

export { UserError }

/**
 * Exit codes, after sysexits.h where it has one. `candidate`: a number was found that may be a
 * counterexample. `provesNothing`: a certificate holds, but under its genesis nobody need have
 * worked.
 */
export const EXIT = {
  candidate: 3,
  provesNothing: 5,
  usage: 64,
  refused: 65,
  defect: 70,
  output: 74,
  interrupted: 130,
} as const

/** Errors of the kernels whose message says what happened, to what, and what to do. */
const ENGINE_ERRORS = [NoGpu, DeviceLost, GpuFault, WorkerError]

/** What the system says of a path that was typed. */
const FILE_REASONS: Record<string, string> = {
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'something in its path is not a folder',
  EISDIR: 'it is a folder',
  EACCES: 'you may not write or read there',
  EPERM: 'you may not write or read there',
  EROFS: 'it can only be read there',
}

export interface Explanation {
  /** One line, but two for a defect. */
  readonly line: string
  readonly exitCode: number
}

export function explain(error: unknown): Explanation {
  if (error instanceof UserError) return { line: error.message, exitCode: error.exitCode }
  const { name, message, code, path } = error as Error & { code?: string; path?: string }
  // citty colours its messages, and a log has no use for that.
  const plain = stripVTControlCharacters(String(message))
  // citty does not export its class.
  if (name === 'CLIError') return { line: plain, exitCode: EXIT.usage }
  if (name === 'AbortError') return { line: 'stopped', exitCode: EXIT.interrupted }
  if (ENGINE_ERRORS.some((known) => error instanceof known)) return { line: plain, exitCode: 1 }
  const reason = code && FILE_REASONS[code]
  if (reason && path) return { line: `cannot use ${path}: ${reason}`, exitCode: 1 }
  if (code === 'ENOSPC') return { line: `the disk is full: ${plain}`, exitCode: 1 }
  return {
    line: `${plain}\nThis is a defect of collatz. Run again with COLLATZ_DEBUG=1 for details.`,
    exitCode: EXIT.defect,
  }
}
