/**
 * Bans of peers that pass on messages that no node of this program would. Each such message costs a
 * check, of a signature or a pairing of fifteen milliseconds, so a peer that goes on sending them
 * is cut off for a while. A node checks what it passes on, so it is never banned for what another
 * sent.
 */
import type { PeerId } from '@libp2p/interface'

/** A peer is banned at so many wrong messages, until FORGIVEN_MS after the last of them. */
const PATIENCE = 16
const FORGIVEN_MS = 600_000
/**
 * Peers that are remembered, at most: a peer with a new key each time pays for a new connection
 * each time.
 */
const REMEMBERED = 1024

export class Bans {
  private readonly faults = new Map<string, { count: number; until: number }>()
  /** Breaks off the connection to a peer. Set once there are connections. */
  hangUp: (peer: PeerId) => void = () => {}

  /** A peer has sent a wrong message. */
  blame(peer: PeerId): void {
    const id = peer.toString()
    const count = 1 + (this.fault(id)?.count ?? 0)
    this.faults.delete(id)
    this.faults.set(id, { count, until: performance.now() + FORGIVEN_MS })
    if (this.faults.size > REMEMBERED) this.faults.delete(this.faults.keys().next().value!)
    if (count >= PATIENCE) this.hangUp(peer)
  }

  has(peer: PeerId): boolean {
    return (this.fault(peer.toString())?.count ?? 0) >= PATIENCE
  }

  private fault(id: string) {
    const fault = this.faults.get(id)
    return fault && fault.until > performance.now() ? fault : undefined
  }
}
