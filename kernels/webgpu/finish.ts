/**
 * Finishing: the few numbers that the GPU could not drop, decided exactly on the CPU and added up.
 *
 * A hard number costs some 400 steps and an engine meets up to a million a second, so the oracle
 * (sigma.ts) is too slow for all of them. Here T^15 is one look-up and one multiplication on 24-bit
 * limbs, in doubles, where every product is below 2^53 and so exact. What the rules see at each
 * step is followed exactly:
 *
 *   While the headroom h = c*log2(3) - k stays above 1 through a window, no rule can fire in it: D
 *   needs h < 0, M needs h < log2(3) - 1, and O a run that began at h < 1. So if no such run is
 *   under way and h is above 1 by a margin that covers float error, the window is taken at once.
 *   All others are walked step by step with integer comparisons.
 *
 * Bounds: values beyond 168 bits, and numbers below 2^40, go to the oracle. The peak is followed as
 * a logarithm. At the end the oracle gives the exact peak of the number with the greatest one, and
 * of any within 10^-6 bit of it. The oracle must find the same sigma for that number: a check on
 * this file in every leaf.
 */
import { EMPTY, hardNumber, merge, mix64, weightOfSigma } from '../result.ts'
import { minOdds, ruleP } from '../rules.ts'
import { isCandidate, sigma } from '../sigma.ts'
import type { HardSummary } from '../unit.ts'
import { GpuFault } from './errors.ts'

const LOG2_3 = Math.log2(3)
const STEPS = 15
const MASK = 2 ** STEPS - 1
const LIMB = 2 ** 24
/** The margin covers the float error of h, which is below 10^-12. */
const SAFE = 1 + 1e-6
/** Steps for which the table has least odd counts; a longer walk goes to the oracle. */
const STEP_ROOM = 4096

interface Table {
  readonly image: Int32Array
  readonly power: Float64Array
  /** Change of the headroom over the window. */
  readonly rise: Float64Array
  /** Least headroom on the way, relative to the start. */
  readonly low: Float64Array
  /** Greatest log2 of 3m+1 at an odd m on the way, relative to the start. */
  readonly high: Float64Array
  readonly odds: Uint8Array
  /** Evens since the last odd step; 255 without one. */
  readonly evens: Uint8Array
  readonly least: Uint16Array
}

/** Memo of tables(), a pure function. */
let table: Table | undefined

function tables(): Table {
  if (table) return table
  const size = MASK + 1
  const image = new Int32Array(size)
  const power = new Float64Array(size)
  const rise = new Float64Array(size)
  const low = new Float64Array(size)
  const high = new Float64Array(size).fill(Number.NEGATIVE_INFINITY)
  const odds = new Uint8Array(size)
  const evens = new Uint8Array(size)
  for (let x = 0; x < size; x++) {
    let value = x
    let f = 0
    let e = 255
    for (let j = 0; j < STEPS; j++) {
      if (value & 1) {
        high[x] = Math.max(high[x]!, (f + 1) * LOG2_3 - j)
        value += (value >> 1) + 1
        f++
        e = 0
      } else {
        value >>= 1
        if (e !== 255) e++
        low[x] = Math.min(low[x]!, f * LOG2_3 - j - 1)
      }
    }
    image[x] = value
    odds[x] = f
    power[x] = 3 ** f
    rise[x] = f * LOG2_3 - STEPS
    evens[x] = e
  }
  const least = Uint16Array.from({ length: STEP_ROOM + STEPS + 1 }, (_, k) => minOdds('3n+1', k))
  table = { image, power, rise, low, high, odds, evens, least }
  return table
}

/**
 * A second result of walk(), which allocates nothing: log2 of the greatest 3m+1 of the last number
 * that it finished.
 */
let peakLog = 0

/**
 * sigma(n) for n from 2^40 to 2^128, or 0 when the oracle has to decide.
 *
 * It is long because it is the hot loop: seven limbs in local variables, and no call.
 */
function walk(n: bigint): number {
  const t = tables()
  const low96 = BigInt.asUintN(96, n)
  let a0 = Number(BigInt.asUintN(24, low96))
  let a1 = Number(BigInt.asUintN(24, low96 >> 24n))
  let a2 = Number(BigInt.asUintN(24, low96 >> 48n))
  let a3 = Number(low96 >> 72n)
  let a4 = Number(BigInt.asUintN(24, n >> 96n))
  let a5 = Number(BigInt.asUintN(24, n >> 120n))
  let a6 = Number(n >> 144n)
  let h = 0
  let odds = 0
  let evens = -1
  let run = 0
  let peak = 0
  for (let k = 0; k < STEP_ROOM; k += STEPS) {
    const x = a0 & MASK
    const top = h + t.high[x]!
    if ((run === 0 || run === 3) && h + t.low[x]! > SAFE) {
      if (top > peak) peak = top
      if (t.evens[x]! !== 255) evens = t.evens[x]!
      else if (evens >= 0) evens += STEPS
      // Every run here began at h > 1, so that rule O cannot use it.
      run = t.evens[x]! === 0 ? 3 : 0
    } else {
      let value = x
      let c = odds
      for (let j = 0; j < STEPS; j++) {
        if (value & 1) {
          const up = h + (c - odds + 1) * LOG2_3 - j
          if (up > peak) peak = up
          if (run !== 1 && run !== 3) run = c < t.least[k + j + 1]! ? 1 : 3
          value += (value >> 1) + 1
          c++
          evens = 0
        } else {
          value >>= 1
          if (evens >= 0) evens++
          if (c < t.least[k + j + 1]! || (evens >= 2 && evens % 2 === 0 && c - 1 < t.least[k + j]!) || run === 2) {
            peakLog = peak + Math.log2(Number(n))
            return k + j + 1
          }
          run = run === 1 ? 2 : 0
        }
      }
    }
    h += t.rise[x]!
    odds += t.odds[x]!
    const m = t.power[x]!
    let p = ((a0 >> STEPS) | ((a1 & MASK) << 9)) * m + t.image[x]!
    let carry = Math.floor(p / LIMB)
    a0 = p - carry * LIMB
    p = ((a1 >> STEPS) | ((a2 & MASK) << 9)) * m + carry
    carry = Math.floor(p / LIMB)
    a1 = p - carry * LIMB
    p = ((a2 >> STEPS) | ((a3 & MASK) << 9)) * m + carry
    carry = Math.floor(p / LIMB)
    a2 = p - carry * LIMB
    p = ((a3 >> STEPS) | ((a4 & MASK) << 9)) * m + carry
    carry = Math.floor(p / LIMB)
    a3 = p - carry * LIMB
    p = ((a4 >> STEPS) | ((a5 & MASK) << 9)) * m + carry
    carry = Math.floor(p / LIMB)
    a4 = p - carry * LIMB
    p = ((a5 >> STEPS) | ((a6 & MASK) << 9)) * m + carry
    carry = Math.floor(p / LIMB)
    a5 = p - carry * LIMB
    p = (a6 >> STEPS) * m + carry
    if (p >= LIMB) return 0
    a6 = p
  }
  return 0
}

/** Adds up the hard numbers of one leaf. */
export class LeafSum {
  readonly #hardSteps: number
  #asked: HardSummary = EMPTY
  #count = 0
  #checksum = 0n
  #bestLog = Number.NEGATIVE_INFINITY
  #contenders: { n: bigint; sigma: number; log: number }[] = []
  readonly candidates: bigint[] = []

  constructor(hardSteps: number) {
    this.#hardSteps = hardSteps
  }

  /** @param n some number of the leaf, hard or not; each at most once */
  add(n: bigint): void {
    if (ruleP(n)) return
    const steps = n >> 40n === 0n || n >> 128n !== 0n ? 0 : walk(n)
    if (steps === 0) this.#ask(n)
    else if (steps > this.#hardSteps) {
      this.#count++
      this.#checksum += mix64(n) * BigInt(weightOfSigma(steps))
      if (peakLog < this.#bestLog - 1e-6) return
      this.#bestLog = Math.max(this.#bestLog, peakLog)
      this.#contenders = this.#contenders.filter(({ log }) => log >= this.#bestLog - 1e-6)
      this.#contenders.push({ n, sigma: steps, log: peakLog })
    }
  }

  #ask(n: bigint): void {
    const verdict = sigma(n)
    if (verdict.kind === 'open') {
      if (isCandidate(verdict)) this.candidates.push(n)
      this.#asked = merge(this.#asked, hardNumber(n, null, 0n))
    } else if (verdict.step > this.#hardSteps)
      this.#asked = merge(this.#asked, hardNumber(n, verdict.step, verdict.peak))
  }

  /** @throws {GpuFault} when the oracle's sigma of the peak's number is another than was added */
  summary(): HardSummary {
    let total: HardSummary = { count: this.#count, checksum: BigInt.asUintN(64, this.#checksum), peak: null }
    for (const { n, sigma: steps } of this.#contenders) {
      const verdict = sigma(n)
      if (verdict.kind !== 'fired' || verdict.step !== steps) {
        throw new GpuFault(
          `The sigma of ${n} came out as ${steps}, which the exact engine does not confirm: report this`,
        )
      }
      total = merge(total, { count: 0, checksum: 0n, peak: { n, value: verdict.peak } })
    }
    return merge(total, this.#asked)
  }
}
