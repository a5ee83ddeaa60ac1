/**
 * Evidence: numbers that only the steps reveal (kernels/evidence/request.ts has the definition).
 *
 * An item of tier 1 or 2 carries a flag: J bits of T^S(n), S = bits+23 or bits+83. With A = 7 and W
 * = 15 the jumps begin at the steps bits-7, bits+8, bits+23, ..., so both lie where a jump begins,
 * and the low 15 bits of T^S(n) are its index in the table. For these two passes alone the entries
 * that carry the flag are exchanged for entries without a dip that gain IMMORTAL headroom. A number
 * that carries the flag then outlives all jumps and ends in exact.ts, which decides. The passes
 * themselves do not change; at J = 15 one entry is exchanged four times a queue. After the second
 * pass the immortals are decided (wide.ts), so that they cost few jumps.
 *
 * Bounds, in units of headroom, of which an entry of the queue holds 2^18. The natural one is below
 * 2^15.1, as a value is below 2^104 times its number; two flags give 2^17. Between the passes, 60
 * steps, an immortal loses at most 60 * 306, and is at 0 or above where it is flagged: it keeps
 * 47,000, above all that is natural.
 */
import { JUMPS, KEY, PLAIN, SCALE, W } from './layout'
import { itemHash } from './sha256'

/** Told to the caller: n, in two words, is an item of this tier, 1 to 3. */
// @ts-ignore: decorator
@external('kernel', 'item')
declare function item(tier: i32, lo: u64, hi: u64): void

/** Headroom that a flag gives. */
export const IMMORTAL: i32 = 1 << 16
/** Nothing has so much headroom without it. */
export const MORTAL: i32 = 40000

/** Steps of the first two tiers; 0 for one that is left out. */
export let step1: i32 = 0
export let step2: i32 = 0
/** Whether hard numbers are asked. */
export let asksHard: bool = false

let flagBits: i32 = 0
let flag: u32 = 0
/** The greatest hashes of items by tier. */
let most1: u64 = 0
let most2: u64 = 0
let most3: u64 = 0

/**
 * Asks for evidence from the next class on; with `asks` false for none. The key's words are at KEY.
 */
export function setEvidence(
  asks: bool, bits: i32, wanted: u32, s1: i32, s2: i32, m1: u64, m2: u64, m3: u64,
): void {
  asksHard = asks
  flagBits = bits
  flag = wanted
  step1 = asks ? s1 : 0
  step2 = asks ? s2 : 0
  most1 = m1
  most2 = m2
  most3 = m3
}

/** Whether the low bits of a value are the flag. */
// @ts-ignore: decorator
@inline export function carriesFlag(low: u64): bool {
  return (<u32>low & ((1 << flagBits) - 1)) == flag
}

/** Tells the caller if the hash of n, which has the steps and the flag, makes it an item. */
export function ask(tier: i32, lo: u64, hi: u64): void {
  if (itemHash(tier, lo, hi) <= (tier == 1 ? most1 : tier == 2 ? most2 : most3)) item(tier, lo, hi)
}

/** Exchanges the entries that carry the flag: rows 16 to 31 of JUMP are those of immortals. */
export function mark(): void {
  let plain = PLAIN
  for (let x = flag; x < 1 << W; x += 1 << flagBits, plain += 8) {
    const entry = load<u64>(<usize>x << 3, JUMPS)
    store<u64>(plain, entry)
    store<u64>(<usize>x << 3, (entry & ((<u64>1 << 48) - 1)) + (<u64>16 << 37), JUMPS)
  }
}

/** Puts them back. */
export function unmark(): void {
  let plain = PLAIN
  for (let x = flag; x < 1 << W; x += 1 << flagBits, plain += 8) store<u64>(<usize>x << 3, load<u64>(plain), JUMPS)
}
