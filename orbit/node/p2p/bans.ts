/**
 * Peers that hand on what no node of this program would. Each such message has cost a check, a signature or fifteen
 * milliseconds of a pairing, and whoever goes on sending them is left alone for a while. What a node hands on it has checked,
 * so this never meets one for what another sent.
 */
import type { PeerId } from '@libp2p/interface'

/** Wrong messages of a peer within FORGIVEN_MS that are taken for an accident. */
const PATIENCE = 16
const FORGIVEN_MS = 600_000
/** Peers that are remembered; whoever comes with a new key each time pays for a new connection each time. */
const REMEMBERED = 1024

export class Bans {
  private readonly faults = new Map<string, { count: number; until: number }>()
  /** Breaks off the connection to a peer. Set once there are connections. */
  hangUp: (peer: PeerId) => void = () => {}

  /** A peer has sent what is wrong, whoever made it. */
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
