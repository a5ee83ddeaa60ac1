/** What the certificate files of a node say of each certified unit: by whom, and when, in beacon rounds. */
import { certificateFiles, readCertificateFile } from '../../orbit/node/home/certificate-files.ts'
import { rawCid } from '../../orbit/rules/base/cid.ts'
import { open } from '../../orbit/rules/base/statement.ts'
import { parseCertificate } from '../../orbit/rules/certificate/format.ts'
import { readCertificate } from '../../orbit/rules/certificate/read.ts'
import { type ResultItem, resultsBody } from '../../orbit/rules/message/bodies.ts'
import { until } from '../until.ts'

export interface CertifiedUnit {
  readonly window: bigint
  readonly unit: number
  /** Of the deal. */
  readonly epoch: number
  readonly result: ResultItem
  /** Accounts whose results certify it. */
  readonly accounts: readonly string[]
  /** Nodes whose results count: those that agree, and those that do not. */
  readonly counted: number
  /** Rounds in which they were shown, ascending. */
  readonly shown: readonly number[]
}

/** Of all files in a data directory, each checked as a stranger would. */
export const certifiedUnits = (directory: string): CertifiedUnit[] =>
  certificateFiles(directory).flatMap(({ window }) => {
    // It may have been taken back since.
    const bytes = readCertificateFile(directory, window)
    return bytes ? unitsIn(window, bytes) : []
  })

/** The one unit of a window, as soon as its file is there: it is written when its leaves are. */
export async function certificateOf(directory: string, window: bigint): Promise<CertifiedUnit> {
  const bytes = await until(() => readCertificateFile(directory, window), `the certificate of window ${window}`)
  return unitsIn(window, bytes)[0]!
}

const read = new Map<string, CertifiedUnit[]>()

/** Nodes mostly write the same file to the byte: it is checked once. */
function unitsIn(window: bigint, bytes: Uint8Array): CertifiedUnit[] {
  const cid = rawCid(bytes).toString()
  const units = read.get(cid) ?? check(bytes, window)
  read.set(cid, units)
  return units
}

function check(bytes: Uint8Array, window: bigint): CertifiedUnit[] {
  const { units } = readCertificate(bytes)
  const file = parseCertificate(bytes)
  const statements = file.statements.map((statement) => open(statement, resultsBody, 'a statement of the certificate'))
  return file.units.map(({ unit, results }): CertifiedUnit => {
    const { epoch, result, accounts } = units.get(unit)!
    const signed = results.map(({ statement }) => statements[statement]!)
    return {
      ...{ window, unit, epoch, result, accounts },
      counted: new Set(signed.map(({ signer }) => signer)).size,
      shown: signed.map(({ body }) => body.round).sort((a, b) => a - b),
    }
  })
}
