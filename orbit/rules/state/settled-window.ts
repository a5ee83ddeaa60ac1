/**
 * Settled windows: what is left of a window in the state when everything about it is over. A window
 * is settled when all its units are certified and nothing can be said any more about any deal that
 * they were in; its certificate then stands for it. The state of a network is then a function of
 * the settled windows and of the documents about the others, so it stays as small as what is going
 * on, however long the network has run.
 *
 * What is remembered follows from the window's certificate alone (certificate.ts), so whoever has
 * that gets the same.
 *
 * A settled window stands until all the accounts behind one of its units are convicted. Then that
 * unit is not certified (levels.ts), and as the documents of the others are gone, the window is to
 * be done again.
 */

import * as dagCbor from '@ipld/dag-cbor'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import type { UnitTallies } from '../../../kernels/evidence/shortfall.ts'
import { EMPTY, merge } from '../../../kernels/result.ts'
import type { HardSummary } from '../../../kernels/unit.ts'
import { checksumHex, peakText, type ResultItem } from '../message/bodies.ts'
import type { Genesis } from '../network/genesis.ts'
import { epochAt, seedRound, settledAfter } from '../network/schedule.ts'
import type { Conviction } from '../quorum/convictions.ts'
import { type EvidenceSums, sumsOf, type TalliedUnit } from './evidence-sums.ts'

/** What an account did in a window. */
export interface Credit {
  readonly units: number
  readonly hardNumbers: number
  /** R(e) of its newest unit. */
  readonly dealtAt: number
  /** Its units by epoch of the deal, [epoch, units], ascending. */
  readonly epochs: readonly (readonly [number, number])[]
  readonly evidence: EvidenceSums
}

/**
 * The sets of accounts that stand behind one unit or another: if all of a set were convicted, a
 * unit would fall.
 */
export interface Quorums {
  /** Ascending. */
  readonly accounts: readonly string[]
  /**
   * One set after the other, ascending, each once: how many it has, and their places in `accounts`.
   */
  readonly sets: Uint16Array
}

export interface SettledWindow extends HardSummary {
  readonly window: bigint
  readonly units: number
  /** R(e) of the last deal that one of its units was certified in. */
  readonly dealtAt: number
  /** By account. */
  readonly credits: ReadonlyMap<string, Credit>
  readonly quorums: Quorums
  readonly convictions: readonly SettledConviction[]
}

/**
 * A conviction without what it rests on, which is in the certificate: CIDs of the statements that
 * convict.
 */
export type SettledConviction = Omit<Conviction, 'results' | 'claim'>

export type History = ReadonlyMap<bigint, SettledWindow>
export const NO_HISTORY: ReadonlyMap<bigint, SettledWindow> = new Map()

/** Whether nothing more counts of any deal that a window was certified in. */
export const isOver = (genesis: Genesis, { dealtAt: last }: SettledWindow, round: number): boolean =>
  settledAfter(genesis, epochAt(genesis, last)) < round

/** One certified unit, as a settled window counts it. */
export interface CountedUnit {
  readonly epoch: number
  readonly result: ResultItem
  /** Accounts whose results certify it. */
  readonly accounts: readonly string[]
  /** What the evidence of each of them comes to. */
  readonly tallies: readonly UnitTallies[]
  /** Accounts whose audit certifies it with the one result; none where N results do. */
  readonly auditors: readonly string[]
}

function quorumsOf(units: readonly CountedUnit[]): Quorums {
  const sets = new Set(
    units.flatMap(({ accounts, auditors }) =>
      [accounts, auditors].flatMap((set) => (set.length > 0 ? [[...new Set(set)].sort().join()] : [])),
    ),
  )
  const listed = [...sets].sort().map((set) => set.split(','))
  const accounts = [...new Set(listed.flat())].sort()
  const places = new Map(accounts.map((account, i) => [account, i]))
  const flat = listed.flatMap((set) => [set.length, ...set.map((account) => places.get(account)!)])
  return { accounts, sets: Uint16Array.from(flat) }
}

/** Whether all the accounts behind one of its units are convicted. */
export function falls({ quorums: { accounts, sets } }: SettledWindow, convicted: ReadonlySet<string>): boolean {
  const isOut = accounts.map((account) => convicted.has(account))
  if (!isOut.includes(true)) return false
  for (let at = 0; at < sets.length; at += 1 + sets[at]!) {
    if (sets.subarray(at + 1, at + 1 + sets[at]!).every((place) => isOut[place])) return true
  }
  return false
}

export function settledWindow(
  genesis: Genesis,
  window: bigint,
  units: Iterable<CountedUnit>,
  convictions: readonly SettledConviction[],
): SettledWindow {
  const credits = new Map<
    string,
    Omit<Credit, 'epochs' | 'evidence'> & { epochs: Map<number, number>; shown: TalliedUnit[] }
  >()
  let total: HardSummary = EMPTY
  let count = 0
  let last = 0
  const counted = [...units]
  for (const { epoch, result, accounts, tallies } of counted) {
    const round = seedRound(genesis, epoch)
    const { peak } = result
    total = merge(total, {
      count: result.count,
      checksum: BigInt(`0x${result.checksum}`),
      peak: peak && { n: BigInt(peak.n), value: BigInt(peak.value) },
    })
    count++
    last = Math.max(last, round)
    for (const [i, account] of accounts.entries()) {
      const known = credits.get(account)
      const shown = known?.shown ?? []
      shown.push({ epoch, window, unit: result.unit, tallies: tallies[i]! })
      credits.set(account, {
        units: (known?.units ?? 0) + 1,
        hardNumbers: (known?.hardNumbers ?? 0) + result.count,
        dealtAt: Math.max(known?.dealtAt ?? 0, round),
        epochs: (known?.epochs ?? new Map()).set(epoch, (known?.epochs.get(epoch) ?? 0) + 1),
        shown,
      })
    }
  }
  const listed = [...credits].map(([account, { epochs, shown, ...credit }]): [string, Credit] => {
    return [account, { ...credit, epochs: [...epochs].sort(([a], [b]) => a - b), evidence: sumsOf(shown) }]
  })
  const quorums = quorumsOf(counted)
  return { ...total, window, units: count, dealtAt: last, credits: new Map(listed), quorums, convictions }
}

export const settledConviction = ({ results: _, claim: __, ...rest }: Conviction): SettledConviction => rest

/** As it goes through dag-cbor. */
const plainConviction = (conviction: SettledConviction) => ({ ...conviction, window: conviction.window.toString() })
const convictionOf = (plain: any): SettledConviction => ({ ...plain, window: BigInt(plain.window) })

export const encodeConviction = (conviction: SettledConviction): Uint8Array =>
  dagCbor.encode(plainConviction(conviction))
export const decodeConviction = (bytes: Uint8Array): SettledConviction => convictionOf(dagCbor.decode(bytes))

/** As a node keeps it: dag-cbor. */
export function encodeSettled(settled: SettledWindow): Uint8Array {
  const { window, units, dealtAt, credits, quorums, convictions, count, checksum, peak } = settled
  return dagCbor.encode({
    ...{ window: window.toString(), units, dealtAt },
    credits: [...credits].map(([account, { evidence, ...credit }]) => [
      account,
      { ...credit, evidence: plainSums(evidence) },
    ]),
    quorums: [hexToBytes(quorums.accounts.join('')), bigEndian(quorums.sets)],
    convictions: convictions.map(plainConviction),
    ...{ count, checksum: checksumHex(checksum), peak: peakText(peak) },
  })
}

/**
 * [units, [count, mean] by tier, [epoch, unit, count and mean by tier] of the last ones]: means as
 * text, as they grow.
 */
const plainSums = ({ units, total, last }: EvidenceSums) => [
  units,
  total.map(({ count, mean }) => [count, mean.toString()]),
  last.map(({ epoch, unit, tallies }) => [epoch, unit, ...tallies.flatMap(({ count, mean }) => [count, Number(mean)])]),
]

function sumsFrom(window: bigint, [units, total, last]: [number, [number, string][], number[][]]): EvidenceSums {
  return {
    units,
    total: total.map(([count, mean]) => ({ count, mean: BigInt(mean) })),
    last: last.map(([epoch, unit, ...flat]) => ({
      ...{ epoch: epoch!, window, unit: unit! },
      tallies: total.map((_, tier) => ({ count: flat[2 * tier]!, mean: BigInt(flat[2 * tier + 1]!) })),
    })),
  }
}

function bigEndian(numbers: Uint16Array): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(2 * numbers.length))
  for (const [i, n] of numbers.entries()) bytes.setUint16(2 * i, n)
  return new Uint8Array(bytes.buffer)
}

function decodeQuorums([keys, sets]: [Uint8Array, Uint8Array]): Quorums {
  const hex = bytesToHex(keys)
  const bytes = new DataView(sets.buffer, sets.byteOffset)
  return {
    accounts: Array.from({ length: keys.length / 32 }, (_, i) => hex.slice(64 * i, 64 * (i + 1))),
    sets: Uint16Array.from({ length: sets.length / 2 }, (_, i) => bytes.getUint16(2 * i)),
  }
}

export function decodeSettled(bytes: Uint8Array): SettledWindow {
  const kept = dagCbor.decode<any>(bytes)
  const window = BigInt(kept.window)
  const credits = kept.credits.map(([account, credit]: [string, any]) => [
    ...[account, { ...credit, evidence: sumsFrom(window, credit.evidence) }],
  ])
  return {
    ...{ window, units: kept.units, dealtAt: kept.dealtAt, count: kept.count },
    ...{ checksum: BigInt(`0x${kept.checksum}`), credits: new Map(credits as [string, Credit][]) },
    peak: kept.peak && { n: BigInt(kept.peak.n), value: BigInt(kept.peak.value) },
    ...{ quorums: decodeQuorums(kept.quorums), convictions: kept.convictions.map(convictionOf) },
  }
}
