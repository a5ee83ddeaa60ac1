/**
 * The certificate: one canonical dag-json file (or the same as dag-cbor, in snapshots) with all
 * that a stranger needs to be convinced of units of a window. Format 7
 * (https://ipld.io/specs/codecs/dag-json/spec/); its schema and those of all that it carries are
 * data as well, in certificate.schema.json (schema.ts):
 *
 *   format         "collatz-certificate"
 *   version        7
 *   genesis        bytes   the signed genesis block; its CID is the network id
 *   scope          "window" (all classes of the partition) or "units" (some of them)
 *   window         string  w, decimal: the certificate is about [w*2^W, (w+1)*2^W)
 *   registrations  [{ registration, consent }]  of every node whose result, audit or witness is in
 *                  it, to the account that the roster names; by node, then by account
 *   draws          [{ draw, signature, witnesses }]  the sealed draws, the beacon signature of
 *                  R(epoch), and the heartbeats that witness it: of just more than half of the
 *                  accounts on its roster, one each, by node; by epoch
 *   statements     [bytes]  the signed statements of results; by CID
 *   units          by unit, ascending
 *                  { unit, draw: index into draws,
 *                    results: [{ statement: index into statements, index, proof, item, evidence }]
 *                    all that count, of a node one of each that differs, in the deal's order,
 *                    audits: [bytes]  where they certify in place of N results; else none; by CID,
 *                    declines: [bytes]  that let the reserve answer before the deadline, in the
 *                    deal's order,
 *                    leaves: bytes  those of the certified result, packed (packed-leaves.ts); null
 *                    in a snapshot, where all results agree and no audit certifies,
 *                    contested: [bytes]  likewise of each result that differs from it; by the CID
 *                    of their records }
 *
 * `bytes` are dag-cbor statements (base/statement.ts), items and evidence (answer/results.ts). The
 * file must be the canonical encoding of what it says, and no entry of any list may be one that it
 * could do without: so the same units and signers have one file, and every byte of it is either
 * checked or signed.
 *
 * When it holds. Everything in it must be what it is said to be: canonical, of the schema, signed,
 * of this network, with the signature of the beacon round that it names. Of each unit the leaves
 * are taken for the true ones: their result is what is certified, and a result that shows others is
 * wrong at the leaf where they part, which whoever doubts computes. With that the rule is that of
 * quorum/settle.ts: N equal results that count (answer/counts.ts), at once or after differences
 * have called more of the reserve. Where one was to be certified by an audit and was wrong, its
 * leaves in the file are enough to have the others called. What the draw says of its pool,
 * exclusions and allowances was for its witnesses to judge.
 *
 * That no arithmetic finds fault with any of its results is told apart from this (recompute.ts),
 * since it takes some 50 ms a result; a certificate is valid if both hold.
 */
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import { z } from 'zod'
import { field } from '../base/fields.ts'
import { type Codec, decodeAs } from '../base/statement.ts'
import { registrationDocument } from '../message/documents.ts'

/** Of the file's format: what it holds, and by what rules it holds. */
export const FORMAT_VERSION = 7

const index = z.number().int().min(0)
/** Hashes of an inclusion proof under a statement: of 128 items. */
export const MAX_PROOF = 7

export const certificateFile = z.strictObject({
  format: z.literal('collatz-certificate'),
  version: z.literal(FORMAT_VERSION),
  scope: z.enum(['window', 'units']),
  genesis: field.blob,
  window: z.string().regex(/^(0|[1-9][0-9]{0,40})$/),
  registrations: z.array(registrationDocument).min(1),
  draws: z.array(z.strictObject({ draw: field.blob, signature: field.blob, witnesses: z.array(field.blob) })).min(1),
  statements: z.array(field.blob).min(1),
  units: z
    .array(
      z.strictObject({
        unit: index,
        draw: index,
        results: z
          .array(
            z.strictObject({
              ...{ statement: index, index, proof: z.array(field.bytes(32)).max(MAX_PROOF) },
              ...{ item: field.blob, evidence: field.blob },
            }),
          )
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

/**
 * What writing a certificate takes besides the state: blocks and documents that are kept elsewhere.
 */
export interface CertificateSources {
  /** The leaf records that a CID names, or undefined. */
  leaves(cid: string): Uint8Array | undefined
  registration(node: string, account: string): z.infer<typeof registrationDocument>
}

/** The codec of a file: a dag-json map begins with a brace, a dag-cbor map never does. */
export const codecOf = (fileBytes: Uint8Array): Codec => (fileBytes[0] === 0x7b ? dagJson : dagCbor)

/** @throws {RuleError} when the file does not fit the schema, or is not canonical */
export const parseCertificate = (fileBytes: Uint8Array): CertificateFile =>
  decodeAs(fileBytes, certificateFile, 'it', {
    ...{ codec: codecOf(fileBytes), mismatch: `it is not a certificate of format ${FORMAT_VERSION}` },
  })
