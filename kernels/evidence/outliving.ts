/**
 * How many numbers outlive S steps of T: exact integers, so that two machines never differ in a
 * threshold.
 *
 * All parity vectors of S steps are equally frequent among the residues mod 2^S (Terras, Acta
 * Arith. 30, 1976), so a class mod 2^k has a number of residues mod 2^S for which rules D, M and O
 * (rules.ts) do not fire within S steps, and this number depends on the rules' state at step k
 * alone. Of the class in a window of 2^W numbers, W < S, one in 2^(S - W) residues is met: the
 * expectation is a rational number. expected.ts has the same in floating point, with standard
 * deviations, for the count of hard numbers, where machines need not agree to the bit.
 */
import { minOdds, ruleAtEven } from '../rules.ts'
import type { ClassState, MapName } from '../unit.ts'

/**
 * States of the rules that the tree can reach, as [evens folded to -1 none, 0 even, 1 odd; run].
 */
const STATES = [
  [-1, 0],
  [0, 0],
  [1, 0],
  [0, 1],
  [1, 2],
  [0, 3],
] as const

/** Where a state's number stands in a layer; -1 for a state that the tree cannot reach. */
const slot = (odds: number, folded: number, run: number): number =>
  odds * STATES.length + STATES.findIndex(([evens, r]) => evens === folded && r === run)

/** [folded, run] after an even step. */
const EVEN_SLOTS = STATES.map(([evens, run]) => slot(0, evens < 0 ? -1 : 1 - evens, run === 1 ? 2 : 0))
const LOW_RUN = slot(0, 0, 1)
const HIGH_RUN = slot(0, 0, 3)
const NO_RUN = slot(0, 0, 0)

/** One step back: what the two halves of each state of depth `depth` have together. */
function stepBack(map: MapName, depth: number, next: readonly bigint[]): bigint[] {
  const here: bigint[] = new Array((depth + 1) * STATES.length).fill(0n)
  const tracked = map === '3n+1'
  for (let odds = minOdds(map, depth); odds <= depth; odds++) {
    const fresh = odds < minOdds(map, depth + 1) ? LOW_RUN : HIGH_RUN
    for (const [at, [evens, run]] of STATES.entries()) {
      const oddSlot = !tracked ? NO_RUN : run === 1 ? LOW_RUN : run === 3 ? HIGH_RUN : fresh
      let sum = next[(odds + 1) * STATES.length + oddSlot]!
      if (ruleAtEven({ depth, odds, evens, run }, map) === null) sum += next[odds * STATES.length + EVEN_SLOTS[at]!]!
      here[odds * STATES.length + at] = sum
    }
  }
  return here
}

/** Numbers by state, for the depths 0 to `deepest`. */
function layersOf(map: MapName, steps: number, deepest: number): readonly (readonly bigint[])[] {
  let layer: bigint[] = new Array((steps + 1) * STATES.length).fill(1n)
  const layers: bigint[][] = []
  if (steps <= deepest) layers[steps] = layer
  for (let depth = steps - 1; depth >= 0; depth--) {
    layer = stepBack(map, depth, layer)
    if (depth <= deepest) layers[depth] = layer
  }
  return layers
}

/** No class of a partition is deeper. */
const DEEPEST = 71
const known = new Map<string, readonly (readonly bigint[])[]>()

/**
 * How many residues mod 2^steps of the class no rule D, M or O drops within `steps` steps.
 *
 * @param state of a class that no rule drops, of depth 0 to min(71, steps)
 * @param steps S. The first call for a map and S takes some 50 ms at S = 320, growing with its
 *   square.
 */
export function outliving(state: ClassState, map: MapName, steps: number): bigint {
  const key = `${map} ${steps}`
  let layers = known.get(key)
  if (!layers) {
    layers = layersOf(map, steps, DEEPEST)
    known.set(key, layers)
  }
  const { depth, odds, evens, run } = state
  return layers[depth]![slot(odds, evens < 0 ? -1 : evens % 2, run)]!
}
