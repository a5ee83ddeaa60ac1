/** The first thing a newcomer asks of a node. */
import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { createLibp2p } from 'libp2p'
import { fetchGenesis, GenesisUnavailable } from '../../../../orbit/node/p2p/genesis-exchange.ts'
import { libp2pOptions } from '../../../../orbit/node/p2p/libp2p.ts'
import { Lab, NETWORK, seed } from '../nodes.ts'

setDefaultTimeout(2_400_000)

const lab = new Lab()
afterEach(() => lab.dispose())

test('a node hands out its genesis, small or large, to the byte, over TCP and WebSocket, every time', async () => {
  for (const size of [1, 200_000]) {
    const genesis = new Uint8Array(size).map((_, i) => i * i)
    const listen = ['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/tcp/0/ws']
    const node = await lab.node({ genesis, listen })
    expect(node.addresses().length).toBe(2)
    for (const address of [...node.addresses(), ...node.addresses(), ...node.addresses()]) {
      expect(await fetchGenesis(address, { signal: AbortSignal.timeout(60_000) })).toEqual(genesis)
    }
  }
})

test('nobody there, a wrong key, no address: one clear error, in time', async () => {
  const node = await lab.node()
  const [address] = node.addresses()
  const other = await lab.node()
  const wrong = address!.replace(/p2p\/.*/, `p2p/${other.peerId}`)
  await node.stop()
  for (const bad of [address!, wrong, 'http://example.com', '/ip4/127.0.0.1/tcp/1']) {
    const failure = fetchGenesis(bad, { signal: AbortSignal.timeout(60_000) })
    await expect(failure).rejects.toThrow(GenesisUnavailable)
    await expect(failure).rejects.toThrow(bad)
  }
})

test('a node that takes the question and stays silent is given up when the time is over', async () => {
  const silent = await createLibp2p(
    libp2pOptions({ networkId: NETWORK, nodeKey: seed(), listen: ['/ip4/127.0.0.1/tcp/0'] }),
  )
  await silent.handle('/collatz/genesis/1', () => {})
  // Its peer holds the question open for ten seconds.
  const started = performance.now()
  const asked = fetchGenesis(silent.getMultiaddrs()[0]!.toString(), { signal: AbortSignal.timeout(700) })
  await expect(asked).rejects.toThrow('no answer in time')
  expect(performance.now() - started).toBeLessThan(9_000)
  await silent.stop()
})
