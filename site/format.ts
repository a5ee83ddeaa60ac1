/**
 * How numbers, times and distances are written on the pages. Pure functions, no locale and no
 * clock.
 */
import type { SiteData, SiteNetwork, SiteWindow } from './data.ts'

/** Decimal digits in groups of three from the right: 12345n -> ['12', '345']. n >= 0. */
export function digitGroups(n: bigint | number): string[] {
  return n.toString().match(/\d{1,3}(?=(?:\d{3})*$)/g) ?? []
}

/** e with n = 2^e, or null. */
export function exponentOfTwo(n: bigint): number | null {
  const bits = n.toString(2)
  return n > 0n && bits.lastIndexOf('1') === 0 ? bits.length - 1 : null
}

/** k with n = baseline + k*2^W, or null when n is no such number. */
export function windowsAbove(network: SiteNetwork, n: bigint): bigint | null {
  const above = n - network.baseline.value
  const size = 1n << BigInt(network.windowBits)
  return above >= 0n && above % size === 0n ? above / size : null
}

/** log2(n) for n >= 1, to double precision. */
export function log2(n: bigint): number {
  const bits = n.toString(2)
  return Math.log2(Number.parseInt(bits.slice(0, 52), 2)) + Math.max(0, bits.length - 52)
}

/**
 * '2^71 + 3·2^40' where the network's cut gives it such a name, otherwise the decimal digits. For
 * titles and labels.
 */
export function boundText(network: SiteNetwork, n: bigint): string {
  const k = windowsAbove(network, n)
  if (k === null) return n.toString()
  const { value } = network.baseline
  const e = exponentOfTwo(value)
  const base = e === null ? value.toString() : `2^${e}`
  const above = `${k === 1n ? '' : `${k}·`}2^${network.windowBits}`
  if (k === 0n) return base
  return value === 0n ? above : `${base} + ${above}`
}

/** First number of window w. */
export function windowStart(network: SiteNetwork, index: bigint): bigint {
  return index << BigInt(network.windowBits)
}

/**
 * Standard deviations between the count and the theory; null until every unit is done, or without a
 * theory.
 */
export function sigmaDistance(window: SiteWindow): number | null {
  if (window.unitsTotal === 0 || window.unitsDone < window.unitsTotal || window.expectedSd <= 0) return null
  return (window.hardCount - window.expectedHard) / window.expectedSd
}

/** With a true minus sign. */
export function signed(x: number, digits: number): string {
  const text = Math.abs(x).toFixed(digits)
  return Number(text) === 0 ? text : `${x < 0 ? '−' : '+'}${text}`
}

/** '2026-11-23 00:23 UTC' */
export function utc(ms: number): string {
  return `${new Date(ms).toISOString().replace('T', ' ').slice(0, -8)} UTC`
}

/** When a beacon round came out, reckoned back from the round the data was computed at. */
export function roundTime(data: SiteData, round: number): number {
  return data.asOf.time - (data.asOf.round - round) * data.network.beacon.period * 1000
}

/** '42 seconds', '3 minutes', '5 hours', '12 days': rounded down. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const [n, unit] =
    seconds < 120
      ? [seconds, 'second']
      : seconds < 7200
        ? [Math.floor(seconds / 60), 'minute']
        : seconds < 172_800
          ? [Math.floor(seconds / 3600), 'hour']
          : [Math.floor(seconds / 86_400), 'day']
  return counted(n, unit)
}

/** '1 window', '2 windows' */
export function counted(n: number | bigint, noun: string): string {
  return `${n} ${noun}${n === 1 || n === 1n ? '' : 's'}`
}

/** '812 bytes', '3.4 KiB', '1.2 MiB' */
export function byteSize(bytes: number): string {
  if (bytes < 1024) return counted(bytes, 'byte')
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KiB`
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}

/** First eight and last four digits: enough to tell keys apart by eye, not to trust one. */
export function shortKey(key: string): string {
  return `${key.slice(0, 8)}…${key.slice(-4)}`
}
