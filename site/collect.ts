/** What the pages show, computed from the state: the one way from signed documents to the page. */

import { expectedHard } from '../kernels/expected.ts'
import { classes } from '../kernels/partition.ts'
import { rawCid } from '../orbit/rules/base/cid.ts'
import { gapsOf } from '../orbit/rules/state/frontier.ts'
import type { State } from '../orbit/rules/state/state.ts'
import { summaryOf, unitsCertified, type WindowState } from '../orbit/rules/state/windows.ts'
import type { SiteData, SiteWindow } from './data.ts'

export interface SiteExtras {
  /** The certificate file of each window that has one. */
  readonly certificates: ReadonlyMap<bigint, { readonly name: string; readonly bytes: Uint8Array }>
  /** What a newcomer gives to `collatz join`, or null. */
  readonly join: string | null
  readonly asOf: { readonly round: number; readonly time: number }
}

/** Long, as it is one object, field by field. */
export function siteDataOf(state: State, extras: SiteExtras): SiteData {
  const { genesis, frontier } = state
  const { body, partition } = genesis
  const unitsTotal = classes(partition).length
  const expected = expectedHard(partition)
  const size = 1n << BigInt(partition.bits)
  const newestHeartbeat = (nodes: readonly string[]) =>
    Math.max(0, ...nodes.map((node) => state.heartbeats.get(node)?.round ?? 0))

  const gaps: bigint[] = []
  for (const { from, to } of gapsOf(genesis, frontier)) for (let w = from; w <= to; w++) gaps.push(w)
  const isShown = (window: WindowState) => unitsCertified(window) > 0 || gaps.includes(window.window)
  const shown = [...state.windows.values()].filter(isShown)
  const windows = shown.map((window): SiteWindow => {
    const { count: hardCount, peak, dealtAt } = summaryOf(state, window)
    const certificate = window.complete ? extras.certificates.get(window.window) : undefined
    return {
      index: window.window,
      unitsDone: unitsCertified(window),
      unitsTotal,
      hardCount,
      expectedHard: expected.mean,
      expectedSd: expected.standardDeviation,
      peak,
      certificate: certificate
        ? { file: certificate.name, cid: rawCid(certificate.bytes).toString(), bytes: certificate.bytes.length }
        : null,
      dealtAtRound: window.complete ? dealtAt : null,
    }
  })
  return {
    network: {
      id: genesis.networkId,
      name: body.name,
      map: partition.map,
      baseline: { value: genesis.baseline, citation: { text: body.baseline.citation, url: body.baseline.url } },
      windowBits: partition.bits,
      unitsPerWindow: unitsTotal,
      hardSteps: partition.hardSteps,
      levels: body.trust,
      replication: body.replication,
      adaptive: body.audit.adaptive && body.replication > 1,
      beacon: { kind: body.beacon.source, chainHash: body.beacon.hash, period: body.beacon.period },
      genesisTimestamp: body.genesis_timestamp,
      founder: genesis.signer,
      join: extras.join,
    },
    frontier: frontier.below,
    windows,
    gaps,
    accounts: state.accounts.map((account) => ({
      key: account.account,
      name: account.name,
      units: account.units,
      numbers: (BigInt(account.units) * size) / BigInt(unitsTotal),
      hardNumbers: account.hardNumbers,
      level: account.level,
      nodes: account.nodes.length,
      seenAtRound: Math.max(account.dealtAt ?? 0, newestHeartbeat(account.nodes)) || null,
    })),
    asOf: extras.asOf,
  }
}
