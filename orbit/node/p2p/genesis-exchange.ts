/**
 * Hands out the genesis block, and asks a node for it: protocol /collatz/genesis/1, one message.
 */
import type { Libp2p, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { UserError } from '../../rules/base/errors.ts'
import { ask } from './ask.ts'
import { messages, sendMessage } from './streams.ts'

const PROTOCOL = '/collatz/genesis/1'
const LARGEST = 1 << 20
const SERVING_MS = 10_000

export class GenesisUnavailable extends UserError {
  override readonly name = 'GenesisUnavailable'
}

export async function serveGenesis(libp2p: Libp2p, genesis: Uint8Array): Promise<void> {
  await libp2p.handle(PROTOCOL, async (stream: Stream) => {
    const signal = AbortSignal.timeout(SERVING_MS)
    try {
      await sendMessage(stream, genesis, signal)
      await stream.close({ signal })
    } catch (error) {
      stream.abort(error as Error)
    }
  })
}

/**
 * Asks the node at a multiaddr for its network's genesis, with a key made for the occasion.
 *
 * @returns the block as received: check it with readGenesis
 * @throws {GenesisUnavailable}
 */
export async function fetchGenesis(address: string, { signal }: { signal: AbortSignal }): Promise<Uint8Array> {
  try {
    multiaddr(address)
  } catch {
    throw new GenesisUnavailable(`"${address}" is not a multiaddr (such as /ip4/203.0.113.7/tcp/4710/p2p/12D3...)`)
  }
  try {
    return await ask(address, PROTOCOL, signal, async (stream) => {
      const { value } = await messages(stream, LARGEST).next()
      if (!value) throw new Error('it sent nothing')
      return value
    })
  } catch (error) {
    const why = signal.aborted ? 'no answer in time' : (error as Error).message
    throw new GenesisUnavailable(
      `cannot get the genesis from ${address}: ${why.replace(/\.$/, '')}. Is the node running, and the address right?`,
    )
  }
}
