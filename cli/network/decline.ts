/**
 * `collatz decline`: gives back the units that this node owes, through the running node or with one
 * that is started for it.
 */
import { defineCommand } from 'citty'
import { askNode } from '../../orbit/node/home/control.ts'
import { homeDirectory, openHome } from '../../orbit/node/home/home.ts'
import { shared } from '../shell/command.ts'
import { printJson } from '../shell/print.ts'
import { declineAll, withNode } from './running-node.ts'

export const decline = defineCommand({
  meta: {
    name: 'decline',
    description:
      'give back the units you were dealt, so that others begin at once (it counts as missing them), and ask for no more; draws already sealed may still deal you some',
  },
  args: { ...shared },
  async run({ args }) {
    const home = openHome(homeDirectory(args.data))
    let wasRunning = false
    const declined = await withNode(
      home,
      async (service) => {
        await service.firstRound()
        return declineAll(service)
      },
      () => {
        wasRunning = true
        return askNode<number>(home.directory, 'decline')
      },
    )
    if (args.json) return printJson({ declined })
    console.log(
      (declined === 0 ? 'You owe no units.' : `Gave back ${declined} ${declined === 1 ? 'unit' : 'units'}.`) +
        (wasRunning ? ' The node that runs asks for no more until it is started again.' : '') +
        ' Draws that are sealed already may still deal you some.',
    )
  },
})
