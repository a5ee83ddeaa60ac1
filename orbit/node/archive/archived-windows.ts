/** Settled windows on disk, and which documents nobody needs any more because of them (rules: settled-window.ts). */
import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as dagCbor from '@ipld/dag-cbor'
import type { Engine } from '../../../kernels/unit.ts'
import {
  decodeSettled,
  encodeSettled,
  isOver,
  type SettledWindow,
  settledAfter,
} from '../../rules/state/settled-window.ts'
import { type State, summaryOf } from '../../rules/state/state.ts'
import { certificatePath, readCertificateFile } from '../home/certificate-files.ts'
import type { Home } from '../home/home.ts'
import { syncFolder, writeWhole } from '../storage/atomic-file.ts'
import { PRIVATE, putPrivate } from '../storage/private.ts'
import { SqliteFile } from '../storage/sqlite.ts'
import { isCertificateOf } from './certifier.ts'
import { type CheckedWindow, readSnapshot, type SnapshotWindow } from './snapshot.ts'

/** The CIDs of the draws. */
const encodeUnconfirmed = (draws: readonly string[]): Uint8Array => dagCbor.encode([...draws])
export const decodeUnconfirmed = (bytes: Uint8Array): string[] => dagCbor.decode(bytes)

/** From the rows of the node's private table. */
export const historyOf = (rows: Iterable<readonly [key: string, value: Uint8Array]>): Map<bigint, SettledWindow> =>
  new Map([...rows].map(([, value]) => decodeSettled(value)).map((settled) => [settled.window, settled]))

/** Windows about which everything has been said, and whose certificate is on disk. */
export function settleable(state: State, round: number, directory: string): SettledWindow[] {
  const { genesis } = state
  const over = (epoch: number) => settledAfter(genesis, epoch) < round
  const dealtLater = new Set<bigint>()
  for (const { draw, assignments } of state.draws.values()) {
    if (!over(draw.body.epoch)) for (const { window } of assignments) dealtLater.add(window)
  }
  return [...state.windows.values()]
    .filter(({ complete, settled, window }) => complete && !settled && !dealtLater.has(window))
    .filter((window) => isCertificateOf(state, window, readCertificateFile(directory, window.window)))
    .map((window) => summaryOf(state, window))
}

/** CIDs of the leaves of all results that the documents speak of. */
export function leavesNamed({ evidence }: State): Set<string> {
  const named = new Set<string>()
  for (const { reveals } of evidence.units.values()) {
    for (const { item } of [...reveals.values()].flat()) named.add(item.result.leaves)
  }
  return named
}

/**
 * Takes a snapshot in: what it certifies is settled for this node from its first start on. Windows that are not over are
 * left to their documents, which may say more than the certificate. Whether the draws that they rest on were published
 * will be seen when the node runs (settling.ts).
 *
 * @param round the newest round, by this machine's clock
 * @param onWindow hears how many windows were checked so far, and how many there are
 * @throws {RuleError} when anything in it does not hold; nothing of it is kept then
 */
export async function importSnapshot(
  home: Home,
  path: string,
  engine: Engine,
  round: number,
  onWindow: (checked: number, of: number) => void,
): Promise<number> {
  // On disk, as they may be more than the memory; in their place when all of them hold.
  const incoming = join(home.directory, 'incoming')
  rmSync(incoming, { recursive: true, force: true })
  mkdirSync(incoming)
  try {
    return await takeIn(home, incoming, readSnapshot(path, home.genesis, engine), round, onWindow)
  } finally {
    rmSync(incoming, { recursive: true, force: true })
  }
}

async function takeIn(
  home: Home,
  incoming: string,
  windows: AsyncIterable<SnapshotWindow>,
  round: number,
  onWindow: (checked: number, of: number) => void,
): Promise<number> {
  const kept: CheckedWindow[] = []
  let checked = 0
  for await (const { settled, draws, certificate, of } of windows) {
    onWindow(++checked, of)
    if (!isOver(home.genesis, settled, round)) continue
    kept.push({ settled, draws })
    writeWhole(join(incoming, settled.window.toString()), certificate)
  }
  // First the files: a certificate that nothing says is settled does no harm, the other way round it would be missing.
  for (const { settled } of kept) {
    const file = certificatePath(home.directory, settled.window)
    mkdirSync(dirname(file), { recursive: true })
    renameSync(join(incoming, settled.window.toString()), file)
  }
  if (kept.length > 0) syncFolder(dirname(certificatePath(home.directory, 0n)))
  const sql = new SqliteFile(home.directory)
  try {
    sql.transaction(() => {
      for (const { settled, draws } of kept) {
        putPrivate(sql, `${PRIVATE.archived}${settled.window}`, encodeSettled(settled))
        putPrivate(sql, `${PRIVATE.unconfirmed}${settled.window}`, encodeUnconfirmed(draws))
      }
    })
  } finally {
    sql.close()
  }
  return kept.length
}
