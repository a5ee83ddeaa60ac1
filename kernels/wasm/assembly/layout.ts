/**
 * Sizes, and where everything lies in linear memory.
 *
 * Every base is a compile-time constant, so that it becomes the immediate offset of a load or store and costs no
 * instruction. All tables together are under 3 MiB: they live in the second and third level cache of any core, and a
 * worker needs 4 MiB of linear memory.
 */

/** The last A bits of a window are looked up, 2^A = 64 siblings at a time, as one 64-bit word. */
export const A: i32 = 6
/** Steps that the look-ahead bitvector covers. 18 to 21 differ by less than the noise; 20 is 2 MiB. */
export const B: i32 = 20
/** Rows of the bitvector: odd counts from the least that can survive. One tree leaf in 10^5 at most lies above. */
export const ROWS: i32 = 12
/** Steps of one jump by table. */
export const W: i32 = 16
/** Jumps done on the low 64 bits alone. (NARROW + 1) * W <= 64: each jump makes W more of the top bits wrong. */
export const NARROW: i32 = 3
/** Capacity of the queue of candidates, and of the queue of tree leaves with candidates. */
export const CANDIDATES: i32 = 1024
/** Capacity of the queue of tree leaves. */
export const LEAVES: i32 = 512
/** Powers of three and odd counts: 3^80 is the last below 2^128. */
export const POWERS: i32 = 81
/** Steps for which LEAST_ODDS is known; a number that lives longer is handed over. */
export const MAX_STEPS: i32 = 4096

export const W_MASK: u64 = (1 << W) - 1
export const B_MASK: u32 = (1 << B) - 1
/** 64-bit words of a bitvector row: one more, a copy of the first, so that a window of 64 bits never wraps. */
export const ROW_WORDS: i32 = (1 << (B - 6)) + 2

// What the caller reads after a leaf: count, checksum, peak n (2 words), peak odd value m (3 words), counters.
export const OUT: usize = 1024
/** u64[POWERS]: low and high words of 3^c. */
export const POW3_LO: usize = 2048
export const POW3_HI: usize = POW3_LO + 88 * 8
/** u64[POWERS]: 3^-c mod 2^64. */
export const INVERSE3: usize = POW3_HI + 88 * 8
/** u64[POWERS]: low and high words of 3^c * w * 2^A, what the window adds to the value at a tree leaf. */
export const HIGH_PART_LO: usize = INVERSE3 + 88 * 8
export const HIGH_PART_HI: usize = HIGH_PART_LO + 88 * 8
/** u64[9]: which of 64 siblings rule P leaves, by the residue mod 9 of the first. */
export const MOD9_MASK: usize = HIGH_PART_HI + 88 * 8
/** i32[POWERS]: headroom at a tree leaf, see rules.ts. */
export const HEADROOM: usize = MOD9_MASK + 16 * 8
/** i32[128]: 2^k mod 9. */
export const POW2_MOD9: usize = HEADROOM + 88 * 4
/** 32 x {u64 3^f, i64 headroom gained by W steps with f odd, << 32}: one address, two loads. */
export const JUMP: usize = POW2_MOD9 + 128 * 4
/** Pending nodes of the tree, 32 bytes each; at most one a level. */
export const STACK: usize = JUMP + 32 * 16
/** i32[MAX_STEPS + 1]: the least c with 3^c >= 2^k. */
export const LEAST_ODDS: usize = 16384
/** CANDIDATES x {u64 value, u64 headroom << 32 | leaf << 8 | sibling}, compacted in place. */
export const QUEUE: usize = LEAST_ODDS + 4 * (MAX_STEPS + 64)
/** CANDIDATES x {u64 low, u64 high}: the values of the candidates that reached 128 bits. */
export const WIDE: usize = QUEUE + CANDIDATES * 16
/** CANDIDATES x {u64 low, high, bits, 3^c low, 3^c high, -, -, -}: the tree leaves that have candidates. */
export const LIVE: usize = WIDE + CANDIDATES * 16
/** u64[LEAVES]: the siblings that the look-ahead leaves. */
export const SIBLINGS: usize = LIVE + CANDIDATES * 64
/** LEAVES x {u64 low, high, bits, i32 odd count, i32 residue mod 9}. */
export const LEAF: usize = SIBLINGS + LEAVES * 8
/** u64[2^W]: one jump: dip << 32 | odd count << 26 | T^W(x). */
export const JUMPS: usize = 262144
/** u64[ROWS][ROW_WORDS]: the look-ahead. */
export const LOOKAHEAD: usize = JUMPS + (8 << W)
/** First byte that is not used. */
export const END: usize = LOOKAHEAD + 8 * ROWS * ROW_WORDS
