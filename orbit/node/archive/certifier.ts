/**
 * Writes the certificate of each window that is certified, beside everything else that a node does.
 */
import { equalBytes } from '../../rules/base/bytes.ts'
import type { Memory } from '../../rules/base/memory.ts'
import { RuleError } from '../../rules/base/statement.ts'
import type { CertificateSources } from '../../rules/certificate/format.ts'
import { readCertificate, settledBy } from '../../rules/certificate/read.ts'
import { writeCertificate } from '../../rules/certificate/write.ts'
import { resultKey } from '../../rules/message/bodies.ts'
import { encodeSettled, type SettledWindow } from '../../rules/state/settled-window.ts'
import type { State } from '../../rules/state/state.ts'
import { summaryOf, type WindowState } from '../../rules/state/windows.ts'
import {
  certificatePath,
  readCertificateFile,
  removeCertificateFile,
  writeCertificateFile,
} from '../home/certificate-files.ts'

export interface CertifierOptions {
  readonly directory: string
  /** Remembers what was opened and checked. */
  readonly memory?: Memory
  readonly state: () => State
  readonly sources: CertificateSources
  readonly signal: AbortSignal
  readonly onWritten: (certificate: { window: bigint; file: string }) => void
  readonly onError: (error: Error) => void
}

export class Certifier {
  private readonly options: CertifierOptions
  /** Windows whose certificate is on disk, with the certifiedKey that it was written for. */
  private readonly written = new Map<bigint, string>()
  /** Why certificates could not be written, since one was. */
  private readonly failed = new Set<string>()
  private running: Promise<void> | null = null
  private again = false

  constructor(options: CertifierOptions) {
    this.options = options
  }

  /** Leaves may have to be waited for; if something changes meanwhile it looks once more. */
  update(): Promise<void> {
    this.again = true
    this.running ??= (async () => {
      while (this.again && !this.options.signal.aborted) {
        this.again = false
        await this.writeAll()
      }
    })().finally(() => {
      this.running = null
    })
    return this.running
  }

  /** Resolves when it does not run. */
  async idle(): Promise<void> {
    await this.running
  }

  /** A window whose leaves can't be had holds no other up. */
  private async writeAll(): Promise<void> {
    const { directory, state, signal, memory, onError } = this.options
    for (const window of state().windows.values()) {
      if (signal.aborted) return
      if (window.settled) continue
      if (!window.complete) {
        // An account was convicted, and what it certified is taken back.
        if (this.written.delete(window.window)) removeCertificateFile(directory, window.window)
        continue
      }
      const key = certifiedKey(window)
      if (this.written.get(window.window) === key) continue
      try {
        const file = readCertificateFile(directory, window.window)
        if (!isCertificateOf(state(), window, file, memory)) this.write(window)
        this.written.set(window.window, key)
        this.failed.clear()
      } catch (error) {
        const { message } = error as Error
        // It is tried again and again, and told once until a certificate is written.
        if (!signal.aborted && !this.failed.has(message)) {
          onError(new Error(`cannot write the certificate of window ${window.window}: ${message}`))
        }
        this.failed.add(message)
      }
    }
  }

  /** All that it takes is here: nothing is certified that this node has not judged. */
  private write({ window }: WindowState): void {
    const { directory, state, sources, onWritten, memory } = this.options
    writeCertificateFile(directory, window, writeCertificate(state(), window, sources, 'all', memory))
    onWritten({ window, file: certificatePath(directory, window) })
  }
}

/** Changes with the results that certify its units. */
const certifiedKey = ({ certified }: WindowState): string =>
  [...certified]
    .sort(([a], [b]) => a - b)
    .map(([unit, { assignment, results }]) => `${unit}:${assignment.epoch}:${resultKey(results[0]!.item)}`)
    .join()

/**
 * Whether a file certifies what the state does: an old one may hold what has been taken back since.
 */
export function isCertificateOf(state: State, window: WindowState, file: Uint8Array | null, memory?: Memory): boolean {
  if (!file) return false
  try {
    return equalBytes(essence(settledBy(readCertificate(file, memory))), essence(summaryOf(state, window)))
  } catch (error) {
    if (error instanceof RuleError) return false
    throw error
  }
}

/**
 * What is certified and by whom. The convictions of other accounts are no part of a certificate.
 */
const essence = (summary: SettledWindow): Uint8Array =>
  encodeSettled({
    ...summary,
    convictions: [],
    credits: new Map([...summary.credits].sort(([a], [b]) => (a < b ? -1 : 1))),
  })
