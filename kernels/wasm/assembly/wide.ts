/**
 * Candidates that 64 bits cannot hold any longer, in two limbs: 40 bits and the rest.
 *
 * With such limbs a jump is two multiplications without carries between words: the low limb times
 * 3^W is below 2^(40 + 23.8), and its excess over 40 bits is added to the rest. Two words of 64
 * bits would take three multiplications of 32-bit halves and a third more instructions.
 *
 * A value starts again from its bottom node. Its first jumps are not tested, because jumps.ts
 * tested them. Each jump is a pass of its own: in a loop for each number their latencies would add
 * up (6 % of the whole).
 *
 * Bounds: a rest below 2^55 stays below 2^64, because a jump multiplies it by less than 3^W/2^W <
 * 2^8.8. One that is not sets TOO_WIDE, and goes to exact.ts before it is looked at again: overflow
 * drops nothing. That takes a value of 2^95 or more.
 */
import { addend, alive, decideEntry, row } from './candidate'
import { MORTAL } from './evidence'
import { BOTTOM, HEADROOM, JUMP, LIMB, NARROW, POW3_LIMB0, POW3_LIMB1, QUEUE, SCALE, W, W_MASK, WIDE } from './layout'

const LOW: u64 = (<u64>1 << LIMB) - 1
/** Bits of the rest that must be 0 before a jump. */
const LIMIT: i32 = 55
/** Set in the rest when it may be wrong. It lies above LIMIT, so it stays set. */
const TOO_WIDE: u64 = <u64>1 << 63

/** Offset of the entry for the low W bits of a low limb. */
// @ts-ignore: decorator
@inline function entry(low: u64): usize {
  return <usize>(<u32>low & W_MASK) << SCALE
}

/** Stores T^W(high * 2^LIMB + low). e, f: the entry of low and its row. */
// @ts-ignore: decorator
@inline function storeNext(p: usize, low: u64, high: u64, e: usize, f: usize, tooWide: bool): void {
  const m = load<u64>(f, JUMP + 16)
  const t = ((low >> W) | ((high & W_MASK) << (LIMB - W))) * m + (addend(e) >> SCALE)
  store<u64>(p, t & LOW, WIDE - QUEUE)
  store<u64>(p, ((high >> W) * m + (t >> LIMB)) | select(TOO_WIDE, 0, tooWide), WIDE - QUEUE + 8)
}

/** One jump, tested before. @returns the row of its entry */
// @ts-ignore: decorator
@inline function jumpUntested(p: usize): usize {
  const low = load<u64>(p, WIDE - QUEUE), high = load<u64>(p, WIDE - QUEUE + 8), e = entry(low), f = row(e)
  storeNext(p, low, high, e, f, high >> LIMIT != 0)
  return f
}

/**
 * Starts all candidates, at least one, again from their bottom nodes, and jumps NARROW + 1 times.
 */
export function widen(end: usize): void {
  let p = QUEUE
  do {
    const tag = <u32>load<u64>(p, 8), node = <usize>(tag >> 8) << 5, a = <u64>(tag & 127)
    const c = <usize>(load<u32>(node, BOTTOM + 24) >> 16), l = load<u64>(node, BOTTOM), h = load<u64>(node, BOTTOM + 8)
    // l + 2^64 h + a * 3^c
    const t = (l & LOW) + a * load<u64>(c, POW3_LIMB0), low = t & LOW
    const high = ((l >> LIMB) | (h << (64 - LIMB))) + a * load<u64>(c, POW3_LIMB1) + (t >> LIMB)
    const e = entry(low)
    storeNext(p, low, high, e, row(e), ((high >> LIMIT) | (h >> (LIMB - 1))) != 0)
    p += 16
  } while (p < end)
  for (let s = 1; s < NARROW; s++) {
    p = QUEUE
    do {
      jumpUntested(p)
      p += 16
    } while (p < end)
  }
  p = QUEUE
  do {
    // jumps.ts made the test of this jump, but not the jump: the headroom follows here.
    const f = jumpUntested(p)
    store<u64>(p, load<u64>(p, 8) + load<u64>(f, JUMP + 8), 8)
    p += 16
  } while (p < end)
}

/** One tested jump. @returns the end of those left */
export function jumpWide(end: usize): usize {
  let o = QUEUE, p = QUEUE
  do {
    const low = load<u64>(p, WIDE - QUEUE), high = load<u64>(p, WIDE - QUEUE + 8), th = load<u64>(p, 8)
    p += 16
    if (high >> LIMIT) {
      decideEntry(<u32>th)
      continue
    }
    const e = entry(low), f = row(e)
    storeNext(o, low, high, e, f, false)
    store<u64>(o, th + load<u64>(f, JUMP + 8), 8)
    o = select(o + 16, o, alive(e, th))
  } while (p < end)
  return o
}

/** Decides what carried a flag of evidence. @returns the end of those left */
export function decideImmortals(end: usize): usize {
  // Hardly a queue has one. Headroom from 2^15 on, which is rare without a flag, has these bits.
  let all: u64 = 0
  for (let p = QUEUE; p < end; p += 16) all |= load<u64>(p, 8)
  if (!(all >> (HEADROOM + 15))) return end
  let o = QUEUE
  for (let p = QUEUE; p < end; p += 16) {
    const th = load<u64>(p, 8)
    if (th >> HEADROOM > <u64>MORTAL) {
      decideEntry(<u32>th)
      continue
    }
    store<u64>(o, th, 8)
    store<u64>(o, load<u64>(p, WIDE - QUEUE), WIDE - QUEUE)
    store<u64>(o, load<u64>(p, WIDE - QUEUE + 8), WIDE - QUEUE + 8)
    o += 16
  }
  return o
}

/** Decides what is left by true arithmetic. */
export function finish(end: usize): void {
  for (let p = QUEUE; p < end; p += 16) decideEntry(load<u32>(p, 8))
}
