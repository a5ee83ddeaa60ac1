/**
 * The state of a network as a pure function of its documents, in whatever order they came: who is
 * registered, which units were dealt to whom, which are certified, how far the frontier is. Nothing
 * in here is ever received.
 */

import type { Refusal } from '../answer/counts.ts'
import { type Facts, NO_FACTS } from '../answer/facts.ts'
import { type Answers, answersByUnit } from '../answer/unit-answers.ts'
import { createMemory, type Memory } from '../base/memory.ts'
import { open, type Statement } from '../base/statement.ts'
import { accountAt, asOf, type DealtDraw, readDraws } from '../deal/canonical-draws.ts'
import type { Equivocation } from '../deal/coordinators.ts'
import { type Witnesses, witnessesIn } from '../deal/witness.ts'
import { newestHeartbeats } from '../membership/heartbeats.ts'
import { ownersIn, type Registered, registeredIn } from '../membership/owners.ts'
import { type DrawBody, type HeartbeatBody, heartbeatBody } from '../message/bodies.ts'
import { statementDocument } from '../message/documents.ts'
import type { Registration } from '../message/registration.ts'
import type { Genesis } from '../network/genesis.ts'
import { type Conviction, convictionsOf } from '../quorum/convictions.ts'
import type { Settlement, Wants } from '../quorum/settle.ts'
import { settleAll } from '../quorum/settle-all.ts'
import { type Frontier, frontierOf } from './frontier.ts'
import { falls, type History, NO_HISTORY, type SettledConviction, type SettledWindow } from './settled-window.ts'
import { type AccountState, accountsOf } from './tally.ts'
import type { WindowState } from './windows.ts'
import { windowsIn } from './windows.ts'

/** What a machine knows besides the documents: facts, and fraud proofs that hold. */
export interface Knowledge extends Facts {
  /** What fraud proofs prove whose documents may be gone (certificate/fraud-proof.ts). */
  readonly convictions: readonly SettledConviction[]
}

export const NO_KNOWLEDGE: Knowledge = { ...NO_FACTS, convictions: [] }

/** Documents that admit.ts has let in. */
export interface Documents {
  readonly accounts: Iterable<unknown>
  readonly pool: Iterable<unknown>
  readonly draws: Iterable<unknown>
  readonly results: Iterable<unknown>
}

export interface State {
  readonly genesis: Genesis
  /** Every pair of a node and an account that have agreed to it. */
  readonly registered: Registered
  /** By node, the account that rosters name for it: of several the first. */
  readonly nodes: ReadonlyMap<string, Registration>
  /** The newest of each node. */
  readonly heartbeats: ReadonlyMap<string, HeartbeatBody>
  readonly witnesses: Witnesses
  /** By epoch: dealt draws only. */
  readonly draws: ReadonlyMap<number, DealtDraw>
  /**
   * CIDs of those that are witnessed by more than half of their roster. What others deal certifies
   * and convicts nobody.
   */
  readonly witnessed: ReadonlySet<string>
  /** Coordinators that sealed two draws for one epoch: none of theirs stands from that epoch on. */
  readonly equivocations: readonly Equivocation[]
  /** Draws whose R(e) is not known yet. */
  readonly sealed: ReadonlyMap<number, Statement<DrawBody>>
  readonly windows: ReadonlyMap<bigint, WindowState>
  readonly answers: Answers
  /** Of each unit of each deal that somebody has answered for, by dealtUnitKey. */
  readonly settlements: ReadonlyMap<string, Settlement>
  /** By account key, with the evidence. */
  readonly convictions: readonly Conviction[]
  /**
   * By reason: nodes whose answers do not count, and statements whose block is not what they say.
   */
  readonly refused: Readonly<Partial<Record<Refusal, number>>>
  /** What a machine would have to know to decide what is in dispute. */
  readonly wants: Wants & {
    /** CIDs of blocks of results. */
    readonly blocks: readonly string[]
  }
  readonly accounts: readonly AccountState[]
  readonly frontier: Frontier
}

/**
 * All of the state, step by step in the order of the journey: long, as each step takes what those
 * before it found.
 *
 * @param unitsPerWindow classes(genesis.partition).length
 * @param history        settled windows: documents about them are passed over, while they stand
 * @param memory         makes it fast to work out the state again after one more document
 */
export function stateOf(
  genesis: Genesis,
  unitsPerWindow: number,
  documents: Documents,
  knowledge: Knowledge = NO_KNOWLEDGE,
  history: History = NO_HISTORY,
  memory: Memory = createMemory(),
): State {
  const registered = registeredIn(genesis, documents.accounts, memory)
  const nodes = ownersIn(registered)
  const statements = [...documents.pool].map((document) =>
    open(statementDocument.parse(document).statement, heartbeatBody, 'the heartbeat', memory),
  )
  const heartbeats = newestHeartbeats(statements.map(({ body }) => body))
  const witnesses = witnessesIn(statements, nodes)
  const { draws, sealed, witnessed, equivocations } = readDraws(genesis, documents.draws, witnesses, registered, memory)

  const answers = answersByUnit(genesis, documents.results, knowledge, memory)
  const dealt = [...draws.values()].sort((a, b) => a.draw.body.epoch - b.draw.body.epoch)
  const settlements = settleAll(genesis, nodes, dealt, answers, knowledge, history, memory)
  const before = [...[...history.values()].flatMap(({ convictions: all }) => all), ...knowledge.convictions]
  const convictions = convictionsOf(
    (node, epoch) =>
      witnessed.has(draws.get(epoch)?.cid ?? '') ? accountAt({ draws, nodes }, epoch, node) : undefined,
    answers,
    settlements.values(),
    before.map((conviction) => ({ ...conviction, results: [], claim: null })),
  )
  const convicted = new Set(convictions.map(({ account }) => account))
  const fallen = [...history.values()].filter((window) => falls(window, convicted))
  if (fallen.length > 0)
    return stateOf(genesis, unitsPerWindow, documents, ...without(fallen, knowledge, history), memory)

  const windows = windowsIn({ draws, nodes, witnessed, settlements, history, convicted, unitsPerWindow })
  const complete = [...windows.values()].filter((w) => w.complete).map((w) => w.window)
  return {
    genesis,
    registered,
    nodes,
    heartbeats,
    witnesses,
    draws,
    witnessed,
    equivocations,
    sealed,
    windows,
    answers,
    settlements,
    convictions,
    refused: refusedIn(dealt, answers, settlements, history),
    wants: wantsIn(settlements.values(), answers.missing, (node) =>
      [...registered.get(node)!.keys()].some((a) => convicted.has(a)),
    ),
    accounts: accountsOf(
      genesis,
      { draws, nodes, registered },
      windows.values(),
      convicted,
      asOf(genesis, draws),
      memory,
    ),
    frontier: frontierOf(genesis, complete),
  }
}

/** What is known without windows that do not stand any more. Who was convicted in them stays so. */
function without(fallen: readonly SettledWindow[], knowledge: Knowledge, history: History): [Knowledge, History] {
  const standing = new Map(history)
  for (const { window } of fallen) standing.delete(window)
  return [
    {
      block: (cid) => knowledge.block(cid),
      leaves: (cid) => knowledge.leaves(cid),
      truth: (leaf) => knowledge.truth(leaf),
      judged: (cid, index) => knowledge.judged(cid, index),
      convictions: [...knowledge.convictions, ...fallen.flatMap(({ convictions }) => convictions)],
    },
    standing,
  ]
}

function wantsIn(
  settlements: Iterable<Settlement>,
  blocks: readonly string[],
  isBanned: (node: string) => boolean,
): State['wants'] {
  const leaves = new Set<string>()
  const truths: Wants['truths'][number][] = []
  const judgements: Wants['judgements'][number][] = []
  for (const { wants } of settlements) {
    for (const cid of wants.leaves) leaves.add(cid)
    if (wants.judgements.length > 0) judgements.push(...wants.judgements)
    // What a banned account claims is no reason any more: a false claim costs everybody one leaf,
    // once.
    for (const leaf of wants.truths) {
      if (leaf.claimants === null || !leaf.claimants.every(isBanned)) truths.push(leaf)
    }
  }
  return { blocks, leaves: [...leaves], truths, judgements }
}

/** Counts why answers do not count. What is said about a deal that is not known yet waits. */
function refusedIn(
  dealt: readonly DealtDraw[],
  answers: Answers,
  settlements: ReadonlyMap<string, Settlement>,
  history: History,
): State['refused'] {
  const refused: Partial<Record<Refusal, number>> = {}
  const add = (reason: Refusal, n = 1) => {
    refused[reason] = (refused[reason] ?? 0) + n
  }
  if (answers.malformed > 0) add('malformed', answers.malformed)
  for (const settlement of settlements.values()) for (const reason of settlement.refused.values()) add(reason)
  const epochs = new Set(dealt.map(({ draw }) => draw.body.epoch))
  for (const [key, { results }] of answers.units) {
    if (settlements.has(key)) continue
    const [epoch, window] = key.split('/') as [string, string]
    if (epochs.has(Number(epoch)) && !history.has(BigInt(window))) add('not-assigned', results.size)
  }
  return refused
}
