/**
 * Two nodes that are connected hear each other, also when the machine was too busy for that at
 * first.
 */
import { afterEach, expect, test } from 'bun:test'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2p } from 'libp2p'
import { keepTalking } from '../../../../orbit/node/p2p/connections.ts'
import { libp2pOptions } from '../../../../orbit/node/p2p/libp2p.ts'
import { NETWORK, seed, until } from '../nodes.ts'

const ended: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ended.splice(0)) await end()
})

async function node(): Promise<Libp2p> {
  const libp2p = await createLibp2p(
    libp2pOptions({ networkId: NETWORK, nodeKey: seed(), listen: ['/ip4/127.0.0.1/tcp/0'] }),
  )
  ended.push(() => libp2p.stop(), keepTalking(libp2p))
  return libp2p
}

test('a node that could not open its gossip stream when it was connected opens it later', async () => {
  const [speaker, listener] = [await node(), await node()]
  let isBusy = true
  let failed = 0
  speaker.addEventListener('connection:open', ({ detail: connection }) => {
    const open = connection.newStream.bind(connection)
    connection.newStream = async (protocols, options) => {
      if (!isBusy || !String(protocols).includes('meshsub')) return open(protocols, options)
      failed++
      throw new Error('too late')
    }
  })
  await listener.dial(multiaddr(speaker.getMultiaddrs()[0]!.toString()))
  const [ours, theirs] = [speaker, listener].map(({ services }) => services.pubsub as any)
  const heard: string[] = []
  theirs.subscribe('news')
  theirs.addEventListener('message', ({ detail }: any) => heard.push(new TextDecoder().decode(detail.data)))
  // What gossipsub tries by itself it tries at once.
  await until(() => failed > 0, 'its first try')
  await Bun.sleep(3000)
  isBusy = false
  const say = async () => {
    await ours.publish('news', new TextEncoder().encode('hello')).catch(() => {})
    return heard.length > 0
  }
  await until(say, 'news')
  expect(speaker.getConnections().length).toBe(1)
})
