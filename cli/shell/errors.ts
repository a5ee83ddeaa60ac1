/** What an error means to whoever typed the command: one line and an exit code, or a defect of ours. */
import { stripVTControlCharacters } from 'node:util'
import { EXIT, UserError } from './command.ts'

/** Errors whose message says what happened, to what, and what to do. */
const EXPLAINED = new Set([
  'HomeError',
  'RuleError',
  'NodeError',
  'DataDirectoryInUse',
  'DatabaseClosed',
  'DocumentRefused',
  'DataDirectoryUnreadable',
  'DatabaseDamaged',
  'PortInUse',
  'GenesisUnavailable',
  'SiteDataError',
  'OutputError',
  'NoSite',
  'KnownAnswerError',
  'ControlError',
  'BeaconSilent',
  'NoGpu',
  'DeviceLost',
  'GpuFault',
  'WorkerError',
  'BlockUnavailable',
  'AddressError',
  'NameError',
  'CLIError',
])

/** What the system says of a path that was typed. */
const FILES: Record<string, string> = {
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'something in its path is not a folder',
  EISDIR: 'it is a folder',
  EACCES: 'you may not write or read there',
  EPERM: 'you may not write or read there',
  EROFS: 'it can only be read there',
}

export function explain(error: unknown): { line: string; exitCode: number } {
  if (error instanceof UserError) return { line: error.message, exitCode: error.exitCode }
  const { name, message, code, path } = error as Error & { code?: string; path?: string }
  // The colours of citty's own messages do not belong in a log.
  const plain = stripVTControlCharacters(String(message))
  if (name === 'CLIError') return { line: plain, exitCode: EXIT.usage }
  if (name === 'AbortError') return { line: 'stopped', exitCode: EXIT.interrupted }
  if (EXPLAINED.has(name)) return { line: plain, exitCode: 1 }
  const reason = code && FILES[code]
  if (reason && path) return { line: `cannot use ${path}: ${reason}`, exitCode: 1 }
  if (code === 'ENOSPC') return { line: `the disk is full: ${plain}`, exitCode: 1 }
  return {
    line: `${plain}\nThis is a defect of collatz. Run again with COLLATZ_DEBUG=1 for details.`,
    exitCode: 70,
  }
}
