/**
 * What a certificate shows of a unit, settled: the same function tells its writer what it can do
 * without, and its reader whether there is any of that in it.
 */
import { type Facts, NO_FACTS } from '../answer/facts.ts'
import type { Judgement } from '../answer/judge.ts'
import { recordAt } from '../answer/leaves.ts'
import { byStatement, type SignedResult } from '../answer/results.ts'
import { cidOf } from '../base/cid.ts'
import { createMemory, type Memory } from '../base/memory.ts'
import type { Statement } from '../base/statement.ts'
import { claimsOf } from '../message/answers.ts'
import type { AuditBody, DeclineBody } from '../message/bodies.ts'
import { type Assignment, dealtUnitKey } from '../message/unit.ts'
import type { Genesis } from '../network/genesis.ts'
import { type Settlement, settle } from '../quorum/settle.ts'

/** What of the documents about a unit is in a file. */
export interface ShownUnit {
  /** All that count, in the deal's order. */
  readonly results: readonly SignedResult[]
  /** By CID. */
  readonly audits: readonly Statement<AuditBody>[]
  /** In the deal's order. */
  readonly declines: readonly Statement<DeclineBody>[]
}

/** Whether its results are sound is judged apart (recompute.ts). */
const TAKEN_FOR_SOUND: Judgement = { fault: null, falseItem: null, wrongLeaf: null, tallies: [] }

export interface ShownLeaves {
  /** By their CID, the records of the leaves in the file. */
  readonly blocks: ReadonlyMap<string, Uint8Array>
  /** Those that are taken for true; null where the file leaves them out. */
  readonly certified: Uint8Array | null
}

/** What a unit comes to by what is shown of it, if its certified leaves are true. */
export function settleShown(
  genesis: Genesis,
  assignment: Assignment,
  { results, audits, declines }: ShownUnit,
  { blocks, certified }: ShownLeaves,
  memory: Memory = createMemory(),
): Settlement {
  const facts: Facts = {
    ...NO_FACTS,
    judged: () => TAKEN_FOR_SOUND,
    leaves: (cid) => blocks.get(cid),
    truth: ({ leaf }) => (certified ? recordAt(certified, leaf) : undefined),
    certified,
  }
  const key = dealtUnitKey(assignment)
  const answers = {
    results: Map.groupBy(results.toSorted(byStatement), ({ node }) => node),
    declines: new Map(declines.map((decline) => [decline.signer, decline])),
    claims: audits.flatMap((audit) => claimsOf(audit).filter((claim) => dealtUnitKey(claim) === key)),
  }
  return settle(genesis, assignment, answers, facts, () => true, memory)
}

/** Without the declines and audits that change nothing, the last first. */
export function withoutIdle(shown: ShownUnit, settleBy: (shown: ShownUnit) => Settlement): ShownUnit {
  const whole = settleBy(shown)
  let least = shown
  const tryWithout = (less: ShownUnit) => {
    const settlement = settleBy(less)
    const isSame =
      settlement.status === whole.status &&
      settlement.counted.length === whole.counted.length &&
      settlement.auditors.length === whole.auditors.length
    if (isSame) least = less
  }
  for (const i of [...shown.declines.keys()].reverse())
    tryWithout({ ...least, declines: least.declines.toSpliced(i, 1) })
  for (const i of [...shown.audits.keys()].reverse()) tryWithout({ ...least, audits: least.audits.toSpliced(i, 1) })
  return least
}

/** By CID, each once. */
export const byCid = <Signed extends { readonly bytes: Uint8Array }>(statements: readonly Signed[]): Signed[] =>
  [...new Map(statements.map((statement) => [cidOf(statement.bytes).toString(), statement]))]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, statement]) => statement)
