/**
 * Slices: the parts of a batch between which the space for survivors is used again.
 *
 * A slice is a range of seeds and, of each seed, a range of patterns, so that even one seed can be
 * cut when the space is small. An overflow is answered by cutting too: the kernels count what they
 * could not store, and the batch is run again in halves until everything fits. Nothing is ever
 * dropped for want of room.
 */
import { SEED_ROOM } from './batch.ts'

export interface Slice {
  /** Seeds [from, to). */
  readonly from: number
  readonly to: number
  /** Patterns [first, end) of each; a seed may have fewer than end. */
  readonly first: number
  readonly end: number
  /** Classes in it. */
  readonly classes: number
  /** The most patterns of one seed in the range. */
  readonly widest: number
}

function slice(classes: readonly number[], from: number, to: number, first: number, end: number): Slice {
  let total = 0
  let widest = 0
  for (let seed = from; seed < to; seed++) {
    const inRange = Math.max(0, Math.min(end, classes[seed]!) - first)
    total += inRange
    widest = Math.max(widest, inRange)
  }
  return { from, to, first, end, classes: total, widest }
}

/**
 * Cuts a batch into slices of at most `room` classes.
 *
 * @param classes of each seed
 */
export function slicesOf(classes: readonly number[], room: number): readonly Slice[] {
  const slices: Slice[] = []
  let from = 0
  while (from < classes.length) {
    let to = from
    let total = 0
    while (to < classes.length && total + classes[to]! <= room && to - from < SEED_ROOM) total += classes[to++]!
    if (to > from) slices.push(slice(classes, from, to, 0, Number.MAX_SAFE_INTEGER))
    else {
      for (let first = 0; first < classes[from]!; first += room) {
        slices.push(slice(classes, from, from + 1, first, first + room))
      }
      to = from + 1
    }
    from = to
  }
  return slices
}

/** Two halves of what overflowed. @throws {RangeError} when it is a single class */
export function halve(slices: readonly Slice[], classes: readonly number[]): [readonly Slice[], readonly Slice[]] {
  if (slices.length > 1) {
    const middle = slices.length >> 1
    return [slices.slice(0, middle), slices.slice(middle)]
  }
  const [single] = slices
  if (!single || single.classes < 2) throw new RangeError('A slice of one class cannot be halved')
  const { from, to, first } = single
  if (to - from > 1) {
    const middle = (from + to) >> 1
    return [[slice(classes, from, middle, first, single.end)], [slice(classes, middle, to, first, single.end)]]
  }
  const end = first + single.widest
  const middle = (first + end) >> 1
  return [[slice(classes, from, to, first, middle)], [slice(classes, from, to, middle, end)]]
}
