/**
 * The node's Ed25519 key as an OrbitDB identity. Entries name the key itself, so that no identity
 * has to be looked up to check one. Signing and verifying (RFC 8032) are node:crypto's: an entry
 * costs microseconds, not milliseconds.
 */
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { publicKeyOf } from '../../rules/base/statement.ts'

/**
 * RFC 8410: the DER prefixes of a raw Ed25519 seed (PKCS #8) and public key (SubjectPublicKeyInfo).
 */
const PKCS8 = hexToBytes('302e020100300506032b657004220420')
const SPKI = hexToBytes('302a300506032b6570032100')

export interface Identity {
  /** The public key, 64 hex digits; so are `publicKey` and `hash`. */
  readonly id: string
  readonly publicKey: string
  readonly hash: string
  readonly type: string
  readonly signatures: object
  sign(identity: unknown, bytes: Uint8Array): Promise<string>
  verify(signature: string, writer: string, bytes: Uint8Array): Promise<boolean>
}

/**
 * @param signature 64 bytes in hex.
 * @param writer a public key in hex.
 * @returns false also when they are no such hex
 */
export function verifyWriter(signature: string, writer: string, bytes: Uint8Array): boolean {
  try {
    const key = createPublicKey({ key: Buffer.concat([SPKI, hexToBytes(writer)]), format: 'der', type: 'spki' })
    return verify(null, bytes, key, hexToBytes(signature))
  } catch {
    return false
  }
}

/** @param seed the node's 32-byte Ed25519 seed */
export function nodeIdentity(seed: Uint8Array): Identity {
  const publicKey = publicKeyOf(seed)
  const key = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' })
  return {
    id: publicKey,
    publicKey,
    hash: publicKey,
    type: 'collatz-node',
    signatures: {},
    sign: async (_, bytes) => bytesToHex(sign(null, bytes, key)),
    verify: async (signature, writer, bytes) => verifyWriter(signature, writer, bytes),
  }
}
