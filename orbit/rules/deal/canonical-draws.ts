/**
 * The draws that count, from the documents about them: which draw of an epoch stands, and what it dealt once its beacon
 * round is out.
 */

import { compareBytes, equalBytes } from '../base/bytes.ts'
import { cidOf } from '../base/cid.ts'
import { open, RuleError, type Statement } from '../base/statement.ts'
import { isRegistered, type Registered } from '../membership/owners.ts'
import { type DrawBody, drawBody } from '../message/bodies.ts'
import { beaconDocument, statementDocument } from '../message/documents.ts'
import type { Assignment } from '../message/unit.ts'
import type { Genesis } from '../network/genesis.ts'
import { seedRound, witnessedBy } from '../network/schedule.ts'
import { assign, checkDraw } from './assignment.ts'
import { equivocationsIn, turnOf } from './coordinators.ts'
import { accountsOn, isWitnessed, type Witnesses } from './witness.ts'

export interface DealtDraw {
  readonly draw: Statement<DrawBody>
  /** CID of the draw. */
  readonly cid: string
  /** The signature of R(epoch). */
  readonly signature: Uint8Array
  readonly assignments: readonly Assignment[]
}

/**
 * The draw of each epoch. One whose roster pairs a node with an account that it is not registered for is passed over, until
 * that registration is here. Of several that which is witnessed, and of those that with the most accounts on its roster, so that
 * none sealed later, with a roster of a few who say so, can take its place; of those by whose turn it was. An exposed
 * coordinator's stand only if they are witnessed: after that no honest node witnesses any.
 */
export function readDraws(
  genesis: Genesis,
  documents: Iterable<unknown>,
  witnesses: Witnesses,
  registered: Registered,
) {
  const signatures = new Map<number, Uint8Array>()
  const statements: Statement<DrawBody>[] = []
  for (const document of documents) {
    const round = beaconDocument.safeParse(document)
    if (round.success) signatures.set(round.data.round, round.data.signature)
    else statements.push(open(statementDocument.parse(document).statement, drawBody, 'the draw'))
  }
  const draws = new Map<number, DealtDraw>()
  const sealed = new Map<number, Statement<DrawBody>>()
  const witnessed = new Set<string>()
  const equivocations = equivocationsIn(statements)
  const { coordinators } = genesis.body
  const ordered = statements
    .filter(({ body }) => isRegistered(registered, body))
    .map((draw) => {
      const stands = isWitnessed(draw.body, witnesses.get(cidOf(draw.bytes).toString()))
      return { draw, isWitnessed: stands, witnessedOf: stands ? accountsOn(draw.body) : 0 }
    })
    .sort(
      (a, b) =>
        b.witnessedOf - a.witnessedOf ||
        turnOf(coordinators, a.draw) - turnOf(coordinators, b.draw) ||
        compareBytes(a.draw.bytes, b.draw.bytes),
    )
  for (const { draw, isWitnessed } of ordered) {
    const { epoch } = draw.body
    if (draws.has(epoch) || sealed.has(epoch)) continue
    if (!isWitnessed && epoch >= (equivocations.get(draw.signer)?.epoch ?? Number.POSITIVE_INFINITY)) continue
    const signature = signatures.get(seedRound(genesis, epoch))
    try {
      if (wellFormed.get(draw) !== genesis) checkDraw(genesis, draw.body)
      wellFormed.set(draw, genesis)
      if (signature) {
        const dealt = dealtDraw(genesis, draw, signature)
        draws.set(epoch, dealt)
        if (isWitnessed) witnessed.add(dealt.cid)
      } else sealed.set(epoch, draw)
    } catch (error) {
      if (!(error instanceof RuleError)) throw error
    }
  }
  const byEpoch = <T>(map: Map<number, T>) => new Map([...map].sort(([a], [b]) => a - b))
  return { draws: byEpoch(draws), sealed: byEpoch(sealed), witnessed, equivocations: [...equivocations.values()] }
}

/**
 * Whether a dealt draw is witnessed, or may still be: by `freshRounds` after R(e) all who had it in time have said so. One
 * that too few had then comes to nothing: its units are free again, and its seats are nobody's.
 */
export const mayStand = (
  { genesis, witnessed }: { readonly genesis: Genesis; readonly witnessed: ReadonlySet<string> },
  { draw, cid }: DealtDraw,
  round: number,
): boolean => witnessed.has(cid) || round <= witnessedBy(genesis, draw.body.epoch)

/** By draw, how many seats in quorums it gave each node. */
const seatsGiven = new WeakMap<readonly Assignment[], ReadonlyMap<string, number>>()

export function seatsIn({ assignments }: DealtDraw): ReadonlyMap<string, number> {
  const known = seatsGiven.get(assignments)
  if (known) return known
  const seats = new Map<string, number>()
  for (const { quorum } of assignments) for (const node of quorum) seats.set(node, (seats.get(node) ?? 0) + 1)
  seatsGiven.set(assignments, seats)
  return seats
}

/** The newest R(e) that a dealt draw proves: what "now" is for the rules. */
export const asOf = (genesis: Genesis, draws: ReadonlyMap<number, DealtDraw>): number =>
  seedRound(genesis, Math.max(0, ...draws.keys()))

/** What was found well-formed is so for good. */
const wellFormed = new WeakMap<Statement<DrawBody>, Genesis>()

/** A deal costs a pairing (20 ms) and does not change: kept as long as its draw is. */
const dealt = new WeakMap<Statement<DrawBody>, DealtDraw>()

function dealtDraw(genesis: Genesis, draw: Statement<DrawBody>, signature: Uint8Array): DealtDraw {
  const known = dealt.get(draw)
  if (known && equalBytes(known.signature, signature)) return known
  const cid = cidOf(draw.bytes).toString()
  const fresh = { draw, cid, signature, assignments: assign(genesis, draw.body, signature) }
  dealt.set(draw, fresh)
  return fresh
}

/** By draw, whose the nodes on its roster were. */
const rosters = new WeakMap<DrawBody, ReadonlyMap<string, string>>()

/** What tells whose a node is: the draws that count, by epoch, and whom each node is dealt to next. */
export interface Owners {
  readonly draws: ReadonlyMap<number, DealtDraw>
  readonly nodes: ReadonlyMap<string, { readonly account: string }>
}

/**
 * Whose a node was when the units of an epoch were dealt: as the roster says, which pairs only whom both have agreed to. If
 * another account takes it for its own later, what it did then is still the first one's.
 */
export function accountAt({ draws, nodes }: Owners, epoch: number, node: string): string | undefined {
  const body = draws.get(epoch)?.draw.body
  if (body && !rosters.has(body)) {
    rosters.set(body, new Map(body.roster.map((entry) => [entry.node, entry.account])))
  }
  return (body && rosters.get(body)!.get(node)) ?? nodes.get(node)?.account
}
