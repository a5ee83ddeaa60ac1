/**
 * `collatz certificate`: the file of a window, or one that is made of some of its units.
 *
 * `collatz work` writes the files of whole windows by itself; `collatz verify` checks them.
 */
import { existsSync, writeFileSync } from 'node:fs'
import { defineCommand } from 'citty'
import { certificateFiles, certificatePath, readCertificateFile } from '../../orbit/node/home/certificate-files.ts'
import { type Home, homeDirectory, openHome } from '../../orbit/node/home/home.ts'
import { writeCertificate } from '../../orbit/rules/certificate/write.ts'
import { documentKey, registrationDocument } from '../../orbit/rules/message/documents.ts'
import { openRegistration } from '../../orbit/rules/message/registration.ts'
import { shared, unitsOf } from '../shell/command.ts'
import { EXIT, UserError } from '../shell/errors.ts'
import { printJson } from '../shell/print.ts'
import { numberOf } from '../shell/whole-numbers.ts'
import { readLeafRecords, readSource } from './state-source.ts'

export const certificate = defineCommand({
  meta: {
    name: 'certificate',
    description: 'the certificate of a window, or of some of its units; without a window, where all of them are',
  },
  args: {
    window: { type: 'positional', description: 'w: the window [w*2^W, (w+1)*2^W)', required: false },
    units: {
      type: 'string',
      description: 'only of these units, also if others are not certified yet',
      valueHint: 'U,U',
    },
    out: { type: 'string', description: 'write it to a file', valueHint: 'FILE' },
    ...shared,
  },
  async run({ args }) {
    const home = openHome(homeDirectory(args.data))
    if (args.window === undefined) {
      if (args.units !== undefined || args.out !== undefined) {
        throw new UserError('name the window: `collatz certificate W`', EXIT.usage)
      }
      const files = certificateFiles(home.directory)
      if (args.json) return printJson(files)
      if (files.length === 0) console.log('No window is certified yet: `collatz work` does that.')
      for (const { path } of files) console.log(path)
      return
    }
    const window = windowOf(home, args.window)
    if (args.units !== undefined && args.out === undefined) {
      throw new UserError('--units makes a new file: say where to write it with --out FILE', EXIT.usage)
    }
    if (args.out === '') throw new UserError('--out needs the name of a file', EXIT.usage)
    const bytes = args.units === undefined ? wholeOf(home, window) : await partOf(home, window, unitsOf(args.units))
    if (args.out !== undefined) {
      if (existsSync(args.out)) throw new UserError(`${args.out} is there already: give another name`)
      writeFileSync(args.out, bytes)
    }
    const path = args.out ?? certificatePath(home.directory, window)
    if (args.json) printJson({ window, path })
    else console.log(path)
  },
})

function windowOf({ genesis }: Home, text: string): bigint {
  const window = numberOf('the window', text)
  if (window < genesis.firstWindow || window >= 1n << 96n) {
    throw new UserError(
      `window ${text} is out of range: this network's windows are ${genesis.firstWindow} to 2^96 - 1`,
      EXIT.usage,
    )
  }
  return window
}

function wholeOf(home: Home, window: bigint): Uint8Array {
  const bytes = readCertificateFile(home.directory, window)
  if (bytes) return bytes
  throw new UserError(`window ${window} has no certificate here: \`collatz status\` shows which windows are certified`)
}

/** From the documents that are here, and leaves that are here or with peers. */
async function partOf(home: Home, window: bigint, units: readonly number[]): Promise<Uint8Array> {
  const { state, documents, memory } = await readSource(home)
  if (state.windows.get(window)?.settled) {
    throw new UserError(`window ${window} is settled, and its documents are gone: its certificate is all that is left`)
  }
  const counted = units.flatMap((unit) => state.windows.get(window)?.certified.get(unit)?.settlement.counted ?? [])
  const records = await readLeafRecords(home, [...new Set(counted.map(({ item }) => item.result.leaves))])
  const registrations = new Map(
    documents.accounts.map((document) => {
      const { node, account } = openRegistration(home.genesis, document, memory)
      return [documentKey.registration(node, account), document]
    }),
  )
  const sources = {
    leaves: (cid: string) => records.get(cid),
    registration: (node: string, account: string) =>
      registrationDocument.parse(registrations.get(documentKey.registration(node, account))),
  }
  return writeCertificate(state, window, sources, units)
}
