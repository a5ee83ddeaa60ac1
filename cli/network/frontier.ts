/** `collatz frontier`: the verified limit as a theorem, with all that it rests on. */
import { readFileSync } from 'node:fs'
import { defineCommand } from 'citty'
import { certificateFiles } from '../../orbit/node/home/certificate-files.ts'
import { homeDirectory, openHome } from '../../orbit/node/home/home.ts'
import { equalBytes } from '../../orbit/rules/base/bytes.ts'
import { rawCid } from '../../orbit/rules/base/cid.ts'
import { RuleError } from '../../orbit/rules/base/statement.ts'
import { parseCertificate } from '../../orbit/rules/certificate/format.ts'
import type { Genesis } from '../../orbit/rules/network/genesis.ts'
import { frontierSentence, gapsOf } from '../../orbit/rules/state/frontier.ts'
import { shared } from '../shell/command.ts'
import { printJson, table } from '../shell/print.ts'
import { readSource } from './state-source.ts'

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
    const end = genesis.firstWindow + BigInt(reached.windows)
    const certificates = certificateFiles(home.directory).flatMap(({ window, path }) => {
      const bytes = new Uint8Array(readFileSync(path))
      return window >= genesis.firstWindow && window < end && isOf(genesis, window, bytes)
        ? [{ window, cid: rawCid(bytes).toString(), path }]
        : []
    })
    const missing: bigint[] = []
    const present = new Set(certificates.map(({ window }) => window))
    for (let window = genesis.firstWindow; window < end; window++) if (!present.has(window)) missing.push(window)
    const gaps = gapsOf(genesis, reached)
    const theorem = frontierSentence(genesis, reached)
    if (args.json) {
      const { citation, url } = genesis.body.baseline
      return printJson({
        ...{ theorem, network: genesis.networkId, below: reached.below, windows: reached.windows },
        ...{
          baseline: { below: genesis.baseline, citation, url },
          certificates,
          missing,
          beyond: reached.beyond,
          gaps,
        },
      })
    }
    const lines = [theorem, '', `network   ${genesis.networkId}`, `baseline  ${genesis.body.baseline.url}`]
    if (certificates.length > 0) {
      lines.push(
        '',
        table(
          ['window', 'CID of its certificate'],
          certificates.map(({ window, cid }) => [window.toString(), cid]),
        ),
      )
      lines.push('', 'Check one: collatz verify FILE (`collatz certificate` says where they are)')
    }
    if (missing.length > 0) {
      const named = `${missing.slice(0, 8).join(', ')}${missing.length > 8 ? ', …' : ''}`
      lines.push(
        '',
        `Not here, or not what it should be: the ${missing.length === 1 ? 'certificate' : 'certificates'} of ${named}.`,
      )
      lines.push('The theorem rests on them; the documents here say that they are certified.')
    }
    for (const { from, to } of gaps) {
      lines.push(
        `gap       ${from === to ? `window ${from}` : `windows ${from} to ${to}`}: what is certified beyond waits`,
      )
    }
    console.log(lines.join('\n'))
  },
})

/**
 * Whether a file is a certificate of the whole window, in this network. `collatz verify FILE`
 * checks all of it.
 */
function isOf(genesis: Genesis, window: bigint, bytes: Uint8Array): boolean {
  try {
    const file = parseCertificate(bytes)
    return file.scope === 'window' && file.window === window.toString() && equalBytes(file.genesis, genesis.bytes)
  } catch (error) {
    if (error instanceof RuleError) return false
    throw error
  }
}
