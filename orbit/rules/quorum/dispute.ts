/**
 * What results that count, claims of auditors and facts come to: which results are wrong, which agree, and whether that
 * certifies the unit. It is apart from settle.ts, which asks it anew each time that a difference has called more nodes.
 */

import { leavesOf } from '../../../kernels/partition.ts'
import { LEAF_BYTES } from '../../../kernels/result.ts'
import { firstDifference, isSumOf, recordAt } from '../answer/leaves.ts'
import { equalBytes } from '../base/bytes.ts'
import type { Memory } from '../base/memory.ts'
import type { LeafClaim, Reveal } from '../message/answers.ts'
import { type ResultBody, resultKey } from '../message/bodies.ts'
import type { Assignment, LeafId } from '../message/unit.ts'
import type { Genesis } from '../network/genesis.ts'
import { auditorsOf } from './certifying-audit.ts'
import type { Facts, WantedLeaf } from './facts.ts'

/** A signed result that is wrong: by this leaf, or because it is not the sum of its own leaves (leaf null). */
export interface Wrong {
  readonly node: string
  readonly reveal: Reveal
  readonly leaf: number | null
}

/** What a unit comes to, by the results that count. */
export interface Decision {
  readonly status: 'waiting' | 'disputed' | 'certified'
  /** When certified, the results that agree, one a node: N or more, in the order of the deal. */
  readonly results: readonly Reveal[]
  /** Nodes whose audit certifies it in place of N results. */
  readonly auditors: readonly string[]
  readonly wrong: readonly Wrong[]
  /** Claims of auditors that were wrong. */
  readonly wrongClaims: readonly LeafClaim[]
  /** What would help to decide. */
  readonly wants: { readonly leaves: readonly string[]; readonly truths: readonly WantedLeaf[] }
  /** Whether results differ. */
  readonly differ: boolean
}

interface Group {
  readonly key: string
  readonly reveals: readonly Reveal[]
  readonly records: Uint8Array | undefined
}

/** What is wanted and who is wrong, as far as a unit has been looked into. */
class Findings {
  readonly wrong: Wrong[] = []
  readonly wrongClaims: LeafClaim[] = []
  readonly wants = { leaves: [] as string[], truths: [] as WantedLeaf[] }
  private readonly assignment: Assignment
  private readonly facts: Facts

  constructor(assignment: Assignment, facts: Facts) {
    this.assignment = assignment
    this.facts = facts
  }

  convict({ reveals }: Pick<Group, 'reveals'>, leaf: number | null): void {
    for (const reveal of reveals) this.wrong.push({ node: reveal.node, reveal, leaf })
  }

  known(leaf: number): Uint8Array | undefined {
    return this.facts.truth(this.idOf(leaf))
  }

  /** The true record of a leaf; where it is not known, it is wanted. @param claimant who asks for it; null: a difference */
  truthOf(leaf: number, claimant: string | null = null): Uint8Array | undefined {
    const truth = this.known(leaf)
    if (truth) return truth
    const { truths } = this.wants
    const at = truths.findIndex((wanted) => wanted.leaf === leaf)
    const others = at === -1 ? [] : truths[at]!.claimants
    const claimants = claimant === null || others === null ? null : [...others, claimant]
    truths.splice(at === -1 ? truths.length : at, 1, { ...this.idOf(leaf), claimants })
    return undefined
  }

  private idOf(leaf: number): LeafId {
    return { window: this.assignment.window, unit: this.assignment.unit, leaf }
  }
}

/**
 * Decides by the results that count.
 *
 * @param said claims of registered auditors
 */
export function decide(
  genesis: Genesis,
  assignment: Assignment,
  counted: readonly Reveal[],
  facts: Facts,
  said: readonly LeafClaim[],
  memory: Memory,
): Decision {
  const N = genesis.body.replication
  const { length } = leavesOf(genesis.partition, assignment.unit)
  // What is said of a leaf that is none is said of nothing.
  const claims = said.filter(({ leaf }) => leaf < length)
  const doubted = claims.length > 0 || Boolean(facts.certified)
  const groups = groupsOf(counted, facts, doubted)
  const differ = groups.length > 1
  const findings = new Findings(assignment, facts)
  const { wrong, wrongClaims, wants } = findings
  let standing: readonly Group[] = groups
  let isConfirmed = false
  // Nobody looks at the leaves of results that agree and that no auditor doubts.
  if (differ || doubted) {
    for (const group of groups) {
      if (group.records || isHeldBack(genesis, assignment, group, differ, claims, memory)) continue
      wants.leaves.push(group.reveals[0]!.item.result.leaves)
    }
    standing = shownRight(genesis, assignment, groups, facts, findings, memory)
    const unsettled = wants.truths.length
    const heard = hearClaims(groups, standing, claims, N, findings)
    standing = heard.standing
    isConfirmed = heard.isConfirmed
    // A claim that nobody has looked into yet holds nothing up; a difference does.
    if (unsettled > 0) return { status: 'disputed', results: [], auditors: [], wrong, wrongClaims, wants, differ }
  }
  const proven = differ ? standing.filter(({ records }) => records) : standing
  const only = proven.length === 1 ? proven[0]! : null
  const unanimous = only !== null && only.reveals.length >= N
  // It must show its leaves.
  const isHidden = unanimous && isConfirmed && !only.records
  const auditors = only && !unanimous && !differ ? auditorsIn(genesis, assignment, only, claims, memory) : []
  const certified = (unanimous && !isHidden) || auditors.length > 0
  return {
    status: certified ? 'certified' : differ || isHidden || wrong.length > 0 ? 'disputed' : 'waiting',
    results: certified ? only!.reveals : [],
    ...{ auditors, wrong, wrongClaims, wants, differ },
  }
}

/** Of a result that waits for its audit the leaves are held back until all auditors have spoken. */
function isHeldBack(
  genesis: Genesis,
  assignment: Assignment,
  { reveals }: Group,
  differ: boolean,
  claims: readonly LeafClaim[],
  memory: Memory,
): boolean {
  const [first] = reveals
  return (
    assignment.audited !== null &&
    !differ &&
    reveals.length < genesis.body.replication &&
    first!.node === assignment.quorum[0] &&
    auditorsOf(genesis, assignment, first!, claims, null, memory).length === 0
  )
}

/** Those that their own leaves, the leaf where they part, and leaves that are taken for true do not show wrong. */
function shownRight(
  genesis: Genesis,
  assignment: Assignment,
  groups: readonly Group[],
  { certified }: Facts,
  findings: Findings,
  memory: Memory,
): readonly Group[] {
  const summed = keep(
    groups,
    (group) => !group.records || addsUp(genesis, assignment, group, memory),
    (group) => findings.convict(group, null),
  )
  const standing = groups.length > 1 ? parted(summed, findings) : summed
  return keep(
    standing,
    ({ records }) => !certified || !records || equalBytes(records, certified),
    (group) => findings.convict(group, firstDifference([certified!, group.records!])),
  )
}

/** What auditors claim is looked into where it matters; whoever is wrong, an auditor or those audited, is convicted. */
function hearClaims(
  groups: readonly Group[],
  before: readonly Group[],
  claims: readonly LeafClaim[],
  N: number,
  findings: Findings,
): { standing: readonly Group[]; isConfirmed: boolean } {
  let standing = before
  const isTrue = ({ leaf, record }: LeafClaim) => {
    const truth = findings.known(leaf)
    return truth !== undefined && equalBytes(truth, record)
  }
  const isConfirmed = claims.some(isTrue)
  // One true claim is enough to ask for leaves that would certify.
  const asks = !isConfirmed && groups.some(({ reveals, records }) => !records && reveals.length >= N)
  for (const claim of claims) {
    const denies = ({ records }: Group) => {
      const signed = records && recordAt(records, claim.leaf)
      return signed?.length === LEAF_BYTES && !equalBytes(signed, claim.record)
    }
    // A claim that says what was signed is no reason to compute anything; if it was computed, it convicts all the same.
    const isAsked = asks || groups.some(denies)
    const truth = isAsked ? findings.truthOf(claim.leaf, claim.node) : findings.known(claim.leaf)
    if (!truth) continue
    if (!equalBytes(truth, claim.record)) findings.wrongClaims.push(claim)
    else
      standing = keep(
        standing,
        (group) => !denies(group),
        (group) => findings.convict(group, claim.leaf),
      )
  }
  return { standing, isConfirmed }
}

function auditorsIn(
  genesis: Genesis,
  assignment: Assignment,
  { reveals, records }: Group,
  claims: readonly LeafClaim[],
  memory: Memory,
): readonly string[] {
  const own = reveals.find(({ node }) => node === assignment.quorum[0])
  return own && records ? auditorsOf(genesis, assignment, own, claims, records, memory) : []
}

/** Those that pass; the others are told to `failed`. */
function keep(groups: readonly Group[], passes: (g: Group) => boolean, failed: (g: Group) => void): readonly Group[] {
  return groups.filter((group) => {
    const passed = passes(group)
    if (!passed) failed(group)
    return passed
  })
}

function groupsOf(counted: readonly Reveal[], facts: Facts, doubted: boolean): Group[] {
  const byKey = new Map<string, Reveal[]>()
  for (const reveal of counted) {
    const key = resultKey(reveal.item.result)
    const known = byKey.get(key)
    if (known) known.push(reveal)
    else byKey.set(key, [reveal])
  }
  return [...byKey].map(([key, reveals]) => ({
    ...{ key, reveals },
    records: doubted || byKey.size > 1 ? facts.leaves(reveals[0]!.item.result.leaves) : undefined,
  }))
}

/** Takes those out that a known leaf shows wrong, until the rest agree or a leaf is wanted. */
function parted(groups: readonly Group[], findings: Findings): readonly Group[] {
  let standing = groups
  while (true) {
    const leaf = firstDifference(standing.flatMap(({ records }) => records ?? []))
    const truth = leaf === null ? undefined : findings.truthOf(leaf)
    if (leaf === null || !truth) return standing
    standing = keep(
      standing,
      ({ records }) => !records || equalBytes(recordAt(records, leaf), truth),
      (group) => findings.convict(group, leaf),
    )
  }
}

/** The block is what its CID says, so whether it makes a result is a fact about the result alone. */
const sums = () => new WeakMap<ResultBody, boolean>()

/** The leaves of results that the block's own bytes contradict convict by themselves. */
function addsUp(genesis: Genesis, { unit }: Assignment, { records, reveals }: Group, memory: Memory): boolean {
  const { result } = reveals[0]!.item
  const known = memory.table(sums).get(result)
  if (known !== undefined) return known
  const makes = isSumOf(genesis, unit, result, records!)
  memory.table(sums).set(result, makes)
  return makes
}

/**
 * A result whose commit nobody cites certifies nothing: it may have been copied. But it may also be the honest one, left out
 * by those who agree on a lie. So if it says something else than what would be certified, and its leaves are here, the leaf
 * where they part decides: whoever is wrong is convicted, and until that is known nothing is certified.
 */
export function doubt(
  genesis: Genesis,
  assignment: Assignment,
  decision: Decision,
  uncited: readonly Reveal[],
  facts: Facts,
  memory: Memory,
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
    const records = facts.leaves(result.leaves)
    if (!records) {
      missing.leaves.push(result.leaves)
      continue
    }
    const convict = (reveals: readonly Reveal[], leaf: number | null) => {
      for (const by of reveals) wrong.push({ node: by.node, reveal: by, leaf })
    }
    if (!addsUp(genesis, assignment, { key: '', reveals: [reveal], records }, memory)) {
      convict([reveal], null)
      continue
    }
    const certified = facts.leaves(first.item.result.leaves)
    if (!certified) {
      missing.leaves.push(first.item.result.leaves)
      isOpen = true
      continue
    }
    if (!addsUp(genesis, assignment, { key: '', reveals: decision.results, records: certified }, memory)) {
      convict(decision.results, null)
      isOpen = true
      continue
    }
    const leaf = firstDifference([certified, records])
    // Leaves that are the same leave nothing to decide.
    if (leaf === null) continue
    const id: LeafId = { window: assignment.window, unit: assignment.unit, leaf }
    const truth = facts.truth(id)
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
