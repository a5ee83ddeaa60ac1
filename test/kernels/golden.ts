/** The golden results of golden.json, typed: what every engine must return, to the bit. */
import type { HardSummary, Partition, Unit } from '../../kernels/unit.ts'
import json from './golden.json'

interface Written {
  count: number
  checksum: string
  peak: { n: string; value: string } | null
}

const summary = ({ count, checksum, peak }: Written): HardSummary => ({
  count,
  checksum: BigInt(`0x${checksum}`),
  peak: peak && { n: BigInt(peak.n), value: BigInt(peak.value) },
})

const unit = (written: { partition: object; window: string; index: number }): Unit => ({
  partition: written.partition as Partition,
  window: BigInt(written.window),
  index: written.index,
})

/** Whole windows, whatever their cut. */
export const GOLDEN_WINDOWS = json.windows.map((written) => ({
  bits: written.bits,
  window: BigInt(written.window),
  hardSteps: written.hardSteps,
  summary: summary(written),
}))

/** Units with the number of their leaves and their Merkle root in hex. */
export const GOLDEN_UNITS = json.units.map((written) => ({
  unit: unit(written),
  summary: summary(written),
  leaves: written.leaves,
  root: written.root,
}))

/**
 * Single leaves of units that are too large for the exact engine. Their partitions take a second to
 * cut.
 */
export const GOLDEN_LEAVES = json.leaves.map((written) => ({
  unit: unit(written),
  leaf: written.leaf,
  summary: summary(written),
}))

/** A name for a test. */
export const nameOf = ({ partition, window, index }: Unit): string =>
  `unit ${index} of window ${window} of 2^${partition.bits}, S0 = ${partition.hardSteps}`
