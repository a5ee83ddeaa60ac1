import { defineCommand } from 'citty'
import { certificateFiles, certificatePath, readCertificateFile } from '../orbit/node/certificates.ts'
import { homeDirectory, openHome } from '../orbit/node/home.ts'
import { EXIT, shared, UserError } from './command.ts'
import { printJson } from './print.ts'

export const certificate = defineCommand({
  meta: { name: 'certificate', description: 'where the certificate of a window is; without a window, all of them' },
  args: {
    window: { type: 'positional', description: 'w: the window [w*2^W, (w+1)*2^W)', required: false },
    ...shared,
  },
  run({ args }) {
    const home = openHome(homeDirectory(args.data))
    if (args.window === undefined) {
      const files = certificateFiles(home.directory)
      if (args.json) return printJson(files)
      if (files.length === 0) console.log('No window is certified yet: `collatz work` does that.')
      for (const { path } of files) console.log(path)
      return
    }
    if (!/^(0|[1-9][0-9]{0,39})$/.test(args.window)) {
      throw new UserError(`"${args.window}" is not a window: give w, a whole number`, EXIT.usage)
    }
    const window = BigInt(args.window)
    const { genesis } = home
    if (window < genesis.firstWindow || window >= 1n << 96n) {
      throw new UserError(
        `window ${window} is out of range: this network's windows begin at ${genesis.firstWindow}`,
        EXIT.usage,
      )
    }
    if (!readCertificateFile(home.directory, window)) {
      throw new UserError(
        `window ${window} has no certificate here: \`collatz status\` shows which windows are certified`,
      )
    }
    const path = certificatePath(home.directory, window)
    if (args.json) printJson({ window, path })
    else console.log(path)
  },
})
