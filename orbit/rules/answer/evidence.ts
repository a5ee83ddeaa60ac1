/**
 * What the answer documents say, sorted by unit. It is a function of the set of documents alone: neither their order counts,
 * nor whether one comes twice.
 *
 * What is signed after everything about a deal is over (settled-window.ts), by the beacon round that it carries, is said of nothing:
 * by then others have settled, and would never hear it. A decline carries no round.
 *
 * A node computes this again with each document that comes, and there may be 100,000 units under way. So what was sorted last is
 * kept, and only units of which something has come or gone are looked at again: the others' evidence is the same object.
 */

import * as dagCbor from '@ipld/dag-cbor'
import { compareBytes, equalBytes } from '../base/bytes.ts'
import { cidOf } from '../base/cid.ts'
import { createMemory, type Memory } from '../base/memory.ts'
import type { Statement } from '../base/statement.ts'
import {
  type Answer,
  byReveal,
  type Commit,
  isCommitted,
  type LeafClaim,
  openAnswer,
  type Reveal,
} from '../message/answers.ts'
import type { DeclineBody } from '../message/bodies.ts'
import { type DealtUnit, dealtUnitKey } from '../message/unit.ts'
import type { Genesis } from '../network/genesis.ts'
import { settledAfter } from '../network/schedule.ts'

/** All that is said of one unit of a deal. */
export interface UnitEvidence {
  /** By node: one or more, by CID. */
  readonly commits: Map<string, readonly Commit[]>
  /** By node: one or more items that show what their node committed to, in the order of a certificate (message/answers.ts). */
  readonly reveals: Map<string, readonly Reveal[]>
  readonly declines: Map<string, Statement<DeclineBody>>
  /** What auditors say of its leaves, sorted. */
  readonly claims: LeafClaim[]
}

/** One node showed two different results for one unit: both are signed, and together they convict it. */
export interface Contradiction {
  readonly node: string
  readonly reveals: readonly [Reveal, Reveal]
}

export interface Evidence {
  /** By dealtUnitKey. */
  readonly units: ReadonlyMap<string, UnitEvidence>
  readonly contradictions: readonly Contradiction[]
  /** Items that show nothing that their node committed to. */
  readonly uncommitted: number
}

/** What is said of one unit, by what it is: CIDs of statements, and places in them. */
interface Said {
  readonly commits: Map<string, Commit>
  readonly reveals: Map<string, Reveal>
  readonly declines: Map<string, Statement<DeclineBody>>
  readonly claims: Map<string, LeafClaim>
}

/** What that comes to. */
interface Sorted {
  readonly evidence: UnitEvidence
  readonly contradictions: readonly Contradiction[]
  /** Nodes that show something that they did not commit to. */
  readonly uncommitted: number
}

interface Kept {
  /** By CID of the statement. */
  readonly answers: Map<string, Answer>
  readonly said: Map<string, Said>
  readonly sorted: Map<string, Sorted>
}

/** What was sorted last, by network. */
const sortedLast = () => new WeakMap<Genesis, Kept>()

export function evidenceOf(genesis: Genesis, documents: Iterable<unknown>, memory: Memory = createMemory()): Evidence {
  const now = new Map<string, Answer>()
  for (const document of documents) {
    const { cid, answer } = named(document, memory)
    if (!now.has(cid)) now.set(cid, answer)
  }
  const known = memory.table(sortedLast).get(genesis) ?? { answers: new Map(), said: new Map(), sorted: new Map() }
  memory.table(sortedLast).set(genesis, known)
  const touched = new Set<string>()
  for (const [cid, answer] of known.answers) {
    if (now.has(cid)) continue
    known.answers.delete(cid)
    for (const key of note(genesis, known.said, cid, answer, false)) touched.add(key)
  }
  for (const [cid, answer] of now) {
    if (known.answers.has(cid)) continue
    known.answers.set(cid, answer)
    for (const key of note(genesis, known.said, cid, answer, true)) touched.add(key)
  }
  for (const key of touched) {
    const said = known.said.get(key)!
    if (said.commits.size + said.reveals.size + said.declines.size + said.claims.size > 0) {
      known.sorted.set(key, sorted(said, memory))
      continue
    }
    known.said.delete(key)
    known.sorted.delete(key)
  }

  const units = new Map<string, UnitEvidence>()
  const contradictions: Contradiction[] = []
  let uncommitted = 0
  for (const [key, of] of known.sorted) {
    units.set(key, of.evidence)
    if (of.contradictions.length > 0) contradictions.push(...of.contradictions)
    uncommitted += of.uncommitted
  }
  return { units, contradictions: contradictions.sort((a, b) => byBytes(a.reveals[0], b.reveals[0])), uncommitted }
}

/** By the document, which nobody changes. */
const names = () => new WeakMap<object, { cid: string; answer: Answer }>()

/** @throws {RuleError} */
function named(document: unknown, memory: Memory): { cid: string; answer: Answer } {
  const known = memory.table(names).get(document as object)
  if (known) return known
  const answer = openAnswer(document, memory)
  const cid = answer.type === 'commit' ? answer.commit.cid : cidOf(statementIn(answer).bytes).toString()
  const found = { cid, answer }
  memory.table(names).set(document as object, found)
  return found
}

function statementIn(answer: Exclude<Answer, { type: 'commit' }>): Statement<unknown> {
  if (answer.type === 'decline') return answer.decline
  // Neither is ever empty.
  return answer.type === 'reveal' ? answer.reveals[0]!.statement : answer.claims[0]!.statement
}

/** Writes down what an answer says of each unit, or strikes it out. @returns the units, by dealtUnitKey */
function note(genesis: Genesis, all: Map<string, Said>, cid: string, answer: Answer, isHere: boolean): Set<string> {
  const touched = new Set<string>()
  const put = <T>(unit: DealtUnit, round: number, of: (said: Said) => Map<string, T>, name: string, value: T) => {
    if (round > settledAfter(genesis, unit.epoch)) return
    const key = dealtUnitKey(unit)
    const said = all.get(key) ?? { commits: new Map(), reveals: new Map(), declines: new Map(), claims: new Map() }
    all.set(key, said)
    touched.add(key)
    if (isHere) of(said).set(name, value)
    else of(said).delete(name)
  }
  if (answer.type === 'commit') {
    const { commit } = answer
    for (const [epoch, window, unit] of commit.body.units) {
      put({ epoch, window, unit }, commit.body.round, ({ commits }) => commits, cid, commit)
    }
  } else if (answer.type === 'reveal') {
    for (const reveal of answer.reveals) {
      put(reveal.item.result, reveal.body.round, ({ reveals }) => reveals, `${cid} ${reveal.index}`, reveal)
    }
  } else if (answer.type === 'audit') {
    for (const [i, claim] of answer.claims.entries()) {
      put(claim, claim.statement.body.round, ({ claims }) => claims, `${cid} ${i}`, claim)
    }
  } else {
    // One a node: of two that it signed, which differ in nothing that counts, that of the lower CID.
    put(answer.decline.body, 0, ({ declines }) => declines, cid, answer.decline)
  }
  return touched
}

function sorted(said: Said, memory: Memory): Sorted {
  const evidence: UnitEvidence = { commits: new Map(), reveals: new Map(), declines: new Map(), claims: [] }
  for (const [, commit] of [...said.commits].sort(([a], [b]) => (a < b ? -1 : 1))) {
    evidence.commits.set(commit.node, [...(evidence.commits.get(commit.node) ?? []), commit])
  }
  for (const [, decline] of [...said.declines].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (!evidence.declines.has(decline.signer)) evidence.declines.set(decline.signer, decline)
  }
  const claims = [...said.claims.values()]
  evidence.claims.push(...claims.sort((a, b) => a.leaf - b.leaf || compareBytes(a.statement.bytes, b.statement.bytes)))
  const uncommitted = new Set<string>()
  for (const reveal of [...said.reveals.values()].sort(byReveal)) {
    const commit = said.commits.get(reveal.item.commit)
    if (commit && committed(commit, reveal, memory)) {
      evidence.reveals.set(reveal.node, [...(evidence.reveals.get(reveal.node) ?? []), reveal])
    } else uncommitted.add(reveal.node)
  }
  const contradictions: Contradiction[] = []
  for (const [node, own] of evidence.reveals) {
    if (own.length === 1) continue
    const [first, ...others] = own.toSorted(byBytes)
    const key = resultBytes(first!)
    const other = others.find((reveal) => !equalBytes(resultBytes(reveal), key))
    if (other) contradictions.push({ node, reveals: [first!, other] })
  }
  return { evidence, contradictions, uncommitted: uncommitted.size }
}

const resultBytes = ({ item }: Reveal): Uint8Array => dagCbor.encode(item.result)

const byBytes = (a: Reveal, b: Reveal): number =>
  compareBytes(a.bytes, b.bytes) || compareBytes(a.statement.bytes, b.statement.bytes)

/** By what was shown: the commit that it was found to show. */
const shown = () => new WeakMap<Reveal, Commit>()

function committed(commit: Commit, reveal: Reveal, memory: Memory): boolean {
  if (memory.table(shown).get(reveal) === commit) return true
  if (!isCommitted(commit, reveal)) return false
  memory.table(shown).set(reveal, commit)
  return true
}
