/**
 * A range of numbers as windows of many sizes, so that the fast engines can do it.
 *
 * It is apart from partition.ts because it is no protocol: commands cut a range as they like.
 */

/** The window [window * 2^bits, (window + 1) * 2^bits). */
export interface Chunk {
  readonly bits: number
  readonly window: bigint
}

/** The least window of the engines. */
export const LEAST_CHUNK_BITS = 20

const LEAST = 1n << BigInt(LEAST_CHUNK_BITS)

/** The range padded to multiples of 2^20: [start, end). */
export const padded = (from: bigint, to: bigint): { readonly start: bigint; readonly end: bigint } => ({
  start: (from / LEAST) * LEAST,
  end: ((to + LEAST - 1n) / LEAST) * LEAST,
})

/**
 * The padded range in ascending order. A chunk is never larger than the part of the range before
 * it. A search for numbers that exceed all before them then always has a bound, and few numbers of
 * the chunk are above it.
 *
 * @param from at least 0
 * @param to above `from`
 * @param mostBits 20 to 71: no chunk is larger than 2^mostBits
 */
export function* chunks(from: bigint, to: bigint, mostBits: number): Generator<Chunk> {
  const { start, end } = padded(from, to)
  for (let first = start; first < end; ) {
    let bits = LEAST_CHUNK_BITS
    const fits = (size: bigint) => first % size === 0n && first + size <= end && size <= first - start
    while (bits < mostBits && fits(1n << BigInt(bits + 1))) bits++
    yield { bits, window: first >> BigInt(bits) }
    first += 1n << BigInt(bits)
  }
}
