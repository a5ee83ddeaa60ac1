import { resolve } from 'node:path'
import { defineCommand } from 'citty'
import { askNode } from '../../orbit/node/home/control.ts'
import { homeDirectory, openHome } from '../../orbit/node/home/home.ts'
import { DataDirectoryInUse } from '../../orbit/node/storage/sqlite.ts'
import { startNode } from '../network/running.ts'
import { shared } from '../shell/command.ts'
import { printJson } from '../shell/print.ts'
import { fetchSite } from './publishing.ts'

export const fetch = defineCommand({
  meta: { name: 'fetch', description: 'resolve an IPNS name that somebody published and write the page' },
  args: {
    name: { type: 'positional', description: 'the name, with or without /ipns/', required: true },
    out: { type: 'string', description: 'folder to write to', valueHint: 'DIR', required: true },
    ...shared,
  },
  async run({ args }) {
    const home = openHome(homeDirectory(args.data))
    const name = args.name.replace(/^\/ipns\//, '')
    const out = resolve(args.out)
    const cid = await fetched()
    if (args.json) printJson({ name, cid, out })
    else console.log(`/ipns/${name}\n  -> /ipfs/${cid}, written to ${out}`)

    async function fetched(): Promise<string> {
      let node: Awaited<ReturnType<typeof startNode>>
      try {
        node = await startNode({ home })
      } catch (error) {
        if (!(error instanceof DataDirectoryInUse)) throw error
        return askNode<string>(home.directory, 'fetch', { name, out })
      }
      try {
        return await fetchSite(node.service, name, out)
      } finally {
        await node.stop()
      }
    }
  },
})
