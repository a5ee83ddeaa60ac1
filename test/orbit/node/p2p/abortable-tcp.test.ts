/** A dial that is called off costs a node nothing. */
import { afterEach, expect, test } from 'bun:test'
import { createServer } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { libp2pOptions } from '../../../../orbit/node/p2p/libp2p.ts'
import { NETWORK, seed } from '../nodes.ts'

const ended: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ended.splice(0)) await end()
})

test('aborted at any moment of it, a dial rejects, and nothing is thrown where nobody can catch it', async () => {
  const silent = createServer(() => {})
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  ended.push(() => silent.close())
  const { port } = silent.address() as { port: number }
  const node = await createLibp2p(
    libp2pOptions({ networkId: NETWORK, nodeKey: seed(), listen: [], peers: [] } as never),
  )
  ended.push(() => node.stop())
  const uncaught: unknown[] = []
  const hear = (error: unknown) => uncaught.push(error)
  process.on('uncaughtException', hear)
  ended.push(() => process.off('uncaughtException', hear))
  for (let i = 0; i < 40; i++) {
    const calling = new AbortController()
    const address = multiaddr(`/ip4/127.0.0.1/tcp/${i % 2 ? port : 1}`)
    const dial = node.dial(address, { signal: calling.signal }).then(
      () => 'connected',
      () => 'rejected',
    )
    if (i % 4 < 2) await Bun.sleep(i % 8)
    calling.abort()
    expect(await dial).toBe('rejected')
  }
  // Long enough for what should not come.
  await Bun.sleep(200)
  expect(uncaught).toEqual([])
})
