/**
 * `collatz verify`: finds out what it was given, a number, a certificate or a fraud proof, and has
 * that checked.
 */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { defineCommand } from 'citty'
import { shared, unitsOf, wholeNumber } from '../shell/command.ts'
import { EXIT, UserError } from '../shell/errors.ts'
import { isNumber, looksLikeNumber, numberOf } from '../shell/whole-numbers.ts'
import { verifyCertificate } from './verify-certificate.ts'
import { verifyDraw } from './verify-draw.ts'
import { isFraudProof, verifyFraud } from './verify-fraud-proof.ts'
import { verifyNumber } from './verify-number.ts'
import { verifyWindow } from './verify-window.ts'

export const verify = defineCommand({
  meta: {
    name: 'verify',
    description:
      'check a certificate or a fraud proof offline, a number, a window (verify window W) or a draw (verify draw E)',
  },
  args: {
    what: {
      type: 'positional',
      description: 'a file: a certificate or a fraud proof; or a number (27, 2^71+1)',
      required: true,
    },
    leaves: {
      type: 'string',
      description: 'leaves of a certificate to recompute, drawn at random here (default 1)',
      valueHint: 'K',
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
      const stray = ['leaves', 'units', 'network'].find((flag) => args[flag as 'leaves'] !== undefined)
      if (stray) throw new UserError(`--${stray} is for files, and ${args.what} is a number`, EXIT.usage)
      return verifyNumber(numberOf('the number', args.what), Boolean(args.json))
    }
    const leaves = args.leaves === undefined ? 1 : wholeNumber('--leaves', args.leaves, 0, 1_000_000)
    const { network, json } = args
    const bytes = readFile(args.what)
    if (!isFraudProof(bytes))
      return verifyCertificate(args.what, bytes, {
        leaves,
        units: args.units === undefined ? [] : unitsOf(args.units),
        network,
        json,
      })
    if (args.leaves !== undefined || args.units !== undefined) {
      throw new UserError('--leaves and --units are for certificates: a fraud proof names its leaf', EXIT.usage)
    }
    await verifyFraud(args.what, bytes, { network, json })
  },
})

const LARGEST_FILE = 1 << 30

function readFile(path: string): Uint8Array {
  const give = 'give a certificate (`collatz certificate` lists yours), a fraud proof, or a number such as 2^71+1'
  if (path.trim() === '') throw new UserError(`what is to be verified is empty: ${give}`, EXIT.usage)
  if (!existsSync(path)) {
    // Throws, as it is no number that is read.
    if (looksLikeNumber(path)) numberOf('the number', path)
    throw new UserError(`there is no file ${path}: ${give}`)
  }
  if (!statSync(path).isFile()) throw new UserError(`${path} is not a file: ${give}`)
  if (statSync(path).size > LARGEST_FILE) throw new UserError(`${path} is over 1 GiB: that is no certificate`)
  return new Uint8Array(readFileSync(path))
}
