/**
 * SHA-256 (FIPS 180-4) of the one block that an item of evidence is hashed as: key 32 bytes | tier
 * u32 | n u128, big endian. JavaScript libraries take 2 to 6 µs a call, which would be 3 % of a
 * unit; this takes 0.3 µs.
 */
import { KEY, SCHEDULE } from './layout'

/**
 * The first 32 bits of the fractional parts of the cube roots of the first 64 primes (section
 * 4.2.2).
 */
const ROUND = memory.data<u32>([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
])

// @ts-ignore: decorator
@inline function word(i: usize, value: u32): void {
  store<u32>(SCHEDULE + (i << 2), value)
}

/** The first 64 bits of the hash of n = 2^64 hi + lo in a tier, 1 to 3, under the words at KEY. */
export function itemHash(tier: u32, lo: u64, hi: u64): u64 {
  memory.copy(SCHEDULE, KEY, 32)
  word(8, tier)
  word(9, <u32>(hi >> 32))
  word(10, <u32>hi)
  word(11, <u32>(lo >> 32))
  word(12, <u32>lo)
  word(13, 0x80000000)
  word(14, 0)
  word(15, 8 * 52)
  for (let at = SCHEDULE + 64; at < SCHEDULE + 256; at += 4) {
    const x = load<u32>(at - 60), y = load<u32>(at - 8)
    const s0 = rotr(x, 7) ^ rotr(x, 18) ^ (x >> 3), s1 = rotr(y, 17) ^ rotr(y, 19) ^ (y >> 10)
    store<u32>(at, load<u32>(at - 64) + s0 + load<u32>(at - 28) + s1)
  }
  let a: u32 = 0x6a09e667, b: u32 = 0xbb67ae85, c: u32 = 0x3c6ef372, d: u32 = 0xa54ff53a
  let e: u32 = 0x510e527f, f: u32 = 0x9b05688c, g: u32 = 0x1f83d9ab, h: u32 = 0x5be0cd19
  for (let at: usize = 0; at < 256; at += 4) {
    const s1 = rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25), choice = g ^ (e & (f ^ g))
    const t = h + s1 + choice + load<u32>(ROUND + at) + load<u32>(SCHEDULE + at)
    const s0 = rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22), majority = (a & b) | (c & (a | b))
    h = g
    g = f
    f = e
    e = d + t
    d = c
    c = b
    b = a
    a = t + s0 + majority
  }
  return ((<u64>(a + 0x6a09e667)) << 32) | <u64>(b + 0xbb67ae85)
}
