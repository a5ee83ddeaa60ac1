/**
 * `collatz verify FILE` of a fraud proof: checks the signatures and computes the leaf that decides.
 */
import { cpuEngine } from '../../kernels/cpu.ts'
import { decodeLeaf, encodeLeaf } from '../../kernels/result.ts'
import type { Engine, HardSummary } from '../../kernels/unit.ts'
import { RuleError } from '../../orbit/rules/base/statement.ts'
import type { FraudProof } from '../../orbit/rules/certificate/fraud-proof.ts'
import { judgeFraudProof } from '../../orbit/rules/certificate/recompute.ts'
import { checksumHex } from '../../orbit/rules/message/bodies.ts'
import { plainText, shownName } from '../../site/text.ts'
import { EXIT, UserError } from '../shell/errors.ts'
import { lateBar, peakText, printJson } from '../shell/print.ts'

/**
 * Whether a file is meant as a fraud proof. In a certificate these bytes can't occur: its texts are
 * numbers and base64.
 */
export const isFraudProof = (bytes: Uint8Array): boolean =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes('"format":"collatz-fraud-proof"')

export async function verifyFraud(
  path: string,
  bytes: Uint8Array,
  options: { network?: string | undefined; json?: boolean | undefined },
): Promise<void> {
  const refuse = (why: string) => new UserError(`DOES NOT HOLD: ${path}: ${why}`, EXIT.refused)
  let engine: Engine | null = null
  let bar: ReturnType<typeof lateBar> | null = null
  const accept = ({ genesis, unit, leaf }: FraudProof) => {
    if (options.network !== undefined && options.network !== genesis.networkId) {
      throw refuse(`it is of network ${genesis.networkId}, not ${options.network}`)
    }
    if (leaf !== null) bar = lateBar(`leaf ${leaf} of unit ${unit}`)
  }
  const { proof, record, holds } = await judgeFraudProof(bytes, (partition) => (engine = cpuEngine(partition)), accept)
    .catch((error: unknown) => {
      if (!(error instanceof RuleError)) throw error
      throw refuse(error.message)
    })
    .finally(async () => {
      bar?.stop()
      await engine?.close()
    })
  if (!holds) {
    throw refuse(
      `leaf ${proof.leaf} of unit ${proof.unit} was signed as what computing it gives: nothing is wrong with that`,
    )
  }
  report(path, proof, record && decodeLeaf(record), Boolean(options.json))
}

const GUILT: Record<FraudProof['kind'], string> = {
  leaf: 'signed a result with a wrong leaf',
  sum: 'signed a result that its own leaves do not make',
  contradiction: 'signed two different results of one unit',
  claim: 'signed, as an auditor, a wrong record of a leaf',
}

function report(path: string, proof: FraudProof, recomputed: HardSummary | null, json: boolean): void {
  const { genesis, account, name, node, kind, epoch, window, unit, leaf, record, evidence } = proof
  const signed = record && decoded(record)
  const network = genesis.networkId
  if (json) {
    printJson({
      ...{ guilty: true, network, account, name, node, kind, epoch, window, unit, leaf, evidence },
      signed: record && { record: Buffer.from(record).toString('hex'), ...(signed && plain(signed)) },
      recomputed: recomputed && { record: Buffer.from(encodeLeaf(recomputed)).toString('hex'), ...plain(recomputed) },
    })
    return
  }
  const lines = [
    `GUILTY: ${path}`,
    `  account    ${shownName(name)} (${account})`,
    `  node       ${node}`,
    `  of         ${kind}: ${GUILT[kind]}`,
    `  where      ${leaf === null ? '' : `leaf ${leaf} of `}unit ${unit} of window ${window}, dealt in epoch ${epoch}`,
    `  network    ${network} (${plainText(genesis.body.name, 64)})`,
  ]
  if (record) lines.push(`  signed     ${signed ? summaryText(signed) : 'bytes that are no record of a leaf'}`)
  if (recomputed) lines.push(`  recomputed ${summaryText(recomputed)}`)
  lines.push(...evidence.map((cid, i) => `  ${i === 0 ? 'evidence  ' : '          '} ${cid}`))
  console.log(lines.join('\n'))
}

function decoded(record: Uint8Array): HardSummary | null {
  try {
    return decodeLeaf(record)
  } catch {
    return null
  }
}

const plain = ({ count, checksum, peak }: HardSummary) => ({ count, checksum: checksumHex(checksum), peak })

const summaryText = ({ count, checksum, peak }: HardSummary): string =>
  `${count} hard ${count === 1 ? 'number' : 'numbers'}, checksum ${checksumHex(checksum)}, peak ${peakText(peak)}`
