/**
 * What the second verifier builds on: hashes and names, signed statements, beacon rounds, Merkle trees and leaf records.
 */
import { createHash } from 'node:crypto'
import * as dagCbor from '@ipld/dag-cbor'
import { bls12_381 as bls } from '@noble/curves/bls12-381.js'
import { ed25519 } from '@noble/curves/ed25519.js'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'

export const sha = (...parts) => parts.reduce((h, part) => h.update(part), createHash('sha256')).digest()
export const same = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)) === 0
export const hex = (bytes) => Buffer.from(bytes).toString('hex')
const cid = (code, bytes) => CID.createV1(code, Digest.create(0x12, new Uint8Array(sha(bytes)))).toString()
const cborCid = (bytes) => cid(0x71, bytes)
export const rawCid = (bytes) => cid(0x55, bytes)
export const must = (holds, what) => {
  if (!holds) throw new Error(what)
}
export const u64 = (value) => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}

export const shape = (value, keys) => must(Object.keys(value).sort().join(' ') === keys, `not of the shape ${keys}`)

// --- Statements (orbit/rules/statement.ts): { body, key, sig } in canonical dag-cbor, Ed25519 over a tagged body.
export function open(bytes, type, what) {
  const { body, key, sig, ...rest } = dagCbor.decode(bytes)
  must(Object.keys(rest).length === 0 && same(dagCbor.encode({ body, key, sig }), bytes), `${what}: not canonical`)
  must(body.type === type, `${what}: a ${body.type} where a ${type} belongs`)
  const message = Buffer.concat([Buffer.from('collatz/statement/1\0'), dagCbor.encode(body)])
  must(ed25519.verify(sig, new Uint8Array(message), key, { zip215: false }), `${what}: wrong signature`)
  return { ...body, signer: hex(key), cid: cborCid(bytes) }
}

// --- Beacon rounds (beacon.ts): drand's unchained G1 scheme.
const TAG = 'BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_'
const rounds = new Map()
export function beacon(chain, round, signature) {
  const id = `${round} ${hex(signature)} ${hex(chain.publicKey)}`
  if (!rounds.has(id)) {
    const sigs = bls.shortSignatures
    must(Number.isSafeInteger(round) && round >= 1, `${round} is no beacon round`)
    const point = sigs.Signature.fromBytes(signature)
    must(same(sigs.Signature.toBytes(point), signature), 'a beacon signature in another encoding')
    const message = sigs.hash(new Uint8Array(sha(u64(round))), TAG)
    must(sigs.verify(point, message, chain.publicKey), `round ${round}: wrong beacon signature`)
    rounds.set(id, sha(signature))
  }
  return rounds.get(id)
}

// --- Merkle trees, RFC 9162 section 2.1, and the 64-byte records of leaves (kernels/result.ts).
const leafHash = (record) => sha(Uint8Array.of(0), record)
function treeHash(hashes) {
  if (hashes.length === 1) return hashes[0]
  let k = 1
  while (k * 2 < hashes.length) k *= 2
  return sha(Uint8Array.of(1), treeHash(hashes.slice(0, k)), treeHash(hashes.slice(k)))
}
export function isUnder(root, record, index, size, proof) {
  if (!(index < size)) return false
  const path = [...proof]
  const climb = (at, n) => {
    if (n === 1) return leafHash(record)
    let k = 1
    while (k * 2 < n) k *= 2
    const sibling = path.pop()
    must(sibling?.length === 32, 'a proof that is too short')
    return at < k ? sha(Uint8Array.of(1), climb(at, k), sibling) : sha(Uint8Array.of(1), sibling, climb(at - k, n - k))
  }
  return same(climb(index, size), root) && path.length === 0
}
export const number = (bytes) => BigInt(`0x${hex(bytes)}`)
export function checkLeaves(result, records, wanted) {
  must(records.length === 64 * wanted, `${records.length / 64} leaves where ${wanted} belong`)
  let [count, checksum, peak] = [0n, 0n, { n: 0n, value: 0n }]
  const leaves = Array.from({ length: wanted }, (_, i) => records.subarray(64 * i, 64 * i + 64))
  for (const leaf of leaves) {
    const [c, sum, n, value] = [
      leaf.subarray(0, 8),
      leaf.subarray(8, 16),
      leaf.subarray(16, 32),
      leaf.subarray(32),
    ].map(number)
    must((n === 0n) === (value === 0n) && (c > 0n || (n === 0n && sum === 0n)), 'an ill-formed leaf')
    count += c
    checksum = (checksum + sum) % 2n ** 64n
    if (value > peak.value || (value === peak.value && n < peak.n)) peak = { n, value }
  }
  must(same(treeHash(leaves.map(leafHash)), result.root), 'leaves that are not under the signed root')
  must(
    count === BigInt(result.count) && checksum === BigInt(`0x${result.checksum}`),
    'a result that is not the sum of its leaves',
  )
  must(
    peak.n === BigInt(result.peak?.n ?? 0) && peak.value === BigInt(result.peak?.value ?? 0),
    "a peak that is no leaf's",
  )
}
