/** Known answers from outside that every engine must give, and where they lie in a cut. */
import { trajectory } from '../../kernels/map.ts'
import { classes, leavesOf } from '../../kernels/partition.ts'
import { sigma } from '../../kernels/sigma.ts'
import { meetsSmallerNumber, preimageOf, smallerNumberOf } from '../../kernels/smaller.ts'
import type { Engine, HardSummary, Partition, Unit } from '../../kernels/unit.ts'
import { PATH_RECORDS } from './path-records.ts'

/**
 * Hard numbers of whole windows, by true arithmetic in programs that share no code with the
 * engines.
 */
export const HARD_WINDOWS = [
  { bits: 28, window: 5n, hardSteps: 128, count: 5811, checksum: 0xb858e0b490798eefn },
  { bits: 28, window: 123456789n, hardSteps: 128, count: 5890, checksum: 0x0a0d558d0a28dfdfn },
  { bits: 30, window: 2n ** 41n, hardSteps: 128, count: 23602, checksum: 0xfcebef4aafc5b6ben },
] as const

/** Hard to S0 = 320, and lost by a merge rule that takes a window's start for an odd step. */
export const EASILY_LOST = 2n ** 71n + 1070573620327n

/**
 * Path records that no scan of the tests reaches: each is the peak of any window that holds it. At
 * least three.
 */
export const HIGH_RECORDS = PATH_RECORDS.filter(({ n }) => n > 2n ** 36n)

/**
 * Barina's tasks: of the 2^40 numbers [id * 2^40, (id + 1) * 2^40), where the largest trajectory
 * value starts.
 */
export const BARINA_TASKS = [
  { id: 98999215n, offset: 225865785455n },
  { id: 98999216n, offset: 585714939119n },
  { id: 98999217n, offset: 350224008639n },
  { id: 98999218n, offset: 90451186779n },
  { id: 98999219n, offset: 1000868809979n },
  { id: 98999220n, offset: 705488991903n },
] as const

/** The leaf of a partition that holds n. */
export function leafWith(n: bigint, partition: Partition): { unit: Unit; leaf: number } {
  const holds = ({ depth, residue }: { depth: number; residue: bigint }) => BigInt.asUintN(depth, n) === residue
  const index = classes(partition).findIndex(holds)
  return {
    unit: { partition, window: n >> BigInt(partition.bits), index },
    leaf: leavesOf(partition, index).findIndex(holds),
  }
}

/** Leaves of some hundred numbers of the 2^40. */
const FINE: Partition = { map: '3n+1', bits: 40, units: 4096, leaves: 4096, hardSteps: 320 }

/** What an engine says of the leaf that holds the number that is easily lost. */
export function leafOfEasilyLost(engine: Engine): Promise<HardSummary> {
  const { unit, leaf } = leafWith(EASILY_LOST, FINE)
  return engine.verifyLeaf(unit, leaf)
}

/**
 * Which number carries a task's peak depends on the sieve: so either a smaller number whose path it
 * joins can be named, or it is hard, and then the peak of its leaf is at least its own.
 */
export async function agreesWithTask(engine: Engine, { id, offset }: (typeof BARINA_TASKS)[number]) {
  const n = (id << 40n) + offset
  const fired = sigma(n)
  if (fired.kind !== 'fired') throw new Error(`${n} is open`)
  const smallerNumber = preimageOf(n) ?? (fired.step <= 320 ? smallerNumberOf(n, fired) : null)
  if (smallerNumber) return { hard: false, right: meetsSmallerNumber(smallerNumber) }
  const { unit, leaf } = leafWith(n, FINE)
  const { peak } = await engine.verifyLeaf(unit, leaf)
  return { hard: true, right: peak !== null && peak.value >= trajectory(n).max }
}
