/**
 * The definition of a hard number once more, by another way: no residues, no parity counts, no
 * powers of 3. Each rule is asked of the values themselves: is this number, which n's path meets,
 * smaller than n? It shares no code with kernels/, and agrees with its coefficient rules wherever
 * those name a smaller number: for n > 1.
 */
export interface BruteVerdict {
  readonly step: number
  readonly peak: bigint
}

/** The first step at which D, M or O names a smaller number, for n > 1 that has one. */
export function bruteSigma(n: bigint): BruteVerdict {
  let value = n
  let peak = 0n
  let runStart = 0n
  let evens = Number.NaN
  let lastWasOdd = false
  for (let step = 1; ; step++) {
    if (value % 2n === 1n) {
      if (!lastWasOdd) runStart = value
      const up = 3n * value + 1n
      if (up > peak) peak = up
      value = up / 2n
      evens = 0
      lastWasOdd = true
      continue
    }
    value /= 2n
    evens++
    lastWasOdd = false
    const descends = value < n
    const merges = evens >= 2 && value % 3n === 2n && (2n * value - 1n) / 3n < n
    const joins = evens === 2 && (runStart - 1n) / 2n < n
    if (descends || merges || joins) return { step, peak }
  }
}

const MASK = 2n ** 64n - 1n

function murmur(x: bigint): bigint {
  let y = x ^ (x / 2n ** 33n)
  y = (y * 0xff51afd7ed558ccdn) & MASK
  y ^= y / 2n ** 33n
  y = (y * 0xc4ceb9fe1a85ec53n) & MASK
  return y ^ (y / 2n ** 33n)
}

/**
 * Count, checksum and peak of the hard numbers from `from` to `to` - 1, by looking at each of them.
 */
export function bruteHard(from: bigint, to: bigint, hardSteps: number) {
  let count = 0
  let checksum = 0n
  let peak: { n: bigint; value: bigint } | null = null
  for (let n = from > 2n ? from : 2n; n < to; n++) {
    if ([2n, 4n, 5n, 8n].includes(n % 9n)) continue
    const verdict = bruteSigma(n)
    if (verdict.step <= hardSteps) continue
    count++
    checksum = (checksum + murmur((n & MASK) ^ murmur(n / 2n ** 64n)) * BigInt(verdict.step)) & MASK
    if (!peak || verdict.peak > peak.value) peak = { n, value: verdict.peak }
  }
  return { count, checksum, peak }
}
