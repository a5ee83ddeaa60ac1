/**
 * Units and leaves by name, and to whom a deal gave a unit. Everything that is said of a unit names
 * it like this; what a unit is as a set of numbers is told in kernels/unit.ts.
 */
import type { DrawBody } from './bodies.ts'

export interface UnitId {
  readonly window: bigint
  readonly unit: number
}

export const unitKey = (id: UnitId): string => `${id.window}/${id.unit}`

/** A unit of one deal: what is answered or declined. */
export interface DealtUnit {
  readonly epoch: number
  readonly window: string | bigint
  readonly unit: number
}

export const dealtUnitKey = ({ epoch, window, unit }: DealtUnit): string =>
  `${epoch}/${unitKey({ window: BigInt(window), unit })}`

export interface LeafId {
  readonly window: bigint
  readonly unit: number
  readonly leaf: number
}

export const leafKey = ({ window, unit, leaf }: LeafId): string => `${window}/${unit}/${leaf}`

export interface Assignment extends UnitId {
  readonly epoch: number
  /**
   * Node keys, N of them, of distinct accounts; one if replication is adaptive and one of the N is
   * trusted.
   */
  readonly quorum: readonly string[]
  /** Who takes over, in order (deal/seats.ts). */
  readonly reserve: readonly string[]
  /**
   * Set if one result and its audit certify the unit (quorum/audit.ts): the roster that its
   * auditors are drawn from.
   */
  readonly audited: DrawBody['roster'] | null
}
