/** Accounts that cheat, unit by unit until they are alarmed, and what their cheating saves and loses. */
import {
  type AccountTallies,
  alarmsOfAccount,
  alarmsOfUnit,
  type Line,
  summed,
  TOLD_APART,
  talliesOf,
  type UnitTallies,
} from '../../kernels/evidence/shortfall.ts'
import type { Kernel } from '../../kernels/wasm/kernel.ts'
import { BITS, everyNumber, outcomeOf, type Pruning, prune, units } from './cheating-kernel.ts'

/** Seed of the units on which shares are measured. */
const MEASURED = 99

export interface Shares {
  /** Of the candidates, and of those that grow wide, that are still worked on. */
  readonly candidates: number
  readonly wide: number
  /** Of what each tier has that is still listed. */
  readonly kept: readonly number[]
}

/** What a cheat does and lists, compared with an honest kernel on the same units. */
export function sharesOf(kernel: Kernel, pruning: Pruning, count: number): Shares {
  const measure = (how: Pruning) => {
    prune(kernel, BITS, how)
    const outcomes = units(MEASURED)
      .take(count)
      .map(({ unit, request }) => outcomeOf(kernel, unit, request, everyNumber(4)))
      .toArray()
    const sum = (of: (outcome: (typeof outcomes)[number]) => number) => outcomes.reduce((total, o) => total + of(o), 0)
    return [
      sum(({ counters }) => counters.candidates),
      sum(({ counters }) => counters.wide),
      ...[0, 1, 2].map((tier) => sum(({ items }) => items[tier]!.length)),
    ]
  }
  const whole = measure({})
  const [candidates, wide, ...kept] = measure(pruning).map((part, i) => part / whole[i]!)
  return { candidates: candidates!, wide: wide!, kept }
}

/** What an account has shown by its units. */
export const accountOf = (units: readonly UnitTallies[]): AccountTallies => ({
  ...{ units: units.length, total: summed(units), last: units.slice(-TOLD_APART) },
})

/** When an account is alarmed. */
export interface AccountAlarm {
  /** After so many units. */
  readonly units: number
  readonly lines: readonly Line[]
}

/** The first alarm of an account, or null when there is none within `most` units. */
export function firstAlarm(unitTallies: Iterable<UnitTallies>, most: number): AccountAlarm | null {
  const judged: UnitTallies[] = []
  for (const tallies of unitTallies) {
    judged.push(tallies)
    const alarms = [...alarmsOfUnit(tallies), ...alarmsOfAccount(accountOf(judged))]
    if (alarms.length > 0) return { units: judged.length, lines: [...new Set(alarms.map(({ line }) => line))] }
    if (judged.length === most) return null
  }
  return null
}

/** Tallies of real units, one after the other. */
export function* realTallies(kernel: Kernel, pruning: Pruning, seed: number): Generator<UnitTallies> {
  prune(kernel, BITS, pruning)
  for (const { unit, request } of units(seed)) {
    const { items, test } = outcomeOf(kernel, unit, request)
    yield talliesOf(items, test)
  }
}
