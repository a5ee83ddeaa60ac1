/**
 * The tables that the shaders read, computed here so that each can be tested by itself.
 *
 * Patterns: expanding a class by D bits. By Terras's theorem (dip.ts) the survivors among the 2^D
 * children of a class depend on its headroom alone, not on its residue. Sorted by dip they are a
 * prefix of one list, so the tree needs no stack, no atomics and no divergence on the GPU: thread j
 * takes pattern j, solves for the child whose parities these are, and has its image by one
 * multiplication.
 *
 * Look-ahead: for a class at depth K with c odd steps, the 2^A children left are n + a*2^K with
 * images m + a*3^c. Indexed by image * 3^-c mod 2^B the windows of length B lie in the order of a,
 * so that 64 children are 64 adjacent bits.
 *
 * Jumps: ten steps at once. Ten, because 3^10 < 2^16: a limb of 32 bits then costs two
 * multiplications, not four.
 *
 * Rule P: n = 2, 4, 5 or 8 mod 9 is on the path of a smaller number; a mask of the 64 children by n
 * mod 9.
 */
import { minOdds } from '../rules.ts'
import { headroom, headroomStep, type Windows, windows } from './dip.ts'

/** A: the last bits of a window, 64 numbers a look-up. */
export const LAST_BITS = 6
/** Steps of a jump. */
export const JUMP_STEPS = 10
/**
 * Rows of the look-ahead: one for each odd count from the least that has not descended. More are
 * let through.
 */
export const LOOK_ROWS = 16
/** Odd counts that a class at depth K <= 65 can have above the least, and more than LOOK_ROWS. */
export const ROWS = 32

/** Bits of an entry's first word that hold the residue; the odd count is above them. */
export const PATTERN_SHIFT = 27

export interface Patterns {
  /** D, 2 to 20. */
  readonly bits: number
  /**
   * 2^D pairs of words: residue mod 2^D | odd steps << 27, and the residue's image after D steps.
   */
  readonly words: Uint32Array<ArrayBuffer>
  /** The pairs' dips, ascending, in 1/SCALE bit. */
  readonly dips: Uint16Array
}

/**
 * Patterns of D bits by ascending dip; equal dips by odd count, so that neighbours use the same
 * look-ahead row.
 */
export function patterns(bits: number): Patterns {
  const look = windows(bits)
  const size = 2 ** bits
  const keys = new Float64Array(size)
  for (let x = 0; x < size; x++) keys[x] = (look.dip[x]! * 32 + look.odds[x]!) * size + x
  keys.sort()
  const words = new Uint32Array(2 * size)
  const dips = new Uint16Array(size)
  for (let i = 0; i < size; i++) {
    const x = keys[i]! % size
    words[2 * i] = x | (look.odds[x]! << PATTERN_SHIFT)
    words[2 * i + 1] = look.image[x]!
    dips[i] = look.dip[x]!
  }
  return { bits, words, dips }
}

/** How many patterns a class with this headroom (1/SCALE bit) leaves: those with a smaller dip. */
export function survivors(table: Patterns, headroom: number): number {
  let low = 0
  let high = table.dips.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (table.dips[middle]! < headroom) low = middle + 1
    else high = middle
  }
  return low
}

/**
 * Words of one look-ahead row: 2^B bits and the first two words again, for look-ups that run over
 * the end.
 */
export function rowWords(lookBits: number): number {
  return 2 ** (lookBits - 5) + 2
}

/**
 * Look-ahead rows for the classes at `depth`.
 *
 * @param look - windows(B), 16 to 20 steps.
 */
export function lookahead(look: Windows, depth: number): Uint32Array<ArrayBuffer> {
  const size = look.dip.length
  const mask = size - 1
  const stride = rowWords(look.length)
  const words = new Uint32Array(LOOK_ROWS * stride)
  const leastOdds = minOdds('3n+1', depth)
  for (let row = 0; row < LOOK_ROWS; row++) {
    const limit = headroom(leastOdds + row, depth)
    const power = Number((3n ** BigInt(leastOdds + row)) & BigInt(mask))
    const base = row * stride
    for (let position = 0, x = 0; position < size; position++, x = (x + power) & mask) {
      if (look.dip[x]! < limit) words[base + (position >>> 5)]! |= 1 << (position & 31)
    }
    words[base + stride - 2] = words[base]!
    words[base + stride - 1] = words[base + 1]!
  }
  return words
}

/**
 * 1024 entries, addend (16 bits) | odd count << 16 (4 bits) | dip << 20, then 11 of 3^f | headroom
 * step << 16 (signed).
 */
export function jumps(): Uint32Array<ArrayBuffer> {
  const ten = windows(JUMP_STEPS)
  const words = new Uint32Array(1024 + JUMP_STEPS + 1)
  for (let x = 0; x < 1024; x++) words[x] = ten.image[x]! | (ten.odds[x]! << 16) | (ten.dip[x]! << 20)
  for (let f = 0; f <= JUMP_STEPS; f++) words[1024 + f] = (3 ** f) | (headroomStep(f, JUMP_STEPS) << 16)
  return words
}

/** Words of jumps(). */
export const JUMP_WORDS = 1024 + JUMP_STEPS + 1
/** Words of flags(). */
export const FLAG_WORDS = 2 ** JUMP_STEPS - 1

/**
 * Which values carry the flag of evidence, d = 0 to 9 steps later: T^d(v) = (v >> d) * 3^f +
 * T^d(v mod 2^d), so T^d(v) is the flag mod 2^J just when v >> d is one number mod 2^J, which v mod
 * 2^d decides. The 2^d numbers for d steps begin at word 2^d - 1.
 *
 * @param flagBits J, 0 to 15
 */
export function flags(flagBits: number, flag: number): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(FLAG_WORDS)
  const mask = 2 ** flagBits - 1
  words[0] = flag
  for (let d = 1; d < JUMP_STEPS; d++) {
    const { image, odds } = windows(d)
    for (let x = 0; x < 2 ** d; x++) words[2 ** d - 1 + x] = Math.imul(flag - image[x]!, inverse(odds[x]!)) & mask
  }
  return words
}

/** 3^-c mod 2^32. */
export function inverse(odds: number): number {
  let value = 1
  for (let i = 0; i < odds; i++) value = Math.imul(value, 0xaaaaaaab)
  return value >>> 0
}

/** The 32-bit limbs of a number mod 2^(32*count), least first. */
export function limbs(value: bigint, count: number): number[] {
  return Array.from({ length: count }, (_, i) => Number((value >> BigInt(32 * i)) & 0xffffffffn))
}

/** Residues mod 9 that no smaller number's path runs into by rule P. */
const LEFT_MOD_9 = new Set([0, 1, 3, 6, 7])

/**
 * What the first filter knows of the classes at depth K: ROWS of {3^c low, 3^c high, 3^-c,
 * headroom} from the least odd count that has not descended, then nine masks {low, high, 0, 0} of
 * the 64 children a by n mod 9, child 0 being n.
 */
export function level(depth: number): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(4 * (ROWS + 9))
  const leastOdds = minOdds('3n+1', depth)
  for (let row = 0; row < ROWS; row++) {
    words.set(
      [...limbs(3n ** BigInt(leastOdds + row), 2), inverse(leastOdds + row), headroom(leastOdds + row, depth)],
      4 * row,
    )
  }
  const step = Number(2n ** BigInt(depth) % 9n)
  for (let nine = 0; nine < 9; nine++) {
    let mask = 0n
    for (let a = 0; a < 64; a++) if (LEFT_MOD_9.has((nine + a * step) % 9)) mask |= 1n << BigInt(a)
    words.set(limbs(mask, 2), 4 * (ROWS + nine))
  }
  return words
}
