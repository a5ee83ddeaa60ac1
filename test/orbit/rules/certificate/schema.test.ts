/** The published schema of certificates is the one that this program checks by. */
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import Ajv from 'ajv/dist/2020.js'
import { FORMAT_VERSION } from '../../../../orbit/rules/certificate/format.ts'
import { certificateSchema, SCHEMAS } from '../../../../orbit/rules/certificate/schema.ts'
import { writeCertificate } from '../../../../orbit/rules/certificate/write.ts'
import { busiest, messagesOf, newParty } from '../messages.ts'
import { mutantsOf } from '../scenario/mutants.ts'

setDefaultTimeout(2_400_000)

const committed = JSON.parse(
  readFileSync(join(import.meta.dir, '../../../../orbit/rules/certificate/certificate.schema.json'), 'utf8'),
)
const ajv = new Ajv()
ajv.addSchema(committed)

/** The blocks that a certificate and the messages of a network are made of, by the names of their schemas. */
function blocks(): Map<string, unknown> {
  const party = newParty()
  const units = party.deal(2, 4)
  party.answerAll(units)
  const messages = messagesOf(party, units, busiest(party, units))
  const file = writeCertificate(party.state(), units[0]!.window, party.sources, [0])
  const { item } = party.result(units[0]!, party.claim(units[0]!))
  return new Map([
    ['certificate', dagJson.decode(file)],
    ['genesis', dagCbor.decode(party.genesis.bytes)],
    ['item', dagCbor.decode(item)],
    ...messages.flatMap(({ kind, value, parts }) =>
      parts.map(({ at }): [string, unknown] => [at === 'consent' ? at : kind, dagCbor.decode(value[at] as Uint8Array)]),
    ),
  ])
}

/** Where a field could be of another length, size or kind than its schema says. */
const LENGTHS = [0, 1, 16, 19, 32, 40, 41, 43, 48, 64, 65, 96, 100, 101, 300, 301, 500, 501]
const NUMBERS = [0, 1, 2, 3, 5, 12, 15, 16, 19, 20, 63, 64, 71, 72, 127, 128, 129, 3600, 3601, 4095, 4096, 4097, 65535]
const LARGE = [65536, 65537, 1e6, 1e6 + 1, 2 ** 20, 2 ** 20 + 1, 2 ** 53 - 1, 2 ** 53, 1e300, -1, 1.5]
const POOL: readonly unknown[] = [
  ...[null, true, false, [], {}, { more: 1 }, ...NUMBERS, ...LARGE],
  ...LENGTHS.flatMap((n) => ['a'.repeat(n), '7'.repeat(n), '\u{1f600}'.repeat(n), new Uint8Array(n)]),
]

/** The value with one of its fields replaced by each of the pool, or one of its lists by longer and shorter ones. */
function* replaced(value: unknown): Iterable<unknown> {
  yield* POOL
  if (Array.isArray(value)) {
    const isSmall = dagJson.encode(value[0] ?? null).length < 300
    for (const n of [0, 1, 2, 3, 4, 5, 12, 13, 32, 33, 64, 65, ...(isSmall ? [128, 129, 512, 513, 4096, 4097] : [])]) {
      yield Array.from({ length: n }, () => value[0] ?? null)
    }
    for (const i of value.every((v) => typeof v === typeof value[0]) ? [0] : value.keys()) {
      if (i in value) for (const other of replaced(value[i])) yield value.with(i, other)
    }
  } else if (value !== null && typeof value === 'object' && !(value instanceof Uint8Array)) {
    for (const [name, field] of Object.entries(value)) {
      for (const other of replaced(field)) yield { ...value, [name]: other }
    }
  }
}

const validated = (name: string, value: unknown) =>
  ajv.validate(`${committed.$id}#/$defs/${name}`, JSON.parse(Buffer.from(dagJson.encode(value)).toString()))

test('the committed file is what this program checks by; after a change `cli/dev/schema.ts` writes it anew', () => {
  expect(committed).toEqual(JSON.parse(JSON.stringify(certificateSchema())))
  expect(committed.$id).toBe(`urn:collatz:certificate:${FORMAT_VERSION}`)
  expect(Object.keys(committed.$defs).sort()).toEqual(Object.keys(SCHEMAS).sort())
})

const all = blocks()

describe.each(Object.keys(SCHEMAS))('of a block of kind %s', (name) => {
  test('it accepts and refuses what this program does, whatever is changed in it', () => {
    const block = all.get(name)
    const kinds = { accepted: 0, refused: 0 }
    expect(validated(name, block)).toBe(true)
    const changed = [...[...mutantsOf(block)].map(({ value }) => value), ...replaced(block)]
    for (const value of [block, ...changed]) {
      const parsed = SCHEMAS[name]!.safeParse(value)
      // What a schema in JSON can't say: what is sorted.
      const ours = parsed.success || parsed.error.issues.every(({ message }) => message === 'must ascend by epoch')
      if (validated(name, value) !== ours) expect([ours, value]).toEqual([!ours, value])
      kinds[ours ? 'accepted' : 'refused']++
    }
    expect(kinds.accepted).toBeGreaterThan(5)
    expect(kinds.refused).toBeGreaterThan(200)
  })
})
