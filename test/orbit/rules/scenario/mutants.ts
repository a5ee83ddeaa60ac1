/** All that can be changed in a value, one thing at a time: every field of every object and array in it, and their bytes. */

export interface Mutant {
  /** The field that was changed: `claims[][4]` is the fifth of each claim. */
  readonly path: string
  readonly how: string
  readonly value: unknown
}

type Change = readonly [how: string, value: unknown]

function* changesOf(value: unknown): Iterable<Change> {
  if (value !== null) yield ['null', null]
  if (value instanceof Uint8Array) {
    for (const at of new Set([0, value.length >> 1, value.length - 1])) {
      const flipped = Uint8Array.from(value)
      flipped[at]! ^= 1 << (at % 8)
      yield [`bit of byte ${at}`, flipped]
    }
    yield ['a byte less', Uint8Array.from(value.subarray(0, -1))]
    yield ['a byte more', new Uint8Array([...value, 0])]
    yield ['text', Buffer.from(value).toString('hex')]
  } else if (typeof value === 'string') {
    for (const at of new Set([0, value.length >> 1, value.length - 1])) {
      yield [`character ${at}`, value.slice(0, at) + another(value[at] ?? '') + value.slice(at + 1)]
    }
    yield ['a character less', value.slice(0, -1)]
    yield ['a character more', value + (value.at(-1) ?? 'a')]
    yield ['empty', '']
    yield ['upper case', value === value.toUpperCase() ? `${value} ` : value.toUpperCase()]
    yield ['bytes', new TextEncoder().encode(value)]
  } else if (typeof value === 'number') {
    yield ['+1', value + 1]
    yield ['-1', value - 1]
    yield ['+1/2', value + 0.5]
    yield ['negative', -value - 1]
    yield ['text', String(value)]
  } else if (value === null) {
    yield ['0', 0]
  }
}

/** A character of the same kind, so that what it makes still has the right form. */
function another(character: string): string {
  if (/[0-8]/.test(character)) return String(Number(character) + 1)
  if (character === '9') return '1'
  if (/[b-y]/.test(character)) return character === 'f' ? 'e' : String.fromCharCode(character.charCodeAt(0) + 1)
  return character === 'a' ? 'b' : 'a'
}

/** @param path of the value itself */
export function* mutantsOf(value: unknown, path = ''): Iterable<Mutant> {
  const at = (how: string, changed: unknown): Mutant => ({ path, how, value: changed })
  if (Array.isArray(value)) {
    yield at('null', null)
    yield at('empty', [])
    yield at('an element more', [...value, null])
    // A row of likes may be of any length; a tuple may not.
    const inner = (i: number) => (value.some((v) => typeof v !== typeof value[0]) ? `${path}[${i}]` : `${path}[]`)
    for (const [i, element] of value.entries()) {
      yield at(`without element ${i}`, value.toSpliced(i, 1))
      yield at(`element ${i} twice`, value.toSpliced(i, 0, element))
      for (const mutant of mutantsOf(element, inner(i))) yield { ...mutant, value: value.with(i, mutant.value) }
    }
    if (value.length > 1) yield at('the first two swapped', value.with(0, value[1]).with(1, value[0]))
  } else if (value !== null && typeof value === 'object' && !(value instanceof Uint8Array)) {
    const fields = value as Record<string, unknown>
    yield at('null', null)
    yield at('a field more', { ...fields, extra: 0 })
    for (const [name, field] of Object.entries(fields)) {
      const inner = path === '' ? name : `${path}.${name}`
      const { [name]: _, ...without } = fields
      yield { path: inner, how: 'dropped', value: without }
      for (const mutant of mutantsOf(field, inner)) yield { ...mutant, value: { ...fields, [name]: mutant.value } }
    }
  } else for (const [how, changed] of changesOf(value)) yield at(how, changed)
}
