/**
 * The settlement of every unit of every deal that somebody has answered for. Most units have
 * settled long before their window is complete: one is settled anew only when something has been
 * said of it, or something that it hangs on is known.
 */

import { type Facts, NO_FACTS } from '../answer/facts.ts'
import type { Answers, UnitAnswers } from '../answer/unit-answers.ts'
import { createMemory, type Memory } from '../base/memory.ts'
import type { DealtDraw } from '../deal/canonical-draws.ts'
import type { Assignment, LeafId } from '../message/unit.ts'
import type { Genesis } from '../network/genesis.ts'
import { type Settlement, settle } from './settle.ts'

/** What was asked besides the answers when a unit was settled, and what it was told. */
type Asked = readonly [ask: (of: Asking) => unknown, answer: unknown]
type Asking = Pick<Facts, 'leaves' | 'truth' | 'judged'> & { readonly isAuditor: (node: string) => boolean }

interface Settled {
  readonly genesis: Genesis
  readonly assignment: Assignment
  readonly asked: readonly Asked[]
  readonly settlement: Settlement
}

/** By what was said of the unit. */
const settled = () => new WeakMap<UnitAnswers, Settled>()

function settleOnce(
  genesis: Genesis,
  assignment: Assignment,
  answers: UnitAnswers,
  asking: Asking,
  memory: Memory,
): Settlement {
  const known = memory.table(settled).get(answers)
  const isSame = known?.genesis === genesis && known.assignment === assignment
  if (isSame && known.asked.every(([ask, answer]) => ask(asking) === answer)) return known.settlement
  const asked: Asked[] = []
  const answerTo = <T>(ask: (of: Asking) => T): T => {
    const answer = ask(asking)
    asked.push([ask, answer])
    return answer
  }
  const facts: Facts = {
    ...NO_FACTS,
    judged: (cid, index) => answerTo((of) => of.judged(cid, index)),
    leaves: (cid) => answerTo((of) => of.leaves(cid)),
    truth: (leaf: LeafId) => answerTo((of) => of.truth(leaf)),
  }
  const settlement = settle(genesis, assignment, answers, facts, (node) => answerTo((of) => of.isAuditor(node)), memory)
  memory.table(settled).set(answers, { genesis, assignment, asked, settlement })
  return settlement
}

/** @returns by dealtUnitKey, in the order of the deals; without those of settled windows */
export function settleAll(
  genesis: Genesis,
  nodes: ReadonlyMap<string, unknown>,
  dealt: readonly DealtDraw[],
  answers: Pick<Answers, 'units'>,
  facts: Facts,
  history: Pick<ReadonlyMap<bigint, unknown>, 'has'>,
  memory: Memory = createMemory(),
): Map<string, Settlement> {
  const settlements = new Map<string, Settlement>()
  const asking: Asking = {
    judged: (cid, index) => facts.judged(cid, index),
    leaves: (cid) => facts.leaves(cid),
    truth: (leaf) => facts.truth(leaf),
    isAuditor: (node) => nodes.has(node),
  }
  for (const draw of dealt) {
    for (const [i, key] of draw.keys.entries()) {
      const assignment = draw.assignments[i]!
      if (history.has(assignment.window)) continue
      const ofUnit = answers.units.get(key)
      if (ofUnit) settlements.set(key, settleOnce(genesis, assignment, ofUnit, asking, memory))
    }
  }
  return settlements
}
