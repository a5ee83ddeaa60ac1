/**
 * drand over HTTP: GET {url}/public/{round}
 * (https://docs.drand.love/dev-guide/API%20Documentation%20v1). drand-client checks an answer
 * against the chain of the genesis, never against a chain that the relay names, and FetchingSource
 * checks the signature once more with our own verifier. An answer has under 400 bytes; one of over
 * 4 KiB is refused.
 */
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { type ChainClient, fetchBeacon } from 'drand-client'
import { z } from 'zod'
import { type ChainInfo, QUICKNET_RELAYS, randomnessOf } from '../../rules/network/beacon.ts'
import { AddressError } from '../p2p/addresses.ts'
import { FetchingSource, type Supplier } from './fetch.ts'
import type { BeaconSource } from './source.ts'

const MAX_ANSWER = 4096

const answer = z.object({
  round: z.number().int(),
  randomness: z.string().regex(/^[0-9a-f]{64}$/),
  signature: z.string().regex(/^[0-9a-f]{96}$/),
})

/**
 * Parses a relay's URL: https://HOST, or http, with a path if the relay has one. The chain's hash
 * need not be in it.
 *
 * @throws {AddressError}
 */
export function relayUrl(text: string): string {
  const url = URL.parse(text)
  const isPlain = url && !url.search && !url.hash && !url.username && !url.password
  if (!isPlain || !['https:', 'http:'].includes(url.protocol)) {
    throw new AddressError(`"${text}" is not the URL of a drand relay (such as https://api.drand.sh)`)
  }
  return url.href.replace(/\/+$/, '')
}

/**
 * The relays to ask for a chain's rounds: those that the node's owner names, else quicknet's usual
 * ones.
 *
 * @throws {AddressError}
 */
export function relaysOf({ hash }: ChainInfo, named: readonly string[] | undefined): readonly string[] {
  if (!named) return QUICKNET_RELAYS
  const urls = named.map(relayUrl).map((url) => (url.endsWith(`/${hash}`) ? url : `${url}/${hash}`))
  return [...new Set(urls)]
}

/**
 * @param options.urls one or more: a relay and the chain's hash, as QUICKNET_RELAYS has them
 * @param options.now  unix milliseconds
 */
export function drandSource(options: { chain: ChainInfo; urls: readonly string[]; now?: () => number }): BeaconSource {
  const { chain, urls } = options
  if (urls.length === 0) throw new Error('a drand source needs the URL of at least one relay')
  return new FetchingSource({ ...options, suppliers: urls.map((url) => supplierAt(url.replace(/\/+$/, ''), chain)) })
}

function supplierAt(baseUrl: string, chain: ChainInfo): Supplier {
  const info = {
    public_key: bytesToHex(chain.publicKey),
    period: chain.period,
    genesis_time: chain.genesisTime,
    hash: chain.hash,
    groupHash: bytesToHex(chain.groupHash),
    schemeID: chain.scheme,
    metadata: { beaconID: chain.beaconId },
  }
  const { host } = new URL(baseUrl)
  return async (round, signal) => {
    const get = (wanted: number) => getRound(`${baseUrl}/public/${wanted}`, wanted, signal)
    const client: ChainClient = {
      options: { disableBeaconVerification: false, noCache: false },
      latest: () => get(round),
      get,
      chain: () => ({ baseUrl, info: async () => info }),
    }
    try {
      return hexToBytes((await fetchBeacon(client, round)).signature)
    } catch (error) {
      throw new Error(`${host}: ${reasonOf(error as Error)}`, { cause: error })
    }
  }
}

/** The system's code alone where there is one: the sentences around it add nothing. */
const reasonOf = ({ code, message }: NodeJS.ErrnoException): string =>
  typeof code === 'string' ? code : message.replace(/\.$/, '')

/**
 * Refuses plainly wrong answers itself, because drand-client would print to the console when it
 * finds them.
 */
async function getRound(url: string, round: number, signal: AbortSignal) {
  const response = await fetch(url, { signal, headers: { accept: 'application/json' } })
  if (!response.ok) {
    await response.body?.cancel()
    throw new Error(`HTTP ${response.status} for round ${round}`)
  }
  const parsed = answer.safeParse(await readJson(response))
  if (!parsed.success) throw new Error('an answer that is not a beacon round')
  const beacon = parsed.data
  if (beacon.round !== round) throw new Error(`round ${beacon.round} instead of ${round}`)
  if (bytesToHex(randomnessOf(hexToBytes(beacon.signature))) !== beacon.randomness) {
    throw new Error(`a randomness that does not belong to its signature`)
  }
  return beacon
}

async function readJson(response: Response): Promise<unknown> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > MAX_ANSWER) throw new Error(`an answer of more than ${MAX_ANSWER} bytes`)
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString())
  } catch {
    return undefined
  }
}
