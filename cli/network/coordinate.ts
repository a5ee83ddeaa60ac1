/**
 * `collatz coordinate`: a node that seals draws, and the keys that the founder of its network needs
 * beforehand.
 */
import { defineCommand } from 'citty'
import { homeDirectory, openHome, prepareKeys } from '../../orbit/node/home/home.ts'
import { publicKeyOf } from '../../orbit/rules/base/statement.ts'
import { shared } from '../shell/command.ts'
import { UserError } from '../shell/errors.ts'
import { printJson } from '../shell/print.ts'
import { runNode } from './node.ts'

export const coordinate = defineCommand({
  meta: { name: 'coordinate', description: 'seal draws for a network whose genesis names this node, until Ctrl-C' },
  args: {
    prepare: { type: 'boolean', description: 'only make this node’s keys and print what its network’s founder needs' },
    listen: { type: 'string', description: 'multiaddrs to listen on, separated by commas', valueHint: 'ADDRS' },
    ...shared,
  },
  async run({ args }) {
    const directory = homeDirectory(args.data)
    if (args.prepare) return prepare(directory, Boolean(args.json), args.data)
    const home = openHome(directory)
    const { coordinators } = home.genesis.body
    if (!coordinators.includes(publicKeyOf(home.nodeKey))) {
      throw new UserError(
        `this node is no coordinator of network ${home.genesis.networkId}: its genesis names ` +
          `${coordinators.map((key) => key.slice(0, 12)).join(', ')}. Take part with \`collatz work\``,
      )
    }
    await runNode(home, args.listen, { sealed: true, json: Boolean(args.json) })
  },
})

function prepare(directory: string, json: boolean, data: string | undefined): void {
  const node = publicKeyOf(prepareKeys(directory).nodeKey)
  if (json) {
    printJson({ node, data: directory })
    return
  }
  const flag = data ? ` --data ${data}` : ''
  console.log(`Node key ${node}
  keys   ${directory} (back them up)
Give the node key to the founder of the network: collatz init --production --coordinators KEY,...
Then: collatz join ADDRESS${flag}; collatz coordinate${flag}`)
}
