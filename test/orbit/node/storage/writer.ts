/**
 * A node as a process of its own, to be killed: writes documents and private values, and says each
 * on its standard output once it is acknowledged. Arguments: data directory, seed in hex, first
 * number.
 */
import { hexToBytes } from '@noble/hashes/utils.js'
import { openNode } from '../../../../orbit/node/plumbing.ts'
import { admitAll, GENESIS, NETWORK } from '../nodes.ts'

const [dir, seed, first] = process.argv.slice(2) as [string, string, string]
try {
  const node = await openNode({
    ...{ dir, networkId: NETWORK, genesis: GENESIS, nodeKey: hexToBytes(seed), admit: admitAll },
    ...{ listen: ['/ip4/127.0.0.1/tcp/0'], peers: [] },
  })
  const store = await node.open('things')
  for (let i = Number(first); ; i++) {
    await store.put(`${node.nodeKeyHex}/${i}`, { i, bytes: new Uint8Array(i % 3000) })
    await node.kv.put('last', Uint8Array.of(i >> 16, i >> 8, i))
    const cid = await node.blocks.put(Uint8Array.of(i >> 16, i >> 8, i), 'raw')
    process.stdout.write(`${i} ${cid}\n`)
  }
} catch (error) {
  process.stderr.write(`${(error as Error).name}: ${(error as Error).message}\n`)
  process.exit(1)
}
