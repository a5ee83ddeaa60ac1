/**
 * Which of the results that were shown for a unit count.
 *
 * Each result is judged on the commit that it names. It is sound if its node's turn had come when
 * it committed (seats.ts), and if it was shown when commits of N accounts could be cited, or after
 * the commit deadline. It counts if besides sound reveals of others for the same unit cite its
 * commit: of N - 1 others where its node is of the quorum, whose members wait for each other; of
 * one where it was called, perhaps when some had shown theirs. So whoever copies a result that was
 * shown has a commit that nobody cites, nor can two of a quorum of three who copy the third cite
 * each other and be done; and a node that commits and stays silent can void nobody else's. With N =
 * 1 there is nobody to cite; nor has the one whose result an audit certifies.
 *
 * All of this asks whether something has been said, never whether nothing else has: more documents
 * can make more results count, and none less. Equal results of one node are one result; different
 * ones of one node are a difference as any.
 */

import { type Calls, mayAnswer, mayReveal, standsAlone } from '../deal/seats.ts'
import type { Reveal } from '../message/answers.ts'
import { resultKey } from '../message/bodies.ts'
import type { Assignment } from '../message/unit.ts'
import type { Genesis } from '../network/genesis.ts'
import type { UnitEvidence } from './evidence.ts'

export type Refusal = 'not-assigned' | 'not-cited' | 'revealed-early'

export interface Admissible {
  /** In the order of the deal; a node's own as in its evidence. */
  readonly sound: readonly Reveal[]
  /** Those that count, in the same order: of equal ones of a node that of the earliest batch. */
  readonly counted: readonly Reveal[]
  /** Sound ones that don't, since too few cite their commit. */
  readonly uncited: readonly Reveal[]
  /** Those that count, and such sound ones as it takes to see that their commits are cited. */
  readonly needed: readonly Reveal[]
  /** By node, why none of its results counts. */
  readonly refused: Map<string, Refusal>
}

/** @param calls what has called the reserve */
export function selectAdmissible(
  genesis: Genesis,
  assignment: Assignment,
  evidence: UnitEvidence,
  calls: Calls,
): Admissible {
  const { replication } = genesis.body
  const seats = [...assignment.quorum, ...assignment.reserve]
  const signers = new Map<string, string>()
  for (const node of seats) {
    for (const { cid, body } of evidence.commits.get(node) ?? []) {
      if (mayAnswer(genesis, assignment, node, body.round, calls)) signers.set(cid, node)
    }
  }
  const isTimely = ({ node, item, body }: Reveal): boolean => {
    const others = new Set(item.cites.flatMap((cid) => signers.get(cid) ?? []))
    others.delete(node)
    return mayReveal(genesis, assignment, node, { cited: others.size, round: body.round })
  }
  const sound = seats.flatMap((node) =>
    (evidence.reveals.get(node) ?? []).filter((reveal) => signers.has(reveal.item.commit) && isTimely(reveal)),
  )
  const needsNoCite = (node: string) => replication === 1 || standsAlone(assignment, node)
  const wanted = (node: string) => (!assignment.audited && assignment.quorum.includes(node) ? replication - 1 : 1)
  const cites = (by: Reveal, { node, item }: Reveal) => by.node !== node && by.item.cites.includes(item.commit)
  const citers = (among: readonly Reveal[], of: Reveal) =>
    new Set(among.filter((by) => cites(by, of)).map(({ node }) => node))
  const counts = (reveal: Reveal) => needsNoCite(reveal.node) || citers(sound, reveal).size >= wanted(reveal.node)

  const earliest = new Map<string, Reveal>()
  for (const reveal of sound.filter(counts)) {
    const key = `${reveal.node} ${resultKey(reveal.item.result)}`
    const known = earliest.get(key)
    if (!known || reveal.body.batch < known.body.batch) earliest.set(key, reveal)
  }
  const chosen = new Set(earliest.values())
  const counted = sound.filter((reveal) => chosen.has(reveal))
  const needed = new Set(counted)
  for (const reveal of counted) {
    if (needsNoCite(reveal.node)) continue
    const known = citers(counted, reveal)
    for (const by of sound) {
      if (known.size >= wanted(reveal.node)) break
      if (known.has(by.node) || !cites(by, reveal)) continue
      known.add(by.node)
      needed.add(by)
    }
  }

  const refused = new Map<string, Refusal>()
  for (const [node, reveals] of evidence.reveals) {
    if (counted.some((reveal) => reveal.node === node)) continue
    const isSound = sound.some((reveal) => reveal.node === node)
    const isCalled = reveals.some(({ item }) => signers.has(item.commit))
    refused.set(node, isSound ? 'not-cited' : isCalled ? 'revealed-early' : 'not-assigned')
  }
  return {
    ...{ sound, counted, refused },
    uncited: sound.filter((reveal) => !counts(reveal)),
    needed: sound.filter((reveal) => needed.has(reveal)),
  }
}
