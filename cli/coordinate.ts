import { defineCommand } from 'citty'
import { homeDirectory, openHome } from '../orbit/node/home.ts'
import { publicKeyOf } from '../orbit/rules/statement.ts'
import { shared, UserError } from './command.ts'
import { runNode } from './node.ts'

export const coordinate = defineCommand({
  meta: { name: 'coordinate', description: 'seal draws for a network whose genesis names this node, until Ctrl-C' },
  args: {
    listen: { type: 'string', description: 'multiaddrs to listen on, separated by commas', valueHint: 'ADDRS' },
    data: shared.data,
  },
  async run({ args }) {
    const home = openHome(homeDirectory(args.data))
    const { coordinators } = home.genesis.body
    if (!coordinators.includes(publicKeyOf(home.nodeKey))) {
      throw new UserError(
        `this node is no coordinator of network ${home.genesis.networkId}: its genesis names ` +
          `${coordinators.map((key) => key.slice(0, 12)).join(', ')}. Take part with \`collatz work\``,
      )
    }
    await runNode(home, args.listen)
  },
})
