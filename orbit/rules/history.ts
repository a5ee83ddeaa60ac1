/**
 * Settled windows: what is left of a window in the state when everything about it is over. A window is settled when all
 * its units are certified and nothing can be said any more about any deal that they were in; its certificate then stands
 * for it. The state of a network is then a function of the settled windows and of the documents about the others, so it
 * stays as small as what is going on, however long the network has run.
 *
 * What is remembered follows from the window's certificate alone (certificate.ts), so whoever has that gets the same.
 */
import * as dagCbor from '@ipld/dag-cbor'
import { EMPTY, merge } from '../../kernels/result.ts'
import type { HardSummary } from '../../kernels/unit.ts'
import { seedRound } from './assignment.ts'
import type { Conviction } from './convictions.ts'
import { checksumHex, peakText, type ResultBody } from './events.ts'
import type { Genesis } from './genesis.ts'
import { lastRound } from './seats.ts'

/** What an account did in a window. */
export interface Credit {
  readonly units: number
  readonly hardNumbers: number
  /** R(e) of its newest unit. */
  readonly lastRound: number
}

export interface SettledWindow extends HardSummary {
  readonly window: bigint
  readonly units: number
  /** R(e) of the last deal that one of its units was certified in. */
  readonly lastRound: number
  /** By account. */
  readonly credits: ReadonlyMap<string, Credit>
  readonly convictions: readonly SettledConviction[]
}

/** A conviction without what it rests on, which is in the certificate: CIDs of the statements that convict. */
export type SettledConviction = Omit<Conviction, 'reveals' | 'claim'>

export type History = ReadonlyMap<bigint, SettledWindow>
export const NO_HISTORY: History = new Map()

/** After this round nothing more counts of a deal: neither an answer nor an audit nor a miss. */
export const settledAfter = (genesis: Genesis, epoch: number): number =>
  lastRound(genesis, epoch) + 3 * genesis.body.deadlineRounds

/** Whether nothing more counts of any deal that a window was certified in. */
export const isOver = (genesis: Genesis, { lastRound: last }: SettledWindow, round: number): boolean =>
  settledAfter(genesis, last / genesis.body.epoch.rounds) < round

/** One certified unit, as a settled window counts it. */
export interface CountedUnit {
  readonly epoch: number
  readonly result: ResultBody
  /** Accounts whose results certify it. */
  readonly accounts: readonly string[]
}

export function settledWindow(
  genesis: Genesis,
  window: bigint,
  units: Iterable<CountedUnit>,
  convictions: readonly SettledConviction[],
): SettledWindow {
  const credits = new Map<string, Credit>()
  let total: HardSummary = EMPTY
  let count = 0
  let last = 0
  for (const { epoch, result, accounts } of units) {
    const round = seedRound(genesis, epoch)
    const { peak } = result
    total = merge(total, {
      count: result.count,
      checksum: BigInt(`0x${result.checksum}`),
      peak: peak && { n: BigInt(peak.n), value: BigInt(peak.value) },
    })
    count++
    last = Math.max(last, round)
    for (const account of accounts) {
      const known = credits.get(account)
      credits.set(account, {
        units: (known?.units ?? 0) + 1,
        hardNumbers: (known?.hardNumbers ?? 0) + result.count,
        lastRound: Math.max(known?.lastRound ?? 0, round),
      })
    }
  }
  return { ...total, window, units: count, lastRound: last, credits, convictions }
}

export const settledConviction = ({ reveals: _, claim: __, ...rest }: Conviction): SettledConviction => rest

/** As it goes through dag-cbor. */
const plainConviction = (conviction: SettledConviction) => ({ ...conviction, window: conviction.window.toString() })
const convictionOf = (plain: any): SettledConviction => ({ ...plain, window: BigInt(plain.window) })

export const encodeConviction = (conviction: SettledConviction): Uint8Array =>
  dagCbor.encode(plainConviction(conviction))
export const decodeConviction = (bytes: Uint8Array): SettledConviction => convictionOf(dagCbor.decode(bytes))

/** As a node keeps it: dag-cbor. */
export const encodeSettled = ({ window, units, lastRound, credits, convictions, ...sum }: SettledWindow): Uint8Array =>
  dagCbor.encode({
    ...{ window: window.toString(), units, lastRound, credits: [...credits] },
    convictions: convictions.map(plainConviction),
    ...{ count: sum.count, checksum: checksumHex(sum.checksum), peak: peakText(sum.peak) },
  })

export function decodeSettled(bytes: Uint8Array): SettledWindow {
  const kept = dagCbor.decode<any>(bytes)
  return {
    ...{ window: BigInt(kept.window), units: kept.units, lastRound: kept.lastRound, count: kept.count },
    ...{ checksum: BigInt(`0x${kept.checksum}`), credits: new Map(kept.credits as [string, Credit][]) },
    peak: kept.peak && { n: BigInt(kept.peak.n), value: BigInt(kept.peak.value) },
    convictions: kept.convictions.map(convictionOf),
  }
}
