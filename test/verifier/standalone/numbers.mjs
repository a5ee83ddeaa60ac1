/**
 * The mathematics: which numbers a rule drops, how a window is cut, what theory expects, and the evidence of a signer.
 * All in BigInt, by the definitions (Terras, Acta Arith. 30, 1976; Hercher, J. Integer Seq. 26, 2023), without floats.
 */
import { sha, toBig, uint } from './basics.mjs'

/** n goes to n/2 or (a*n+b)/2. Rules M, O and P are proved for 3n+1 alone. least[k] is the least c with a^c >= 2^k. */
const mapOf = (a, b, proved) => ({ a, b, proved, least: [0], power: 1n })
export const MAPS = { '3n+1': mapOf(3n, 1n, true), '3n-1': mapOf(3n, -1n, false), '5n+1': mapOf(5n, 1n, false) }
function leastOdds(map, k) {
  for (let at = map.least.length; at <= k; at++) {
    const c = map.least[at - 1]
    const isEnough = map.power >= 1n << BigInt(at)
    if (!isEnough) map.power *= map.a
    map.least.push(isEnough ? c : c + 1)
  }
  return map.least[k]
}

/**
 * What the rules know of a number after its first k steps: c odd steps among them; the parity of the even steps since
 * the last odd one (-1 before the first); of the run of odd steps: 1 in one that began where a^c < 2^(k+1), 2 such a
 * run and then an even step, 3 in another run, 0 else.
 */
const ROOT = { k: 0, c: 0, evens: -1, run: 0 }
// biome-ignore format: a table
const STATES = [[-1, 0], [0, 0], [1, 0], [0, 1], [1, 2], [0, 3]]
const slotOf = ({ c, evens, run }) => 6 * c + STATES.findIndex(([e, r]) => e === evens && r === run)

/** After one step more, or null where rule D, M or O fires. */
function after(map, { k, c, evens, run }, isOdd) {
  const isBelow = c < leastOdds(map, k + 1)
  if (isOdd) return { k: k + 1, c: c + 1, evens: 0, run: !map.proved ? 0 : run % 2 === 1 ? run : isBelow ? 1 : 3 }
  const merges = map.proved && evens === 1 && c - 1 < leastOdds(map, k)
  if (isBelow || merges || run === 2) return null
  return { k: k + 1, c, evens: evens < 0 ? -1 : 1 - evens, run: run === 1 ? 2 : 0 }
}

/**
 * Walks until a rule fires, or `most` steps. Gives the step at which it fired (or null), the value that was reached,
 * and the greatest a*m+b over the odd m on the way.
 */
export function walk(map, n, most) {
  let [state, value, peak] = [ROOT, n, 0n]
  while (state.k < most) {
    const isOdd = (value & 1n) === 1n
    const next = after(map, state, isOdd)
    if (next === null) return { sigma: state.k + 1, peak }
    const up = map.a * value + map.b
    if (isOdd && up > peak) peak = up
    value = (isOdd ? up : value) >> 1n
    state = next
  }
  return { sigma: null, value, peak }
}

/** Rule P: n lies on the path of a smaller number. */
export const isPreimage = (map, n) => map.proved && [2n, 4n, 5n, 8n].includes(n % 9n)

/** Sums over the residues mod 2^depth that no rule drops, of an amount by state: by depth k <= 71 and state there. */
function sums(map, depth, amountOf) {
  const layers = []
  for (let k = depth; k >= 0; k--) {
    const layer = []
    for (let c = leastOdds(map, k); c <= k; c++) {
      for (const [evens, run] of STATES) {
        const state = { k, c, evens, run }
        const halves = [true, false].map((isOdd) => after(map, state, isOdd)).filter((half) => half !== null)
        const below = (half) => layers[k + 1][slotOf(half)]
        layer[slotOf(state)] = k === depth ? amountOf(state) : halves.reduce((sum, half) => sum + below(half), 0n)
      }
    }
    layers[k] = layer
    if (k + 1 > 71) delete layers[k + 1]
  }
  return (state) => layers[state.k][slotOf(state)]
}
const known = new Map()
const once = (name, make) => known.get(name) ?? known.set(name, make()).get(name)
/** How many residues mod 2^steps below a state no rule drops within so many steps. */
const outliving = (name, steps) => once(`${name} ${steps}`, () => sums(MAPS[name], steps, () => 1n))

// --- The cut (kernels/partition.ts): the class of greatest weight is split, again and again, until there are enough;
// of equal ones that of less depth, then of the smaller residue. Classes that leave 8 bits open stay whole. Those of
// equal weight and depth are kept together, so that the next one is found among some hundred groups.
const halvesOf = (map, { k, c, evens, run, r, image }) =>
  [0n, 1n].flatMap((bit) => {
    const value = image + bit * map.a ** BigInt(c)
    const isOdd = (value & 1n) === 1n
    const next = after(map, { k, c, evens, run }, isOdd)
    return next ? { ...next, r: r + (bit << BigInt(k)), image: (isOdd ? map.a * value + map.b : value) >> 1n } : []
  })
function split(map, weightOf, top, bits, wanted) {
  const [groups, whole] = [new Map(), []]
  let count = 0
  const add = (state) => {
    const [weight, k] = [weightOf(state), state.k]
    const group = groups.get(`${weight} ${k}`) ?? { name: `${weight} ${k}`, weight, k, states: [] }
    if (k < bits - 8) groups.set(group.name, group)
    const list = k < bits - 8 ? group.states : whole
    list.push(state)
    count++
  }
  add(top)
  const isFirst = (a, b) => a.weight > b.weight || (a.weight === b.weight && a.k < b.k)
  while (groups.size > 0 && count < wanted) {
    const { name, states } = [...groups.values()].reduce((a, b) => (isFirst(a, b) ? a : b))
    groups.delete(name)
    states.sort((a, b) => (a.r < b.r ? -1 : 1))
    const left = states.findIndex((state) => {
      if (count >= wanted) return true
      count--
      halvesOf(map, state).forEach(add)
      return false
    })
    if (left >= 0) whole.push(...states.slice(left))
  }
  for (const { states } of groups.values()) whole.push(...states)
  // Depth first: by the bits of the residue, the lowest first.
  const path = ({ r }) => [...r.toString(2).padStart(bits, '0')].reverse().join('')
  const sorted = whole.map((state) => ({ state, path: path(state) })).sort((a, b) => (a.path < b.path ? -1 : 1))
  return sorted.map(({ state }) => state)
}

/** The classes that are the units of every window, and the leaves of one. */
export function cutOf({ map: name, bits, units, leaves }) {
  const [map, weightOf] = [MAPS[name], outliving(name, bits)]
  const classes = split(map, weightOf, { ...ROOT, r: 0n, image: 0n }, bits, units)
  return { classes, leavesOf: (unit) => split(map, weightOf, unit, bits, leaves) }
}

// --- What theory expects: each residue mod 2^S belongs to one parity vector of S steps. Rule P leaves 5 of 9.
const shareOf = (name) => (MAPS[name].proved ? [5n, 9n] : [1n, 1n])
/** Numbers of a class in a window that live on after S >= bits steps, as numerator and denominator. */
function expected({ map: name, bits }, state, steps) {
  const [p, q] = shareOf(name)
  return [p * outliving(name, steps)(state), q << BigInt(steps - bits)]
}

/** Numbers that a leaf expects on average to live on after so many steps, rounded down: hard ones, after S0. */
export function hardInLeaf(partition, steps, units) {
  const [numerator, denominator] = expected(partition, ROOT, Math.max(steps, partition.bits))
  return Number(numerator / (denominator * BigInt(units * partition.leaves)))
}

/** Whether a count of hard numbers lies within 6 standard deviations of theory. */
export function isPlausible({ map: name, bits, hardSteps }, state, count) {
  const [p, q] = shareOf(name)
  const one = 1n << BigInt(hardSteps - bits)
  const far = outliving(name, hardSteps)
  const squares = once(`${name} ${bits} ${hardSteps} squares`, () => sums(MAPS[name], bits, (s) => far(s) ** 2n))
  const off = q * one * BigInt(count) - p * far(state)
  const variance = p * q * one * far(state) - p * p * squares(state)
  return variance === 0n || off * off <= 36n * variance
}

// --- Evidence (kernels/evidence): what a signer was to find, at three tiers.
const tiersOf = ({ bits, hardSteps }) => {
  const [first, second] = [42, 50].map((share, i) => {
    const steps = bits + [23, 83][i]
    return { steps, isFlagged: true, share: steps < hardSteps ? share : 0 }
  })
  return [first, second, { steps: hardSteps, isFlagged: false, share: 100 - first.share - second.share }]
}

/** What makes a number of a unit an item: key, flag, and by tier the threshold tau (of 2^64) and the mean (of 2^32). */
export function evidenceTest(partition, unit, { flagBits, items }, { network, seed, window, index, signer }) {
  const key = sha('collatz evidence 1', network, seed, uint(window, 16), uint(index, 4), signer)
  const tiers = tiersOf(partition).map((tier) => {
    if (tier.share === 0) return { ...tier, tau: 0n, mean: 0n }
    const [numerator, whole] = expected(partition, unit, tier.steps)
    const denominator = tier.isFlagged ? whole << BigInt(flagBits) : whole
    const exact = (BigInt(items * tier.share) * (denominator << 64n)) / (100n * numerator)
    const tau = exact > 1n << 64n ? 1n << 64n : exact
    return { ...tier, tau, mean: (((numerator * tau) << 32n) / denominator) >> 64n }
  })
  return { key, tiers, flagBits, flag: toBig(key.subarray(0, 2)) >> BigInt(16 - flagBits) }
}

/** Why a number of the unit is no item of a tier (0, 1, 2), or null. */
export function whyNoItem(map, { key, tiers, flagBits, flag }, tier, n) {
  const { steps, isFlagged, tau } = tiers[tier]
  if (toBig(sha(key, uint(tier + 1, 4), uint(n, 16)).subarray(0, 8)) >= tau) return 'is not selected by its hash'
  if (isPreimage(map, n)) return 'is dropped by rule P'
  const { sigma, value } = walk(map, n, steps)
  if (sigma !== null) return `is dropped within ${steps} steps`
  return isFlagged && BigInt.asUintN(flagBits, value) !== flag ? 'does not carry the flag' : null
}

/** The sum of tallies, { count, mean }: what was found, and what is expected in units of 2^-32. */
export const pooled = (tallies) => ({
  count: tallies.reduce((sum, { count }) => sum + count, 0),
  mean: tallies.reduce((sum, { mean }) => sum + mean, 0n),
})

/** Weights of Poisson's distribution relative to that at the mode, in 128 bits: of 0 to count, and of all. */
function poisson(count, mean) {
  const mode = mean >> 32n
  let [below, all] = [mode <= count ? 1n << 128n : 0n, 1n << 128n]
  for (let i = mode, weight = (all * (i << 32n)) / (mean || 1n); i > 0n && weight > 0n; ) {
    all += weight
    i--
    if (i <= count) below += weight
    weight = (weight * (i << 32n)) / mean
  }
  for (let i = mode + 1n, weight = ((1n << 128n) * mean) / (i << 32n); weight > 0n; ) {
    all += weight
    if (i <= count) below += weight
    i++
    weight = (weight * mean) / (i << 32n)
  }
  return [below, all]
}

/** Whether so few come by chance less often than once in `looks` million honest cases. */
export function isShort({ count, mean }, looks = 1) {
  const [below, all] = poisson(BigInt(count), mean)
  return below * BigInt(looks) * 1_000_000n < all
}

/** Whoever skipped more than so many thousandths of the work, at random, would have had so many once in a million. */
export function mostSkipped({ count, mean }) {
  let [possible, excluded] = [0, 1000]
  while (count > 0 && excluded - possible > 1) {
    const share = (possible + excluded) >> 1
    const [below, all] = poisson(BigInt(count - 1), (mean * BigInt(1000 - share)) / 1000n)
    if ((all - below) * 1_000_000n < all) excluded = share
    else possible = share
  }
  return excluded
}
