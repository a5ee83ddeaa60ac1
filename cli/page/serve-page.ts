/** `collatz leaderboard serve`: the page on this machine, over HTTP. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { defineCommand } from 'citty'
import { homeDirectory, openHome } from '../../orbit/node/home/home.ts'
import { serveSite } from '../../site/serve.ts'
import { fired, interruptible, shared, wholeNumber } from '../shell/command.ts'
import { buildSite } from './build-page.ts'

export const serve = defineCommand({
  meta: { name: 'serve', description: 'show the page on this machine, until Ctrl-C' },
  args: {
    dir: { type: 'string', description: 'a folder that `build` wrote (default: build a fresh one)', valueHint: 'DIR' },
    port: { type: 'string', description: 'port (default 8471; 0: any free one)', valueHint: 'PORT' },
    host: { type: 'string', description: 'address to listen on (default 127.0.0.1)', valueHint: 'HOST' },
    data: shared.data,
  },
  async run({ args }) {
    const port = args.port === undefined ? 8471 : wholeNumber('--port', args.port, 0, 65535)
    const signal = interruptible()
    const scratch = args.dir === undefined ? mkdtempSync(join(tmpdir(), 'collatz-page-')) : null
    const dir = scratch ? join(scratch, 'page') : resolve(args.dir!)
    try {
      if (scratch) await buildSite(openHome(homeDirectory(args.data)), dir)
      const server = await serveSite(dir, { port, hostname: args.host ?? '127.0.0.1' })
      console.log(`The page is at ${server.url} (Ctrl-C to stop).`)
      await fired(signal)
      await server.stop()
    } finally {
      if (scratch) rmSync(scratch, { recursive: true, force: true })
    }
  },
})
