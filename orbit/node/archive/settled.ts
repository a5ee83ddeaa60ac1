/** Settled windows on disk, and which documents nobody needs any more because of them (rules: settled-window.ts). */
import { renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as dagCbor from '@ipld/dag-cbor'
import { bytesToHex } from '@noble/hashes/utils.js'
import type { Engine } from '../../../kernels/unit.ts'
import { openAnswer } from '../../rules/answer/commit-reveal.ts'
import { open } from '../../rules/base/statement.ts'
import { equivocationsIn } from '../../rules/deal/coordinators.ts'
import { beaconDocument, drawBody, statementDocument } from '../../rules/message/bodies.ts'
import type { Genesis } from '../../rules/network/genesis.ts'
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
import { privateFolder, syncFolder, writeWhole } from '../storage/atomic-file.ts'
import { SqliteFile } from '../storage/sqlite.ts'
import { isCertificateOf } from './certifier.ts'
import { type CheckedWindow, readSnapshot, type SnapshotWindow } from './snapshot.ts'

export const SETTLED = 'settled/'
/** Windows from a snapshot whose draws have not all been found among those published. */
export const UNCONFIRMED = 'unconfirmed/'

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

/** CIDs of the leaves of the results that an answer shows. */
export function leavesIn(document: unknown): string[] {
  const answer = openAnswer(document)
  return answer.type === 'reveal' ? answer.reveals.map(({ item }) => item.result.leaves) : []
}

/** A unit of a deal. */
export interface OverUnit {
  readonly epoch: number
  readonly window: bigint
}

/** Whether an answer is about units alone that are over. */
export function isOverAnswer(document: unknown, isOver: (unit: OverUnit) => boolean): boolean {
  const answer = openAnswer(document)
  const unit = ({ epoch, window }: { epoch: number; window: string }) => ({ epoch, window: BigInt(window) })
  const units =
    answer.type === 'commit'
      ? answer.commit.body.units.map(([epoch, window]) => unit({ epoch, window }))
      : answer.type === 'reveal'
        ? answer.reveals.map(({ item }) => unit(item.result))
        : answer.type === 'audit'
          ? answer.claims
          : [unit(answer.decline.body)]
  return units.every(isOver)
}

/**
 * Whether a draw, or the beacon round of one, is of an epoch that is over. What proves that a coordinator sealed two is kept.
 */
export function overDraws(genesis: Genesis, documents: Iterable<unknown>, isOver: (epoch: number) => boolean) {
  const epochs = new Set<number>()
  const drawIn = (document: unknown) => open(statementDocument.parse(document).statement, drawBody, 'the draw')
  const draws = [...documents].filter((document) => !beaconDocument.safeParse(document).success).map(drawIn)
  const proofs = new Set([...equivocationsIn(draws).values()].flatMap(({ proof }) => proof.map(bytesToHex)))
  for (const { body } of draws) if (isOver(body.epoch)) epochs.add(body.epoch)
  return (document: unknown): boolean => {
    const beacon = beaconDocument.safeParse(document)
    if (beacon.success) return epochs.has(beacon.data.round / genesis.body.epoch.rounds)
    const { body, bytes } = drawIn(document)
    return epochs.has(body.epoch) && !proofs.has(bytesToHex(bytes))
  }
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
  privateFolder(incoming)
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
    privateFolder(dirname(file))
    renameSync(join(incoming, settled.window.toString()), file)
  }
  if (kept.length > 0) syncFolder(dirname(certificatePath(home.directory, 0n)))
  const sql = new SqliteFile(home.directory)
  try {
    sql.transaction(() => {
      for (const { settled, draws } of kept) {
        sql.run('INSERT OR REPLACE INTO private VALUES(?, ?)', `${SETTLED}${settled.window}`, encodeSettled(settled))
        sql.run(
          'INSERT OR REPLACE INTO private VALUES(?, ?)',
          `${UNCONFIRMED}${settled.window}`,
          encodeUnconfirmed(draws),
        )
      }
    })
  } finally {
    sql.close()
  }
  return kept.length
}
