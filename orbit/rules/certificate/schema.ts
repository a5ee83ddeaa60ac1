/**
 * The schema of a certificate and of all that it carries as data, for programs that share no code
 * with this one: JSON Schema (draft 2020-12) of the dag-json form
 * (https://ipld.io/specs/codecs/dag-json/spec/), in which bytes are {"/": {"bytes": base64 without
 * padding}}. It is made from the schemas that this program checks by (format.ts, genesis.ts,
 * message/bodies.ts), and committed beside them as certificate.schema.json.
 *
 * What a schema can't say, the prose of those files does: what is sorted, and what has to fit
 * together.
 */
import { z } from 'zod'
import { envelope } from '../base/fields.ts'
import {
  auditBody,
  consentBody,
  declineBody,
  drawBody,
  heartbeatBody,
  registrationBody,
  resultItem,
  resultsBody,
} from '../message/bodies.ts'
import { genesisBody } from '../network/genesis.ts'
import { certificateFile, FORMAT_VERSION } from './format.ts'

const statement = (body: z.ZodType) => envelope.extend({ body })

/** By name: the file, a result, and each kind of signed statement. */
export const SCHEMAS: Readonly<Record<string, z.ZodType>> = {
  certificate: certificateFile,
  item: resultItem,
  genesis: statement(genesisBody),
  registration: statement(registrationBody),
  consent: statement(consentBody),
  heartbeat: statement(heartbeatBody),
  draw: statement(drawBody),
  results: statement(resultsBody),
  decline: statement(declineBody),
  audit: statement(auditBody),
}

/** Bytes in dag-json. @param length null for any number of them */
function bytesForm(length: number | null): object {
  const sized = length === null ? {} : base64Length(length)
  const bytes = { type: 'string', pattern: '^[A-Za-z0-9+/]*$', ...sized }
  const inner = { type: 'object', properties: { bytes }, required: ['bytes'], additionalProperties: false }
  return { type: 'object', properties: { '/': inner }, required: ['/'], additionalProperties: false }
}

function base64Length(bytes: number): { minLength: number; maxLength: number } {
  const characters = Math.ceil((4 * bytes) / 3)
  return { minLength: characters, maxLength: characters }
}

function formOf(schema: z.ZodType): object {
  const { $schema: _, ...form } = z.toJSONSchema(schema, {
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      if (!('bytes' in jsonSchema)) return
      const { bytes } = jsonSchema as { bytes: number | null }
      delete jsonSchema.bytes
      Object.assign(jsonSchema, bytesForm(bytes))
    },
  })
  return form
}

/** What certificate.schema.json holds. */
export const certificateSchema = () => ({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: `urn:collatz:certificate:${FORMAT_VERSION}`,
  title: `A certificate of format ${FORMAT_VERSION}, and what it carries as bytes, in their dag-json form`,
  $ref: '#/$defs/certificate',
  $defs: Object.fromEntries(Object.entries(SCHEMAS).map(([name, schema]) => [name, formOf(schema)])),
})
