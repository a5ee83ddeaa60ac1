/** Repeatable pseudorandom numbers for tests: xorshift64* (Vigna, arXiv:1402.6246). */
export class Random {
  #state: bigint

  /** @param seed not 0 */
  constructor(seed: number) {
    this.#state = BigInt(seed)
  }

  /** 64 bits. */
  word(): bigint {
    let x = this.#state
    x ^= x >> 12n
    x ^= (x << 25n) & 0xffffffffffffffffn
    x ^= x >> 27n
    this.#state = x
    return (x * 0x2545f4914f6cdd1dn) & 0xffffffffffffffffn
  }

  /** Uniform in 0 to 2^bits - 1. */
  bits(bits: number): bigint {
    let value = 0n
    for (let have = 0; have < bits; have += 64) value = (value << 64n) | this.word()
    return value & ((1n << BigInt(bits)) - 1n)
  }

  /** So many uniform bytes. */
  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256))
  }

  /** 0 to n - 1, for n below 2^32. */
  below(n: number): number {
    return Number((this.word() >> 32n) % BigInt(n))
  }
}
