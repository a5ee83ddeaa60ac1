/** Settled windows on disk, and which documents nobody needs any more because of them (rules: history.ts). */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { bytesToHex } from '@noble/hashes/utils.js'
import type { Engine } from '../../kernels/unit.ts'
import { openAnswer } from '../rules/batch.ts'
import { equivocationsIn } from '../rules/coordinators.ts'
import { beaconDocument, drawBody, statementDocument } from '../rules/events.ts'
import type { Genesis } from '../rules/genesis.ts'
import {
  decodeSettled,
  encodeSettled,
  type History,
  isOver,
  type SettledWindow,
  settledAfter,
} from '../rules/history.ts'
import { type State, summaryOf } from '../rules/state.ts'
import { open } from '../rules/statement.ts'
import { certificatePath, readCertificateFile } from './certificates.ts'
import { isCertificateOf } from './certifier.ts'
import type { Home } from './home.ts'
import { readSnapshot, type SnapshotWindow } from './snapshot.ts'
import { SqliteFile } from './sqlite.ts'

export const SETTLED = 'settled/'
/** Windows from a snapshot whose draws have not been found among those published: how often they have been looked for. */
export const UNCONFIRMED = 'unconfirmed/'

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
    for (const { item } of reveals.values()) named.add(item.result.leaves)
  }
  return named
}

/** Whether an answer is about settled windows alone. */
export function isOverAnswer(document: unknown, history: History): boolean {
  const answer = openAnswer(document)
  const windows =
    answer.type === 'commit'
      ? answer.commit.body.units.map(([, window]) => BigInt(window))
      : answer.type === 'reveal'
        ? answer.reveals.map(({ item }) => BigInt(item.result.window))
        : answer.type === 'audit'
          ? answer.claims.map(({ window }) => window)
          : [BigInt(answer.decline.body.window)]
  return windows.every((window) => history.has(window))
}

/**
 * Whether a draw, or the beacon round of one, is of an epoch that is over and offered settled windows alone. What proves
 * that a coordinator sealed two is kept.
 */
export function overDraws(genesis: Genesis, documents: Iterable<unknown>, history: History, round: number) {
  const epochs = new Map<number, boolean>()
  const drawIn = (document: unknown) => open(statementDocument.parse(document).statement, drawBody, 'the draw')
  const draws = [...documents].filter((document) => !beaconDocument.safeParse(document).success).map(drawIn)
  const proofs = new Set([...equivocationsIn(draws).values()].flatMap(({ proof }) => proof.map(bytesToHex)))
  for (const { body } of draws) {
    const { epoch, offers } = body
    const over = settledAfter(genesis, epoch) < round && offers.every(({ window }) => history.has(BigInt(window)))
    epochs.set(epoch, over && (epochs.get(epoch) ?? true))
  }
  return (document: unknown): boolean => {
    const beacon = beaconDocument.safeParse(document)
    if (beacon.success) return epochs.get(beacon.data.round / genesis.body.epoch.rounds) ?? false
    const { body, bytes } = drawIn(document)
    return (epochs.get(body.epoch) ?? false) && !proofs.has(bytesToHex(bytes))
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
  const kept: SettledWindow[] = []
  let checked = 0
  for await (const { settled, certificate, of } of windows) {
    onWindow(++checked, of)
    if (!isOver(home.genesis, settled, round)) continue
    kept.push(settled)
    writeFileSync(join(incoming, settled.window.toString()), certificate)
  }
  // First the files: a certificate that nothing says is settled does no harm, the other way round it would be missing.
  for (const { window } of kept) {
    const file = certificatePath(home.directory, window)
    mkdirSync(dirname(file), { recursive: true })
    renameSync(join(incoming, window.toString()), file)
  }
  const sql = new SqliteFile(home.directory)
  try {
    sql.transaction(() => {
      for (const settled of kept) {
        sql.run('INSERT OR REPLACE INTO private VALUES(?, ?)', `${SETTLED}${settled.window}`, encodeSettled(settled))
        sql.run('INSERT OR REPLACE INTO private VALUES(?, ?)', `${UNCONFIRMED}${settled.window}`, new Uint8Array([0]))
      }
    })
  } finally {
    sql.close()
  }
  return kept.length
}
