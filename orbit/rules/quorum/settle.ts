/**
 * When a unit is certified: N results, equal to the bit, of N distinct accounts that the deal named, each committed to
 * before it was shown. Unanimity, never majority.
 *
 * What counts is in admissible.ts: more documents can only make more results count.
 *
 * Differences. Any two results that differ call two more of the reserve. Who is right is not voted on: the leaf where they
 * part (leaves.ts) is computed by whoever wants to know, and all who signed it wrong are convicted by it. When one result
 * is left that nobody has shown wrong, and N accounts signed it, it is certified. Results whose leaves nobody hands out
 * can't be shown wrong, and decide nothing while there is a difference.
 *
 * Doubts. An auditor (audit.ts) signs what he finds in a leaf. Where that is not what was certified the leaf is computed, and
 * whoever is wrong is convicted by it: he, or they. Results whose leaves nobody hands out can't be compared with it: if
 * the auditor turns out to say the truth, they certify nothing until their leaves are shown.
 *
 * Where replication is adaptive, the one result of a trusted account counts by itself, and its audit (audit.ts) takes the
 * place of the others.
 *
 * Everything here is a function of signed documents and of facts of mathematics: it comes out the same whatever came
 * first, and a fact that is learned later can only convict who was wrong all along.
 */

import { leavesOf } from '../../../kernels/partition.ts'
import { LEAF_BYTES } from '../../../kernels/result.ts'
import { hear, type Refusal } from '../answer/admissible.ts'
import type { UnitEvidence } from '../answer/evidence.ts'
import { firstDifference, readLeaves, recordAt } from '../answer/leaves.ts'
import { equalBytes } from '../base/bytes.ts'
import { RuleError } from '../base/statement.ts'
import { MAX_ESCALATIONS, SEATS_AN_ESCALATION } from '../deal/seats.ts'
import type { LeafClaim, Reveal } from '../message/answers.ts'
import { type ResultBody, resultKey } from '../message/bodies.ts'
import type { Assignment, LeafId } from '../message/unit.ts'
import type { Genesis } from '../network/genesis.ts'
import type { SettledConviction } from '../state/settled-window.ts'
import { auditorsOf } from './certifying-audit.ts'

/** What a machine knows besides the documents: blocks that it has, leaves that it has computed, fraud proofs that hold. */
export interface Knowledge {
  /** The leaf records that a CID names. */
  leaves(cid: string): Uint8Array | undefined
  /** The true record of a leaf: 64 bytes. */
  truth(leaf: LeafId): Uint8Array | undefined
  /** What fraud proofs prove whose documents may be gone (fraud.ts). */
  readonly convictions: readonly SettledConviction[]
  /**
   * Leaves that are taken for the true ones, where a certificate is read (certificate.ts): a result that shows others
   * is wrong, as if an auditor had said so.
   */
  readonly certified?: Uint8Array | null
}

export const NO_KNOWLEDGE: Knowledge = { leaves: () => undefined, truth: () => undefined, convictions: [] }

/** A leaf that would have to be computed. */
export interface WantedLeaf extends LeafId {
  /** Nodes whose claims ask for it; null: results that differ do. */
  readonly claimants: readonly string[] | null
}

/** A signed result that is wrong: by this leaf, or because it is not the sum of its own leaves (leaf null). */
export interface Wrong {
  readonly node: string
  readonly reveal: Reveal
  readonly leaf: number | null
}

export interface Settlement {
  readonly status: 'waiting' | 'disputed' | 'certified'
  /** When certified, the results that agree, one a node: N or more, in the order of the deal. */
  readonly results: readonly Reveal[]
  /** All that count, in the order of the deal: of a node one of each that differs. */
  readonly counted: readonly Reveal[]
  /** What it takes to come to this: those that count, and those that cite their commits, in the order of the deal. */
  readonly needed: readonly Reveal[]
  readonly escalations: number
  /** Nodes whose audit certifies it in place of N results. */
  readonly auditors: readonly string[]
  readonly wrong: readonly Wrong[]
  /** Claims of auditors that were wrong. */
  readonly wrongClaims: readonly LeafClaim[]
  /** By node, why none of its results counts. */
  readonly refused: ReadonlyMap<string, Refusal>
  /** What would help to decide. */
  readonly wants: { readonly leaves: readonly string[]; readonly truths: readonly WantedLeaf[] }
}

/**
 * How many seats declines have set free: of the quorum, and of those of the reserve whose turn had come by that or by an
 * escalation. Who was not called has no seat to give away.
 */
export function declinesOf({ quorum, reserve }: Assignment, evidence: UnitEvidence, escalations: number): number {
  const called = escalations * SEATS_AN_ESCALATION
  let declines = quorum.filter((node) => evidence.declines.has(node)).length
  for (const [place, node] of reserve.entries()) {
    if (place < declines + called && evidence.declines.has(node)) declines++
  }
  return declines
}

export function settle(
  genesis: Genesis,
  assignment: Assignment,
  evidence: UnitEvidence,
  knowledge: Knowledge = NO_KNOWLEDGE,
  isAuditor: (node: string) => boolean = () => false,
): Settlement {
  // Only those that are registered are heard: a false claim costs them their account.
  const claims = evidence.claims.filter(({ node }) => isAuditor(node))
  const N = genesis.body.replication
  const needed = new Set<Reveal>()
  for (let escalations = 0; ; escalations++) {
    const declines = declinesOf(assignment, evidence, escalations)
    const heard = hear(genesis, assignment, evidence, { declines, escalations })
    const { counted, refused } = heard
    for (const reveal of heard.needed) needed.add(reveal)
    const decision = decide(genesis, assignment, counted, knowledge, claims)
    const nodes = new Set(counted.map(({ node }) => node)).size
    const full = escalations === 0 || nodes >= N + escalations * SEATS_AN_ESCALATION
    // An audit that exposes the one result calls others, as a difference does.
    const isOpen = decision.differ || (assignment.audited !== null && decision.wrong.length > 0)
    if (isOpen && decision.status !== 'certified' && full && escalations < MAX_ESCALATIONS) continue
    const { differ: _, ...rest } = doubt(genesis, assignment, decision, heard.uncited, knowledge)
    // Whoever shows first is not refused for it: others may still cite him.
    if (rest.status === 'waiting') for (const [node, why] of refused) if (why === 'not-cited') refused.delete(node)
    return { ...rest, counted, needed: heard.sound.filter((reveal) => needed.has(reveal)), refused, escalations }
  }
}

/**
 * A result whose commit nobody cites certifies nothing: it may have been copied. But it may also be the honest one, left out
 * by those who agree on a lie. So if it says something else than what would be certified, and its leaves are here, the leaf
 * where they part decides: whoever is wrong is convicted, and until that is known nothing is certified.
 */
function doubt(
  genesis: Genesis,
  assignment: Assignment,
  decision: Decision,
  uncited: readonly Reveal[],
  knowledge: Knowledge,
): Decision {
  const [first] = decision.results
  if (!first) return decision
  const { wants } = decision
  const wrong = [...decision.wrong]
  const missing = { leaves: [...wants.leaves], truths: [...wants.truths] }
  let isOpen = false
  for (const reveal of uncited) {
    const { result } = reveal.item
    if (resultKey(result) === resultKey(first.item.result)) continue
    const records = knowledge.leaves(result.leaves)
    if (!records) {
      missing.leaves.push(result.leaves)
      continue
    }
    const convict = (reveals: readonly Reveal[], leaf: number | null) => {
      for (const by of reveals) wrong.push({ node: by.node, reveal: by, leaf })
    }
    if (!addsUp(genesis, assignment, { key: '', reveals: [reveal], records })) {
      convict([reveal], null)
      continue
    }
    const certified = knowledge.leaves(first.item.result.leaves)
    if (!certified) {
      missing.leaves.push(first.item.result.leaves)
      isOpen = true
      continue
    }
    if (!addsUp(genesis, assignment, { key: '', reveals: decision.results, records: certified })) {
      convict(decision.results, null)
      isOpen = true
      continue
    }
    const leaf = firstDifference([certified, records])
    // Leaves that are the same leave nothing to decide.
    if (leaf === null) continue
    const id: LeafId = { window: assignment.window, unit: assignment.unit, leaf }
    const truth = knowledge.truth(id)
    if (!truth) {
      missing.truths.push({ ...id, claimants: null })
      isOpen = true
      continue
    }
    if (!equalBytes(recordAt(records, leaf), truth)) convict([reveal], leaf)
    if (!equalBytes(recordAt(certified, leaf), truth)) {
      convict(decision.results, leaf)
      isOpen = true
    }
  }
  const heard = { ...decision, wrong, wants: missing }
  return isOpen ? { ...heard, status: 'disputed', results: [], auditors: [] } : heard
}

interface Group {
  readonly key: string
  readonly reveals: readonly Reveal[]
  readonly records: Uint8Array | undefined
}

type Decision = Pick<Settlement, 'status' | 'results' | 'auditors' | 'wrong' | 'wrongClaims' | 'wants'> & {
  readonly differ: boolean
}

function decide(
  genesis: Genesis,
  assignment: Assignment,
  counted: readonly Reveal[],
  knowledge: Knowledge,
  said: readonly LeafClaim[],
): Decision {
  const N = genesis.body.replication
  const { length } = leavesOf(genesis.partition, assignment.unit)
  // What is said of a leaf that is none is said of nothing.
  const claims = said.filter(({ leaf }) => leaf < length)
  const { certified: truths = null } = knowledge
  const doubted = claims.length > 0 || truths !== null
  const groups = groupsOf(counted, knowledge, doubted)
  const differ = groups.length > 1
  const wrong: Wrong[] = []
  const wants = { leaves: [] as string[], truths: [] as WantedLeaf[] }
  const convict = ({ reveals }: Group, leaf: number | null): void => {
    for (const reveal of reveals) wrong.push({ node: reveal.node, reveal, leaf })
  }
  const idOf = (leaf: number): LeafId => ({ window: assignment.window, unit: assignment.unit, leaf })
  const truthOf = (leaf: number, claimant: string | null = null): Uint8Array | undefined => {
    const id = idOf(leaf)
    const truth = knowledge.truth(id)
    if (truth) return truth
    const at = wants.truths.findIndex((known) => known.leaf === leaf)
    const others = at === -1 ? [] : wants.truths[at]!.claimants
    const claimants = claimant === null || others === null ? null : [...others, claimant]
    wants.truths.splice(at === -1 ? wants.truths.length : at, 1, { ...id, claimants })
    return undefined
  }
  let standing: readonly Group[] = groups
  const wrongClaims: LeafClaim[] = []
  let isConfirmed = false
  // Nobody looks at the leaves of results that agree and that no auditor doubts.
  if (differ || doubted) {
    // Of a result that waits for its audit the leaves are held back until all auditors have spoken.
    const isHeld = ({ reveals: [one], reveals }: Group) =>
      assignment.audited !== null &&
      !differ &&
      reveals.length < N &&
      one!.node === assignment.quorum[0] &&
      auditorsOf(genesis, assignment, one!, claims, null).length === 0
    for (const group of groups) {
      if (!group.records && !isHeld(group)) wants.leaves.push(group.reveals[0]!.item.result.leaves)
    }
    standing = keep(
      standing,
      (group) => !group.records || addsUp(genesis, assignment, group),
      (g) => convict(g, null),
    )
    if (differ) standing = parted(standing, truthOf, convict)
    standing = keep(
      standing,
      ({ records }) => !truths || !records || equalBytes(records, truths),
      (group) => convict(group, firstDifference([truths!, group.records!])),
    )
    const unsettled = wants.truths.length
    const isTrue = ({ leaf, record }: LeafClaim) => {
      const truth = knowledge.truth(idOf(leaf))
      return truth !== undefined && equalBytes(truth, record)
    }
    isConfirmed = claims.some(isTrue)
    // One true claim is enough to ask for leaves that would certify.
    const asks = !isConfirmed && groups.some(({ reveals, records }) => !records && reveals.length >= N)
    for (const claim of claims) {
      const denies = ({ records }: Group) => {
        const signed = records && recordAt(records, claim.leaf)
        return signed?.length === LEAF_BYTES && !equalBytes(signed, claim.record)
      }
      // A claim that says what was signed is no reason to compute anything; if it was computed, it convicts all the same.
      const isAsked = asks || groups.some(denies)
      const truth = isAsked ? truthOf(claim.leaf, claim.node) : knowledge.truth(idOf(claim.leaf))
      if (!truth) continue
      if (!equalBytes(truth, claim.record)) wrongClaims.push(claim)
      else
        standing = keep(
          standing,
          (group) => !denies(group),
          (group) => convict(group, claim.leaf),
        )
    }
    // A claim that nobody has looked into yet holds nothing up; a difference does.
    if (unsettled > 0) return { status: 'disputed', results: [], auditors: [], wrong, wrongClaims, wants, differ }
  }
  const proven = differ ? standing.filter(({ records }) => records) : standing
  const only = proven.length === 1 ? proven[0]! : null
  const unanimous = only !== null && only.reveals.length >= N
  // It must show its leaves.
  const isHidden = unanimous && isConfirmed && !only.records
  const auditors = only && !unanimous && !differ ? auditorsIn(genesis, assignment, only, claims) : []
  const certified = (unanimous && !isHidden) || auditors.length > 0
  return {
    status: certified ? 'certified' : differ || isHidden || wrong.length > 0 ? 'disputed' : 'waiting',
    results: certified ? only!.reveals : [],
    ...{ auditors, wrong, wrongClaims, wants, differ },
  }
}

function auditorsIn(
  genesis: Genesis,
  assignment: Assignment,
  { reveals, records }: Group,
  claims: readonly LeafClaim[],
): readonly string[] {
  const own = reveals.find(({ node }) => node === assignment.quorum[0])
  return own && records ? auditorsOf(genesis, assignment, own, claims, records) : []
}

/** Those that pass; the others are told to `failed`. */
function keep(groups: readonly Group[], passes: (g: Group) => boolean, failed: (g: Group) => void): readonly Group[] {
  return groups.filter((group) => {
    const passed = passes(group)
    if (!passed) failed(group)
    return passed
  })
}

function groupsOf(counted: readonly Reveal[], knowledge: Knowledge, doubted: boolean): Group[] {
  const byKey = new Map<string, Reveal[]>()
  for (const reveal of counted) {
    const key = resultKey(reveal.item.result)
    const known = byKey.get(key)
    if (known) known.push(reveal)
    else byKey.set(key, [reveal])
  }
  return [...byKey].map(([key, reveals]) => ({
    ...{ key, reveals },
    records: doubted || byKey.size > 1 ? knowledge.leaves(reveals[0]!.item.result.leaves) : undefined,
  }))
}

/** Takes those out that a known leaf shows wrong, until the rest agree or a leaf is wanted. */
function parted(
  groups: readonly Group[],
  truthOf: (leaf: number) => Uint8Array | undefined,
  convict: (group: Group, leaf: number) => void,
): readonly Group[] {
  let standing = groups
  while (true) {
    const leaf = firstDifference(standing.flatMap(({ records }) => records ?? []))
    const truth = leaf === null ? undefined : truthOf(leaf)
    if (leaf === null || !truth) return standing
    standing = keep(
      standing,
      ({ records }) => !records || equalBytes(recordAt(records, leaf), truth),
      (group) => convict(group, leaf),
    )
  }
}

/** The leaves of results that the block's own bytes contradict convict by themselves. */
function addsUp(genesis: Genesis, { unit }: Assignment, { records, reveals }: Group): boolean {
  const { result } = reveals[0]!.item
  const known = sums.get(result)
  if (known !== undefined) return known
  try {
    readLeaves(genesis, unit, result, records!)
    sums.set(result, true)
  } catch (error) {
    if (!(error instanceof RuleError)) throw error
    sums.set(result, false)
  }
  return sums.get(result)!
}

/** The block is what its CID says, so this is a fact about the result alone. */
const sums = new WeakMap<ResultBody, boolean>()
