/**
 * The frontier: every n below it converges, given the cited baseline and the certificates of the
 * windows between.
 */
import type { Genesis } from '../network/genesis.ts'

export interface Frontier {
  /** Every n below this converges. */
  readonly below: bigint
  /** Certified windows in an unbroken run from the baseline. */
  readonly windows: number
  /** Certified windows beyond the first one missing: they count as soon as the gap closes. */
  readonly beyond: readonly bigint[]
}

export function frontierOf(genesis: Genesis, certified: Iterable<bigint>): Frontier {
  const set = new Set(certified)
  let next = genesis.firstWindow
  while (set.delete(next)) next++
  const beyond = [...set].filter((w) => w > next).sort((a, b) => (a < b ? -1 : 1))
  const windows = Number(next - genesis.firstWindow)
  return { below: next << BigInt(genesis.partition.bits), windows, beyond }
}

/** The runs of windows, both ends included, that have to be certified before those beyond count. */
export function gapsOf(genesis: Genesis, { windows, beyond }: Frontier): { from: bigint; to: bigint }[] {
  const gaps: { from: bigint; to: bigint }[] = []
  let next = genesis.firstWindow + BigInt(windows)
  for (const window of beyond) {
    if (window > next) gaps.push({ from: next, to: window - 1n })
    next = window + 1n
  }
  return gaps
}

/** A power of two is written as one; anything else in decimal. */
export function powerText(value: bigint): string {
  const bits = value.toString(2)
  return /^10*$/.test(bits) && bits.length > 10 ? `2^${bits.length - 1}` : value.toString()
}

/** "2^71 + 3 * 2^44": the frontier as baseline plus windows. */
export function frontierText(genesis: Genesis, frontier: Frontier): string {
  const base = powerText(genesis.baseline)
  if (frontier.windows === 0) return base
  const size = `2^${genesis.partition.bits}`
  return `${base} + ${frontier.windows === 1 ? size : `${frontier.windows} * ${size}`}`
}

/** The frontier as the sentence it is. */
export function frontierSentence(genesis: Genesis, frontier: Frontier): string {
  const text = frontierText(genesis, frontier)
  const given = `the baseline ${powerText(genesis.baseline)} (${genesis.body.baseline.citation})`
  if (frontier.windows === 0) return `Every n below ${text} converges, given ${given}.`
  const certificates =
    frontier.windows === 1 ? 'the certificate of 1 window' : `the certificates of ${frontier.windows} windows`
  return `Every n below ${text} = ${frontier.below} converges, given ${given} and ${certificates}.`
}
