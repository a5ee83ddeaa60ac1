/**
 * What the fast engines can do, known before one is opened. A command then takes the next engine,
 * or says in one line what to change, before any work. The exact engine does every cut that
 * partition.ts makes.
 */
import { classes, leavesOf } from './partition.ts'
import type { Engine, Partition } from './unit.ts'
import { GREATEST_HARD_STEPS, leastHardSteps, MOST_OPEN_BITS } from './wasm/kernel.ts'
import { PLANT_STEPS } from './webgpu/plants.ts'

export type FastEngine = Exclude<Engine['name'], 'exact'>

/**
 * The greatest S0: the kernel's tables end there; the GPU's planted numbers are hard up to there.
 */
const MOST_STEPS = { wasm: GREATEST_HARD_STEPS, webgpu: PLANT_STEPS } as const

/** Two halves of a sentence: "${reason}; ${instead}". */
export interface Refusal {
  readonly reason: string
  readonly instead: string
}

/** Why an engine cannot do windows that are cut like this, and what can; null when it can. */
export function whyNot(engine: FastEngine, partition: Partition): Refusal | null {
  const { map, bits, hardSteps } = partition
  const takes = `The ${engine} engine takes`
  const exact = 'use the exact engine (--engine exact)'
  if (map !== '3n+1') return { reason: `${takes} the map 3n+1, not ${map}`, instead: exact }
  if (!Number.isInteger(bits) || bits < 20 || bits > 71) {
    return { reason: `${takes} windows of 2^20 to 2^71 numbers, not 2^${bits}`, instead: 'cut them so' }
  }
  const [least, most] = [leastHardSteps(bits), MOST_STEPS[engine]]
  if (!Number.isInteger(hardSteps) || hardSteps < least || hardSteps > most) {
    const reason = `${takes} ${least} to ${most} hard steps for windows of 2^${bits}, not ${hardSteps}`
    const wasmCan = engine === 'webgpu' && whyNot('wasm', partition) === null
    return { reason, instead: wasmCan ? 'use --engine wasm' : exact }
  }
  if (engine === 'wasm' && hasShallowLeaf(partition)) {
    const reason = `${takes} leaves that fix at least ${bits - MOST_OPEN_BITS} of the ${bits} bits of a number, and this cut has larger ones`
    return { reason, instead: 'cut windows into more units or leaves, or use --engine webgpu' }
  }
  return null
}

/**
 * @throws {RangeError} when the engine cannot do windows that are cut like this: why, and what can
 */
export function assertCan(engine: FastEngine, partition: Partition): void {
  const refusal = whyNot(engine, partition)
  if (refusal) throw new RangeError(`${refusal.reason}; ${refusal.instead}`)
}

/**
 * Whether a leaf leaves more bits open than the wasm kernel's words hold. Every cut but a very
 * coarse one has none.
 */
function hasShallowLeaf(partition: Partition): boolean {
  const leastDepth = partition.bits - MOST_OPEN_BITS
  if (leastDepth <= 0) return false
  const shallow = ({ depth }: { depth: number }) => depth < leastDepth
  // A unit's leaves are as deep as the unit, or deeper.
  return classes(partition).some((unit, index) => shallow(unit) && leavesOf(partition, index).some(shallow))
}
