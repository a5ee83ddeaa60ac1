/**
 * The bytes of evidence: of a unit in a result or a certificate, and of a leaf in a checkpoint.
 *
 * For each of the three tiers: how many items, u16; then the items, ascending. All integers are big
 * endian. An item n = r + a*2^k of the class r mod 2^k in a window of 2^W numbers is its a, less
 * that of the window's first, in the least whole number of bytes that holds W - k bits. For a unit
 * of the main network (k about 14 or more, W = 60) that is 6 bytes an item, some 3,080 bytes for
 * 512 items. A list has one encoding; any other bytes are refused.
 */
import type { ClassState, EvidenceItems, Partition } from '../unit.ts'
import { ItemCollector } from './items.ts'
import { TIERS } from './tiers.ts'

/** Of one tier. */
const MOST_COUNT = 0xffff

const bytesOf = ({ bits }: Pick<Partition, 'bits'>, { depth }: ClassState): number => Math.ceil((bits - depth) / 8)

/**
 * @param window w
 * @param state the class of which all items are members: that of the unit, or of the leaf
 * @throws {RangeError} when an item is not of the class, the lists do not ascend, or a tier has
 *   more than 65,535 items
 */
export function encodeItems(
  items: EvidenceItems,
  partition: Pick<Partition, 'bits'>,
  window: bigint,
  state: ClassState,
): Uint8Array {
  const width = bytesOf(partition, state)
  const first = (window << BigInt(partition.bits)) + state.residue
  const total = items.reduce((sum, { length }) => sum + length, 0)
  if (items.length !== TIERS) throw new RangeError(`evidence has ${TIERS} lists, not ${items.length}`)
  const bytes = new Uint8Array(2 * TIERS + width * total)
  let at = 0
  for (const numbers of items) {
    if (numbers.length > MOST_COUNT) throw new RangeError(`${numbers.length} items of one tier can't be encoded`)
    bytes[at++] = numbers.length >> 8
    bytes[at++] = numbers.length & 255
    let last = -1n
    for (const n of numbers) {
      const offset = (n - first) >> BigInt(state.depth)
      if (first + (offset << BigInt(state.depth)) !== n || offset <= last || offset >> BigInt(8 * width) !== 0n) {
        throw new RangeError(`${n} is not of the class ${state.residue} mod 2^${state.depth}, or not in order`)
      }
      last = offset
      let rest = offset
      for (let i = width - 1; i >= 0; i--) {
        bytes[at + i] = Number(rest & 255n)
        rest >>= 8n
      }
      at += width
    }
  }
  return bytes
}

/**
 * What encodeItems wrote. Whether the numbers are items is for item.ts to say; they are ascending
 * members of the class.
 *
 * @throws {RangeError} when it is not what encodeItems writes
 */
export function decodeItems(
  bytes: Uint8Array,
  partition: Pick<Partition, 'bits'>,
  window: bigint,
  state: ClassState,
): EvidenceItems {
  const width = bytesOf(partition, state)
  const first = (window << BigInt(partition.bits)) + state.residue
  const end = 1n << BigInt(partition.bits - state.depth)
  const collected = new ItemCollector()
  let at = 0
  for (let tier = 0; tier < TIERS; tier++) {
    if (at + 2 > bytes.length) throw new RangeError('the evidence ends within a tier')
    const count = (bytes[at]! << 8) | bytes[at + 1]!
    at += 2
    if (at + count * width > bytes.length) throw new RangeError('the evidence ends within a tier')
    let last = -1n
    for (let i = 0; i < count; i++) {
      let offset = 0n
      for (let j = 0; j < width; j++) offset = (offset << 8n) | BigInt(bytes[at++]!)
      if (offset <= last || offset >= end) throw new RangeError('the items of a tier must ascend, within their class')
      collected.add(tier, first + (offset << BigInt(state.depth)))
      last = offset
    }
  }
  if (at !== bytes.length) throw new RangeError(`the evidence is followed by ${bytes.length - at} bytes`)
  return collected.items()
}
