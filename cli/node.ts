import { defineCommand } from 'citty'
import { type Home, homeDirectory, openHome } from '../orbit/node/home.ts'
import { frontierSentence } from '../orbit/rules/frontier.ts'
import { interruptible, shared } from './command.ts'
import { startNode } from './running.ts'

export const node = defineCommand({
  meta: {
    name: 'node',
    description: 'take part without computing: keep and serve the network’s documents, until Ctrl-C',
  },
  args: {
    listen: { type: 'string', description: 'multiaddrs to listen on, separated by commas', valueHint: 'ADDRS' },
    data: shared.data,
  },
  async run({ args }) {
    await runNode(openHome(homeDirectory(args.data)), args.listen)
  },
})

/** Keeps a node running until Ctrl-C, and says when the frontier moves. */
export async function runNode(home: Home, addresses: string | undefined): Promise<void> {
  const signal = interruptible()
  const listen = addresses?.split(',').filter(Boolean)
  const running = await startNode({ home, ...(listen ? { listen } : {}) })
  try {
    console.log(`Node of network ${home.genesis.networkId}. Others join with:`)
    for (const address of running.service.node.addresses()) console.log(`  collatz join ${address}`)
    let shown = ''
    const show = () => {
      const sentence = frontierSentence(home.genesis, running.service.state().frontier)
      if (sentence !== shown) console.log(sentence)
      shown = sentence
    }
    show()
    running.service.events.on('change', show)
    running.service.events.on('notice', ({ text }) => console.error(text))
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
  } finally {
    await running.stop()
  }
}
