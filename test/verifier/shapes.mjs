/**
 * Of the second verifier: what each thing looks like (orbit/rules/events.ts, genesis.ts, certificate-format.ts). No field
 * more, none less, each in its range. A rule is a function, a literal, [rule, least, most] for a list, or an object of rules.
 */
export function fits(rule, x) {
  if (typeof rule === 'function') return rule(x)
  if (typeof rule !== 'object' || typeof x !== 'object' || x === null) return x === rule
  if (Array.isArray(rule)) {
    const [of, least, most = Number.POSITIVE_INFINITY] = rule
    return Array.isArray(x) && x.length >= least && x.length <= most && x.every((y) => fits(of, y))
  }
  const names = Object.keys(rule)
  return Object.keys(x).length === names.length && names.every((n) => Object.hasOwn(x, n) && fits(rule[n], x[n]))
}
const whole = (low, high) => (x) => Number.isSafeInteger(x) && x >= low && x <= high
export const ascending = (list) => list.every((x, i) => i === 0 || list[i - 1] < x)
const [count, positive, code, size] = [whole(0, 2 ** 53), whole(1, 2 ** 53), whole(0, 65535), whole(1, 65536)]
const like = (pattern) => (x) => typeof x === 'string' && pattern.test(x)
export const [key, cid, natural] = [/^[0-9a-f]{64}$/, /^b[a-z2-7]{58}$/, /^(0|[1-9][0-9]{0,99})$/].map(like)
const text = (least, most) => (x) => typeof x === 'string' && x.length >= least && x.length <= most
const blob = (x) => x instanceof Uint8Array
export const bytes = (length) => (x) => blob(x) && x.length === length
const one =
  (...values) =>
  (x) =>
    values.includes(x)
const nullOr = (rule) => (x) => x === null || fits(rule, x)
const unitId = { epoch: count, window: natural, unit: code }
const isUnit = (x) => fits([() => true, 3, 3], x) && fits(unitId, { epoch: x[0], window: x[1], unit: x[2] })
const isClaim = (x) => fits([() => true, 5, 5], x) && isUnit(x.slice(0, 3)) && code(x[3]) && bytes(64)(x[4])
const dated = { round: count, beacon: bytes(48) }
const proof = [bytes(32), 0, 12]
const sums = { count, checksum: like(/^[0-9a-f]{16}$/), peak: nullOr({ n: natural, value: natural }), root: bytes(32) }
const result = { ...unitId, ...sums, leaves: like(/^bafkrei[a-h][a-z2-7]{50}[aeimquy4]$/) }
export const ITEM = { commit: cid, index: whole(0, 4095), proof, result, salt: bytes(16), cites: [cid, 0, 32] }
const partition = { map: one('3n+1', '3n-1', '5n+1'), bits: whole(20, 71), units: size, leaves: size }
const chain = { source: one('drand', 'local'), scheme: 'bls-unchained-g1-rfc9380', period: whole(1, 3600), hash: key }
const keys = { publicKey: bytes(96), groupHash: bytes(32), genesisTime: count, beaconId: text(0, 64) }
const engines = [one('exact', 'wasm', 'webgpu'), 1, 3]
const witnessed = (x) => fits([{ epoch: count, draw: cid }, 0, 64], x) && ascending(x.map(({ epoch }) => epoch))
export const BODIES = {
  genesis: {
    ...{ version: 1, name: text(1, 64), replication: whole(1, 15), genesis_timestamp: count, freshRounds: positive },
    ...{ allowance: { newcomer: whole(1, 2 ** 20), rounds: positive } },
    ...{ deadlineRounds: positive, missLimit: positive, vote: { deadlineRounds: positive } },
    ...{ baseline: { below: natural, citation: text(0, 500), url: text(0, 300) }, beacon: { ...chain, ...keys } },
    ...{ partition: { ...partition, hardSteps: whole(1, 4096) }, coordinators: [key, 1, 64] },
    ...{ epoch: { rounds: whole(1, 1e6), perDatabase: whole(1, 1e6) }, founders: [{ account: key, node: key }, 1, 64] },
    ...{ registration: { N: positive, r: positive, p: positive, tries: positive } },
    ...{ audit: { leaves: whole(0, 64), auditors: whole(1, 16), adaptive: one(true, false) } },
    ...{ trust: { verified: positive, trusted: positive, elite: positive, idleRounds: positive } },
  },
  registration: { account: key, node: key, name: text(1, 40), nonce: count, ...dated },
  consent: { account: key, node: key },
  heartbeat: { node: key, capacity: whole(0, 4096), engines, witnessed, ...dated },
  draw: {
    ...{ epoch: positive, pool: [{ span: count, heads: [text(0, 100), 0, 64] }, 0, 4], excluded: [key, 0, 512] },
    trusted: [key, 0, 512],
    allowances: [{ account: key, units: whole(1, 2 ** 20) }, 0, 512],
    roster: [{ node: key, account: key, capacity: whole(1, 4096) }, 1, 512],
    offers: [{ window: natural, from: code, to: size }, 1, 512],
  },
  commit: { batch: count, units: [isUnit, 1, 4096], root: bytes(32), ...dated },
  reveal: { batch: count, part: whole(0, 63), size: whole(1, 128), root: bytes(32), ...dated },
  decline: unitId,
  audit: { batch: count, claims: [isClaim, 1, 64], ...dated },
}
const results = [{ reveal: count, index: count, proof, item: blob }, 1]
const UNIT = {
  unit: count,
  draw: count,
  results,
  audits: [blob, 0],
  declines: [blob, 0],
  leaves: nullOr(blob),
  contested: [blob, 0],
}
export const FILE = {
  ...{ format: 'collatz-certificate', version: 5, scope: one('window', 'units'), window: like(/^(0|[1-9]\d{0,40})$/) },
  ...{ genesis: blob, registrations: [{ registration: blob, consent: blob }, 1] },
  draws: [{ draw: blob, signature: blob, witnesses: [blob, 0] }, 1],
  ...{ commits: [blob, 1], reveals: [blob, 1], units: [UNIT, 1] },
}
