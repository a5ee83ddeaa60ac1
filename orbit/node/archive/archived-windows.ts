/**
 * Archived windows: which windows are over (rules: settled-window.ts), and how they lie in the
 * node's private table.
 */

import * as dagCbor from '@ipld/dag-cbor'
import type { Memory } from '../../rules/base/memory.ts'
import { settledAfter } from '../../rules/network/schedule.ts'
import { decodeSettled, type SettledWindow } from '../../rules/state/settled-window.ts'
import type { State } from '../../rules/state/state.ts'
import { summaryOf } from '../../rules/state/windows.ts'
import { readCertificateFile } from '../home/certificate-files.ts'
import type { PrivateRow } from '../storage/private.ts'
import { isCertificateOf } from './certifier.ts'

/** @param draws CIDs of the draws behind a window that came by a snapshot */
export const encodeUnconfirmed = (draws: readonly string[]): Uint8Array => dagCbor.encode([...draws])
export const decodeUnconfirmed = (bytes: Uint8Array): string[] => dagCbor.decode(bytes)

/** By number, from the rows of the node's private table. */
export const archivedIn = (rows: Iterable<PrivateRow>): Map<bigint, SettledWindow> =>
  new Map([...rows].map(([, value]) => decodeSettled(value)).map((settled) => [settled.window, settled]))

/**
 * Windows to archive: no document to come can change anything about them, and their certificate is
 * on disk.
 */
export function archivable(state: State, round: number, directory: string, memory?: Memory): SettledWindow[] {
  const { genesis } = state
  const isOver = (epoch: number) => settledAfter(genesis, epoch) < round
  const dealtLater = new Set<bigint>()
  for (const { draw, assignments } of state.draws.values()) {
    if (!isOver(draw.body.epoch)) for (const { window } of assignments) dealtLater.add(window)
  }
  return [...state.windows.values()]
    .filter(({ complete, settled, window }) => complete && !settled && !dealtLater.has(window))
    .filter((window) => isCertificateOf(state, window, readCertificateFile(directory, window.window), memory))
    .map((window) => summaryOf(state, window))
}

/** CIDs of the leaves of all results that the documents show. */
export function leavesNamed({ evidence }: State): Set<string> {
  const named = new Set<string>()
  for (const { reveals } of evidence.units.values()) {
    for (const { item } of [...reveals.values()].flat()) named.add(item.result.leaves)
  }
  return named
}
