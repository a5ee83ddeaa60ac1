/**
 * `collatz verify`: finds out what it was given, a number, a certificate, a folder of them, a
 * snapshot or a fraud proof, and has that checked.
 */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { defineCommand } from 'citty'
import { shared, unitsOf, wholeNumber } from '../shell/command.ts'
import { EXIT, UserError } from '../shell/errors.ts'
import { isNumber, looksLikeNumber, numberOf } from '../shell/whole-numbers.ts'
import { verifyCertificate } from './verify-certificate.ts'
import { verifyDraw } from './verify-draw.ts'
import { isFraudProof, verifyFraud } from './verify-fraud-proof.ts'
import { isSnapshot, verifyFrontier } from './verify-frontier.ts'
import { verifyNumber } from './verify-number.ts'
import { verifyWindow } from './verify-window.ts'

export const verify = defineCommand({
  meta: {
    name: 'verify',
    description:
      'check certificates or a fraud proof offline, a number, a window (verify window W) or a draw (verify draw E)',
  },
  args: {
    what: {
      type: 'positional',
      description: 'a certificate, a folder of them, a snapshot or a fraud proof; or a number (27, 2^71+1)',
      required: true,
    },
    seconds: {
      type: 'string',
      description:
        'time for a certificate: when the rest is checked, leaves drawn at random are recomputed (default 10)',
      valueHint: 'S',
    },
    units: {
      type: 'string',
      description: 'units of a certificate to recompute whole, separated by commas',
      valueHint: 'U,U',
    },
    network: { type: 'string', description: 'refuse a file of any network but this one', valueHint: 'ID' },
    json: shared.json,
  },
  subCommands: { window: verifyWindow, draw: verifyDraw },
  async run({ args }) {
    if (isNumber(args.what)) {
      const stray = ['seconds', 'units', 'network'].find((flag) => args[flag as 'seconds'] !== undefined)
      if (stray) throw new UserError(`--${stray} is for files, and ${args.what} is a number`, EXIT.usage)
      return verifyNumber(numberOf('the number', args.what), Boolean(args.json))
    }
    const seconds = args.seconds === undefined ? 10 : wholeNumber('--seconds', args.seconds, 1, 1_000_000)
    const { network, json } = args
    const options = { seconds, units: args.units === undefined ? [] : unitsOf(args.units), network, json }
    if (isFolder(args.what)) return verifyFrontier(args.what, true, options)
    if (isSnapshot(args.what)) return verifyFrontier(args.what, false, options)
    const bytes = readFile(args.what)
    if (!isFraudProof(bytes)) return verifyCertificate(args.what, bytes, options)
    if (args.seconds !== undefined || args.units !== undefined) {
      throw new UserError('--seconds and --units are for certificates: a fraud proof names its leaf', EXIT.usage)
    }
    await verifyFraud(args.what, bytes, { network, json })
  },
})

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false

const LARGEST_FILE = 1 << 30

function readFile(path: string): Uint8Array {
  const give = 'give a certificate (`collatz certificate` lists yours), a fraud proof, or a number such as 2^71+1'
  if (path.trim() === '') throw new UserError(`what is to be verified is empty: ${give}`, EXIT.usage)
  if (!existsSync(path)) {
    // Throws, as it is no number that is read.
    if (looksLikeNumber(path)) numberOf('the number', path)
    throw new UserError(`there is no file ${path}: ${give}`)
  }
  if (!statSync(path).isFile()) throw new UserError(`${path} is neither a file nor a folder: ${give}`)
  if (statSync(path).size > LARGEST_FILE) throw new UserError(`${path} is over 1 GiB: that is no certificate`)
  return new Uint8Array(readFileSync(path))
}
