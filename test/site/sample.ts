/** Data for the site's tests: made up but possible, with the window 2^31 at W = 40 of the known answers. */
import type { SiteAccount, SiteData, SiteWindow } from '../../site/data.ts'

const FIRST = 1n << 31n

/** A key that differs in its first digits. */
export const key = (i: number): string => (0x3f9a_0000 + i * 7919).toString(16).padStart(8, '0').repeat(8)

export function account(i: number, over: Partial<SiteAccount> = {}): SiteAccount {
  const units = Math.max(0, 1200 - i * 97)
  return {
    key: key(i),
    name: `worker ${i}`,
    units,
    numbers: BigInt(units) << 34n,
    hardNumbers: units * 136,
    level: units >= 1000 ? 'ELITE' : units >= 100 ? 'TRUSTED' : units >= 10 ? 'VERIFIED' : 'UNTRUSTED',
    nodes: 1 + (i % 3),
    seenAtRound: 5000 - i,
    ...over,
  }
}

export function window(i: number, over: Partial<SiteWindow> = {}): SiteWindow {
  const index = FIRST + BigInt(i)
  return {
    index,
    unitsDone: 64,
    unitsTotal: 64,
    hardCount: i === 0 ? 8741 : 8736 + Math.round(140 * Math.sin(i * 2.4)),
    expectedHard: 8735.6,
    expectedSd: 93,
    peak: { n: (index << 40n) + 1_070_573_620_327n, value: 3_646_072_622_928_560_527_441_864_282_048n * 911n },
    certificate: { file: `window-${index}.json`, cid: `bafyreigtest${i}`, bytes: certificate(i).length },
    dealtAtRound: 4000 + i * 10,
    ...over,
  }
}

export function certificate(i: number): Uint8Array {
  return new TextEncoder().encode(`{"window":"${FIRST + BigInt(i)}"}\n`)
}

/** k certified windows from 2^71 on, and one in work. */
export function sample(k = 3, over: Partial<SiteData> = {}): SiteData {
  const windows = Array.from({ length: k }, (_, i) => window(i))
  const working = window(k, {
    unitsDone: 23,
    hardCount: 3120,
    certificate: null,
    dealtAtRound: null,
  })
  return {
    network: {
      id: 'bafyreihdb57fdysx5h35urvxz64ros7zvywshber7id6t6c6fek37jgyfe',
      name: 'demo',
      map: '3n+1',
      baseline: {
        value: 1n << 71n,
        citation: {
          text: 'D. Barina, Improved verification limit for the convergence of the Collatz conjecture, J. Supercomput. 81:810 (2025)',
          url: 'https://doi.org/10.1007/s11227-025-07337-0',
        },
      },
      windowBits: 40,
      unitsPerWindow: 64,
      hardSteps: 320,
      replication: 1,
      adaptive: false,
      levels: { verified: 10, trusted: 100, elite: 1000 },
      beacon: { kind: 'local', chainHash: 'ab'.repeat(32), period: 3 },
      genesisTimestamp: 1_795_390_000_000,
      founder: key(0),
      join: '/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN',
    },
    frontier: (FIRST + BigInt(k)) << 40n,
    windows: k === 0 ? [] : [...windows, working],
    gaps: [],
    accounts: k === 0 ? [] : Array.from({ length: 5 }, (_, i) => account(i)),
    asOf: { round: 5123, time: 1_795_397_003_000 },
    ...over,
  }
}

export function certificatesOf(data: SiteData): Map<string, Uint8Array> {
  const files = data.windows.flatMap((w) => (w.certificate === null ? [] : [[w.certificate.file, w.index] as const]))
  return new Map(files.map(([file, index]) => [file, certificate(Number(index - FIRST))]))
}
