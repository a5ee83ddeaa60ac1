/** `collatz leaderboard publish`: adds the page to IPFS and points this node's IPNS name at it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineCommand } from 'citty'
import { askNode } from '../../orbit/node/home/control.ts'
import { homeDirectory, openHome } from '../../orbit/node/home/home.ts'
import { withNode } from '../network/running-node.ts'
import { fired, interruptible, shared } from '../shell/command.ts'
import { note, printJson } from '../shell/print.ts'
import { buildSite } from './build-page.ts'
import { type Published, publishSite } from './page-exchange.ts'

export const publish = defineCommand({
  meta: { name: 'publish', description: 'add the page to IPFS and point your IPNS name at it' },
  args: {
    once: { type: 'boolean', description: 'without a running node: leave at once instead of serving it until Ctrl-C' },
    ...shared,
  },
  async run({ args }) {
    const home = openHome(homeDirectory(args.data))
    const scratch = mkdtempSync(join(tmpdir(), 'collatz-page-'))
    const show = (published: Published) => {
      if (args.json) printJson(published)
      else console.log(`Published /ipns/${published.name}\n       -> /ipfs/${published.cid}`)
    }
    try {
      const page = join(scratch, 'page')
      await buildSite(home, page)
      await withNode(
        home,
        async (service) => {
          show(await publishSite(service, page))
          if (!args.once) await untilInterrupted()
        },
        async () => show(await askNode<Published>(home.directory, 'publish', page)),
      )
    } finally {
      rmSync(scratch, { recursive: true, force: true })
    }
  },
})

function untilInterrupted(): Promise<void> {
  const signal = interruptible()
  note('Serving it until Ctrl-C: a page is there as long as a node that has it is.')
  return fired(signal)
}
