/**
 * The rules by which a number need not be looked at further, because its path meets that of a
 * smaller number; and the tree of residue classes that they prune.
 *
 * Theorem (Terras, Acta Arith. 30, 1976). All n = r mod 2^k share the parities of their first k
 * steps of T. With c odd steps among them, T^k(r + a*2^k) = T^k(r) + a*3^c. So a rule fires at step
 * k by k, c and the parities alone. With m = T^k(n):
 *
 *   D  descent        3^c < 2^k: m < n.
 *   M  path merge     the step is even, the evens since the last odd step are even in number and at
 *                     least 2, so that m = 2 mod 3 and m = T((2m-1)/3); and 3^(c-1) < 2^(k-1): that
 *                     predecessor is below n.
 *   O  odd-even-even  a run of odd steps began at step j where 3^c < 2^(j+1), and two even steps
 *                     followed it: the path joins that of (T^j(n)-1)/2, which is below n (Hercher,
 *                     J. Integer Seq. 26, 2023, Lemma 9).
 *   P  preimage       n = 2, 4, 5 or 8 mod 9 lies on the path of a smaller number, whatever its
 *                     parities.
 *
 * sigma(n) is the first step at which D, M or O fires. When several do, the name is the first of D,
 * M, O. The number named is really smaller above a bound that smaller.ts proves, and below it by
 * inspection. The firing itself is this definition for every n, so that all engines agree on small
 * numbers too.
 *
 * Bounds: rules M, O and P are proved for 3n+1 alone; the other maps have D with their own factor,
 * a^c < 2^k. Powers are compared as exact integers. Nothing here overflows.
 */
import { shortcutMap } from './map.ts'
import type { ClassState, MapName } from './unit.ts'

export type Rule = 'D' | 'M' | 'O' | 'P'

/** What the rules know of the first steps of a number or of a class. */
export type RuleState = Pick<ClassState, 'depth' | 'odds' | 'evens' | 'run'>

interface Powers {
  readonly table: number[]
  odds: number
  power: bigint
}
/** Memo of minOdds(), a pure function. */
const powers = new Map<MapName, Powers>()

/**
 * The least c with a^c >= 2^k. Rule D fires at step k when fewer than minOdds(map, k) of the k
 * steps are odd.
 *
 * @param k at least 0; the memo grows to the greatest k asked for
 */
export function minOdds(map: MapName, k: number): number {
  let memo = powers.get(map)
  if (!memo) {
    memo = { table: [0], odds: 0, power: 1n }
    powers.set(map, memo)
  }
  const { factor } = shortcutMap(map)
  while (memo.table.length <= k) {
    const shift = BigInt(memo.table.length)
    while (memo.power >> shift === 0n) {
      memo.power *= factor
      memo.odds++
    }
    memo.table.push(memo.odds)
  }
  return memo.table[k]!
}

/** The class of all numbers. */
export const ROOT: ClassState = { depth: 0, residue: 0n, image: 0n, odds: 0, evens: -1, run: 0 }

/** The run after an odd step at `state`. */
function runAfterOdd({ depth, odds, run }: RuleState): 1 | 3 {
  if (run === 1 || run === 3) return run
  return odds < minOdds('3n+1', depth + 1) ? 1 : 3
}

/** The rule that fires with an even step at `state`, or null. None fires with an odd step. */
export function ruleAtEven({ depth, odds, evens, run }: RuleState, map: MapName = '3n+1'): Exclude<Rule, 'P'> | null {
  if (odds < minOdds(map, depth + 1)) return 'D'
  if (map !== '3n+1') return null
  // After this step: evens + 1 evens since the last odd step, and 3^(c-1) against 2^((depth+1)-1).
  if (evens >= 1 && evens % 2 === 1 && odds - 1 < minOdds(map, depth)) return 'M'
  return run === 2 ? 'O' : null
}

/** One of the two halves of a class. */
export interface Half {
  readonly state: ClassState
  /** The rule that drops it, or null. */
  readonly rule: Exclude<Rule, 'P'> | null
}

/**
 * The two classes mod 2^(k+1) that make up a class mod 2^k, lower new bit first.
 *
 * @param state of a class that no rule drops
 */
export function halves(state: ClassState, map: MapName = '3n+1'): readonly [Half, Half] {
  const { factor, addend } = shortcutMap(map)
  const high = {
    residue: state.residue + (1n << BigInt(state.depth)),
    image: state.image + factor ** BigInt(state.odds),
  }
  const lowIsOdd = (state.image & 1n) === 1n
  const odd = lowIsOdd ? state : high
  const even = lowIsOdd ? high : state
  const depth = state.depth + 1
  const tracked = map === '3n+1'
  const oddHalf: Half = {
    rule: null,
    state: {
      depth,
      residue: odd.residue,
      image: (factor * odd.image + addend) >> 1n,
      odds: state.odds + 1,
      evens: 0,
      run: tracked ? runAfterOdd(state) : 0,
    },
  }
  const evenHalf: Half = {
    rule: ruleAtEven(state, map),
    state: {
      depth,
      residue: even.residue,
      image: even.image >> 1n,
      odds: state.odds,
      evens: state.evens < 0 ? -1 : state.evens + 1,
      run: state.run === 1 ? 2 : 0,
    },
  }
  return lowIsOdd ? [oddHalf, evenHalf] : [evenHalf, oddHalf]
}

/**
 * The halves of a class that no rule drops, lower new bit first: one or two, as the odd half always
 * survives.
 *
 * @param state of a class that no rule drops
 */
export function children(state: ClassState, map: MapName = '3n+1'): readonly ClassState[] {
  return halves(state, map)
    .filter((half) => half.rule === null)
    .map((half) => half.state)
}

/** Rule P: whether n lies on the path of a smaller number by its residue mod 9. */
export function ruleP(n: bigint, map: MapName = '3n+1'): boolean {
  if (map !== '3n+1') return false
  const r = n % 9n
  return r === 2n || r === 4n || r === 5n || r === 8n
}
