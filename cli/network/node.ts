/**
 * `collatz node`: a node that computes nothing, and what it prints. `collatz coordinate` runs it
 * too.
 */
import { defineCommand } from 'citty'
import { type Home, homeDirectory, openHome } from '../../orbit/node/home/home.ts'
import type { Service } from '../../orbit/node/service.ts'
import { frontierSentence } from '../../orbit/rules/state/frontier.ts'
import { fired, interruptible, shared } from '../shell/command.ts'
import { note, printJsonLine } from '../shell/print.ts'
import { noBeacon, startNode, WAIT_NOTICE_MS } from './running-node.ts'

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

export interface RunNode {
  /** Say which draws it seals. */
  readonly sealed?: boolean
  /** Events as lines of JSON, and nothing else, on stdout. */
  readonly json?: boolean
}

/** Keeps a node running until Ctrl-C, and says when the frontier moves. */
export async function runNode(home: Home, addresses: string | undefined, options: RunNode = {}): Promise<void> {
  const { sealed = false, json = false } = options
  const signal = interruptible()
  const listen = addresses?.split(',').filter(Boolean)
  const { service, stop } = await startNode({ home, ...(listen ? { listen } : {}) })
  try {
    sayStart(service, json)
    if (!json) sayFrontier(service)
    service.events.on('notice', ({ text }) => note(text))
    const waiting = setTimeout(() => service.round() === null && note(noBeacon(service)), WAIT_NOTICE_MS)
    signal.addEventListener('abort', () => clearTimeout(waiting))
    if (sealed) {
      service.events.on('sealed', (draw) => {
        if (json) return printJsonLine({ event: 'sealed', ...draw })
        const { epoch, units, nodes } = draw
        console.log(`Sealed the draw of epoch ${epoch}: ${units} units for ${nodes} ${nodes === 1 ? 'node' : 'nodes'}.`)
      })
    }
    await fired(signal)
  } finally {
    await stop()
  }
}

const join = (address: string): string => `  collatz join ${address}`

function sayStart({ genesis, node, nodeKey }: Service, json: boolean): void {
  const { networkId } = genesis
  const addresses = node.addresses()
  if (json) printJsonLine({ event: 'started', network: networkId, node: nodeKey, addresses })
  else console.log([`Node of network ${networkId}. Others join with:`, ...addresses.map(join)].join('\n'))
}

function sayFrontier(service: Service): void {
  let shown = ''
  const show = () => {
    const sentence = frontierSentence(service.genesis, service.state().frontier)
    if (sentence !== shown) console.log(sentence)
    shown = sentence
  }
  show()
  service.events.on('change', show)
}
