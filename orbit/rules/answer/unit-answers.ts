/**
 * What the answer documents say, sorted by unit. It is a function of the set of documents and of
 * the blocks of results that are here: neither their order counts, nor whether one comes twice. A
 * block that is not what its statement says is said of nothing.
 *
 * What is signed after everything about a deal is over (settledAfter in network/schedule.ts), by
 * the beacon round that it carries, is said of nothing: by then others have settled, and would
 * never hear it. A decline carries no round.
 *
 * A node computes this again with each document that comes, and there may be 100,000 units under
 * way. So what was sorted last is remembered, and only units of which something has come or gone
 * are looked at again: the answers of the others are the same object.
 */
import { compareBytes } from '../base/bytes.ts'
import { createMemory, type Memory } from '../base/memory.ts'
import { RuleError, type Statement } from '../base/statement.ts'
import { type Answer, type LeafClaim, openAnswer } from '../message/answers.ts'
import { type DeclineBody, resultKey } from '../message/bodies.ts'
import { type DealtUnit, dealtUnitKey } from '../message/unit.ts'
import type { Genesis } from '../network/genesis.ts'
import { settledAfter } from '../network/schedule.ts'
import type { Facts } from './facts.ts'
import { byStatement, readBlock, type SignedResult } from './results.ts'

/** All that is said of one unit of a deal. */
export interface UnitAnswers {
  /** By node: one or more, in the order of byStatement. */
  readonly results: Map<string, readonly SignedResult[]>
  readonly declines: Map<string, Statement<DeclineBody>>
  /** What auditors say of its leaves, sorted. */
  readonly claims: LeafClaim[]
}

/**
 * One node showed two different results for one unit: both are signed, and together they convict
 * it.
 */
export interface Contradiction {
  readonly node: string
  readonly results: readonly [SignedResult, SignedResult]
}

export interface Answers {
  /** By dealtUnitKey. */
  readonly units: ReadonlyMap<string, UnitAnswers>
  readonly contradictions: readonly Contradiction[]
  /** CIDs of blocks of results that are not here. */
  readonly missing: readonly string[]
  /** Statements whose block is not what they say. */
  readonly malformed: number
}

/** What is said of one unit, by what it is: CIDs of statements, and places in them. */
interface Sayings {
  readonly results: Map<string, SignedResult>
  readonly declines: Map<string, Statement<DeclineBody>>
  readonly claims: Map<string, LeafClaim>
}

/** What that comes to. */
interface Sorted {
  readonly answers: UnitAnswers
  readonly contradictions: readonly Contradiction[]
}

/** An answer, with the results that it covers. */
interface Opened {
  readonly answer: Answer
  readonly results: readonly SignedResult[]
}

interface Known {
  /** By CID of the statement. */
  readonly opened: Map<string, Opened>
  readonly sayings: Map<string, Sayings>
  readonly sorted: Map<string, Sorted>
}

/** What was sorted last, by network. */
const sortedLast = () => new WeakMap<Genesis, Known>()

export function answersByUnit(
  genesis: Genesis,
  documents: Iterable<unknown>,
  { block }: Pick<Facts, 'block'>,
  memory: Memory = createMemory(),
): Answers {
  const { opened, missing, malformed } = openAll(documents, block, memory)
  const known = memory.table(sortedLast).get(genesis) ?? { opened: new Map(), sayings: new Map(), sorted: new Map() }
  memory.table(sortedLast).set(genesis, known)
  const touched = new Set<string>()
  for (const [cid, was] of known.opened) {
    if (opened.has(cid)) continue
    known.opened.delete(cid)
    for (const key of note(genesis, known.sayings, cid, was, false)) touched.add(key)
  }
  for (const [cid, is] of opened) {
    if (known.opened.has(cid)) continue
    known.opened.set(cid, is)
    for (const key of note(genesis, known.sayings, cid, is, true)) touched.add(key)
  }
  for (const key of touched) {
    const sayings = known.sayings.get(key)!
    if (sayings.results.size + sayings.declines.size + sayings.claims.size > 0) {
      known.sorted.set(key, sorted(sayings))
      continue
    }
    known.sayings.delete(key)
    known.sorted.delete(key)
  }
  const units = new Map<string, UnitAnswers>()
  const contradictions: Contradiction[] = []
  for (const [key, { answers, contradictions: found }] of known.sorted) {
    units.set(key, answers)
    if (found.length > 0) contradictions.push(...found)
  }
  contradictions.sort((a, b) => byBytes(a.results[0], b.results[0]))
  return { units, contradictions, missing, malformed }
}

/**
 * By CID, those whose blocks are here. @throws {RuleError} for a document that admit.ts lets in
 * nowhere
 */
function openAll(documents: Iterable<unknown>, block: Facts['block'], memory: Memory) {
  const opened = new Map<string, Opened>()
  const missing = new Set<string>()
  const malformed = new Set<string>()
  for (const document of documents) {
    const answer = openAnswer(document, memory)
    if (opened.has(answer.cid)) continue
    if (answer.type !== 'results') {
      opened.set(answer.cid, { answer, results: [] })
      continue
    }
    const name = answer.statement.body.block
    const bytes = block(name)
    try {
      if (bytes) opened.set(answer.cid, { answer, results: readBlock(answer.statement, bytes, memory) })
      else missing.add(name)
    } catch (error) {
      if (!(error instanceof RuleError)) throw error
      malformed.add(answer.cid)
    }
  }
  return { opened, missing: [...missing], malformed: malformed.size }
}

/**
 * Writes down what an answer says of each unit, or strikes it out. @returns the units, by
 * dealtUnitKey
 */
function note(
  genesis: Genesis,
  all: Map<string, Sayings>,
  cid: string,
  { answer, results }: Opened,
  isHere: boolean,
): Set<string> {
  const touched = new Set<string>()
  const put = <T>(unit: DealtUnit, round: number, tableOf: (s: Sayings) => Map<string, T>, name: string, value: T) => {
    if (round > settledAfter(genesis, unit.epoch)) return
    const key = dealtUnitKey(unit)
    const sayings = all.get(key) ?? { results: new Map(), declines: new Map(), claims: new Map() }
    all.set(key, sayings)
    touched.add(key)
    if (isHere) tableOf(sayings).set(name, value)
    else tableOf(sayings).delete(name)
  }
  for (const result of results) {
    put(result.item, result.body.round, (s) => s.results, `${cid} ${result.index}`, result)
  }
  if (answer.type === 'audit') {
    for (const [i, claim] of answer.claims.entries()) {
      put(claim, claim.statement.body.round, (s) => s.claims, `${cid} ${i}`, claim)
    }
  }
  // One a node: of two that it signed, which differ in nothing that counts, that of the lower CID.
  if (answer.type === 'decline') put(answer.statement.body, 0, (s) => s.declines, cid, answer.statement)
  return touched
}

function sorted({ results, declines, claims }: Sayings): Sorted {
  const answers: UnitAnswers = {
    results: Map.groupBy([...results.values()].sort(byStatement), ({ node }) => node),
    declines: new Map(),
    claims: [...claims.values()].sort((a, b) => a.leaf - b.leaf || compareBytes(a.statement.bytes, b.statement.bytes)),
  }
  for (const [, decline] of [...declines].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (!answers.declines.has(decline.signer)) answers.declines.set(decline.signer, decline)
  }
  const contradictions: Contradiction[] = []
  for (const [node, all] of answers.results) {
    if (all.length === 1) continue
    const [first, ...others] = all.toSorted(byBytes)
    const other = others.find(({ item }) => resultKey(item) !== resultKey(first!.item))
    if (other) contradictions.push({ node, results: [first!, other] })
  }
  return { answers, contradictions }
}

const byBytes = (a: SignedResult, b: SignedResult): number =>
  compareBytes(a.bytes, b.bytes) || compareBytes(a.statement.bytes, b.statement.bytes)
