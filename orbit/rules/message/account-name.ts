/**
 * The names that an account may register.
 *
 * All nodes have to agree on this for good, so it is stated in ranges of code points and depends on
 * no version of Unicode: what is unassigned today may be a letter tomorrow. A name has no controls,
 * nothing that turns the direction of the text around it, nothing that takes no room, and no space
 * at either end; joiners stand between other characters, as in an emoji of several parts. Programs
 * refuse more when a name is chosen, and show less of one that a stranger chose (site/text.ts).
 */
import { z } from 'zod'

/**
 * Code points of a name. 40 emoji of the longest kind, two persons of different skins, have 10
 * each.
 */
export const MAX_NAME_POINTS = 400

const REFUSED = [
  // Controls, and the separators of lines and paragraphs.
  ...['\\u0000-\\u001f', '\\u007f-\\u009f', '\\u2028', '\\u2029'],
  // Bidirectional controls.
  ...['\\u061c', '\\u200e', '\\u200f', '\\u202a-\\u202e', '\\u2066-\\u2069'],
  // Of no width; with them the invisible operators, deprecated controls and tags.
  ...['\\u200b', '\\u2060-\\u2065', '\\u206a-\\u206f', '\\ufeff', '\\u{e0000}-\\u{e0fff}'],
].join('')
const SPACES = ' \\u00a0\\u1680\\u2000-\\u200a\\u202f\\u205f\\u3000'
/** Zero width non-joiner and joiner. */
const JOINERS = '\\u200c\\u200d'

const END = `[^${REFUSED}${SPACES}${JOINERS}]`

/** A text of 1 to 400 code points. One pattern, so that the published schema says all of it. */
export const accountName = z
  .string()
  .regex(
    new RegExp(`^(?=[\\s\\S]{1,${MAX_NAME_POINTS}}$)(?![\\s\\S]*[${JOINERS}]{2})${END}(?:[^${REFUSED}]*${END})?$`, 'u'),
    `must be 1 to ${MAX_NAME_POINTS} code points, without controls, invisible characters and spaces at its ends`,
  )
