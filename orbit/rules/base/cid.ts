/**
 * CIDs as all of this uses them: CIDv1 by sha2-256 (https://github.com/multiformats/cid), of
 * dag-cbor or of raw blocks.
 */
import * as dagCbor from '@ipld/dag-cbor'
import { sha256 } from '@noble/hashes/sha2.js'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import * as Digest from 'multiformats/hashes/digest'

/** CID of a dag-cbor block: how statements and the genesis are named. */
export const cidOf = (dagCborBytes: Uint8Array): CID =>
  CID.createV1(dagCbor.code, Digest.create(0x12, sha256(dagCborBytes)))

/** CID of a raw block: how leaves and certificates are named. */
export const rawCid = (bytes: Uint8Array): CID => CID.createV1(raw.code, Digest.create(0x12, sha256(bytes)))
