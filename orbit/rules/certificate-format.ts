/**
 * The certificate: one canonical dag-json file (or the same as dag-cbor, in snapshots) with all that a stranger needs to be
 * convinced of units of a window, and nothing else. Format 5 (https://ipld.io/specs/codecs/dag-json/spec/):
 *
 *   format         "collatz-certificate"
 *   version        5
 *   genesis        bytes   the signed genesis block; its CID is the network id
 *   scope          "window" (all classes of the partition) or "units" (some of them)
 *   window         string  w, decimal: the certificate is about [w*2^W, (w+1)*2^W)
 *   registrations  [{ registration, consent }]  of every node whose result, audit or witness is in it, to the account that the
 *                  roster names; of one that is in it as an auditor alone, to any; sorted by (node key, account key)
 *   draws          [{ draw, signature, witnesses }]  the sealed draws, the beacon signature of R(epoch), and heartbeats of
 *                  more than half of the accounts on its roster that witness it, sorted by node; sorted by epoch
 *   commits        [bytes]  every commit that a result rests on or cites, sorted by CID
 *   reveals        [bytes]  the signed reveals, sorted by CID
 *   units          by unit, ascending
 *                  { unit, draw: index into draws,
 *                    results: [{ reveal: index into reveals, index, proof, item }]  all that count, of a node one of each
 *                    that differs, and those that it takes to see that their commits are cited (counting.ts); in the deal's
 *                    order, a node's own by reveal and index,
 *                    audits: [bytes]  where they certify in place of N results: of all auditors, sorted by CID; or the
 *                    one that exposed a result which an audit was to certify,
 *                    declines: [bytes]  that let the reserve answer before the deadline,
 *                    leaves: 64-byte records of the certified result,
 *                    contested: [bytes]  leaves of results that differ from it, where somebody handed them out }
 *
 * `bytes` are dag-cbor statements (statement.ts) and items (batch.ts). The file must be the canonical encoding of what it
 * says, so every byte of it is either checked or signed.
 */
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import { z } from 'zod'
import { registrationDocument } from './events.ts'
import { equalBytes, field, RuleError } from './statement.ts'

const index = z.number().int().min(0)

const certificateFile = z.strictObject({
  format: z.literal('collatz-certificate'),
  version: z.literal(5),
  scope: z.enum(['window', 'units']),
  genesis: field.blob,
  window: z.string().regex(/^(0|[1-9][0-9]{0,40})$/),
  registrations: z.array(registrationDocument).min(1),
  draws: z.array(z.strictObject({ draw: field.blob, signature: field.blob, witnesses: z.array(field.blob) })).min(1),
  commits: z.array(field.blob).min(1),
  reveals: z.array(field.blob).min(1),
  units: z
    .array(
      z.strictObject({
        unit: index,
        draw: index,
        results: z
          .array(z.strictObject({ reveal: index, index, proof: z.array(field.bytes(32)).max(12), item: field.blob }))
          .min(1),
        audits: z.array(field.blob),
        declines: z.array(field.blob),
        leaves: field.blob.nullable(),
        contested: z.array(field.blob),
      }),
    )
    .min(1),
})
export type CertificateFile = z.infer<typeof certificateFile>

/** The codec of a file: a dag-json map begins with a brace, a dag-cbor map never does. */
export const codecOf = (fileBytes: Uint8Array) => (fileBytes[0] === 0x7b ? dagJson : dagCbor)

/** @throws {RuleError} when the file does not fit the schema, or is not canonical */
export function parseCertificate(fileBytes: Uint8Array): CertificateFile {
  const codec = codecOf(fileBytes)
  let value: unknown
  try {
    value = codec.decode(fileBytes)
  } catch {
    throw new RuleError('it is neither a dag-json nor a dag-cbor file')
  }
  const parsed = certificateFile.safeParse(value)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new RuleError(`it is not a certificate of format 5: ${issue?.path.join('.') || 'file'}: ${issue?.message}`)
  }
  if (!equalBytes(codec.encode(parsed.data), fileBytes)) throw new RuleError('it is not in canonical form')
  return parsed.data
}
