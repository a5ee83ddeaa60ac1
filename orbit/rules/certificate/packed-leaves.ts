/**
 * Leaves as a certificate carries them: some 16 bytes each, in place of 64. For each leaf in turn
 *
 *   count     varint (unsigned LEB128, as short as can be)
 *   checksum  8 bytes, big endian; left out where the count is 0, and so is the peak
 *   peak      varint: 0 for none, else 1 + a, where the peak is r + a * 2^k, k the depth of the
 *             leaf's class and r its least member in the window
 *
 * The peak's value is left out: whoever reads it computes the trajectory anyway, to see that the
 * peak is a hard number.
 */
import { hardOf } from '../../../kernels/exact.ts'
import { leavesOf } from '../../../kernels/partition.ts'
import { decodeLeaf, encodeLeaf, LEAF_BYTES } from '../../../kernels/result.ts'
import type { ClassState, HardSummary, Peak } from '../../../kernels/unit.ts'
import { recordAt } from '../answer/leaves.ts'
import { RuleError } from '../base/statement.ts'
import type { UnitId } from '../message/unit.ts'
import type { Genesis } from '../network/genesis.ts'

const leastOf = ({ partition }: Genesis, window: bigint, { residue }: ClassState): bigint =>
  (window << BigInt(partition.bits)) + residue

function pushVarint(bytes: number[], value: bigint): void {
  let rest = value
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
  bytes.push(Number(rest))
}

/** @param records 64 bytes each, of leaves that hold (answer/judge.ts) */
export function packLeaves(genesis: Genesis, { window, unit }: UnitId, records: Uint8Array): Uint8Array {
  const bytes: number[] = []
  for (const [leaf, state] of leavesOf(genesis.partition, unit).entries()) {
    const record = recordAt(records, leaf)
    const { count, peak } = decodeLeaf(record)
    pushVarint(bytes, BigInt(count))
    if (count === 0) continue
    bytes.push(...record.subarray(8, 16))
    pushVarint(bytes, peak ? 1n + ((peak.n - leastOf(genesis, window, state)) >> BigInt(state.depth)) : 0n)
  }
  return Uint8Array.from(bytes)
}

/** A reader of packed bytes. */
class Packed {
  private at = 0
  private readonly bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  get isRead(): boolean {
    return this.at === this.bytes.length
  }

  /** @throws {RuleError} when it is not as short as can be */
  varint(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 128n; shift += 7n) {
      const byte = this.bytes[this.at++]
      if (byte === undefined || (byte === 0 && shift > 0n)) break
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return value
    }
    throw new RuleError('it has packed leaves that are ill-formed')
  }

  u64(): bigint {
    let value = 0n
    for (let i = 0; i < 8; i++) value = (value << 8n) | BigInt(this.bytes[this.at++] ?? 0)
    return value
  }
}

/**
 * The records of packed leaves, 64 bytes each.
 *
 * @throws {RuleError} when they are not what packLeaves() writes, or a peak is no hard number
 */
export function unpackLeaves(genesis: Genesis, { window, unit }: UnitId, bytes: Uint8Array): Uint8Array {
  const packed = new Packed(bytes)
  const states = leavesOf(genesis.partition, unit)
  const records = new Uint8Array(LEAF_BYTES * states.length)
  const end = (window + 1n) << BigInt(genesis.partition.bits)
  for (const [leaf, state] of states.entries()) {
    const count = packed.varint()
    if (count > BigInt(Number.MAX_SAFE_INTEGER))
      throw new RuleError(`unit ${unit} has too great a count in leaf ${leaf}`)
    let summary: HardSummary = { count: 0, checksum: 0n, peak: null }
    if (count > 0n) {
      const checksum = packed.u64()
      const place = packed.varint()
      const n = leastOf(genesis, window, state) + ((place - 1n) << BigInt(state.depth))
      if (n >= end) throw new RuleError(`unit ${unit} has a peak outside of its leaf ${leaf}`)
      summary = { count: Number(count), checksum, peak: place === 0n ? null : peakAt(genesis, unit, leaf, n) }
    }
    records.set(encodeLeaf(summary), LEAF_BYTES * leaf)
  }
  if (!packed.isRead) throw new RuleError(`unit ${unit} has packed leaves of another length`)
  return records
}

function peakAt({ partition }: Genesis, unit: number, leaf: number, n: bigint): Peak {
  const hard = hardOf(n, partition)
  if (!hard || hard.sigma === null)
    throw new RuleError(`unit ${unit} has a peak in leaf ${leaf} that is not a hard number`)
  return { n, value: hard.peak }
}
