/**
 * What the pages show, as plain values. Whoever calls renderSite computes it from signed events by
 * orbit/rules; nothing here is believed by any node. `checked` refuses what would make a broken or
 * deceptive page and puts everything in one order, so that the same facts give the same bytes.
 */
import type { MapName, Peak } from '../kernels/unit.ts'
import { UserError } from '../orbit/rules/base/errors.ts'
import { plainText, shownName, webAddress } from './text.ts'

export const LEVELS = ['UNTRUSTED', 'VERIFIED', 'TRUSTED', 'ELITE', 'BANNED'] as const
export type Level = (typeof LEVELS)[number]

export interface SiteNetwork {
  /** CID of the genesis block, as text. */
  readonly id: string
  readonly name: string
  readonly map: MapName
  /**
   * Every n below `value` converges, by the cited work. A url that is not plain http or https is
   * not linked.
   */
  readonly baseline: {
    readonly value: bigint
    readonly citation: { readonly text: string; readonly url: string | null }
  }
  /** W: a window is 2^W consecutive numbers. 1 to 128. */
  readonly windowBits: number
  readonly unitsPerWindow: number
  /** S0: a number is hard if no rule fires within this many steps. */
  readonly hardSteps: number
  /** N: how many accounts must agree on a unit. */
  readonly replication: number
  /** Whether one trusted account and an audit may stand for the N. */
  readonly adaptive: boolean
  /** Accepted units from which an account has the level. */
  readonly levels: { readonly verified: number; readonly trusted: number; readonly elite: number }
  /** chainHash in hex, period in seconds. */
  readonly beacon: { readonly kind: 'drand' | 'local'; readonly chainHash: string; readonly period: number }
  /** Milliseconds since 1970. */
  readonly genesisTimestamp: number
  /** Public key of the founder, 64 hex digits. */
  readonly founder: string
  /**
   * What a newcomer gives to `collatz join`: the multiaddr of a node that can be reached. null: the
   * page says whom to ask.
   */
  readonly join: string | null
}

export interface SiteWindow {
  /** w: the window is [w*2^W, (w+1)*2^W). */
  readonly index: bigint
  readonly unitsDone: number
  readonly unitsTotal: number
  /** Hard numbers in the units done. */
  readonly hardCount: number
  /** What theory expects in the whole window, and its standard deviation. */
  readonly expectedHard: number
  readonly expectedSd: number
  /** Greatest trajectory value seen in the units done. */
  readonly peak: Peak | null
  /** `file` is its name under certificates/, `bytes` its length. */
  readonly certificate: { readonly file: string; readonly cid: string; readonly bytes: number } | null
  /** Beacon round that dealt the last of its units; null while not all are certified. */
  readonly dealtAtRound: number | null
}

export interface SiteAccount {
  /** Ed25519 public key, 64 hex digits. */
  readonly key: string
  /** Chosen by its owner: neither unique nor to be trusted. */
  readonly name: string | null
  /** Accepted units. */
  readonly units: number
  /** Numbers those units stand for. */
  readonly numbers: bigint
  readonly hardNumbers: number
  readonly level: Level
  readonly nodes: number
  /** Beacon round of its newest heartbeat or result. */
  readonly seenAtRound: number | null
}

export interface SiteData {
  readonly network: SiteNetwork
  /** Every n below it converges. */
  readonly frontier: bigint
  readonly windows: readonly SiteWindow[]
  /**
   * Windows above the frontier and below a certified one that are not certified themselves: their
   * indices.
   */
  readonly gaps: readonly bigint[]
  readonly accounts: readonly SiteAccount[]
  /** The beacon round the data was computed at, and its time in milliseconds since 1970. */
  readonly asOf: { readonly round: number; readonly time: number }
}

/** The data can't be shown: says which field, what it holds and what it must be. */
export class SiteDataError extends UserError {
  override readonly name = 'SiteDataError'
}

const HEX_KEY = /^[0-9a-f]{64}$/
const CID_TEXT = /^[A-Za-z0-9]{8,120}$/
/** One path segment that no shell, URL or file system reads otherwise. */
const FILE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,120}$/
/** People paste it into a shell: nothing but what a multiaddr or a file path needs. */
const JOIN_ARGUMENT = /^[A-Za-z0-9/][A-Za-z0-9/.:_-]{0,400}$/

function demand(ok: boolean, field: string, value: unknown, must: string): void {
  if (ok) return
  const shown = plainText(String(value), 60)
  throw new SiteDataError(
    `the page can't be rendered: ${field} is ${shown === '' ? 'empty' : shown}; it must be ${must}`,
  )
}

function count(value: number, field: string): void {
  demand(Number.isSafeInteger(value) && value >= 0, field, value, 'a whole number, 0 or more')
}

function unique(values: readonly (string | bigint)[], field: string): void {
  const seen = new Set<string | bigint>()
  for (const value of values) {
    demand(!seen.has(value), field, value, 'there only once')
    seen.add(value)
  }
}

function checkNetwork(network: SiteNetwork): SiteNetwork {
  const { baseline, beacon, levels } = network
  demand(CID_TEXT.test(network.id), 'network.id', network.id, 'a CID')
  demand(HEX_KEY.test(network.founder), 'network.founder', network.founder, '64 hex digits')
  demand(/^[0-9a-f]+$/.test(beacon.chainHash), 'network.beacon.chainHash', beacon.chainHash, 'hex')
  demand(beacon.period > 0 && beacon.period < 86_400, 'network.beacon.period', beacon.period, 'seconds, under a day')
  demand(network.windowBits >= 1 && network.windowBits <= 128, 'network.windowBits', network.windowBits, '1 to 128')
  for (const field of ['windowBits', 'unitsPerWindow', 'hardSteps', 'replication'] as const)
    count(network[field], `network.${field}`)
  for (const level of ['verified', 'trusted', 'elite'] as const) count(levels[level], `network.levels.${level}`)
  demand(Math.abs(network.genesisTimestamp) < 8.64e15, 'network.genesisTimestamp', network.genesisTimestamp, 'a time')
  demand(baseline.value >= 0n, 'network.baseline.value', baseline.value, '0 or more')
  demand(network.join === null || JOIN_ARGUMENT.test(network.join), 'network.join', network.join, 'a multiaddr or null')
  const { text, url } = baseline.citation
  return {
    id: network.id,
    name: plainText(network.name, 64) || 'unnamed network',
    map: network.map,
    baseline: {
      value: baseline.value,
      citation: {
        text: plainText(text, 500) || 'a result without a citation',
        url: url === null ? null : webAddress(url),
      },
    },
    windowBits: network.windowBits,
    unitsPerWindow: network.unitsPerWindow,
    hardSteps: network.hardSteps,
    replication: network.replication,
    adaptive: network.adaptive === true,
    levels: { verified: levels.verified, trusted: levels.trusted, elite: levels.elite },
    beacon: { kind: beacon.kind, chainHash: beacon.chainHash, period: beacon.period },
    genesisTimestamp: network.genesisTimestamp,
    founder: network.founder,
    join: network.join,
  }
}

function checkWindow(window: SiteWindow): SiteWindow {
  const at = `windows[${window.index}]`
  demand(window.index >= 0n, 'a window index', window.index, '0 or more')
  for (const field of ['unitsDone', 'unitsTotal', 'hardCount'] as const) count(window[field], `${at}.${field}`)
  demand(window.unitsDone <= window.unitsTotal, `${at}.unitsDone`, window.unitsDone, `at most ${window.unitsTotal}`)
  demand(window.expectedHard >= 0, `${at}.expectedHard`, window.expectedHard, '0 or more')
  demand(window.expectedSd >= 0, `${at}.expectedSd`, window.expectedSd, '0 or more')
  if (window.dealtAtRound !== null) count(window.dealtAtRound, `${at}.dealtAtRound`)
  const { certificate, peak } = window
  if (certificate !== null) {
    demand(FILE_NAME.test(certificate.file), `${at}.certificate.file`, certificate.file, 'a plain file name')
    demand(CID_TEXT.test(certificate.cid), `${at}.certificate.cid`, certificate.cid, 'a CID')
    count(certificate.bytes, `${at}.certificate.bytes`)
    demand(window.unitsDone === window.unitsTotal, `${at}.certificate`, 'there', 'null until every unit is done')
  }
  return {
    index: window.index,
    unitsDone: window.unitsDone,
    unitsTotal: window.unitsTotal,
    hardCount: window.hardCount,
    expectedHard: window.expectedHard,
    expectedSd: window.expectedSd,
    peak: peak === null ? null : { n: peak.n, value: peak.value },
    certificate: certificate && { file: certificate.file, cid: certificate.cid, bytes: certificate.bytes },
    dealtAtRound: window.dealtAtRound,
  }
}

function checkAccount(account: SiteAccount): SiteAccount {
  const at = `accounts[${account.key.slice(0, 8)}]`
  demand(HEX_KEY.test(account.key), 'an account key', account.key, '64 hex digits')
  for (const field of ['units', 'hardNumbers', 'nodes'] as const) count(account[field], `${at}.${field}`)
  demand(account.numbers >= 0n, `${at}.numbers`, account.numbers, '0 or more')
  demand(LEVELS.includes(account.level), `${at}.level`, account.level, LEVELS.join(', '))
  if (account.seenAtRound !== null) count(account.seenAtRound, `${at}.seenAtRound`)
  return {
    key: account.key,
    name: (account.name !== null && shownName(account.name)) || null,
    units: account.units,
    numbers: account.numbers,
    hardNumbers: account.hardNumbers,
    level: account.level,
    nodes: account.nodes,
    seenAtRound: account.seenAtRound,
  }
}

const ascending = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0)

/**
 * A copy fit to be shown: every field in range, text made harmless, windows by index, accounts by
 * units, then by key.
 * @throws {SiteDataError} naming the first field that is wrong
 */
export function checked(data: SiteData): SiteData {
  count(data.asOf.round, 'asOf.round')
  demand(Math.abs(data.asOf.time) < 8.64e15, 'asOf.time', data.asOf.time, 'a time')
  const network = checkNetwork(data.network)
  demand(data.frontier >= network.baseline.value, 'frontier', data.frontier, 'the baseline or above')
  const windows = data.windows.map(checkWindow).sort((a, b) => ascending(a.index, b.index))
  unique(
    windows.map((window) => window.index),
    'a window index',
  )
  unique(
    windows.flatMap((window) => window.certificate?.file.toLowerCase() ?? []),
    'a certificate file',
  )
  const accounts = data.accounts.map(checkAccount).sort((a, b) => b.units - a.units || (a.key < b.key ? -1 : 1))
  unique(
    accounts.map((account) => account.key),
    'an account key',
  )
  unique(data.gaps, 'a gap')
  return {
    network,
    frontier: data.frontier,
    windows,
    gaps: [...data.gaps].sort(ascending),
    accounts,
    asOf: { round: data.asOf.round, time: data.asOf.time },
  }
}

/**
 * data.json: the fields of SiteData under the same names, after `checked`. Integers of the
 * mathematics (bigint) are strings of decimal digits, because JSON numbers lose digits above 2^53;
 * counts, rounds and times are JSON numbers.
 */
export function dataJson(data: SiteData): string {
  const text = JSON.stringify(
    { format: 'collatz-site/1', ...data },
    (_key, value: unknown) => (typeof value === 'bigint' ? value.toString() : value),
    1,
  )
  return `${text}\n`
}
