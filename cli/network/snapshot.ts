/** `collatz snapshot`: the certified windows in one CAR file, to be handed to newcomers. */
import { existsSync } from 'node:fs'
import { defineCommand } from 'citty'
import { writeSnapshot } from '../../orbit/node/archive/snapshot.ts'
import { certificateFiles, readCertificateFile } from '../../orbit/node/home/certificate-files.ts'
import { homeDirectory, openHome } from '../../orbit/node/home/home.ts'
import { shared } from '../shell/command.ts'
import { UserError } from '../shell/errors.ts'
import { printJson } from '../shell/print.ts'

export const snapshot = defineCommand({
  meta: {
    name: 'snapshot',
    description: 'write the certified windows into one CAR file, for newcomers: `collatz join … --snapshot FILE`',
  },
  args: {
    file: { type: 'positional', description: 'where to write it', required: true },
    force: { type: 'boolean', description: 'write over a file that is there' },
    ...shared,
  },
  async run({ args }) {
    const home = openHome(homeDirectory(args.data))
    if (existsSync(args.file) && !args.force) {
      throw new UserError(`${args.file} is there already: give another name, or --force to write over it`)
    }
    const windows = certificateFiles(home.directory).map(({ window }) => window)
    if (windows.length === 0) throw new UserError('no window is certified yet: there is nothing to take a snapshot of')
    const written = await writeSnapshot(
      args.file,
      home.genesis,
      windows,
      (window) => readCertificateFile(home.directory, window)!,
      // To be handed to others.
      0o666,
    )
    const root = written.root.toString()
    if (args.json) return printJson({ file: args.file, root, windows: written.windows })
    console.log(`${args.file}: ${written.windows} ${written.windows === 1 ? 'window' : 'windows'}, root ${root}`)
  },
})
