/**
 * Text written by strangers (account names, a network's name, a citation), made harmless to show.
 *
 * React escapes markup; what is left is text that deceives the eye: overrides that turn its
 * direction round, characters that take no room, stacks of accents that cover the lines above, and
 * sheer length. What may stay is decided by Unicode properties (UAX #44), not by a list of bad
 * characters. Direction is isolated where the text is shown, by <bdi>.
 */

/** Controls, private use and unassigned code points; lone surrogates are replaced before. */
const UNPRINTABLE = /[\p{Cc}\p{Co}\p{Cn}]/gu
/**
 * Takes no room or steers the text around it: bidi controls, zero-width characters, variation
 * selectors, fillers, tags. An emoji of several parts (UTS #51) is matched too, as a whole: the
 * joiners in it are what makes it one.
 */
const INVISIBLE = /\p{RGI_Emoji}|[\p{Default_Ignorable_Code_Point}\p{Cf}]/gv
/** The blank braille cell: a letter by its properties, a gap to the eye. */
const BLANK_LETTER = /\u2800/gu
const SPACES = /[\p{Z}\s]+/gu
/**
 * More than two marks on one letter cover the neighbouring lines. No living orthography needs more.
 */
const STACKED_MARKS = /(\p{M}{2})\p{M}+/gu

const EMOJI = /\p{RGI_Emoji}/v
const characters = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** The characters of a text as readers count them: grapheme clusters (UAX #29). */
export const charactersOf = (text: string): string[] => [...characters.segment(text)].map(({ segment }) => segment)

/**
 * One line of at most `limit` characters that shows what it is. A cut is marked by an ellipsis,
 * inside the limit.
 * @param limit in characters as readers count them
 * @returns '' when nothing visible is left
 */
export function plainText(text: string, limit: number): string {
  const clean = text
    .slice(0, 32 * limit)
    .toWellFormed()
    .normalize('NFC')
    .replace(SPACES, ' ')
    .replace(UNPRINTABLE, '')
    .replace(INVISIBLE, (found) => (EMOJI.test(found) ? found : ''))
    .replace(BLANK_LETTER, '')
    .replace(STACKED_MARKS, '$1')
    .replace(/^\p{M}+/u, '')
    .replace(SPACES, ' ')
    .trim()
  // No character is shorter than a code unit.
  const shown = clean.length <= limit ? [] : charactersOf(clean)
  if (shown.length <= limit) return clean
  const cut = shown.slice(0, limit - 1).join('')
  return `${cut.trimEnd()}…`
}

/** Characters of an account's name. */
export const LONGEST_NAME = 40

/**
 * The name of an account as readers see it, in the terminal and on the page.
 * @returns '' when nothing visible is left
 */
export const shownName = (name: string): string => plainText(name, LONGEST_NAME)

/** The address when it is plain http or https without a password in it, otherwise null. */
export function webAddress(url: string): string | null {
  if (url.length > 2000 || !URL.canParse(url)) return null
  const parsed = new URL(url)
  if (parsed.protocol !== 'https:' && parsed.protocol !== 'http:') return null
  return parsed.username === '' && parsed.password === '' ? parsed.href : null
}
