import { defineCommand } from 'citty'
import { askNode } from '../../orbit/node/home/control.ts'
import { homeDirectory, openHome } from '../../orbit/node/home/home.ts'
import { DataDirectoryInUse } from '../../orbit/node/storage/sqlite.ts'
import { shared } from '../shell/command.ts'
import { printJson } from '../shell/print.ts'
import { declineAll, type RunningNode, startNode } from './running.ts'

export const decline = defineCommand({
  meta: {
    name: 'decline',
    description:
      'give back the units you were dealt, so that others begin at once (it counts as missing them), and ask for no more; draws already sealed may still deal you some',
  },
  args: { ...shared },
  async run({ args }) {
    const home = openHome(homeDirectory(args.data))
    let asked = false
    const declined = await declineSomewhere()
    if (args.json) printJson({ declined })
    else
      console.log(
        (declined === 0 ? 'You owe no units.' : `Gave back ${declined} ${declined === 1 ? 'unit' : 'units'}.`) +
          (asked ? ' The node that runs asks for no more until it is started again.' : '') +
          ' Draws that are sealed already may still deal you some.',
      )

    async function declineSomewhere(): Promise<number> {
      let node: RunningNode
      try {
        node = await startNode({ home })
      } catch (error) {
        if (!(error instanceof DataDirectoryInUse)) throw error
        asked = true
        return askNode<number>(home.directory, 'decline')
      }
      try {
        await node.service.firstRound()
        return await declineAll(node.service)
      } finally {
        await node.stop()
      }
    }
  },
})
