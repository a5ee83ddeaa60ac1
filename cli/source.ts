/**
 * The documents that a command shows, wherever they are: asked of the node that runs on the data directory, else read
 * from its database. The state is computed here, from signed documents, in both cases.
 */

import { classes } from '../kernels/partition.ts'
import { askNode } from '../orbit/node/control.ts'
import type { Home } from '../orbit/node/home.ts'
import { type KnowledgeDump, knowledgeOf } from '../orbit/node/knowledge.ts'
import { readDocuments, readHistory, readKnowledge } from '../orbit/node/offline.ts'
import { DataDirectoryInUse } from '../orbit/node/sqlite.ts'
import type { Verdict } from '../orbit/node/verdicts.ts'
import type { DatabaseKind } from '../orbit/rules/events.ts'
import { decodeSettled } from '../orbit/rules/history.ts'
import { type State, stateOf } from '../orbit/rules/state.ts'

/** What a running node hands out. */
export interface SourceDump {
  readonly documents: Readonly<Record<DatabaseKind, readonly unknown[]>>
  readonly knowledge: KnowledgeDump
  /** Settled windows, encoded. */
  readonly history: readonly Uint8Array[]
  readonly live: Live
}

/** What only a running node knows. */
export interface Live {
  readonly round: number | null
  readonly peerId: string
  readonly addresses: readonly string[]
  readonly peers: readonly { readonly id: string; readonly address: string }[]
  /** The unit being computed, or null. */
  readonly working: { readonly window: string; readonly unit: number; readonly fraction: number } | null
  /** Numbers a second, over this run's finished units; null before the first. */
  readonly rate: number | null
  /** What the node made of the newest draws, newest first. */
  readonly verdicts: readonly Verdict[]
  /** Documents refused since the start, by reason. */
  readonly refused: Readonly<Record<string, number>>
}

export interface Source {
  readonly state: State
  /** What the state was computed from. */
  readonly documents: Readonly<Record<DatabaseKind, readonly unknown[]>>
  readonly unitsPerWindow: number
  /** null: no node is running on this data directory. */
  readonly live: Live | null
}

export async function readSource(home: Home): Promise<Source> {
  const { genesis } = home
  const unitsPerWindow = classes(genesis.partition).length
  try {
    const documents = readDocuments(home)
    return { state: storedState(home, unitsPerWindow, documents), documents, unitsPerWindow, live: null }
  } catch (error) {
    if (!(error instanceof DataDirectoryInUse)) throw error
  }
  const { documents, knowledge, history, live } = await askNode<SourceDump>(home.directory, 'source')
  const settled = new Map(history.map(decodeSettled).map((window) => [window.window, window]))
  const state = stateOf(genesis, unitsPerWindow, documents, knowledgeOf(knowledge), settled)
  return { state, documents, unitsPerWindow, live }
}

/** The leaves that a dispute hangs on are looked up only when there is one, and what they raise, until nothing is. */
function storedState(home: Home, unitsPerWindow: number, documents: ReturnType<typeof readDocuments>): State {
  const history = readHistory(home)
  const leaves: (readonly [string, Uint8Array])[] = []
  const truths: (readonly [string, Uint8Array])[] = []
  const { convictions } = readKnowledge(home, { leaves: [], truths: [] })
  while (true) {
    const knowledge = knowledgeOf({ leaves, truths, convictions })
    const state = stateOf(home.genesis, unitsPerWindow, documents, knowledge, history)
    const { wants } = state
    if (wants.leaves.length + wants.truths.length === 0) return state
    const found = readKnowledge(home, wants)
    if (found.leaves.length + found.truths.length === 0) return state
    leaves.push(...found.leaves)
    truths.push(...found.truths)
  }
}

/** The leaf records that CIDs name, those that are here or that the running node gets. */
export async function readLeafRecords(home: Home, cids: readonly string[]): Promise<Map<string, Uint8Array>> {
  try {
    return new Map(readKnowledge(home, { leaves: cids, truths: [] }).leaves)
  } catch (error) {
    if (!(error instanceof DataDirectoryInUse)) throw error
  }
  return new Map(await askNode<[string, Uint8Array][]>(home.directory, 'leaves', cids))
}
