/**
 * OrbitDB's idea of who signs: the node's Ed25519 key, and no more. Entries name the key itself, so that checking one
 * asks nobody. Signing and verifying are node:crypto's: an entry costs microseconds, not milliseconds.
 */
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { publicKeyOf } from '../rules/statement.ts'

/** RFC 8410: the DER prefixes of a raw Ed25519 seed (PKCS #8) and public key (SubjectPublicKeyInfo). */
const PKCS8 = hexToBytes('302e020100300506032b657004220420')
const SPKI = hexToBytes('302a300506032b6570032100')

/** @param seed the node's 32-byte Ed25519 seed */
export function nodeIdentity(seed: Uint8Array) {
  const publicKey = publicKeyOf(seed)
  const key = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' })
  return {
    id: publicKey,
    publicKey,
    hash: publicKey,
    type: 'collatz-node',
    signatures: {},
    sign: async (_: unknown, bytes: Uint8Array) => bytesToHex(sign(null, bytes, key)),
    verify: async (signature: string, writer: string, bytes: Uint8Array): Promise<boolean> => {
      try {
        const public_ = createPublicKey({ key: Buffer.concat([SPKI, hexToBytes(writer)]), format: 'der', type: 'spki' })
        return verify(null, bytes, public_, hexToBytes(signature))
      } catch {
        return false
      }
    },
  }
}
