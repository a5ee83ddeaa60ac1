/**
 * Which documents no node needs any more: those about archived windows, or about deals that are
 * over (rules: settled-window.ts), alone. They are deleted here, and the archive keeps what they
 * came to.
 */
import { bytesToHex } from '@noble/hashes/utils.js'
import { createMemory, type Memory } from '../../rules/base/memory.ts'
import { open } from '../../rules/base/statement.ts'
import { equivocationsIn } from '../../rules/deal/coordinators.ts'
import { openAnswer } from '../../rules/message/answers.ts'
import { drawBody } from '../../rules/message/bodies.ts'
import { beaconDocument, statementDocument } from '../../rules/message/documents.ts'
import type { Genesis } from '../../rules/network/genesis.ts'
import { epochAt, seedRound } from '../../rules/network/schedule.ts'
import { type PublishedDraw, publishedDraw } from './published-draws.ts'

/** A unit of a deal. */
export interface OverUnit {
  readonly epoch: number
  readonly window: bigint
}

/**
 * Documents that are over: their keys by database, the draws among them, CIDs of leaves that they
 * name.
 */
export interface OverDocuments {
  readonly isOver: (unit: OverUnit) => boolean
  readonly keys: ReadonlyMap<string, readonly string[]>
  readonly draws: readonly PublishedDraw[]
  readonly leaves: readonly string[]
}

const drawIn = (document: unknown, memory: Memory) =>
  open(statementDocument.parse(document).statement, drawBody, 'the draw', memory)

/** CIDs of the leaves of the results that an answer shows. */
function leavesIn(document: unknown, memory: Memory): string[] {
  const answer = openAnswer(document, memory)
  return answer.type === 'reveal' ? answer.reveals.map(({ item }) => item.result.leaves) : []
}

/** Whether an answer is about units alone that are over. */
export function isOverAnswer(
  document: unknown,
  isOver: (unit: OverUnit) => boolean,
  memory: Memory = createMemory(),
): boolean {
  const answer = openAnswer(document, memory)
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
 * Whether a draw, or the beacon round of one, is of an epoch that is over. The proof that a
 * coordinator sealed two draws is never over.
 */
export function overDraws(
  genesis: Genesis,
  documents: Iterable<unknown>,
  isOver: (epoch: number) => boolean,
  memory: Memory = createMemory(),
) {
  const epochs = new Set<number>()
  const draws = [...documents]
    .filter((document) => !beaconDocument.safeParse(document).success)
    .map((document) => drawIn(document, memory))
  const proofs = new Set([...equivocationsIn(draws).values()].flatMap(({ proof }) => proof.map(bytesToHex)))
  for (const { body } of draws) if (isOver(body.epoch)) epochs.add(body.epoch)
  return (document: unknown): boolean => {
    const beacon = beaconDocument.safeParse(document)
    if (beacon.success) {
      const epoch = epochAt(genesis, beacon.data.round)
      return seedRound(genesis, epoch) === beacon.data.round && epochs.has(epoch)
    }
    const { body, bytes } = drawIn(document, memory)
    return epochs.has(body.epoch) && !proofs.has(bytesToHex(bytes))
  }
}

/**
 * @param databases documents by database and key
 * @param isArchived whether a window is archived
 * @param isOverDeal whether the deal of an epoch is over
 */
export function overDocuments(
  genesis: Genesis,
  databases: ReadonlyMap<string, ReadonlyMap<string, unknown>>,
  isArchived: (window: bigint) => boolean,
  isOverDeal: (epoch: number) => boolean,
  memory: Memory = createMemory(),
): OverDocuments {
  const isOver = ({ epoch, window }: OverUnit) => isArchived(window) || isOverDeal(epoch)
  const isOverDraw = overDraws(genesis, databases.get('draws')?.values() ?? [], isOverDeal, memory)
  const keys = new Map<string, string[]>()
  const draws: PublishedDraw[] = []
  const leaves: string[] = []
  for (const [name, documents] of databases) {
    const kind = name.split('-')[0]
    if (kind !== 'draws' && kind !== 'results') continue
    for (const [key, document] of documents) {
      if (!(kind === 'draws' ? isOverDraw(document) : isOverAnswer(document, isOver, memory))) continue
      keys.set(name, [...(keys.get(name) ?? []), key])
      if (kind === 'results') leaves.push(...leavesIn(document, memory))
      else if (statementDocument.safeParse(document).success) draws.push(publishedDraw(drawIn(document, memory)))
    }
  }
  return { isOver, keys, draws, leaves }
}
