/**
 * A second verifier of certificates: `node test/verifier/verify.mjs FILE`. Written from the prose at the top of the
 * files in orbit/rules and kernels, sharing no code with them: codecs, hashes, curves and the check of the published
 * schema are borrowed, and the second implementation of the deal. Each part names the file whose rule it checks. It
 * shows who signed what, under rules that let nobody choose. That it is true is for `collatz verify FILE` to try, by
 * computing leaves: first of the units listed as contested, and where somebody is silent, or was left out of the file.
 */
import { ok as must } from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync, realpathSync } from 'node:fs'
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import { ed25519 } from '@noble/curves/ed25519.js'
import { scrypt } from '@noble/hashes/scrypt.js'
import Ajv from 'ajv/dist/2020.js'
import { base32 } from 'multiformats/bases/base32'
import { dealAgain } from '../orbit/rules/deal/independent.mjs'

const SCHEMA = new URL('../../orbit/rules/certificate/certificate.schema.json', import.meta.url)
const schema = new Ajv().addSchema(JSON.parse(readFileSync(SCHEMA, 'utf8')))
const sha = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest()
const hex = (bytes) => Buffer.from(bytes).toString('hex')
const u64 = (value) => Buffer.from(BigInt(value).toString(16).padStart(16, '0'), 'hex')
const same = (a, b) => Buffer.compare(a, b) === 0
const ascending = (list, by = (x) => x) => list.every((x, i) => i === 0 || by(list[i - 1]) < by(x))
const distinct = (list) => new Set(list).size
const cidOf = (bytes, codec = 0x71) => base32.encode(Uint8Array.of(1, codec, 0x12, 32, ...sha(bytes)))
const nodesOf = (list) => distinct(list.map(({ node }) => node))
// What was found right is not checked again.
const memory = new Map()
const once = (name, make) => memory.get(name) ?? memory.set(name, make()).get(name)
// --- Blocks: in the one canonical encoding of what they say, which fits the schema in its dag-json form.
function read(type, encoded, codec = dagCbor) {
  const value = codec.decode(encoded)
  const json = dagJson.encode(value)
  must(same(codec.encode(dagJson.decode(json)), encoded), `${type}: not in canonical form`)
  must(schema.validate(`urn:collatz:certificate:6#/$defs/${type}`, JSON.parse(Buffer.from(json))), `${type}: misshapen`)
  return value
}
// --- Beacon rounds (beacon.ts): drand's unchained scheme in G1, in its one canonical encoding. Gives the randomness.
const randomnessOf = ({ publicKey }, round, signature) =>
  once(`${round} ${hex(signature)} ${hex(publicKey)}`, () => {
    const { Signature, hash, verify: holds } = bls12_381.shortSignatures
    const [point, tag] = [Signature.fromBytes(signature), 'BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_']
    const valid = same(Signature.toBytes(point), signature) && holds(point, hash(sha(u64(round)), tag), publicKey)
    must(valid && round >= 1 && Number.isSafeInteger(round), `beacon round ${round}: wrong signature, or no round`)
    return sha(signature)
  })
// --- Statements (statement.ts): { body, key, sig }; Ed25519, strict, over a tag and the body. All but the genesis name
// their network. Those that carry a beacon round show with it that they are no older.
const open = (type, encoded, genesis) =>
  once(`${type} ${genesis?.id} ${cidOf(encoded)}`, () => {
    const { body, key, sig } = read(type, encoded)
    must(!genesis || body.network === genesis.id, `${type}: of another network`)
    const message = Buffer.concat([Buffer.from('collatz/statement/1\0'), dagCbor.encode(body)])
    must(ed25519.verify(sig, message, key, { zip215: false }), `${type}: wrong signature`)
    if (genesis && body.beacon) randomnessOf(genesis.beacon, body.round, body.beacon)
    return { ...body, signer: hex(key), id: cidOf(encoded) }
  })

// --- Merkle trees (RFC 9162, section 2.1): the root over records, and the root by the inclusion proof of one.
const leafHash = (record) => sha(Uint8Array.of(0), record)
const nodeHash = (left, right) => sha(Uint8Array.of(1), left, right)
const splitOf = (n) => 2 ** Math.ceil(Math.log2(n) - 1)
const rootOf = (records, k = splitOf(records.length)) =>
  records.length === 1 ? leafHash(records[0]) : nodeHash(rootOf(records.slice(0, k)), rootOf(records.slice(k)))
function rootBy(path, record, index, n) {
  must(index < n && n > 1 === path.length > 0, 'an inclusion proof of the wrong length')
  if (n === 1) return leafHash(record)
  const [k, rest, sibling] = [splitOf(n), path.slice(0, -1), path.at(-1)]
  if (index < k) return nodeHash(rootBy(rest, record, index, k), sibling)
  return nodeHash(sibling, rootBy(rest, record, index - k, n - k))
}

// --- Results (kernels/result.ts): two are equal when their keys are. A leaf is count u64, checksum u64, peak u128 and
// u256. sumOf gives the key of the result whose leaves these are.
const keyOf = (r) => [r.count, r.checksum, r.peak?.n ?? '', r.peak?.value ?? '', hex(r.root), r.leaves].join(' ')
const checksumOf = (sum) => hex(u64(sum % 2n ** 64n))
function sumOf(records, wanted) {
  must(records.length === 64 * wanted, `${records.length / 64} leaves, where ${wanted} belong`)
  const leaves = Array.from({ length: wanted }, (_, i) => records.subarray(64 * i, 64 * (i + 1)))
  let [count, sum, peak] = [0n, 0n, null]
  for (const leaf of leaves) {
    const at = (from, to) => BigInt(`0x${hex(leaf.subarray(from, to))}`)
    const [hard, checksum, n, value] = [at(0, 8), at(8, 16), at(16, 32), at(32, 64)]
    const sound = n > 0n === value > 0n && (hard > 0n || checksum + n === 0n) && hard < 2n ** 53n
    must(sound, 'a leaf that no numbers have')
    count += hard
    sum += checksum
    if (n > 0n && (!peak || value > peak.value || (value === peak.value && n < peak.n))) peak = { n, value }
  }
  return keyOf({ count, checksum: checksumOf(sum), peak, root: rootOf(leaves), leaves: cidOf(records, 0x55) })
}

// --- The cut of a window into units (kernels/partition.ts, rules.ts), and how many leaves each has. A class is all n
// that are r mod 2^k; T^k(r) = m, after c odd steps. Besides that the rules see the parity of the evens since the last
// odd one (-1 before it), and rule O's run.
export function cutOf({ map, bits, units, leaves }) {
  const [a, b, proved] = { '3n+1': [3n, 1n, true], '3n-1': [3n, -1n], '5n+1': [5n, 1n] }[map] // proved: rules M and O
  const least = [] // least[k]: the least c with a^c >= 2^k
  for (let k = 0, c = 0; k <= bits; least[k++] = c) while (a ** BigInt(c) < 2n ** BigInt(k)) c++
  const half = ({ k, c, evens, run, r, m }, high) => {
    const [D, image] = [c < least[k + 1], m + high * a ** BigInt(c)]
    const at = { k: k + 1, r: r + high * 2n ** BigInt(k) }
    const running = !proved ? 0 : run % 2 === 1 ? run : D ? 1 : 3
    if (image % 2n === 1n) return { ...at, c: c + 1, evens: 0, run: running, m: (a * image + b) / 2n }
    if (D || run === 2 || (proved && evens === 1 && c - 1 < least[k])) return null // D, O, M
    return { ...at, c, evens: evens < 0 ? -1 : 1 - evens, run: run === 1 ? 2 : 0, m: image / 2n }
  }
  const survivors = (of, depth) => {
    if (of === null || of.k >= depth) return of ? 1n : 0n
    const both = () => survivors(half(of, 0n), depth) + survivors(half(of, 1n), depth)
    return once(`${map} ${depth} ${of.k} ${of.c} ${of.evens} ${of.run}`, both)
  }
  const [whole, open] = [[], [{ k: 0, c: 0, evens: -1, run: 0, r: 0n, m: 0n, weight: 0n }]]
  while (open.length > 0 && whole.length + open.length < units) {
    open.sort((x, y) => Number(x.weight - y.weight) || y.k - x.k || Number(y.r - x.r))
    const split = open.pop()
    const halves = [0n, 1n].flatMap((high) => half(split, high) ?? [])
    for (const of of halves) (of.k < bits - 8 ? open : whole).push({ ...of, weight: survivors(of, bits) })
  }
  const path = ({ r }) => [...r.toString(2).padStart(bits, '0')].reverse().join('')
  const classes = [...whole, ...open].sort((x, y) => (path(x) < path(y) ? -1 : 1))
  // A unit is split in the same way: each split adds a class or none, until there are enough or all have 8 bits left.
  return classes.map((of) => ({ r: of.r, leaves: Math.min(leaves, Number(survivors(of, bits - 8))) }))
}

// --- The genesis (genesis.ts): signed by a founder; its CID is the network's id; its numbers hang together.
function readGenesis(encoded) {
  const genesis = open('genesis', encoded)
  const { partition, beacon, audit } = genesis
  const [below, size] = [BigInt(genesis.baseline.below), 2n ** BigInt(partition.bits)]
  const signed = genesis.founders.some(({ account }) => account === genesis.signer)
  const sound = partition.hardSteps >= partition.bits && below % size === 0n && (!audit.adaptive || audit.leaves > 0)
  const { N, r, p } = genesis.registration
  const priced = N > 1 && Number.isInteger(Math.log2(N)) && N * r * p <= 32768
  must(signed && sound && priced, 'genesis: not by a founder, or of numbers that do not hang together')
  const numbers = [u64(beacon.period).subarray(4), u64(beacon.genesisTime), beacon.publicKey, beacon.groupHash]
  const hash = hex(sha(...numbers, beacon.beaconId === 'default' ? '' : beacon.beaconId))
  must(hash === beacon.hash && !bls12_381.G2.Point.fromBytes(beacon.publicKey).is0(), 'genesis: of no beacon chain')
  return { ...genesis, firstWindow: below / size, cut: cutOf(partition) }
}

// --- Registrations (admit.ts, puzzle.ts): signed by account and node; the puzzle of account and round is solved.
function readRegistration(genesis, { registration, consent }) {
  const { account, node, round, nonce, beacon, signer } = open('registration', registration, genesis)
  const agreed = open('consent', consent, genesis)
  const isBoth = signer === account && agreed.signer === node && agreed.account === account && agreed.node === node
  must(isBoth, 'a registration without both signatures')
  const { tries, ...cost } = genesis.registration
  const salt = sha(`collatz/puzzle/1\0${genesis.id}\0`, Buffer.from(account, 'hex'), u64(round), sha(beacon))
  const value = once(`${nonce} ${hex(salt)}`, () => hex(scrypt(u64(nonce), salt, { ...cost, dkLen: 8 })))
  must(BigInt(`0x${value}`) * BigInt(tries) < 2n ** 64n, 'a registration that does not solve its puzzle')
  return `${node} ${account}`
}

// --- Draws (assignment.ts, deal.ts, seats.ts, witness.ts): sealed by a coordinator, dealt by the round that came
// after, witnessed by more than half of the accounts on the roster. Gives the seats of each unit: quorum, then reserve;
// of the quorum first the one that the draw trusts, where replication is adaptive.
function readDraw(genesis, { draw: encoded, signature, witnesses }, registered) {
  const { id, signer, epoch, roster, offers, trusted } = open('draw', encoded, genesis)
  const isDue = genesis.coordinators.includes(signer) && (trusted.length === 0 || genesis.audit.adaptive)
  must(isDue && ascending(roster, ({ node }) => node) && ascending(trusted), 'a draw by no coordinator, or not sorted')
  const inside = (o) => BigInt(o.window) >= genesis.firstWindow && o.from < o.to && o.to <= genesis.cut.length
  const units = offers.flatMap((o) => Array.from({ length: o.to - o.from }, (_, i) => `${o.window}/${o.from + i}`))
  must(offers.every(inside) && distinct(units) === units.length, 'a draw that offers what is not there, or twice')
  const [networkId, N, seed] = [genesis.id, genesis.replication, epoch * genesis.epoch.rounds]
  const rule = { networkId, replication: N, epoch, randomness: randomnessOf(genesis.beacon, seed, signature) }
  const { quorums, reserves } = dealAgain({ ...rule, roster, units: units.length })
  const dealt = quorums.map((quorum, u) => {
    const one = quorum.find((i) => trusted.includes(roster[i].account))
    const order = [...quorum.toSorted((i, j) => (j === one) - (i === one)), ...reserves[u].slice(0, 2 * N + 8)]
    return [`${epoch}/${units[u]}`, { seats: order.map((i) => roster[i].node), audited: one !== undefined }]
  })
  const accounts = new Map(roster.map(({ node, account }) => [node, account]))
  const isRegistered = (node) => registered.has(`${node} ${accounts.get(node)}`)
  const said = witnesses.map((heartbeat) => open('heartbeat', heartbeat, genesis))
  const names = ({ witnessed: all }) => all.some(({ draw }) => draw === id) && ascending(all, ({ epoch: e }) => e)
  const isSaid = said.every((w) => w.node === w.signer && isRegistered(w.node) && names(w))
  const isMost = 2 * distinct(said.map(({ node }) => accounts.get(node))) > distinct(accounts.values())
  must(isSaid && isMost, 'a draw that not more than half of its accounts witnessed, or a witness who is none')
  return { epoch, seed, roster, accounts, isRegistered, dealt: new Map(dealt) }
}

// --- The audit that certifies a unit with one result (audit.ts): the first R after half of the deadline draws who
// computes which leaves again; all of them say what the result says, which was shown before.
function isAudited(genesis, draw, id, { node: one, reveal }, leaves, audits) {
  const { rounds } = genesis.epoch
  const half = rounds * Math.ceil((2 * draw.seed + genesis.deadlineRounds) / (2 * rounds))
  const timely = audits.filter(({ signer, round }) => round === half && draw.isRegistered(signer))
  if (!leaves || reveal.batch * rounds >= half || timely.length === 0) return false
  const seed = sha('collatz/audit/1\0', genesis.id, '\0', id, sha(timely[0].beacon))
  const rank = (x) => hex(sha(seed, x))
  const lowest = (list, n) => list.sort((x, y) => (rank(x) < rank(y) ? -1 : 1)).slice(0, n)
  const nodeOf = new Map(draw.roster.toReversed().map(({ node, account }) => [account, node]))
  nodeOf.delete(draw.accounts.get(one))
  const auditors = lowest([...nodeOf.keys()], genesis.audit.auditors)
  const all = Array.from({ length: leaves.length / 64 }, (_, i) => `leaf ${i}`)
  const drawn = lowest(all, genesis.audit.leaves)
  const isTrue = ([e, w, u, leaf, record]) =>
    `${e}/${w}/${u}` === id && same(leaves.subarray(64 * leaf, 64 * leaf + 64), record)
  const said = timely.flatMap((a) => a.claims.filter(isTrue).map((claim) => `${a.signer} leaf ${claim[3]}`))
  const agrees = (account) => drawn.every((leaf) => said.includes(`${nodeOf.get(account)} ${leaf}`))
  return auditors.length === genesis.audit.auditors && auditors.every(agrees)
}

// --- A unit (seats.ts, admissible.ts, settle.ts): N equal results, each of a node whose turn it was, committed
// to before it was shown; or one and its audit.
function readUnit(genesis, window, { unit, leaves, ...entry }, draw, { reveals, commits }) {
  const need = (holds, otherwise) => must(holds, `unit ${unit}: ${otherwise}`)
  const [N, deadline, id] = [genesis.replication, genesis.deadlineRounds, `${draw?.epoch}/${window}/${unit}`]
  const { seats, audited } = draw?.dealt.get(id) ?? {}
  need(seats, 'not dealt in the draw that it names')
  const isHere = (x) => `${x.epoch}/${x.window}/${x.unit}` === id
  const results = entry.results.map(({ reveal: at, index, proof, item: packed }) => {
    const reveal = reveals[at] ?? {}
    need(same(rootBy(proof, packed, index, reveal.size), reveal.root), 'a result that no reveal covers')
    const { result, salt, cites, ...item } = read('item', packed)
    const [node, commit] = [reveal.signer, commits.get(item.commit)]
    const names = commit?.signer === node && commit.units[item.index]?.join('/') === id && isHere(result)
    need(names && draw.isRegistered(node) && ascending(cites), 'a result without its commit, or of a stranger')
    const root = rootBy(item.proof, dagCbor.encode([node, result, salt]), item.index, commit.units.length)
    need(same(root, commit.root), 'a result that is not the one committed to')
    return { node, reveal, commit, cites, result, key: keyOf(result) }
  })
  const [declines, audits] = ['decline', 'audit'].map((t) => entry[`${t}s`].map((bytes) => open(t, bytes, genesis)))
  const free = declines.map(({ signer }) => seats.indexOf(signer))
  need(declines.every(isHere) && ascending([-1, ...free]), 'declines of others, or out of order')
  // What is certified is the result of the leaves. What differs from it may show its own.
  const key = leaves ? sumOf(leaves, genesis.cut[unit].leaves) : results[0].key
  const differing = results.filter((r) => r.key !== key)
  need(differing.length === 0 || (leaves && audits.length === 0), 'results that differ, and nothing that tells')
  const [own, ...cids] = [leaves ?? '', ...entry.contested].map((block) => cidOf(block, 0x55))
  const isSigned = (cid) => cid !== own && differing.some(({ result }) => result.leaves === cid)
  need(ascending(cids) && cids.every(isSigned), 'contested leaves that nobody signed, or out of order')
  // The reserve's turn comes in order, as seats fall free by declines or deadlines, or as differing results call it.
  const first = audited ? 1 : N
  const isOne = (node) => audited && node === seats[0]
  const countedAfter = (escalations) => {
    const called = free.reduce((n, seat) => n + (seat < first + n), 2 * escalations)
    const atOnce = called > 0 ? N + called : first
    const isTurn = ({ signer, round, names }) => {
      const [seat, passed] = [seats.indexOf(signer), round - draw.seed]
      const waited = passed >= deadline * (1 + Math.floor((seat - first) / N))
      return names.has(id) && seat >= 0 && passed <= 3 * deadline && (seat < atOnce || waited)
    }
    // Commit before reveal: those of N accounts can be cited, or the time for commits is over.
    const sound = results.filter(({ node, commit, cites, reveal }) => {
      const cited = cites.flatMap((cid) => commits.get(cid) ?? []).filter(isTurn)
      const isTimely = distinct([node, ...cited.map(({ signer }) => signer)]) >= N
      return isTurn(commit) && (isOne(node) || isTimely || reveal.round >= draw.seed + 2 * deadline)
    })
    // N - 1 others cite the commit, or one if the node was called.
    const wanted = (node) => (N === 1 || isOne(node) ? 0 : audited || seats.indexOf(node) >= N ? 1 : N - 1)
    const citers = ({ node, commit }) => sound.filter((by) => by.node !== node && by.cites.includes(commit.id))
    return sound.filter((r) => nodesOf(citers(r)) >= wanted(r.node))
  }
  // Unanimity, never majority: results that differ, or that of the one if it is wrong, call two more, until N agree.
  const certifies = (r) => isOne(r.node) && isAudited(genesis, draw, id, r, leaves, audits)
  for (let escalations = 0; ; escalations++) {
    const counted = countedAfter(escalations)
    if (audits.length > 0 ? counted.some(certifies) : nodesOf(counted.filter((r) => r.key === key)) >= N) break
    const isWrong = (r) => differing.includes(r) && [own, ...cids].includes(r.result.leaves)
    const calls = distinct(counted.map((r) => r.key)) > 1 || (audited && counted.some(isWrong))
    const full = escalations === 0 || nodesOf(counted) >= N + 2 * escalations
    need(calls && full && escalations < 4, `fewer than ${N} equal results that count, or audits that certify none`)
  }
  const at = results.map(({ node }) => seats.indexOf(node))
  const isSilent = seats.some((_, i) => i <= Math.max(first - 1, ...at) && ![...at, ...free].includes(i))
  return { unit, result: results.find((r) => r.key === key).result, isContested: differing.length > 0, isSilent }
}

// --- The file (format.ts). @returns what it says. @throws {Error} with what does not hold
export function verify(bytes) {
  const file = read('certificate', bytes, bytes[0] === 0x7b ? dagJson : dagCbor)
  const [genesis, window] = [readGenesis(file.genesis), BigInt(file.window)]
  const registered = new Set(file.registrations.map((entry) => readRegistration(genesis, entry)))
  const draws = file.draws.map((entry) => readDraw(genesis, entry, registered))
  const [reveals, opened] = ['reveal', 'commit'].map((t) => file[`${t}s`].map((b) => open(t, b, genesis)))
  const commits = new Map(opened.map((of) => [of.id, { ...of, names: new Set(of.units.map((u) => u.join('/'))) }]))
  const isOnce = opened.every(({ id, units }) => commits.get(id).names.size === units.length)
  must(isOnce, 'a commit that names a unit twice')
  must(ascending(draws, ({ epoch }) => epoch) && ascending(file.units, ({ unit }) => unit), 'a list that is not sorted')
  const units = file.units.map((entry) => readUnit(genesis, window, entry, draws[entry.draw], { reveals, commits }))
  must(file.scope === 'units' || units.length === genesis.cut.length, 'units are missing')
  const sum = (of) => units.reduce((total, { result }) => total + BigInt(of(result)), 0n)
  const [count, checksum] = [sum((r) => r.count), checksumOf(sum((r) => `0x${r.checksum}`))]
  const [contested, silent] = ['isContested', 'isSilent'].map((is) => units.filter((u) => u[is]).map((u) => u.unit))
  return { network: genesis.id, window, scope: file.scope, units: units.length, count, checksum, contested, silent }
}

if (process.argv[1] && realpathSync(process.argv[1]) === import.meta.filename) {
  try {
    console.log('VALID', verify(new Uint8Array(readFileSync(process.argv[2] ?? 'FILE'))))
  } catch (error) {
    console.error(`NOT VALID: ${error.message}`)
    process.exitCode = 1
  }
}
