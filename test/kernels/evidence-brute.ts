/**
 * Evidence once more, by true arithmetic: each number of a window is looked at, each rule is asked
 * of the values themselves, and hashes come from node:crypto. It shares no code with kernels/.
 * Valid above some 2^30, where the rules by values are those by coefficients for all steps that are
 * asked for.
 */
import { createHash } from 'node:crypto'

const MAPS = { '3n+1': [3n, 1n], '3n-1': [3n, -1n], '5n+1': [5n, 1n] } as const

/** T^stop(n), or null when a smaller number is met within `stop` steps. */
export function bruteValue(n: bigint, stop: number, map: keyof typeof MAPS = '3n+1'): bigint | null {
  const [a, b] = MAPS[map]
  let value = n
  let runStart = 0n
  let evens = Number.NaN
  let lastWasOdd = false
  for (let step = 0; step < stop; step++) {
    if (value % 2n === 1n) {
      if (!lastWasOdd) runStart = value
      value = (a * value + b) / 2n
      evens = 0
      lastWasOdd = true
      continue
    }
    value /= 2n
    evens++
    lastWasOdd = false
    if (value < n) return null
    if (map !== '3n+1') continue
    if (evens >= 2 && value % 3n === 2n && (2n * value - 1n) / 3n < n) return null
    if (evens === 2 && (runStart - 1n) / 2n < n) return null
  }
  return value
}

export interface BruteRequest {
  readonly network: string
  readonly seed: string
  readonly signer: string
}

/** The key of a unit in hex, by the layout that evidence/request.ts states. */
export function bruteKey({ network, seed, signer }: BruteRequest, window: bigint, index: number): string {
  const hash = createHash('sha256').update('collatz evidence 1')
  for (const part of [
    network,
    seed,
    window.toString(16).padStart(32, '0'),
    index.toString(16).padStart(8, '0'),
    signer,
  ]) {
    hash.update(part, 'hex')
  }
  return hash.digest('hex')
}

/** The first 64 bits of an item's hash. */
export function bruteHash(key: string, tier: number, n: bigint): bigint {
  const input = `${key}${tier.toString(16).padStart(8, '0')}${n.toString(16).padStart(32, '0')}`
  return BigInt(`0x${createHash('sha256').update(input, 'hex').digest('hex').slice(0, 16)}`)
}

/**
 * The numbers from `from` to `to` - 1 that outlive `steps` and, where flagBits is given, carry the
 * flag.
 */
export function* bruteTier(
  from: bigint,
  to: bigint,
  steps: number,
  map: keyof typeof MAPS,
  flagBits = 0,
  flag = 0,
): Generator<bigint> {
  for (let n = from; n < to; n++) {
    if (map === '3n+1' && (n % 4n !== 3n || [2n, 4n, 5n, 8n].includes(n % 9n))) continue
    const value = bruteValue(n, steps, map)
    if (value !== null && value % 2n ** BigInt(flagBits) === BigInt(flag)) yield n
  }
}
