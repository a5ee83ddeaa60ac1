/**
 * The fraud proof files of a data directory: fraud/<first 16 digits of the account>-<kind>.json, one a conviction (rules:
 * fraud.ts). A file that is there stays as it is: what it says of an account remains true.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { equalBytes, RuleError } from '../../rules/base/statement.ts'
import { writeFraudProof } from '../../rules/certificate/fraud-proof.ts'
import { judgeFraudProof, type LeafEngine } from '../../rules/certificate/recompute.ts'
import type { CertificateSources } from '../../rules/certificate/write.ts'
import type { Genesis } from '../../rules/network/genesis.ts'
import type { Conviction } from '../../rules/quorum/convictions.ts'
import type { SettledConviction } from '../../rules/state/settled-window.ts'
import type { State } from '../../rules/state/state.ts'
import { privateFolder, writeAtomically } from '../storage/atomic-file.ts'

/** Changes come in bursts; one look is enough for all of a burst. */
const BURST_MS = 500

export const fraudProofPath = (directory: string, { account, kind }: Pick<Conviction, 'account' | 'kind'>): string =>
  join(directory, 'fraud', `${account.slice(0, 16)}-${kind}.json`)

export interface FraudProofOptions {
  readonly directory: string
  readonly state: () => State
  readonly sources: CertificateSources
  /** Hears once why files can't be written. */
  readonly onError: (error: Error) => void
}

export class FraudProofWriter {
  private readonly options: FraudProofOptions
  private timer: ReturnType<typeof setTimeout> | null = null
  private failed = false

  constructor(options: FraudProofOptions) {
    this.options = options
  }

  /** Something changed: writes what is missing, soon. */
  update(): void {
    this.timer ??= setTimeout(() => this.write(), BURST_MS)
  }

  /** Writes what is due now, and nothing after that. */
  stop(): void {
    if (this.timer !== null) this.write()
  }

  private write(): void {
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = null
    try {
      writeFraudProofs(this.options.directory, this.options.state(), this.options.sources)
    } catch (error) {
      if (!this.failed) this.options.onError(error as Error)
      this.failed = true
    }
  }
}

/**
 * Writes the file of each conviction that has none. What a proof takes and is not here (leaves that a peer has) is waited
 * for: the next time may have it.
 *
 * @returns the files written
 */
export function writeFraudProofs(directory: string, state: State, sources: CertificateSources): string[] {
  return state.convictions.flatMap((conviction) => {
    const path = fraudProofPath(directory, conviction)
    if (existsSync(path)) return []
    const bytes = proofOf(state, conviction, sources)
    if (!bytes) return []
    writeFraudProofFile(directory, conviction, bytes)
    return [path]
  })
}

/** The proofs that lie here of these convictions. */
export function* fraudProofFiles(
  directory: string,
  convictions: Iterable<Pick<Conviction, 'account' | 'kind'>>,
): Generator<Uint8Array> {
  for (const conviction of convictions) {
    const path = fraudProofPath(directory, conviction)
    if (existsSync(path)) yield new Uint8Array(readFileSync(path))
  }
}

/**
 * Checks a fraud proof of this network that came from somewhere, and computes the leaf that decides, if one does.
 *
 * @throws {RuleError} when it proves nothing
 */
export async function checkFraudProof(
  bytes: Uint8Array,
  genesis: Genesis,
  engine: LeafEngine,
): Promise<SettledConviction> {
  const { proof, holds } = await judgeFraudProof(
    bytes,
    () => engine,
    (read) => {
      if (!equalBytes(read.genesis.bytes, genesis.bytes)) throw new RuleError('a fraud proof of another network')
    },
  )
  if (!holds) throw new RuleError('a fraud proof of a leaf that was signed as it is')
  const { genesis: _genesis, record: _record, name: _name, ...conviction } = proof
  return conviction
}

export function writeFraudProofFile(directory: string, conviction: SettledConviction, bytes: Uint8Array): void {
  const path = fraudProofPath(directory, conviction)
  if (existsSync(path)) return
  privateFolder(dirname(path))
  writeAtomically(path, bytes)
}

function proofOf(state: State, conviction: Conviction, sources: CertificateSources): Uint8Array | null {
  try {
    return writeFraudProof(state, conviction, sources)
  } catch (error) {
    if (error instanceof RuleError) return null
    throw error
  }
}
