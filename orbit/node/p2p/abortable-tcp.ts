/**
 * libp2p's TCP transport, with dials that can be aborted. libp2p passes its signal on to
 * net.connect, which destroys the socket of an aborted dial with an error that nothing listens for
 * any more: one dead peer could end the whole node (seen with @libp2p/tcp 11.0.28 on Bun 1.4.5).
 * Here the socket gets no signal: an aborted dial is given up, and its socket is closed when it
 * connects or fails.
 */
import { tcp } from '@libp2p/tcp'

type Factory = ReturnType<typeof tcp>
interface Socket {
  destroy(): void
}
interface Dialling {
  readonly signal: AbortSignal
}
type Connect = (address: unknown, options: Dialling) => Promise<Socket>

export function abortableTcp(): Factory {
  const factory = tcp()
  return (components) => {
    const transport = factory(components)
    const inner = transport as unknown as { _connect: Connect }
    const connect = inner._connect.bind(transport)
    inner._connect = async (address, options) => {
      const { signal } = options
      signal.throwIfAborted()
      const connecting = connect(address, { ...options, signal: new AbortController().signal })
      return new Promise<Socket>((resolve, reject) => {
        const giveUp = () => {
          reject(signal.reason)
          connecting.then((socket) => socket.destroy()).catch(() => {})
        }
        signal.addEventListener('abort', giveUp, { once: true })
        connecting.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp))
      })
    }
    return transport
  }
}
