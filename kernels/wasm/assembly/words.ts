/** Arithmetic on 64-bit words that WebAssembly 1.0 has no instruction for. */

/** High word of a * b, from four products of 32-bit halves. */
// @ts-ignore: decorator
@inline export function mulHigh(a: u64, b: u64): u64 {
  const al = a & 0xffffffff, ah = a >> 32, bl = b & 0xffffffff, bh = b >> 32
  const m = ah * bl + ((al * bl) >> 32), n = al * bh + (m & 0xffffffff)
  return ah * bh + (m >> 32) + (n >> 32)
}

/** MurmurHash3's finaliser. */
export function mix64(x: u64): u64 {
  x ^= x >> 33
  x *= 0xff51afd7ed558ccd
  x ^= x >> 33
  x *= 0xc4ceb9fe1a85ec53
  return x ^ (x >> 33)
}
