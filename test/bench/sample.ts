/** Classes for the benchmarks of kernels: the same at every run, and drawn as a unit's are. */
import { children, halves, ROOT } from '../../kernels/rules.ts'
import type { ClassState } from '../../kernels/unit.ts'

export interface Work {
  readonly name: string
  readonly bits: number
  readonly window: bigint
  readonly states: readonly ClassState[]
  /** Consecutive numbers that the states stand for, with those that the tree had dropped before. */
  readonly numbers: number
}

const M64 = (1n << 64n) - 1n

/** xorshift64*, so that every run of the bench does the same classes. */
function random(seed: bigint): () => bigint {
  let x = seed
  return () => {
    x ^= (x << 13n) & M64
    x ^= x >> 7n
    x ^= (x << 17n) & M64
    return (x * 0x9e3779b97f4a7c15n) & M64
  }
}

/**
 * Classes of `depth` bits drawn at random from those that survive: what they stand for is all that
 * were drawn.
 */
export function sample(name: string, bits: number, window: bigint, depth: number, count: number): Work {
  const next = random(88172645463325252n)
  const states: ClassState[] = []
  let drawn = 0
  while (states.length < count) {
    const residue = next() >> BigInt(64 - depth)
    let state: ClassState | undefined = ROOT
    drawn++
    for (let k = 0; k < depth && state; k++) {
      const half: { state: ClassState; rule: string | null } = halves(state)[Number((residue >> BigInt(k)) & 1n)]!
      state = half.rule ? undefined : half.state
    }
    if (state) states.push(state)
  }
  return { name, bits, window, states, numbers: drawn * 2 ** (bits - depth) }
}

/** All of a window, in the classes of 8 bits. */
export function whole(name: string, bits: number, window: bigint): Work {
  let states: readonly ClassState[] = [ROOT]
  for (let k = 0; k < 8; k++) states = states.flatMap((state) => children(state))
  return { name, bits, window, states, numbers: 2 ** bits }
}
