import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineCommand } from 'citty'
import { askNode } from '../../orbit/node/home/control.ts'
import { type Home, homeDirectory, openHome } from '../../orbit/node/home/home.ts'
import { DataDirectoryInUse } from '../../orbit/node/storage/sqlite.ts'
import { type RunningNode, startNode } from '../network/running.ts'
import { fired, interruptible, shared } from '../shell/command.ts'
import { note, printJson } from '../shell/print.ts'
import { buildSite } from './build.ts'
import { type Published, publishSite } from './publishing.ts'

export const publish = defineCommand({
  meta: { name: 'publish', description: 'add the page to IPFS and point your IPNS name at it' },
  args: {
    once: { type: 'boolean', description: 'without a running node: leave at once instead of serving it until Ctrl-C' },
    ...shared,
  },
  async run({ args }) {
    const home = openHome(homeDirectory(args.data))
    const scratch = mkdtempSync(join(tmpdir(), 'collatz-page-'))
    const tell = (published: Published) =>
      args.json
        ? printJson(published)
        : console.log(`Published /ipns/${published.name}\n       -> /ipfs/${published.cid}`)
    try {
      const page = join(scratch, 'page')
      await buildSite(home, page)
      const node = await ownNode(home)
      if (node === null) return tell(await askNode<Published>(home.directory, 'publish', page))
      try {
        tell(await publishSite(node.service, page))
        if (!args.once) await stayed()
      } finally {
        await node.stop()
      }
    } finally {
      rmSync(scratch, { recursive: true, force: true })
    }
  },
})

/** null when a node runs on the data directory already: it is asked instead. */
async function ownNode(home: Home): Promise<RunningNode | null> {
  try {
    return await startNode({ home })
  } catch (error) {
    if (error instanceof DataDirectoryInUse) return null
    throw error
  }
}

function stayed(): Promise<void> {
  const signal = interruptible()
  note('Serving it until Ctrl-C: a page is there as long as a node that has it is.')
  return fired(signal)
}
