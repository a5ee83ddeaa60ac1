/**
 * What results that count, claims of auditors and facts come to: which results are wrong, which
 * agree, and whether that certifies the unit. It is apart from settle.ts, which asks it anew each
 * time that a difference has called more nodes.
 */

import { leavesOf } from '../../../kernels/partition.ts'
import { LEAF_BYTES } from '../../../kernels/result.ts'
import type { Facts, WantedLeaf } from '../answer/facts.ts'
import { firstDifference, recordAt } from '../answer/leaves.ts'
import type { SignedResult } from '../answer/results.ts'
import { equalBytes } from '../base/bytes.ts'
import { createMemory, type Memory } from '../base/memory.ts'
import type { LeafClaim } from '../message/answers.ts'
import { resultKey } from '../message/bodies.ts'
import type { Assignment, LeafId } from '../message/unit.ts'
import type { Genesis } from '../network/genesis.ts'
import { auditorsOf } from './certifying-audit.ts'

/**
 * A signed result that is wrong: by a leaf, because it is not the sum of its own leaves, or by an
 * item of its evidence.
 */
export interface Wrong {
  readonly node: string
  readonly result: SignedResult
  readonly kind: 'leaf' | 'sum' | 'evidence'
  readonly leaf: number | null
  readonly item: number | null
}

/** What a unit comes to, by the results that count. */
export interface Decision {
  readonly status: 'waiting' | 'disputed' | 'certified'
  /** When certified, the results that agree, one a node: N or more, in the order of the deal. */
  readonly results: readonly SignedResult[]
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
  readonly results: readonly SignedResult[]
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

  convict({ results }: Group, leaf: number): void {
    for (const result of results) this.wrong.push({ node: result.node, result, kind: 'leaf', leaf, item: null })
  }

  known(leaf: number): Uint8Array | undefined {
    return this.facts.truth(this.idOf(leaf))
  }

  /**
   * The true record of a leaf; where it is not known, it is wanted. @param claimant who asks for
   * it; null: a difference
   */
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
  counted: readonly SignedResult[],
  facts: Facts,
  said: readonly LeafClaim[],
  memory: Memory = createMemory(),
): Decision {
  const { length } = leavesOf(genesis.partition, assignment.unit)
  // What is said of a leaf that is none is said of nothing.
  const claims = said.filter(({ leaf }) => leaf < length)
  const byKey = Map.groupBy(counted, ({ item }) => resultKey(item))
  const differ = byKey.size > 1
  // Nobody looks at the leaves of results that agree and that no auditor doubts.
  const isLookedInto = differ || claims.length > 0 || Boolean(facts.certified)
  const groups = [...byKey.values()].map((results) => ({
    results,
    records: isLookedInto ? facts.leaves(results[0]!.item.leaves) : undefined,
  }))
  const findings = new Findings(assignment, facts)
  const { wrong, wrongClaims, wants } = findings
  let standing: readonly Group[] = groups
  if (isLookedInto) {
    for (const { records, results } of groups) if (!records) wants.leaves.push(results[0]!.item.leaves)
    standing = asCertified(differ ? parted(groups, findings) : groups, facts, findings)
    const unsettled = wants.truths.length
    standing = hearClaims(groups, standing, claims, findings)
    // A claim that nobody has looked into yet holds nothing up; a difference does.
    if (unsettled > 0) return { status: 'disputed', results: [], auditors: [], wrong, wrongClaims, wants, differ }
  }
  const proven = differ ? standing.filter(({ records }) => records) : standing
  const only = proven.length === 1 ? proven[0]! : null
  const unanimous = only !== null && only.results.length >= genesis.body.replication
  const auditors = only && !unanimous && !differ ? auditorsIn(genesis, assignment, only, claims, memory) : []
  const certified = unanimous || auditors.length > 0
  return {
    status: certified ? 'certified' : differ || wrong.length > 0 ? 'disputed' : 'waiting',
    results: certified ? only!.results : [],
    ...{ auditors, wrong, wrongClaims, wants, differ },
  }
}

/** Those that show the leaves that are taken for true, where any are. */
function asCertified(groups: readonly Group[], { certified }: Facts, findings: Findings): readonly Group[] {
  return keep(
    groups,
    ({ records }) => !certified || !records || equalBytes(records, certified),
    (group) => findings.convict(group, firstDifference([certified!, group.records!])!),
  )
}

/**
 * What auditors claim is looked into where it matters; whoever is wrong, an auditor or those
 * audited, is convicted.
 */
function hearClaims(
  groups: readonly Group[],
  before: readonly Group[],
  claims: readonly LeafClaim[],
  findings: Findings,
): readonly Group[] {
  let standing = before
  for (const claim of claims) {
    const denies = ({ records }: Group) => {
      const signed = records && recordAt(records, claim.leaf)
      return signed?.length === LEAF_BYTES && !equalBytes(signed, claim.record)
    }
    // A claim that says what was signed is no reason to compute anything; if it was computed, it
    // convicts all the same.
    const truth = groups.some(denies) ? findings.truthOf(claim.leaf, claim.node) : findings.known(claim.leaf)
    if (!truth) continue
    if (!equalBytes(truth, claim.record)) findings.wrongClaims.push(claim)
    else
      standing = keep(
        standing,
        (group) => !denies(group),
        (group) => findings.convict(group, claim.leaf),
      )
  }
  return standing
}

function auditorsIn(
  genesis: Genesis,
  assignment: Assignment,
  { results, records }: Group,
  claims: readonly LeafClaim[],
  memory: Memory,
): readonly string[] {
  const first = results.find(({ node }) => node === assignment.quorum[0])
  return first && records ? auditorsOf(genesis, assignment, first, claims, records, memory) : []
}

/** Those that pass; the others are told to `failed`. */
function keep(groups: readonly Group[], passes: (g: Group) => boolean, failed: (g: Group) => void): readonly Group[] {
  return groups.filter((group) => {
    const passed = passes(group)
    if (!passed) failed(group)
    return passed
  })
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
