/** What somebody signed: blocks in their one encoding, statements, beacon rounds. */
import * as dagCbor from '@ipld/dag-cbor'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import { ed25519 } from '@noble/curves/ed25519.js'
import { cidOf, hex, must, same, sha, uint } from './basics.mjs'
import { bytes, fits } from './format.mjs'

const attempt = (make) => {
  try {
    return make()
  } catch {
    return false
  }
}

/** What a block says, in its one canonical encoding. */
export function read(name, shape, encoded, codec = dagCbor) {
  const isDeep = (error) => /call stack|too deep/.test(error.message)
  let value
  try {
    value = codec.decode(encoded)
  } catch (error) {
    throw new Error(`${name} is ${isDeep(error) ? 'nested too deeply' : 'neither dag-cbor nor dag-json'}`)
  }
  must(fits(shape, value), `${name} is not of its form`)
  must(same(codec.encode(value), encoded), `${name} is not in canonical form`)
  return value
}

// --- Beacon rounds: drand's unchained scheme in G1 (RFC 9380), in its one canonical encoding. Gives the randomness.
const { Signature, hash: toCurve, verify: isOfKey } = bls12_381.shortSignatures
const sound = new Set()
export function randomnessOf(publicKey, round, signature) {
  const name = `${round} ${hex(signature)} ${hex(publicKey)}`
  const isSound = () => {
    const [point, tag] = [Signature.fromBytes(signature), 'BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_']
    return same(Signature.toBytes(point), signature) && isOfKey(point, toCurve(sha(uint(round, 8)), tag), publicKey)
  }
  must(sound.has(name) || (round >= 1 && attempt(isSound)), `beacon round ${round} carries a wrong signature`)
  sound.add(name)
  return sha(signature)
}
/** Whether a chain's key is one, and its hash that of what it says. */
export function isChain({ publicKey, period, genesisTime, groupHash, beaconId, hash }) {
  const id = beaconId === 'default' ? '' : beaconId
  const isHash = hex(sha(uint(period, 4), uint(genesisTime, 8), publicKey, groupHash, id)) === hash
  return isHash && attempt(() => !bls12_381.G2.Point.fromBytes(publicKey).is0())
}

// --- Statements: { body, key, sig }; Ed25519 (RFC 8032, strict) over a tag and the body.
export function open(name, shape, encoded) {
  const { body, key, sig } = read(name, { body: shape, key: bytes(32), sig: bytes(64) }, encoded)
  const message = Buffer.concat([Buffer.from('collatz/statement/1\0'), dagCbor.encode(body)])
  must(
    attempt(() => ed25519.verify(sig, message, key, { zip215: false })),
    `${name} carries a wrong signature`,
  )
  return { ...body, signer: hex(key), id: cidOf(encoded) }
}
