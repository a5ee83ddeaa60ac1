/** Keeps a node connected to the peers it was told of: dials them, and again whenever they are gone, restarted or late. */
import type { Libp2p } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

const FIRST_MS = 1_000
const LAST_MS = 30_000
/** How often a standing connection is looked after. */
const WATCH_MS = 2_000
const DIAL_MS = 10_000

/** @returns a function that stops it */
export function keepDialling(libp2p: Libp2p, peers: readonly Multiaddr[]): () => void {
  const stopping = new AbortController()
  const timers = new Set<Timer>()

  const keep = (peer: Multiaddr) => {
    // An address without a peer id is told apart by who answered there.
    let id = peer.getComponents().findLast(({ name }) => name === 'p2p')?.value
    let wait = FIRST_MS
    const after = (ms: number) => {
      const timer = setTimeout(() => {
        timers.delete(timer)
        void look()
      }, ms)
      timers.add(timer)
    }
    const look = async () => {
      const isConnected = libp2p.getConnections().some((connection) => connection.remotePeer.toString() === id)
      if (!isConnected) {
        try {
          const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(DIAL_MS)])
          const connection = await libp2p.dial(peer, { signal })
          id = connection.remotePeer.toString()
        } catch {
          // Some chance in it, so that a restarted founder is not called by everybody at once.
          if (!stopping.signal.aborted) after(wait * (0.75 + Math.random() / 2))
          wait = Math.min(LAST_MS, wait * 2)
          return
        }
      }
      wait = FIRST_MS
      if (!stopping.signal.aborted) after(WATCH_MS)
    }
    void look()
  }

  for (const peer of peers) keep(peer)
  return () => {
    stopping.abort()
    for (const timer of timers) clearTimeout(timer)
  }
}
