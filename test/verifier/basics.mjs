/** Of the second verifier: hashes, signatures, beacon rounds, signed statements, Merkle trees, leaves. */
import { createHash } from 'node:crypto'
import * as dagCbor from '@ipld/dag-cbor'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import { ed25519 } from '@noble/curves/ed25519.js'
import { base32 } from 'multiformats/bases/base32'
import { BODIES, bytes, cid, fits } from './shapes.mjs'

export function must(holds, otherwise) {
  if (!holds) throw new Error(otherwise)
}
export const sha = (...parts) =>
  new Uint8Array(parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest())
export const hex = (bytes) => Buffer.from(bytes).toString('hex')
export const u64 = (value) => Buffer.from(BigInt(value).toString(16).padStart(16, '0'), 'hex')
export const same = (a, b) => Buffer.compare(a, b) === 0
const cidOf = (bytes, codec = 0x71) => base32.encode(Uint8Array.of(1, codec, 0x12, 32, ...sha(bytes)))
export const rawCid = (bytes) => cidOf(bytes, 0x55)

// --- Beacon rounds (beacon.ts): drand's unchained scheme in G1, in its one canonical encoding. Gives the randomness.
const memory = new Map()
export function once(name, make) {
  if (memory.size > 10_000) memory.clear()
  if (!memory.has(name)) memory.set(name, make())
  return memory.get(name)
}
export const randomnessOf = ({ publicKey }, round, signature) =>
  once(`${round} ${hex(signature)} ${hex(publicKey)}`, () => {
    const { Signature, hash, verify: holds } = bls12_381.shortSignatures
    must(Number.isSafeInteger(round) && round >= 1, `${round} is no beacon round`)
    const point = Signature.fromBytes(signature)
    const message = hash(sha(u64(round)), 'BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_')
    const valid = same(Signature.toBytes(point), signature) && holds(point, message, publicKey)
    must(valid, `beacon round ${round}: wrong signature`)
    return sha(signature)
  })

// --- Statements (statement.ts): canonical dag-cbor { body, key, sig }; Ed25519, strict, over a tag and the body. All but the
// genesis name their network. Those that carry a beacon round show with it that they are no older.
export const open = (type, encoded, genesis) =>
  once(`${type} ${genesis?.id} ${cidOf(encoded)}`, () => {
    const said = dagCbor.decode(encoded)
    const isStatement = fits({ body: () => true, key: bytes(32), sig: bytes(64) }, said)
    must(isStatement && same(dagCbor.encode(said), encoded), `${type}: no signed statement in canonical form`)
    const { body, key: signer, sig } = said
    must(!genesis || body?.network === genesis.id, `${type}: of another network`)
    must(fits({ type, ...(genesis && { network: cid }), ...BODIES[type] }, body), `${type}: of another shape`)
    const message = Buffer.concat([Buffer.from('collatz/statement/1\0'), dagCbor.encode(body)])
    must(ed25519.verify(sig, message, signer, { zip215: false }), `${type}: wrong signature`)
    if (genesis && body.beacon) randomnessOf(genesis.beacon, body.round, body.beacon)
    return { ...body, signer: hex(signer), id: cidOf(encoded) }
  })

// --- Merkle trees and leaves (kernels/result.ts): RFC 9162, section 2.1; a leaf is count u64, checksum u64, peak u128, u256.
const leafHash = (record) => sha(Uint8Array.of(0), record)
const nodeHash = (left, right) => sha(Uint8Array.of(1), left, right)
const splitOf = (n) => 2 ** Math.ceil(Math.log2(n) - 1)
function rootOf(hashes) {
  const k = splitOf(hashes.length)
  return hashes.length === 1 ? hashes[0] : nodeHash(rootOf(hashes.slice(0, k)), rootOf(hashes.slice(k)))
}
export function rootBy(path, record, index, n) {
  must(index < n && n > 1 === path.length > 0, 'an inclusion proof of the wrong length')
  if (n === 1) return leafHash(record)
  const [k, rest, sibling] = [splitOf(n), path.slice(0, -1), path.at(-1)]
  if (index < k) return nodeHash(rootBy(rest, record, index, k), sibling)
  return nodeHash(sibling, rootBy(rest, record, index - k, n - k))
}
/** Two results are equal when all of this is. */
export const keyOf = (r) => [r.count, r.checksum, r.peak?.n ?? '', r.peak?.value ?? '', hex(r.root), r.leaves].join(' ')
/** The key of the result whose leaves these are. */
export function sumOf(records, wanted) {
  must(records.length === 64 * wanted, `${records.length / 64} leaves, where ${wanted} belong`)
  const leaves = Array.from({ length: wanted }, (_, i) => records.subarray(64 * i, 64 * (i + 1)))
  let [total, sum, peak] = [0n, 0n, null]
  for (const leaf of leaves) {
    const cut = [0, 8, 16, 32].map((from, i) => BigInt(`0x${hex(leaf.subarray(from, [8, 16, 32, 64][i]))}`))
    const [hard, checksum, n, value] = cut
    const sound = (n === 0n) === (value === 0n) && (hard > 0n || checksum + n === 0n) && hard < 2n ** 53n
    must(sound, 'a leaf that no numbers have')
    total += hard
    sum = (sum + checksum) % 2n ** 64n
    if (n > 0n && (!peak || value > peak.value || (value === peak.value && n < peak.n))) peak = { n, value }
  }
  const checksum = sum.toString(16).padStart(16, '0')
  return keyOf({ count: total, checksum, peak, root: rootOf(leaves.map(leafHash)), leaves: rawCid(records) })
}
/** Whether they are the leaves of the result with a key. */
export function addsUp(records, wanted, key) {
  try {
    return sumOf(records, wanted) === key
  } catch {
    return false
  }
}
