/**
 * Solves the registration puzzle (rules: puzzle.ts) with the runtime's native scrypt, on all cores,
 * off the main thread. Nonces are tried in order, so a search that was stopped can go on from where
 * it was.
 */
import { scrypt } from 'node:crypto'
import { availableParallelism } from 'node:os'
import {
  challengeOf,
  checkPrice,
  isSolution,
  nonceBytes,
  type PuzzleInput,
  type PuzzlePrice,
} from '../../rules/network/puzzle.ts'

export interface SolveOptions {
  readonly signal?: AbortSignal
  /** Told after each try: how many nonces are done, of how many on average. */
  readonly onProgress?: (progress: { readonly tried: number; readonly expected: number }) => void
  /** Tries at a time. All cores unless told. */
  readonly threads?: number
  /** The first nonce to try. */
  readonly from?: number
}

/**
 * @returns a nonce that solves the puzzle
 * @throws {RuleError} when the price is out of range; the signal's reason when it fires
 */
export async function solvePuzzle(price: PuzzlePrice, input: PuzzleInput, options: SolveOptions = {}): Promise<number> {
  const { signal, onProgress, threads = availableParallelism(), from = 0 } = options
  checkPrice(price)
  const challenge = challengeOf(input)
  let next = from
  let tried = 0
  let solution: number | null = null

  async function search(): Promise<void> {
    while (solution === null) {
      signal?.throwIfAborted()
      const nonce = next++
      const value = await tryNonce(price, challenge, nonce)
      onProgress?.({ tried: ++tried, expected: price.tries })
      if (isSolution(price, value)) solution = Math.min(nonce, solution ?? nonce)
    }
  }

  await Promise.all(Array.from({ length: threads }, search))
  return solution!
}

function tryNonce({ N, r, p }: PuzzlePrice, challenge: Uint8Array, nonce: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    scrypt(nonceBytes(nonce), challenge, 8, { N, r, p, maxmem: 256 * N * r * p + 2 ** 20 }, (error, value) =>
      error ? reject(error) : resolve(value),
    )
  })
}
