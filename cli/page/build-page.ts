/** `collatz leaderboard build`: the page as static files. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { defineCommand } from 'citty'
import { certificateFiles } from '../../orbit/node/home/certificate-files.ts'
import { type Home, homeDirectory, openHome } from '../../orbit/node/home/home.ts'
import { siteDataOf } from '../../site/collect.ts'
import { renderSite } from '../../site/render.ts'
import { presentRound, readSource } from '../network/state-source.ts'
import { shared } from '../shell/command.ts'
import { printJson } from '../shell/print.ts'

export const build = defineCommand({
  meta: { name: 'build', description: 'write the page as static files: no JavaScript needed, works under any path' },
  args: {
    out: { type: 'string', description: 'folder to write to', valueHint: 'DIR', required: true },
    ...shared,
  },
  async run({ args }) {
    const out = resolve(args.out)
    const written = await buildSite(openHome(homeDirectory(args.data)), out)
    if (args.json) return printJson({ out, ...written })
    console.log(
      `Wrote ${written.files.length} files to ${out}. Look at them with \`collatz leaderboard serve --dir ${args.out}\`.`,
    )
  },
})

const LOOPBACK = /^\/(ip4\/127\.|ip6\/::1\/|dns\w*\/localhost\/)/
const PRIVATE = /^\/(ip4\/(10\.|192\.168\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.)|ip6\/(fe80|f[cd][0-9a-f]{2}):)/i

/**
 * Of a node's addresses the one that most others can reach: a public one, else one of the local
 * network.
 */
export function widestAddress(addresses: readonly string[]): string | null {
  const reach = (address: string) => (LOOPBACK.test(address) ? 2 : PRIVATE.test(address) ? 1 : 0)
  return [...addresses].sort((a, b) => reach(a) - reach(b))[0] ?? null
}

export async function buildSite(home: Home, out: string) {
  const { state, live } = await readSource(home)
  const certificates = new Map(
    certificateFiles(home.directory).map(({ window, name, path }) => [
      window,
      { name, bytes: new Uint8Array(readFileSync(path)) },
    ]),
  )
  const data = siteDataOf(state, {
    certificates,
    join: live ? widestAddress(live.addresses) : null,
    asOf: { round: presentRound(home, live), time: Date.now() },
  })
  return renderSite(data, out, {
    certificates: new Map([...certificates.values()].map(({ name, bytes }) => [name, bytes])),
  })
}
