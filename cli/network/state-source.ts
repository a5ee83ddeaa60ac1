/**
 * The documents that a command shows, wherever they are: asked of the node that runs on the data
 * directory, else read from its database. The state is computed here, from signed documents, in
 * both cases.
 */

import { classes } from '../../kernels/partition.ts'
import type { Verdict } from '../../orbit/node/epoch/verdicts.ts'
import { askNode } from '../../orbit/node/home/control.ts'
import type { Home } from '../../orbit/node/home/home.ts'
import { type DrawFiles, readDrawFiles } from '../../orbit/node/offline/draw-files.ts'
import { readDocuments, readHistory, readKnowledge } from '../../orbit/node/offline/knowledge.ts'
import { type KnowledgeDump, knowledgeOf } from '../../orbit/node/replica/knowledge.ts'
import { DataDirectoryInUse } from '../../orbit/node/storage/sqlite.ts'
import { createMemory, type Memory } from '../../orbit/rules/base/memory.ts'
import type { DatabaseKind } from '../../orbit/rules/message/documents.ts'
import { roundAt } from '../../orbit/rules/network/beacon.ts'
import { decodeSettled, type History } from '../../orbit/rules/state/settled-window.ts'
import { type State, stateOf } from '../../orbit/rules/state/state.ts'

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

/** The beacon round that is out now: as the running node saw it, else by the clock. */
export const presentRound = ({ genesis }: Home, live: Live | null): number =>
  live?.round ?? roundAt(genesis.chain, Math.floor(Date.now() / 1000))

/** The documents, and what makes a state of them: also of some of them alone. */
export interface Papers {
  readonly documents: Readonly<Record<DatabaseKind, readonly unknown[]>>
  readonly history: History
  readonly unitsPerWindow: number
  /** What was opened of them. */
  readonly memory: Memory
  /** null: no node is running on this data directory. */
  readonly live: Live | null
  stateOf(documents: Papers['documents'], history: History): State
}

export interface Source extends Papers {
  readonly state: State
}

const withState = (papers: Papers): Source => ({
  ...papers,
  state: papers.stateOf(papers.documents, papers.history),
})

export const readSource = async (home: Home): Promise<Source> => withState(await readPapers(home))

export async function readPapers(home: Home): Promise<Papers> {
  const stored = storedPapers(home)
  if (stored) return stored
  const { genesis } = home
  const unitsPerWindow = classes(genesis.partition).length
  const { documents, knowledge, history: settled, live } = await askNode<SourceDump>(home.directory, 'source')
  const known = knowledgeOf(knowledge)
  const memory = createMemory()
  const history = new Map(settled.map(decodeSettled).map((window) => [window.window, window]))
  return {
    ...{ documents, history, unitsPerWindow, memory, live },
    stateOf: (chosen, windows) => stateOf(genesis, unitsPerWindow, chosen, known, windows, memory),
  }
}

/** From the files alone. @returns null when a node runs on the directory: ask it */
export function readStored(home: Home): Source | null {
  const papers = storedPapers(home)
  return papers && withState(papers)
}

function storedPapers(home: Home): Papers | null {
  try {
    const unitsPerWindow = classes(home.genesis.partition).length
    const memory = createMemory()
    const stateOf: Papers['stateOf'] = (chosen, history) =>
      storedState(home, { documents: chosen, history, unitsPerWindow, memory })
    return { documents: readDocuments(home), history: readHistory(home), unitsPerWindow, memory, live: null, stateOf }
  } catch (error) {
    if (error instanceof DataDirectoryInUse) return null
    throw error
  }
}

/** What lies here about the draw of an epoch, on disk. */
export async function readDraw(home: Home, epoch: number): Promise<DrawFiles> {
  try {
    return readDrawFiles(home.directory, home.genesis, epoch)
  } catch (error) {
    if (!(error instanceof DataDirectoryInUse)) throw error
  }
  return askNode<DrawFiles>(home.directory, 'drawFiles', epoch)
}

/** The leaves that a dispute hangs on are looked up only when there is one, and what they raise, until nothing is. */
function storedState(
  home: Home,
  { documents, history, unitsPerWindow, memory }: Pick<Papers, 'documents' | 'history' | 'unitsPerWindow' | 'memory'>,
): State {
  const leaves: (readonly [string, Uint8Array])[] = []
  const truths: (readonly [string, Uint8Array])[] = []
  const { convictions } = readKnowledge(home, { leaves: [], truths: [] })
  while (true) {
    const knowledge = knowledgeOf({ leaves, truths, convictions })
    const state = stateOf(home.genesis, unitsPerWindow, documents, knowledge, history, memory)
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
