import { defineCommand } from 'citty'
import { shared, wholeNumber } from '../command.ts'
import { verifyDraw } from '../draw.ts'
import { verifyCertificate } from './certificate.ts'
import { verifyNumber } from './number.ts'
import { verifyWindow } from './window.ts'

export const verify = defineCommand({
  meta: {
    name: 'verify',
    description: 'check a certificate offline, a number, a window (verify window W) or a draw (verify draw E)',
  },
  args: {
    what: { type: 'positional', description: 'a certificate file, or a number', required: true },
    leaves: {
      type: 'string',
      description: 'leaves of a certificate to recompute, drawn at random here (default 1)',
      valueHint: 'K',
    },
    network: { type: 'string', description: 'refuse the certificate of any network but this one', valueHint: 'ID' },
    json: shared.json,
  },
  subCommands: { window: verifyWindow, draw: verifyDraw },
  async run({ args }) {
    if (/^[0-9]+$/.test(args.what)) return verifyNumber(args.what, Boolean(args.json))
    const leaves = args.leaves === undefined ? 1 : wholeNumber('--leaves', args.leaves, 0, 1_000_000)
    await verifyCertificate(args.what, { leaves, network: args.network, json: args.json })
  },
})
