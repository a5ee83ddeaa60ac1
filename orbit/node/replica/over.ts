/**
 * Which documents no node needs any more: those about archived windows, or about deals that are
 * over (rules: settled-window.ts), alone. They are deleted here, and the archive keeps what they
 * came to.
 */
import { bytesToHex } from '@noble/hashes/utils.js'
import type { Facts } from '../../rules/answer/facts.ts'
import { readBlock, type SignedResult } from '../../rules/answer/results.ts'
import { createMemory, type Memory } from '../../rules/base/memory.ts'
import { open, RuleError } from '../../rules/base/statement.ts'
import { equivocationsIn } from '../../rules/deal/coordinators.ts'
import { type Answer, openAnswer } from '../../rules/message/answers.ts'
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

/** What is over: the test itself, and all that is to be deleted for it. */
export interface OverDocuments {
  readonly isOver: (unit: OverUnit) => boolean
  /** Keys of documents, by database. */
  readonly keys: ReadonlyMap<string, readonly string[]>
  readonly draws: readonly PublishedDraw[]
  /** CIDs of the statements of results among them, and of the blocks that these name. */
  readonly cids: readonly string[]
}

const drawIn = (document: unknown, memory: Memory) =>
  open(statementDocument.parse(document).statement, drawBody, 'the draw', memory)

/** What a statement covers; null where its block is not here, or is not what it says. */
function resultsOf(
  { statement }: Extract<Answer, { type: 'results' }>,
  { block }: Pick<Facts, 'block'>,
  memory: Memory,
): readonly SignedResult[] | null {
  const bytes = block(statement.body.block)
  try {
    return bytes ? readBlock(statement, bytes, memory) : null
  } catch (error) {
    if (error instanceof RuleError) return null
    throw error
  }
}

/**
 * Whether an answer is about units alone that are over. Results that could not be read until now
 * are, when all is over that their node may have been dealt.
 */
export function isOverAnswer(
  document: unknown,
  isOver: { readonly unit: (unit: OverUnit) => boolean; readonly deal: (epoch: number) => boolean },
  facts: Pick<Facts, 'block'>,
  memory: Memory = createMemory(),
): boolean {
  const answer = openAnswer(document, memory)
  const unit = ({ epoch, window }: { epoch: number; window: string | bigint }) =>
    isOver.unit({ epoch, window: BigInt(window) })
  if (answer.type === 'audit') return answer.claims.every(unit)
  if (answer.type === 'decline') return unit(answer.statement.body)
  const results = resultsOf(answer, facts, memory)
  return results ? results.every(({ item }) => unit(item)) : isOver.deal(answer.statement.body.batch)
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
  { isArchived, isOverDeal }: { isArchived: (window: bigint) => boolean; isOverDeal: (epoch: number) => boolean },
  facts: Pick<Facts, 'block'>,
  memory: Memory = createMemory(),
): OverDocuments {
  const isOver = ({ epoch, window }: OverUnit) => isArchived(window) || isOverDeal(epoch)
  const isOverDraw = overDraws(genesis, databases.get('draws')?.values() ?? [], isOverDeal, memory)
  const keys = new Map<string, string[]>()
  const draws: PublishedDraw[] = []
  const cids: string[] = []
  for (const [name, documents] of databases) {
    const kind = name.split('-')[0]
    if (kind !== 'draws' && kind !== 'results') continue
    const ends = (document: unknown) =>
      kind === 'draws'
        ? isOverDraw(document)
        : isOverAnswer(document, { unit: isOver, deal: isOverDeal }, facts, memory)
    for (const [key, document] of documents) {
      if (!ends(document)) continue
      keys.set(name, [...(keys.get(name) ?? []), key])
      if (kind === 'draws') {
        if (statementDocument.safeParse(document).success) draws.push(publishedDraw(drawIn(document, memory)))
        continue
      }
      const answer = openAnswer(document, memory)
      if (answer.type !== 'results') continue
      cids.push(answer.cid, answer.statement.body.block)
      for (const { item } of resultsOf(answer, facts, memory) ?? []) cids.push(item.leaves)
    }
  }
  return { isOver, keys, draws, cids }
}
