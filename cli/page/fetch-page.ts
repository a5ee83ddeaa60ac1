/** `collatz leaderboard fetch`: a page that somebody published, by its IPNS name. */
import { resolve } from 'node:path'
import { defineCommand } from 'citty'
import { askNode } from '../../orbit/node/home/control.ts'
import { homeDirectory, openHome } from '../../orbit/node/home/home.ts'
import { checkReplaceable } from '../../site/output.ts'
import { withNode } from '../network/running-node.ts'
import { interruptible, shared } from '../shell/command.ts'
import { EXIT, UserError } from '../shell/errors.ts'
import { printJson } from '../shell/print.ts'
import { fetchSite } from './page-exchange.ts'

export const fetch = defineCommand({
  meta: { name: 'fetch', description: 'resolve an IPNS name that somebody published and write the page' },
  args: {
    name: { type: 'positional', description: 'the name, with or without /ipns/', required: true },
    out: {
      type: 'string',
      description: 'folder to write to: new, empty, or one that holds a page already',
      valueHint: 'DIR',
      required: true,
    },
    ...shared,
  },
  async run({ args }) {
    const home = openHome(homeDirectory(args.data))
    const name = args.name.replace(/^\/ipns\//, '')
    const out = resolve(args.out)
    if (out === process.cwd()) {
      throw new UserError('--out is the folder you are in, and the page would take its place: name another', EXIT.usage)
    }
    // Before a node is started: most mistakes are made here.
    await checkReplaceable(out)
    const signal = interruptible()
    const cid = await withNode(
      home,
      (service) => fetchSite(service, name, out, signal),
      () => askNode<string>(home.directory, 'fetch', { name, out }),
    )
    if (args.json) printJson({ name, cid, out })
    else console.log(`/ipns/${name}\n  -> /ipfs/${cid}, written to ${out}`)
  },
})
