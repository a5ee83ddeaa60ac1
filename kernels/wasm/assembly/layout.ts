/**
 * Sizes, and the address of everything in linear memory.
 *
 * Every base is a compile-time constant, so that it becomes the immediate offset of a load or store
 * and costs no instruction. Offsets into tables of words are stored in bytes for the same reason.
 * The tables take 2 MiB: the jumps (256 KiB) stay in the second level cache, the look-ahead in the
 * third. What depends on a size that is changed here: ALGORITHMS.md, "How to change the sieve's
 * depth".
 */

/** The last A bits of a window are looked up, 2^A = 128 siblings at a time, as two 64-bit words. */
export const A: i32 = 7
/**
 * Steps that the look-ahead bitvector covers, at least W. 21 is 5 % faster in windows of 2^40, 3 %
 * slower in 2^56.
 */
export const B: i32 = 20
/**
 * Rows of the bitvector: odd counts from the least that can survive. One bottom node in 10^5 at
 * most lies above.
 */
export const ROWS: i32 = 12
/**
 * Rows that are computed. The others, for one node in 10^3 at most, let all pass: a third less
 * time.
 */
export const SHARP_ROWS: i32 = 9
/**
 * Steps of one jump by table. 16 would not fit second level caches of 512 KiB, 12 to 14 need more
 * jumps.
 */
export const W: i32 = 15
/**
 * Values in the narrow queue are kept times 2^SCALE, so that their low bits are the byte offset of
 * a table entry.
 */
export const SCALE: i32 = 3
/**
 * Jumps done on the low 64 bits alone: each makes W more of the top bits wrong, and a test needs W
 * right ones.
 */
export const NARROW: i32 = (64 - SCALE) / W - 1
/** Bits of the low limb of a wide value: LIMB + log2(3^W) <= 64. */
export const LIMB: i32 = 40
/** Capacity of the queue of bottom nodes: what they give passes through the first level cache. */
export const BOTTOM_ROOM: i32 = 64
/** Powers of three and odd counts: 3^80 is the last below 2^128. */
export const POWERS: i32 = 81
/** Steps for which LEAST_ODDS is known; a number that lives longer is handed over. */
export const MAX_STEPS: i32 = 4096
/** In the packed bits of a node (tree.ts), where the sum of 2^k mod 9 begins. */
export const SUM9: i32 = 54
/** In the packed word of a candidate (candidate.ts), where the headroom begins. */
export const HEADROOM: i32 = 46

export const W_MASK: u32 = (1 << W) - 1
export const B_MASK: u32 = (1 << B) - 1

/**
 * 64-bit words of a bitvector row: two more, copies of the first, so that a window of 128 bits
 * never wraps.
 */
export const ROW_WORDS: i32 = (1 << (B - 6)) + 2

/**
 * What the caller reads after a class: writeExact() and advance() say what. The compiler's own data
 * lie below, from 1024 on: the 256 bytes of sha256.ts.
 */
export const OUT: usize = 1280
/** u32[8]: the key of evidence, big endian words, written by the caller. */
export const KEY: usize = OUT + 128
/** u32[64]: the message schedule of sha256.ts. */
export const SCHEDULE: usize = KEY + 32
/** u64[POWERS]: low and high words of 3^c. */
export const POW3_LO: usize = 2048
export const POW3_HI: usize = POW3_LO + 88 * 8
/** u64[POWERS]: low LIMB bits of 3^c, and the rest. */
export const POW3_LIMB0: usize = POW3_HI + 88 * 8
export const POW3_LIMB1: usize = POW3_LIMB0 + 88 * 8
/** u64[POWERS]: 3^-c mod 2^64. */
export const INVERSE3: usize = POW3_LIMB1 + 88 * 8
/**
 * u64[POWERS]: low and high words of 3^c * w * 2^A, what the window adds to the value of a bottom
 * node.
 */
export const HIGH_PART_LO: usize = INVERSE3 + 88 * 8
export const HIGH_PART_HI: usize = HIGH_PART_LO + 88 * 8
/** u64[9][2]: which of 128 siblings rule P leaves, by the residue mod 9 of the first. */
export const MOD9_MASK: usize = HIGH_PART_HI + 88 * 8
/** u64[72]: what setting bit k adds to the packed bits of a node. */
export const BIT: usize = MOD9_MASK + 18 * 8
/**
 * 32 x {u64 2^SCALE * 3^f, i64 headroom gained by W steps with f odd << HEADROOM, u64 3^f, -}: 16
 * rows for f, and again with the headroom that a flag gives (evidence.ts).
 */
export const JUMP: usize = BIT + 72 * 8
/** Pending nodes of the tree, 40 bytes each; at most one a level. */
export const STACK: usize = JUMP + 32 * 32
/** i32[MAX_STEPS + 1]: the least c with 3^c >= 2^k. */
export const LEAST_ODDS: usize = 16384
/** BOTTOM_ROOM x {u64 low, high, packed bits, packed state}. */
export const BOTTOM: usize = LEAST_ODDS + 4 * (MAX_STEPS + 64)
/** 2 * BOTTOM_ROOM x {u64 siblings, low word of the first, 3^c, headroom and tag of the first}. */
export const WORD: usize = BOTTOM + BOTTOM_ROOM * 32
/**
 * Candidates {u64 value, u64 headroom << HEADROOM | bottom node << 8 | sibling}, compacted in
 * place.
 */
export const QUEUE: usize = WORD + 2 * BOTTOM_ROOM * 32
/** Their wide values {u64 low limb, u64 the rest}, at the same offsets. */
export const WIDE: usize = QUEUE + (BOTTOM_ROOM << A) * 16
/** u64[2^W]: one jump: dip / 4 << 48 | odd count * 32 << 32 | T^W(x) << SCALE. */
export const JUMPS: usize = 524288
/** u64[ROWS][ROW_WORDS]: the look-ahead. */
export const LOOKAHEAD: usize = JUMPS + (8 << W)
/** u64[2^W]: entries of JUMPS that are exchanged for flagged ones, in the meantime. */
export const PLAIN: usize = LOOKAHEAD + 8 * ROWS * ROW_WORDS
/** First byte that is not used. */
export const END: usize = PLAIN + (8 << W)
