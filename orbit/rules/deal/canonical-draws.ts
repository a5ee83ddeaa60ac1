/**
 * The draws that count, from the documents about them: which draw of an epoch stands, and what it
 * dealt once its beacon round is out.
 */

import { compareBytes, equalBytes } from '../base/bytes.ts'
import { cidOf } from '../base/cid.ts'
import { createMemory, type Memory } from '../base/memory.ts'
import { open, RuleError, type Statement } from '../base/statement.ts'
import { isRegistered, type Registered } from '../membership/owners.ts'
import { type DrawBody, drawBody } from '../message/bodies.ts'
import { beaconDocument, statementDocument } from '../message/documents.ts'
import type { Assignment } from '../message/unit.ts'
import { dealtUnitKey } from '../message/unit.ts'
import type { Genesis } from '../network/genesis.ts'
import { seedRound, witnessedBy } from '../network/schedule.ts'
import { assign, checkDraw } from './assignment.ts'
import { type Equivocation, equivocationsIn, turnOf } from './coordinators.ts'
import { accountsOn, isWitnessed, type Witnesses } from './witness.ts'

/** A draw whose beacon round is out, and what it deals. */
export interface DealtDraw {
  readonly draw: Statement<DrawBody>
  /** CID of the draw. */
  readonly cid: string
  /** The signature of R(epoch). */
  readonly signature: Uint8Array
  readonly assignments: readonly Assignment[]
  /** dealtUnitKey of each assignment, in their order. */
  readonly keys: readonly string[]
  /** By node: how many seats in quorums it has. */
  readonly seats: ReadonlyMap<string, number>
  /** By node: the account that the roster names. */
  readonly owners: ReadonlyMap<string, string>
}

export function dealtDraw(
  draw: Statement<DrawBody>,
  signature: Uint8Array,
  assignments: readonly Assignment[],
): DealtDraw {
  const seats = new Map<string, number>()
  for (const { quorum } of assignments) for (const node of quorum) seats.set(node, (seats.get(node) ?? 0) + 1)
  return {
    ...{ draw, cid: cidOf(draw.bytes).toString(), signature, assignments, seats },
    keys: assignments.map(dealtUnitKey),
    owners: new Map(draw.body.roster.map(({ node, account }) => [node, account])),
  }
}

/** A draw that may stand, and whether enough of its roster witness it. */
export interface Candidate {
  readonly draw: Statement<DrawBody>
  readonly isWitnessed: boolean
}

/**
 * The draws that may stand, in the order in which they come for their epochs: the first well-formed
 * one of an epoch is its draw. A draw whose roster pairs a node with an account that it is not
 * registered for is passed over, until that registration is here. Witnessed draws come first, those
 * with more accounts on their rosters before others, so that none sealed later, with a roster of a
 * few who say so, takes the place of one; then those whose coordinator's turn is earlier. Of an
 * exposed coordinator only witnessed draws stand: after that no honest node witnesses any.
 */
export function inPrecedence(
  genesis: Genesis,
  statements: readonly Statement<DrawBody>[],
  witnesses: Witnesses,
  registered: Registered,
  equivocations: ReadonlyMap<string, Pick<Equivocation, 'epoch'>>,
): Candidate[] {
  const { coordinators } = genesis.body
  const isExposed = ({ signer, body }: Statement<DrawBody>) =>
    body.epoch >= (equivocations.get(signer)?.epoch ?? Number.POSITIVE_INFINITY)
  return statements
    .filter(({ body }) => isRegistered(registered, body))
    .map((draw) => {
      const stands = isWitnessed(draw.body, witnesses.get(cidOf(draw.bytes).toString()))
      return { draw, isWitnessed: stands, witnessedOf: stands ? accountsOn(draw.body) : 0 }
    })
    .filter(({ draw, isWitnessed: stands }) => stands || !isExposed(draw))
    .sort(
      (a, b) =>
        b.witnessedOf - a.witnessedOf ||
        turnOf(coordinators, a.draw) - turnOf(coordinators, b.draw) ||
        compareBytes(a.draw.bytes, b.draw.bytes),
    )
}

/** The draw of each epoch (inPrecedence), dealt where its beacon round is among the documents. */
export function readDraws(
  genesis: Genesis,
  documents: Iterable<unknown>,
  witnesses: Witnesses,
  registered: Registered,
  memory: Memory = createMemory(),
) {
  const signatures = new Map<number, Uint8Array>()
  const statements: Statement<DrawBody>[] = []
  for (const document of documents) {
    const round = beaconDocument.safeParse(document)
    if (round.success) signatures.set(round.data.round, round.data.signature)
    else statements.push(open(statementDocument.parse(document).statement, drawBody, 'the draw', memory))
  }
  const draws = new Map<number, DealtDraw>()
  const sealed = new Map<number, Statement<DrawBody>>()
  const witnessed = new Set<string>()
  const equivocations = equivocationsIn(statements)
  for (const candidate of inPrecedence(genesis, statements, witnesses, registered, equivocations)) {
    const { draw } = candidate
    const { epoch } = draw.body
    if (draws.has(epoch) || sealed.has(epoch)) continue
    const signature = signatures.get(seedRound(genesis, epoch))
    try {
      if (memory.table(wellFormed).get(draw) !== genesis) checkDraw(genesis, draw.body)
      memory.table(wellFormed).set(draw, genesis)
      if (signature) {
        const dealt = dealOnce(genesis, draw, signature, memory)
        draws.set(epoch, dealt)
        if (candidate.isWitnessed) witnessed.add(dealt.cid)
      } else sealed.set(epoch, draw)
    } catch (error) {
      if (!(error instanceof RuleError)) throw error
    }
  }
  const byEpoch = <T>(map: Map<number, T>) => new Map([...map].sort(([a], [b]) => a - b))
  return { draws: byEpoch(draws), sealed: byEpoch(sealed), witnessed, equivocations: [...equivocations.values()] }
}

/**
 * Whether a dealt draw is witnessed, or may still be: by `freshRounds` after R(e) all who had it in
 * time have said so. One that too few had then comes to nothing: its units are free again, and its
 * seats are nobody's.
 */
export const mayStand = (
  { genesis, witnessed }: { readonly genesis: Genesis; readonly witnessed: ReadonlySet<string> },
  { draw, cid }: DealtDraw,
  round: number,
): boolean => witnessed.has(cid) || round <= witnessedBy(genesis, draw.body.epoch)

/** The newest R(e) that a dealt draw proves: what "now" is for the rules. */
export const asOf = (genesis: Genesis, draws: ReadonlyMap<number, DealtDraw>): number =>
  seedRound(genesis, Math.max(0, ...draws.keys()))

/** What was found well-formed is so for good. */
const wellFormed = () => new WeakMap<Statement<DrawBody>, Genesis>()

/** A deal costs a pairing (15 ms) and does not change. */
const deals = () => new WeakMap<Statement<DrawBody>, DealtDraw>()

function dealOnce(genesis: Genesis, draw: Statement<DrawBody>, signature: Uint8Array, memory: Memory): DealtDraw {
  const known = memory.table(deals).get(draw)
  if (known && equalBytes(known.signature, signature)) return known
  const made = dealtDraw(draw, signature, assign(genesis, draw.body, signature, undefined, memory))
  memory.table(deals).set(draw, made)
  return made
}

/**
 * What tells whose a node is: the draws that count, by epoch, and whom each node is dealt to next.
 */
export interface Owners {
  readonly draws: ReadonlyMap<number, DealtDraw>
  readonly nodes: ReadonlyMap<string, { readonly account: string }>
}

/**
 * Whose a node was when the units of an epoch were dealt: as the roster says, which pairs only whom
 * both have agreed to. If another account takes it for its own later, what it did then is still the
 * first one's.
 */
export function accountAt({ draws, nodes }: Owners, epoch: number, node: string): string | undefined {
  return draws.get(epoch)?.owners.get(node) ?? nodes.get(node)?.account
}
