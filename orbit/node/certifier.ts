/** Writes the certificate of each window that is certified, beside everything else a node does. */
import { CID } from 'multiformats/cid'
import { type CertificateSources, leavesNeeded, writeCertificate } from '../rules/certificate-writing.ts'
import type { State, WindowState } from '../rules/state.ts'
import { certificatePath, readCertificateFile, writeCertificateFile } from './certificates.ts'
import type { OrbitNode } from './open.ts'

const BLOCK_TIMEOUT = 20_000

export interface CertifierOptions {
  readonly directory: string
  readonly node: Pick<OrbitNode, 'blocks'>
  readonly state: () => State
  readonly sources: CertificateSources
  readonly signal: AbortSignal
  readonly onWritten: (certificate: { window: bigint; file: string }) => void
  readonly onError: (error: Error) => void
}

export class Certifier {
  private readonly options: CertifierOptions
  /** Windows whose certificate is on disk. */
  private readonly written = new Set<bigint>()
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

  /** Resolves when it is at rest. */
  async settled(): Promise<void> {
    await this.running
  }

  /** What can't be had for one window holds no other up. */
  private async writeAll(): Promise<void> {
    const { directory, state, signal, onError } = this.options
    for (const window of state().windows.values()) {
      if (signal.aborted) return
      if (!window.complete || window.settled || this.written.has(window.window)) continue
      try {
        if (!readCertificateFile(directory, window.window)) await this.write(window)
        this.written.add(window.window)
      } catch (error) {
        if (!signal.aborted) onError(error as Error)
      }
    }
  }

  private async write({ window, certified }: WindowState): Promise<void> {
    const { directory, node, state, sources, signal, onWritten } = this.options
    const records = new Map<string, Uint8Array>()
    for (const cid of leavesNeeded(certified.values())) {
      records.set(cid, await node.blocks.get(CID.parse(cid), { timeoutMs: BLOCK_TIMEOUT, signal }))
    }
    // What was certified may have been taken back while the leaves were waited for.
    const now = state()
    if (!now.windows.get(window)?.complete) return
    const leaves = (cid: string) => records.get(cid) ?? sources.leaves(cid)
    const bytes = writeCertificate(now, window, { ...sources, leaves })
    writeCertificateFile(directory, window, bytes)
    onWritten({ window, file: certificatePath(directory, window) })
  }
}
