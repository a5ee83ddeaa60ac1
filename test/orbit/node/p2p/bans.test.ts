/**
 * A peer that goes on sending what no node would is banned; one that passes on what is right, or
 * old, is not.
 */
import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import * as dagCbor from '@ipld/dag-cbor'
import { multiaddr } from '@multiformats/multiaddr'
import { relaySource } from '../../../../orbit/node/beacon/fetch.ts'
import { hearRounds } from '../../../../orbit/node/beacon/gossip.ts'
import { localChain, localSecret, signRound } from '../../../../orbit/rules/network/beacon.ts'
import { entry, Lab, NETWORK, until } from '../nodes.ts'

setDefaultTimeout(2_400_000)

const lab = new Lab()
afterEach(() => lab.dispose())

const secret = localSecret(new Uint8Array(48).fill(3))

async function listening() {
  const node = await lab.node()
  const beacon = relaySource({ chain: localChain(secret, 1_700_000_000, 1) })
  await hearRounds(node.topic('beacon'), beacon)
  const stranger = await lab.stranger(node)
  const send = (bytes: Uint8Array) => stranger.gossip(`/collatz/${NETWORK}/beacon`, bytes)
  const say = (round: unknown, signature: unknown) => send(dagCbor.encode([round, signature]))
  const isConnected = () => node.peers().some(({ id }) => id === stranger.libp2p.peerId.toString())
  return { node, beacon, stranger, send, say, isConnected }
}

test('rounds are taken in, also again and again, and old ones are no offence', async () => {
  const { beacon, say, isConnected } = await listening()
  for (let i = 0; i < 20; i++) await say(100, signRound(secret, 100))
  for (let i = 0; i < 20; i++) await say(50 + i, new Uint8Array(48))
  await say(101, signRound(secret, 101))
  await until(() => beacon.current()?.round === 101, 'the newest round')
  expect(isConnected()).toBe(true)
})

test.each([
  ['a round with a wrong signature', (i: number) => dagCbor.encode([1000 + i, signRound(secret, 999)])],
  ['the newest round with another signature', () => dagCbor.encode([100, signRound(secret, 99)])],
  ['what is no round', (i: number) => Uint8Array.of(0xff, i)],
  ['a round of another shape', (i: number) => dagCbor.encode([i, 'signature'])],
])('who goes on sending %s is left alone', async (_, wrong) => {
  const { node, beacon, stranger, send, say, isConnected } = await listening()
  await say(100, signRound(secret, 100))
  await until(() => beacon.current()?.round === 100, 'the first round')
  for (let i = 0; i < 15; i++) await send(wrong(i))
  // Once in a while is an accident.
  await say(101, signRound(secret, 101))
  await until(() => beacon.current()?.round === 101, 'another round')
  expect(isConnected()).toBe(true)
  await send(Uint8Array.of(0xff))
  await until(() => !isConnected(), 'the connection to be gone')
  const again = stranger.libp2p.dial(multiaddr(node.addresses()[0]!))
  await again.then(
    () => until(() => !isConnected(), 'the new connection to be gone'),
    () => {},
  )
  expect(isConnected()).toBe(false)
  // Others are not made to pay for it.
  const other = await lab.stranger(node)
  await other.gossip(`/collatz/${NETWORK}/beacon`, dagCbor.encode([102, signRound(secret, 102)]))
  await until(() => beacon.current()?.round === 102, 'the round of another peer')
})

test('entries that are refused count as well', async () => {
  const { node, stranger, isConnected } = await listening()
  const store = await node.open('things')
  for (let i = 0; i < 16; i++) {
    const { bytes } = await entry(stranger.seed, store.address, `${node.nodeKeyHex}/${i}`, i)
    await stranger.gossip(store.address, bytes).catch(() => {})
  }
  await until(() => !isConnected(), 'the connection to be gone')
  expect(store.count()).toBe(0)
})
