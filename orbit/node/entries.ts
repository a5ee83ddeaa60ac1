/**
 * Where OrbitDB keeps log entries: in the blockstore, fetched from peers when missing. A hash that nobody answers for in
 * two seconds is not asked for again for half a minute, so that one bad parent cannot hold a queue up.
 */
import type { Blockstore } from 'interface-blockstore'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'

const FETCH_MS = 2_000
const FORGET_MS = 30_000
const REMEMBERED = 10_000

export function entryStorage(blockstore: Blockstore) {
  const missing = new Map<string, number>()
  const closing = new AbortController()

  const get = async (hash: string): Promise<Uint8Array | undefined> => {
    const cid = CID.parse(hash, base58btc)
    const local = await blockstore.has(cid)
    const until = missing.get(hash)
    if (!local && until !== undefined && until > Date.now()) return undefined
    try {
      const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(FETCH_MS)])
      const parts: Uint8Array[] = []
      for await (const part of blockstore.get(cid, { signal })) parts.push(part)
      missing.delete(hash)
      return parts.length === 1 ? parts[0] : new Uint8Array(Buffer.concat(parts))
    } catch {
      if (missing.size >= REMEMBERED) missing.clear()
      missing.set(hash, Date.now() + FORGET_MS)
      return undefined
    }
  }

  return {
    get,
    put: async (hash: string, bytes: Uint8Array) => {
      await blockstore.put(CID.parse(hash, base58btc), bytes)
    },
    del: async () => {},
    async *iterator() {},
    merge: async () => {},
    clear: async () => {},
    close: async () => closing.abort(),
  }
}
