/**
 * Takes in a snapshot before the first start of a node: the windows that it certifies are archived
 * for this node from then on. Windows that are not over are left to their documents, which may say
 * more than the certificate. Whether the draws behind the windows were published is seen when the
 * node runs (archive.ts).
 */
import { renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Engine } from '../../../kernels/unit.ts'
import { encodeSettled, isOver } from '../../rules/state/settled-window.ts'
import { certificatePath } from '../home/certificate-files.ts'
import type { Home } from '../home/home.ts'
import { privateFolder, syncFolder, writeWhole } from '../storage/atomic-file.ts'
import { PRIVATE, putPrivate } from '../storage/private.ts'
import { SqliteFile } from '../storage/sqlite.ts'
import { encodeUnconfirmed } from './archived-windows.ts'
import { type CheckedWindow, readSnapshot, type SnapshotWindow } from './snapshot.ts'

/** Hears how many windows were checked so far, and how many there are. */
type OnWindow = (checked: number, total: number) => void

/**
 * @param engine computes the leaves that are contested
 * @param round the newest round, by this machine's clock
 * @returns how many windows were archived
 * @throws {RuleError} when anything in the snapshot does not hold; none of it is kept then
 */
export async function importSnapshot(
  home: Home,
  path: string,
  engine: Engine,
  round: number,
  onWindow: OnWindow,
): Promise<number> {
  // The certificates lie on disk, as they may be more than the memory, and get to their place when
  // all of them hold.
  const incoming = join(home.directory, 'incoming')
  rmSync(incoming, { recursive: true, force: true })
  privateFolder(incoming)
  try {
    const windows = await check(home, incoming, readSnapshot(path, home.genesis, engine), round, onWindow)
    moveCertificates(home, incoming, windows)
    archive(home, windows)
    return windows.length
  } finally {
    rmSync(incoming, { recursive: true, force: true })
  }
}

async function check(
  home: Home,
  incoming: string,
  windows: AsyncIterable<SnapshotWindow>,
  round: number,
  onWindow: OnWindow,
): Promise<CheckedWindow[]> {
  const over: CheckedWindow[] = []
  let checked = 0
  for await (const { settled, draws, certificate, total } of windows) {
    onWindow(++checked, total)
    if (!isOver(home.genesis, settled, round)) continue
    over.push({ settled, draws })
    writeWhole(join(incoming, settled.window.toString()), certificate)
  }
  return over
}

/**
 * First the files: a certificate of a window that is not archived does no harm, the other way round
 * it would be missing.
 */
function moveCertificates({ directory }: Home, incoming: string, windows: readonly CheckedWindow[]): void {
  if (windows.length === 0) return
  for (const { settled } of windows) {
    const file = certificatePath(directory, settled.window)
    privateFolder(dirname(file))
    renameSync(join(incoming, settled.window.toString()), file)
  }
  syncFolder(dirname(certificatePath(directory, 0n)))
}

function archive({ directory }: Home, windows: readonly CheckedWindow[]): void {
  const sql = new SqliteFile(directory)
  try {
    sql.transaction(() => {
      for (const { settled, draws } of windows) {
        putPrivate(sql, `${PRIVATE.archived}${settled.window}`, encodeSettled(settled))
        putPrivate(sql, `${PRIVATE.unconfirmed}${settled.window}`, encodeUnconfirmed(draws))
      }
    })
  } finally {
    sql.close()
  }
}
