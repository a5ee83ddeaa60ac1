import { readFileSync } from 'node:fs'
import { defineCommand } from 'citty'
import { certificateFiles } from '../orbit/node/certificates.ts'
import { homeDirectory, openHome } from '../orbit/node/home.ts'
import { frontierSentence, gapsOf } from '../orbit/rules/frontier.ts'
import { rawCid } from '../orbit/rules/genesis.ts'
import { shared } from './command.ts'
import { printJson, table } from './print.ts'
import { readSource } from './source.ts'

export const frontier = defineCommand({
  meta: {
    name: 'frontier',
    description: 'how far it is verified, as a theorem: the baseline, the certificates by their CIDs, and the gaps',
  },
  args: { ...shared },
  async run({ args }) {
    const home = openHome(homeDirectory(args.data))
    const { state } = await readSource(home)
    const { genesis, frontier: reached } = state
    const certificates = certificateFiles(home.directory).map(({ window, path }) => ({
      window,
      cid: rawCid(new Uint8Array(readFileSync(path))).toString(),
      path,
    }))
    const end = genesis.firstWindow + BigInt(reached.windows)
    const under = certificates.filter(({ window }) => window < end)
    const gaps = gapsOf(genesis, reached)
    const theorem = frontierSentence(genesis, reached)
    if (args.json) {
      const { citation, url } = genesis.body.baseline
      return printJson({
        ...{ theorem, network: genesis.networkId, below: reached.below, windows: reached.windows },
        ...{ baseline: { below: genesis.baseline, citation, url }, certificates: under, beyond: reached.beyond, gaps },
      })
    }
    const lines = [theorem, '', `network   ${genesis.networkId}`, `baseline  ${genesis.body.baseline.url}`]
    if (under.length > 0) {
      lines.push(
        '',
        table(
          ['window', 'CID of its certificate'],
          under.map(({ window, cid }) => [window.toString(), cid]),
        ),
      )
      lines.push('', 'Check one: collatz verify FILE (`collatz certificate` says where they are)')
    }
    if (under.length < reached.windows) {
      lines.push('', `${reached.windows - under.length} of the certificates are not here yet`)
    }
    for (const { from, to } of gaps) {
      lines.push(
        `gap       ${from === to ? `window ${from}` : `windows ${from} to ${to}`}: what is certified beyond waits`,
      )
    }
    console.log(lines.join('\n'))
  },
})
