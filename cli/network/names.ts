/**
 * Names as their owners give them, for an account or a network.
 *
 * Stricter than the protocol (orbit/rules/message/account-name.ts): a name is taken only if every
 * reader is shown all of it, in the terminal and on the page, so that what deceives or can't be
 * seen is refused where somebody can still change it.
 */
import { MAX_NAME_POINTS } from '../../orbit/rules/message/account-name.ts'
import { charactersOf, LONGEST_NAME, plainText } from '../../site/text.ts'
import { EXIT, UserError } from '../shell/errors.ts'

/** Characters and code points of a network's name; the genesis counts the latter. */
const LONGEST_NETWORK_NAME = 64

/** @param points the most code points: a character may have several */
function nameOf(flag: string, text: string, longest: number, points: number): string {
  const wrong = (why: string) => new UserError(`${flag} ${why}`, EXIT.usage)
  const name = text.normalize('NFC').trim().replace(/ +/g, ' ')
  if (name === '') throw wrong(`is empty: give 1 to ${longest} characters`)
  const { length } = charactersOf(name)
  if (length > longest) throw wrong(`has ${length} characters: ${longest} are the most`)
  const shown = plainText(name, longest)
  if (shown !== name) throw wrong(`has ${hiddenIn(name, shown)}, which readers are not shown: leave it out`)
  if ([...name].length > points) throw wrong(`has ${[...name].length} code points: ${points} are the most`)
  return name
}

/** The first character that is not shown as it is: `U+202E`. */
function hiddenIn(name: string, shown: string): string {
  const visible = [...shown]
  const hidden = [...name].find((point, at) => point !== visible[at])!
  return `U+${hidden.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`
}

const systemName = (): string => process.env.USER ?? process.env.LOGNAME ?? ''

/**
 * The name of an account.
 *
 * @param given undefined: that of the system's user
 * @throws {UserError}
 */
export function accountNameOf(given: string | undefined): string {
  if (given !== undefined) return nameOf('--name', given, LONGEST_NAME, MAX_NAME_POINTS)
  try {
    return nameOf('--name', systemName(), LONGEST_NAME, MAX_NAME_POINTS)
  } catch {
    return 'anonymous'
  }
}

/** The name of a network. @throws {UserError} */
export const networkNameOf = (given: string): string =>
  nameOf('--network', given, LONGEST_NETWORK_NAME, LONGEST_NETWORK_NAME)
