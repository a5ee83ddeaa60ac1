/**
 * The fraud proof files of a data directory: fraud/<first 16 digits of the account>-<kind>.json,
 * one for each conviction (rules: fraud-proof.ts). A file is never changed: its proof stays true.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { equalBytes } from '../../rules/base/bytes.ts'
import { RuleError } from '../../rules/base/statement.ts'
import type { CertificateSources } from '../../rules/certificate/format.ts'
import { writeFraudProof } from '../../rules/certificate/fraud-proof.ts'
import { judgeFraudProof, type LeafEngine } from '../../rules/certificate/recompute.ts'
import type { Genesis } from '../../rules/network/genesis.ts'
import type { Conviction } from '../../rules/quorum/convictions.ts'
import type { SettledConviction } from '../../rules/state/settled-window.ts'
import type { State } from '../../rules/state/state.ts'
import { privateFolder, writeAtomically } from '../storage/atomic-file.ts'

/** Changes come in bursts: the state is looked at once a burst. */
const BURST_MS = 500

export const fraudProofPath = (directory: string, { account, kind }: Pick<Conviction, 'account' | 'kind'>): string =>
  join(directory, 'fraud', `${account.slice(0, 16)}-${kind}.json`)

export interface FraudProofOptions {
  readonly directory: string
  readonly state: () => State
  readonly sources: CertificateSources
  /** Called once, with the reason why files can't be written. */
  readonly onError: (error: Error) => void
}

export class FraudProofWriter {
  private readonly options: FraudProofOptions
  private timer: ReturnType<typeof setTimeout> | null = null
  private failed = false

  constructor(options: FraudProofOptions) {
    this.options = options
  }

  /** Something changed: writes missing files, soon. */
  update(): void {
    this.timer ??= setTimeout(() => this.write(), BURST_MS)
  }

  /** Writes what is due at once, and nothing after that. */
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
 * Writes the file of each conviction that has none. A proof may need leaves that only a peer has:
 * it is left out, and written when a later call finds them here.
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

/** The fraud proofs of these convictions, those that are here. */
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
 * Checks a fraud proof from wherever, and computes the leaf that decides, if one does.
 *
 * @throws {RuleError} when it proves nothing about an account of this network
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
