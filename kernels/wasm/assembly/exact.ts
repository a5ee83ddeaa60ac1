/**
 * The few numbers that the filter leaves, by true arithmetic on 192 bits: whether n is hard, its
 * sigma, its share of the checksum, and its greatest value.
 *
 * Rules D, M and O (kernels/rules.ts) are decided here alone, by the exact table LEAST_ODDS.
 * Everything before only has to drop by these rules and no others.
 *
 * Bounds: nothing overflows. A number whose value reaches 2^188, or that no rule drops within
 * maxSteps, is handed over to the caller.
 */
import { ask, asksHard, carriesFlag, step1, step2 } from './evidence'
import { LEAST_ODDS, MAX_STEPS, OUT } from './layout'
import { mix64 } from './words'

/** Tells the caller that n, in two words, is for the exact engine. */
// @ts-ignore: decorator
@external('kernel', 'handOver')
declare function handOver(lo: u64, hi: u64): void

/** The most that sigma weighs in a checksum: part of the definition (kernels/result.ts). */
const SIGMA_CAP: i32 = 480

let hardSteps: i32 = 0
let maxSteps: i32 = 0
let count: u64 = 0
let checksum: u64 = 0
let peakLo: u64 = 0
let peakHi: u64 = 0
// The greatest odd value m of the peak number. 3m+1 grows with m, so the caller computes it once,
// at the end.
let peak0: u64 = 0
let peak1: u64 = 0
let peak2: u64 = 0
/** Counter: numbers that came here. */
let calls: u64 = 0

export function resetExact(s0: i32, limit: i32): void {
  hardSteps = s0
  maxSteps = min(limit, MAX_STEPS)
  count = checksum = peakLo = peakHi = peak0 = peak1 = peak2 = calls = 0
}

/** Writes count, checksum, peak n (2 words), greatest odd value (3 words), calls at OUT. */
export function writeExact(): void {
  store<u64>(OUT, count)
  store<u64>(OUT, checksum, 8)
  store<u64>(OUT, peakLo, 16)
  store<u64>(OUT, peakHi, 24)
  store<u64>(OUT, peak0, 32)
  store<u64>(OUT, peak1, 40)
  store<u64>(OUT, peak2, 48)
  store<u64>(OUT, calls, 56)
}

// @ts-ignore: decorator
@inline function leastOdds(k: i32): i32 {
  return load<i32>(LEAST_ODDS + (<usize>k << 2))
}

/** n = 2^64 * hi + lo, below 2^96. */
export function exact(lo: u64, hi: u64): void {
  calls++
  // the value is 2^128 x + 2^64 h + l; g, p, q the greatest odd value so far
  let l = lo, h = hi, x: u64 = 0, q: u64 = 0, p: u64 = 0, g: u64 = 0
  // run: 0 none, 1 in an odd run that began where 3^c < 2^(k+1), 2 one even after it, 3 in another
  // odd run
  let k = 0, c = 0, evens = -1, run = 0
  // stop: where to look up from the walk; flags: tiers of evidence whose flag was carried
  let stop = step1 ? min(step1, maxSteps) : maxSteps, flags = 0
  for (;;) {
    if (k == stop) {
      if (k == maxSteps) return handOver(lo, hi)
      if (carriesFlag(l)) flags |= k == step1 ? 1 : 2
      stop = k == step1 && step2 ? min(step2, maxSteps) : maxSteps
    }
    if (l & 1) {
      if (x > g || (x == g && (h > p || (h == p && l > q)))) {
        g = x
        p = h
        q = l
      }
      if (x >> 60) return handOver(lo, hi)
      if (!(run & 1)) run = c < leastOdds(k + 1) ? 1 : 3
      // m + (m >> 1) + 1
      const a = l + ((l >> 1) | (h << 63)), a1 = a + 1
      const carry = u64(a < l) + u64(a1 < a)
      const b = h + ((h >> 1) | (x << 63)), b1 = b + carry
      x += (x >> 1) + u64(b < h) + u64(b1 < b)
      l = a1
      h = b1
      c++
      k++
      evens = 0
    } else {
      l = (l >> 1) | (h << 63)
      h = (h >> 1) | (x << 63)
      x >>= 1
      k++
      if (c < leastOdds(k)) break // D
      if (run == 2) break // O
      run = run == 1 ? 2 : 0
      if (evens >= 0 && !(++evens & 1) && c - 1 < leastOdds(k - 1)) break // M
    }
  }
  if (flags & 1) ask(1, lo, hi)
  if (flags & 2) ask(2, lo, hi)
  if (k <= hardSteps) return
  if (asksHard) ask(3, lo, hi)
  count++
  checksum += mix64(lo ^ mix64(hi)) * <u64>min(k, SIGMA_CAP)
  const above = g > peak2 || (g == peak2 && (p > peak1 || (p == peak1 && q > peak0)))
  const level = g == peak2 && p == peak1 && q == peak0
  if (above || (level && (hi < peakHi || (hi == peakHi && lo < peakLo)))) {
    peak2 = g
    peak1 = p
    peak0 = q
    peakLo = lo
    peakHi = hi
  }
}
