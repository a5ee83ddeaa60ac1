/**
 * The certificate files of a data directory: certificates/window-<w>.json, one for each certified
 * window.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { privateFolder, writeAtomically } from '../storage/atomic-file.ts'

const fileName = (window: bigint): string => `window-${window}.json`

export const certificatePath = (directory: string, window: bigint): string =>
  join(directory, 'certificates', fileName(window))

/** null when there is none. */
export function readCertificateFile(directory: string, window: bigint): Uint8Array | null {
  const path = certificatePath(directory, window)
  return existsSync(path) ? new Uint8Array(readFileSync(path)) : null
}

/** The file is either whole or not there. */
export function writeCertificateFile(directory: string, window: bigint, bytes: Uint8Array): void {
  const file = certificatePath(directory, window)
  privateFolder(dirname(file))
  writeAtomically(file, bytes)
}

export const removeCertificateFile = (directory: string, window: bigint): void =>
  rmSync(certificatePath(directory, window), { force: true })

export function certificateFiles(directory: string): { window: bigint; name: string; path: string }[] {
  const folder = join(directory, 'certificates')
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .flatMap((name) => {
      const match = /^window-([0-9]{1,40})\.json$/.exec(name)
      return match ? [{ window: BigInt(match[1]!), name, path: join(folder, name) }] : []
    })
    .sort((a, b) => (a.window < b.window ? -1 : 1))
}
