/**
 * The format: what may stand where in the file and in the statements that it carries, and nothing else. What is sorted,
 * and what has to fit together, certificate.mjs checks.
 */

// --- Shapes: what may stand where. A function says so itself; a list or an object has exactly these entries.
const int =
  (low, high = Number.MAX_SAFE_INTEGER) =>
  (x) =>
    Number.isSafeInteger(x) && x >= low && x <= high
const text = (pattern) => (x) => typeof x === 'string' && pattern.test(x)
export const bytes = (length) => (x) => x instanceof Uint8Array && x.length === (length ?? x.length)
const oneOf =
  (...values) =>
  (x) =>
    values.includes(x)
const orNull = (shape) => (x) => x === null || fits(shape, x)
const list = (shape, low, high) => (x) =>
  Array.isArray(x) && x.length >= low && x.length <= high && x.every((entry) => fits(shape, entry))
export function fits(shape, x) {
  if (typeof shape === 'function') return shape(x)
  const isOfKind = Array.isArray(shape) ? Array.isArray(x) : x !== null && Object.getPrototypeOf(x) === Object.prototype
  const fields = Object.entries(shape)
  const isOf = ([key, of]) => Object.hasOwn(x, key) && fits(of, x[key])
  return isOfKind && Object.keys(x).length === fields.length && fields.every(isOf)
}

const key = text(/^[0-9a-f]{64}$/)
const cid = text(/^b[a-z2-7]{58}$/)
const rawCid = text(/^bafkrei[a-h][a-z2-7]{50}[aeimquy4]$/)
const natural = text(/^(0|[1-9][0-9]{0,99})$/)
const [count, positive] = [int(0), int(1)]
const points = (low, high) => text(new RegExp(`^[\\s\\S]{${low},${high}}$`, 'u'))
// Names have no controls, no bidirectional controls, nothing without width, and no space or joiner at an end.
const HIDDEN =
  '\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069' +
  '\\u200b\\u2060-\\u2065\\u206a-\\u206f\\ufeff\\u{e0000}-\\u{e0fff}'
const END = `[^${HIDDEN} \\u00a0\\u1680\\u2000-\\u200a\\u202f\\u205f\\u3000\\u200c\\u200d]`
const NAME = `^(?=[\\s\\S]{1,400}$)(?![\\s\\S]*[\\u200c\\u200d]{2})${END}(?:[^${HIDDEN}]*${END})?$`

const unit = { epoch: count, window: natural, unit: int(0, 65535) }
const at = { round: count, beacon: bytes(48) }
const body = (type, fields) => ({ type: oneOf(type), network: cid, ...fields })
const claim = [count, natural, int(0, 65535), int(0, 65535), bytes(64)]
const engine = oneOf('exact', 'wasm', 'webgpu')

/** What a signed statement says, by type. */
export const STATEMENTS = {
  registration: body('registration', {
    ...{ account: key, node: key, name: text(new RegExp(NAME, 'u')), ...at, nonce: count },
  }),
  consent: body('consent', { account: key, node: key }),
  heartbeat: body('heartbeat', {
    ...{ node: key, ...at, capacity: int(0, 4096), engines: list(engine, 1, 3) },
    witnessed: list({ epoch: count, draw: cid }, 0, 64),
  }),
  draw: body('draw', {
    ...{ epoch: count, excluded: list(key, 0, 512), trusted: list(key, 0, 512) },
    pool: list({ span: count, heads: list(points(0, 100), 0, 64) }, 0, 4),
    allowances: list({ account: key, units: int(1, 2 ** 20) }, 0, 512),
    roster: list({ node: key, account: key, capacity: int(1, 4096) }, 1, 512),
    offers: list({ window: natural, from: int(0, 65535), to: int(1, 65536) }, 1, 512),
  }),
  results: body('results', { batch: count, ...at, size: int(1, 128), root: bytes(32), block: rawCid }),
  decline: body('decline', unit),
  audit: body('audit', { batch: count, ...at, claims: list(claim, 1, 64) }),
}

/** A result, under the root of its statement. */
export const ITEM = {
  ...{ ...unit, count, checksum: text(/^[0-9a-f]{16}$/), peak: orNull({ n: natural, value: natural }) },
  ...{ root: bytes(32), leaves: rawCid, evidence: bytes(32), items: count },
}

export const GENESIS = {
  ...{ type: oneOf('genesis'), version: oneOf(2), name: points(1, 64), genesis_timestamp: count },
  baseline: { below: natural, citation: points(0, 500), url: points(0, 300) },
  partition: {
    ...{ map: oneOf('3n+1', '3n-1', '5n+1'), bits: int(20, 71), hardSteps: int(1, 4096) },
    ...{ units: int(1, 65536), leaves: int(1, 65536), evidence: { flagBits: int(0, 15), items: int(1, 8192) } },
  },
  ...{ replication: int(1, 15), freshRounds: positive, deadlineRounds: positive, missLimit: positive },
  epoch: { rounds: int(1, 1e6), perDatabase: int(1, 1e6) },
  allowance: { newcomer: int(1, 2 ** 20), rounds: positive },
  beacon: {
    ...{
      source: oneOf('drand', 'local'),
      scheme: oneOf('bls-unchained-g1-rfc9380'),
      hash: key,
      beaconId: points(0, 64),
    },
    ...{ publicKey: bytes(96), groupHash: bytes(32), period: int(1, 3600), genesisTime: count },
  },
  coordinators: list(key, 1, 64),
  founders: list({ account: key, node: key }, 1, 64),
  registration: { N: positive, r: positive, p: positive, tries: positive },
  audit: { leaves: int(0, 64), auditors: int(1, 16), adaptive: oneOf(true, false) },
  trust: { verified: positive, trusted: positive, elite: positive, idleRounds: positive },
  vote: { deadlineRounds: positive },
}

const some = (shape) => list(shape, 1, Infinity)
const blobs = list(bytes(), 0, Infinity)
const result = { statement: count, index: count, proof: list(bytes(32), 0, 7), item: bytes(), evidence: bytes() }
export const FILE = {
  ...{ format: oneOf('collatz-certificate'), version: oneOf(7), scope: oneOf('window', 'units'), genesis: bytes() },
  window: text(/^(0|[1-9][0-9]{0,40})$/),
  registrations: some({ registration: bytes(), consent: bytes() }),
  draws: some({ draw: bytes(), signature: bytes(48), witnesses: blobs }),
  statements: some(bytes()),
  units: some({
    ...{ unit: count, draw: count, results: some(result), audits: blobs, declines: blobs },
    ...{ leaves: orNull(bytes()), contested: blobs },
  }),
}
