/**
 * Asks a node for one thing before this machine has a node: a connection with a key made for the
 * occasion.
 */
import type { Stream } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { webSockets } from '@libp2p/websockets'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { bunNoise } from './libp2p.ts'

/**
 * Opens a stream to the node at a multiaddr, for as long as `use` takes.
 *
 * @throws what dialling or `use` throws, or the signal's reason
 */
export async function ask<T>(
  address: string,
  protocol: string,
  signal: AbortSignal,
  use: (stream: Stream) => Promise<T>,
): Promise<T> {
  const target = multiaddr(address)
  const libp2p = await createLibp2p({
    transports: [tcp(), webSockets()],
    connectionEncrypters: [bunNoise()],
    streamMuxers: [yamux()],
    connectionGater: { denyDialMultiaddr: () => false },
  })
  let breakOff = () => {}
  try {
    const stream = await libp2p.dialProtocol(target, protocol, { signal })
    breakOff = () => stream.abort(new Error('no answer in time'))
    signal.addEventListener('abort', breakOff)
    return await use(stream)
  } finally {
    signal.removeEventListener('abort', breakOff)
    await libp2p.stop()
  }
}
