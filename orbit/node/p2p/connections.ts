/**
 * Keeps a node connected to the peers that it was told of: dials them, again and again when they
 * are gone, restarted or late, and keeps the streams open on which they hear it.
 */
import type { Connection, Libp2p, PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { Backoff } from '../async/backoff.ts'

/** With some chance in it, so that not all peers dial a restarted founder at once. */
const REDIAL = { first: 1_000, most: 30_000, spread: [0.75, 1.25] } as const
/** How often an open connection is checked. */
const WATCH_MS = 2_000
const DIAL_MS = 10_000

/** @returns a function that stops it */
export function keepDialling(libp2p: Libp2p, peers: readonly Multiaddr[]): () => void {
  const stopping = new AbortController()
  const timers = new Set<Timer>()

  const keep = (peer: Multiaddr) => {
    // Of an address without a peer id, the id of the peer that answered there.
    let id = peer.getComponents().findLast(({ name }) => name === 'p2p')?.value
    const backoff = new Backoff(REDIAL)
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
          if (!stopping.signal.aborted) after(backoff.next())
          return
        }
      }
      backoff.reset()
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

/** How often a node checks whether it is alone. */
const ALONE_MS = 3_000

/**
 * A node that is alone dials the peers that it once knew, also those from before a restart: a
 * founder was told of no peer, and if its port has changed, no peer finds it either.
 *
 * @returns a function that stops it
 */
export function keepCompany(libp2p: Libp2p): () => void {
  const stopping = new AbortController()
  let looking = false
  const look = async () => {
    if (looking || libp2p.getConnections().length > 0) return
    looking = true
    try {
      for (const { id, addresses } of await libp2p.peerStore.all()) {
        if (stopping.signal.aborted || addresses.length === 0) continue
        const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(DIAL_MS)])
        await libp2p.dial(id, { signal }).catch(() => {})
      }
    } catch {
      // The store is closing: the node stops.
    } finally {
      looking = false
    }
  }
  const timer = setInterval(() => void look(), ALONE_MS)
  return () => {
    stopping.abort()
    clearInterval(timer)
  }
}

/** How often a node checks whether its peers can hear it. */
const TALK_MS = 3_000

/** Private members of gossipsub. */
interface Talking {
  readonly streamsOutbound: ReadonlyMap<string, unknown>
  onPeerConnected(peer: PeerId, connection: Connection): void
}

/**
 * gossipsub opens its stream to a peer when the peer connects, and never again. If a busy machine
 * is too late for that, or the connection that carried the stream closes while a second one stays,
 * the peer hears nothing more of this node, neither beacon nor documents, for as long as they are
 * connected. So a connected peer without a stream gets a new one.
 *
 * @returns a function that stops it
 */
export function keepTalking(libp2p: Libp2p): () => void {
  const pubsub = libp2p.services.pubsub as Talking
  const silent = new Set<string>()
  const timer = setInterval(() => {
    const connections = libp2p.getConnections().filter(({ status, limits }) => status === 'open' && !limits)
    const missing = connections.filter(({ remotePeer }) => !pubsub.streamsOutbound.has(remotePeer.toString()))
    // A peer without a stream may just have connected: it is given one if it still has none at the
    // next check.
    for (const connection of missing) {
      if (silent.has(connection.id)) pubsub.onPeerConnected(connection.remotePeer, connection)
    }
    silent.clear()
    for (const { id } of missing) silent.add(id)
  }, TALK_MS)
  return () => clearInterval(timer)
}
