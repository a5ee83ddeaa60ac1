/**
 * The libp2p of a node: TCP and WebSocket, Noise, yamux, gossipsub, and a DHT for this network
 * alone that carries IPNS.
 */
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import { fetch } from '@libp2p/fetch'
import { gossipsub } from '@libp2p/gossipsub'
import { identify, identifyPush } from '@libp2p/identify'
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { noise } from '@libp2p/noise'
import { asCrypto, defaultCrypto } from '@libp2p/noise/crypto'
import { ping } from '@libp2p/ping'
import { webSockets } from '@libp2p/websockets'
import { yamux } from '@libp2p/yamux'
import { ed25519 } from '@noble/curves/ed25519.js'
import type { Libp2pOptions } from 'libp2p'
import { abortableTcp } from './abortable-tcp.ts'
import type { Bans } from './bans.ts'

/**
 * Bun's node:crypto has no ChaCha20-Poly1305: Noise fails on frames of 1,200 bytes or more unless
 * given a pure one.
 */
export const bunNoise = () =>
  noise({
    crypto: {
      ...defaultCrypto,
      chaCha20Poly1305Encrypt: asCrypto.chaCha20Poly1305Encrypt,
      chaCha20Poly1305Decrypt: asCrypto.chaCha20Poly1305Decrypt,
    },
  })

/**
 * libp2p hands Bun's http server sockets of a listener that libp2p itself has opened, so the server
 * never listens. Bun's emits no "close" when a server that never listened is closed, and the
 * listener would wait for that for ever.
 */
export const bunWebSockets = (): ReturnType<typeof webSockets> => (components) => {
  const transport = webSockets()(components)
  const createListener = transport.createListener.bind(transport)
  transport.createListener = (options) => {
    const listener = createListener(options)
    const close = listener.close.bind(listener)
    listener.close = async () => {
      const closed = close()
      ;(listener as { http?: { emit(event: string): void } }).http?.emit('close')
      await closed
    }
    return listener
  }
  return transport
}

/**
 * libp2p's private key of an Ed25519 seed: seed and public key, 64 bytes. The peer id is the node
 * key.
 */
export const libp2pKey = (seed: Uint8Array) => privateKeyFromRaw(Buffer.concat([seed, ed25519.getPublicKey(seed)]))

export function libp2pOptions(options: {
  networkId: string
  nodeKey: Uint8Array
  listen: readonly string[]
  bans?: Bans
}): Libp2pOptions {
  return {
    privateKey: libp2pKey(options.nodeKey),
    addresses: { listen: [...options.listen] },
    transports: [abortableTcp(), bunWebSockets(), circuitRelayTransport()],
    connectionEncrypters: [bunNoise()],
    // A paused stream still takes in one window, and libp2p breaks it off at 4 MiB unread.
    streamMuxers: [yamux({ streamOptions: { maxStreamWindowSize: 2 << 20 } })],
    // Test and private networks live on loopback and private addresses.
    connectionGater: {
      denyDialMultiaddr: () => false,
      denyDialPeer: (peer) => options.bans?.has(peer) ?? false,
      denyInboundEncryptedConnection: (peer) => options.bans?.has(peer) ?? false,
    },
    // A university, a household or a test has many nodes behind one address; libp2p's own limit is
    // five a second.
    connectionManager: { inboundConnectionThreshold: 100, maxIncomingPendingConnections: 100 },
    services: {
      identify: identify(),
      identifyPush: identifyPush(),
      ping: ping(),
      fetch: fetch(),
      pubsub: gossipsub({
        allowPublishToZeroTopicPeers: true,
        emitSelf: false,
        globalSignaturePolicy: 'StrictSign',
        // Many nodes behind one address are a lab or a household, not an attack.
        scoreParams: { IPColocationFactorWeight: 0 },
      }),
      // Helia's ipns() adds the validator and the selector of its records (publishing.ts).
      dht: kadDHT({
        protocol: `/collatz/${options.networkId}/kad/1.0.0`,
        clientMode: false,
        // A founder publishes before any node has joined: the others find what it stores when they
        // ask it.
        allowQueryWithZeroPeers: true,
        peerInfoMapper: passthroughMapper,
      }) as never,
    },
  }
}
