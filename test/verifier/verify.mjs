/**
 * A second verifier of certificates: `node test/verifier/verify.mjs FILE`. Written from the prose at the top of the files in
 * orbit/rules and kernels, sharing no code with them: codecs, hashes and curves are borrowed, and the second implementation of
 * the deal. Each part names the file whose rule it checks. No trajectory is computed: it shows who signed what, under rules
 * that let nobody choose. That the signers computed what they signed is for `collatz verify FILE` to try, by computing leaves:
 * first those listed here as contested, and of units where somebody whose turn it was is silent, or was left out of the file.
 */
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import { scrypt } from '@noble/hashes/scrypt.js'
import { dealAgain } from '../orbit/rules/deal-independent.mjs'
import { addsUp, hex, keyOf, must, once, open, randomnessOf, rawCid, rootBy, same, sha, sumOf, u64 } from './basics.mjs'
import { cutOf } from './cut.mjs'
import { ascending, FILE, fits, ITEM } from './shapes.mjs'

// --- The genesis (genesis.ts): signed by a founder; its CID is the network's id; its numbers hang together.
function readGenesis(encoded) {
  const genesis = open('genesis', encoded)
  const { partition, beacon, registration: price } = genesis
  const signed = genesis.founders.some(({ account }) => account === genesis.signer)
  must(signed && partition.hardSteps >= partition.bits, 'genesis: not by a founder, or of too few steps')
  must(!genesis.audit.adaptive || genesis.audit.leaves > 0, 'genesis: audits that look at nothing')
  const work = price.N * price.r * price.p
  must(price.N > 1 && Number.isInteger(Math.log2(price.N)) && work <= 32768, 'genesis: a puzzle of no use')
  must(!bls12_381.G2.Point.fromBytes(beacon.publicKey).is0(), 'genesis: no beacon key')
  const numbers = [u64(beacon.period).subarray(4), u64(beacon.genesisTime), beacon.publicKey, beacon.groupHash]
  const hash = hex(sha(...numbers, beacon.beaconId === 'default' ? '' : beacon.beaconId))
  must(hash === beacon.hash, "genesis: not its beacon chain's hash")
  const [below, size] = [BigInt(genesis.baseline.below), 2n ** BigInt(partition.bits)]
  must(below % size === 0n, 'genesis: a baseline inside a window')
  return { ...genesis, size, firstWindow: below / size, cut: cutOf(partition) }
}

// --- Registrations (admit.ts, puzzle.ts): signed by account and node; the account's puzzle, no older than its round, solved.
function readRegistration(genesis, { registration, consent }) {
  const said = open('registration', registration, genesis)
  const { account, node, round, nonce } = said
  const agreed = open('consent', consent, genesis)
  const both = said.signer === account && agreed.signer === node
  must(both && agreed.account === account && agreed.node === node, 'a registration without both signatures')
  const { tries, ...cost } = genesis.registration
  const randomness = randomnessOf(genesis.beacon, round, said.beacon)
  const salt = sha(`collatz/puzzle/1\0${genesis.id}\0`, Buffer.from(account, 'hex'), u64(round), randomness)
  const value = once(`${nonce} ${hex(salt)}`, () => hex(scrypt(u64(nonce), salt, { ...cost, dkLen: 8 })))
  must(BigInt(`0x${value}`) * BigInt(tries) < 2n ** 64n, 'a registration that does not solve its puzzle')
  return { node, name: `${node} ${account}` }
}

// --- Draws (assignment.ts, deal.ts, seats.ts, witness.ts): sealed by a coordinator, dealt by the round that came after,
// witnessed by more than half of the accounts on the roster. Gives the seats of each unit, the quorum first, then the reserve;
// `first` says how many may answer at once: N, or the one that the draw trusts where replication is adaptive.
function readDraw(genesis, { draw: encoded, signature, witnesses }, registered) {
  const draw = open('draw', encoded, genesis)
  const { epoch, roster, offers, excluded, trusted, allowances } = draw
  must(genesis.coordinators.includes(draw.signer), 'a draw that no coordinator sealed')
  const lists = [roster.map(({ node }) => node), excluded, trusted, allowances.map(({ account }) => account)]
  must(lists.every(ascending), 'a draw whose lists are not sorted')
  must(trusted.length === 0 || genesis.audit.adaptive, 'a draw that trusts, where N must agree')
  // allowance.ts: nobody has more tickets than the draw allows him and than a newcomer has.
  const { newcomer } = genesis.allowance
  const allowed = (account) =>
    Math.max(newcomer, ...allowances.filter((a) => a.account === account).map((a) => a.units))
  const tickets = (account) => roster.reduce((sum, r) => sum + (r.account === account ? r.capacity : 0), 0)
  const isAllowed = ({ account }) => tickets(account) <= allowed(account)
  must(roster.every(isAllowed), 'a draw with tickets beyond what it allows')
  const inside = (o) => BigInt(o.window) >= genesis.firstWindow && o.from < o.to && o.to <= genesis.cut.length
  must(offers.every(inside), 'a draw that offers what is below the baseline, or not in the partition')
  const units = offers.flatMap((o) => Array.from({ length: o.to - o.from }, (_, i) => `${o.window}/${o.from + i}`))
  must(new Set(units).size === units.length, 'a draw that offers a unit twice')
  const [N, seed] = [genesis.replication, epoch * genesis.epoch.rounds]
  const randomness = randomnessOf(genesis.beacon, seed, signature)
  const rule = { networkId: genesis.id, epoch, randomness, roster, units: units.length, replication: N }
  const { quorums, reserves } = dealAgain(rule)
  const seats = quorums.map((quorum, u) => {
    const one = quorum.find((i) => trusted.includes(roster[i].account))
    const order = one === undefined ? quorum : [one, ...quorum.filter((i) => i !== one)]
    const nodes = [...order, ...reserves[u].slice(0, 2 * N + 8)].map((i) => roster[i].node)
    return [units[u], { nodes, first: one === undefined ? N : 1, audited: one !== undefined }]
  })
  const onRoster = new Map(roster.map(({ node, account }) => [node, account]))
  const pair = (node) => `${node} ${onRoster.get(node) ?? ''}`
  const said = witnesses.map((heartbeat) => open('heartbeat', heartbeat, genesis))
  for (const { node, signer, witnessed } of said) {
    const listed = registered.has(pair(node))
    must(node === signer && listed && witnessed.some((w) => w.draw === draw.id), 'a witness who is none')
  }
  const distinct = new Set(said.map(({ node }) => onRoster.get(node))).size === said.length
  const enough = said.length === Math.floor(new Set(onRoster.values()).size / 2) + 1
  must(ascending(said.map(({ node }) => node)) && distinct && enough, 'a draw without its witnesses, each once')
  return { epoch, seed, roster, onRoster, pair, seats: new Map(seats), witnesses: said.map(({ node }) => pair(node)) }
}

// --- The audit that certifies a unit with one result (audit.ts): the first R after half of the deadline draws who computes
// which leaves again; all of them say what the result says.
function isAudited(genesis, draw, name, one, given, audits) {
  const half = auditRound(genesis, draw)
  const timely = audits.filter(({ round }) => round === half)
  if (one.reveal.batch * genesis.epoch.rounds >= half || timely.length === 0 || !given) return []
  const randomness = randomnessOf(genesis.beacon, timely[0].round, timely[0].beacon)
  const seed = sha('collatz/audit/1\0', genesis.id, '\0', `${draw.epoch}/${name}`, randomness)
  const lowest = (list, of, n) => {
    const ranked = list.map((x) => [hex(sha(seed, of(x))), x]).sort(([x], [y]) => (x < y ? -1 : 1))
    return ranked.slice(0, n).map(([, x]) => x)
  }
  const nodeOf = new Map()
  for (const { node, account } of [...draw.roster].reverse()) nodeOf.set(account, node)
  nodeOf.delete(draw.onRoster.get(one.node))
  const { auditors, leaves } = genesis.audit
  const drawn = lowest([...nodeOf.keys()], (account) => account, auditors)
  const indices = lowest([...Array(given.length / 64).keys()], (i) => `leaf ${i}`, leaves)
  const says = (node, leaf) =>
    timely.some((audit) => audit.signer === node && audit.claims.some((c) => c[3] === leaf && isIn(given, c)))
  const all = drawn.length === auditors && drawn.every((x) => indices.every((leaf) => says(nodeOf.get(x), leaf)))
  return all ? drawn.map((account) => nodeOf.get(account)) : []
}
const auditRound = ({ epoch: { rounds }, deadlineRounds }, { seed }) =>
  rounds * Math.ceil((2 * seed + deadlineRounds) / (2 * rounds))
const isIn = (records, [, , , leaf, record]) => same(records.subarray(64 * leaf, 64 * (leaf + 1)), record)

// --- A unit (batch.ts, seats.ts, quorum.ts): N equal results, each of a node whose turn it was, committed to before it was
// shown; or one and its audit. Gives the result, the leaves that somebody contested, and whose statements it needs.
function readUnit(genesis, window, entry, draw, { reveals, commits, registered }) {
  const { unit, leaves } = entry
  const [N, name, id] = [genesis.replication, `${window}/${unit}`, `${draw?.epoch},${window},${unit}`]
  const dealt = draw?.seats.get(name)
  must(dealt, 'not dealt in the draw that it names')
  const [{ nodes: seats, first, audited }, { pair }] = [dealt, draw]
  const isHere = (x) => String([x.epoch, x.window, x.unit]) === id
  const bound = new Map((commits.get(id) ?? []).map((commit) => [commit.id, commit]))
  const results = entry.results.map(({ reveal: at, index, proof, item: packed }) => {
    const reveal = reveals[at]
    must(reveal && same(rootBy(proof, packed, index, reveal.size), reveal.root), 'a result that no reveal covers')
    const item = dagCbor.decode(packed)
    must(fits(ITEM, item) && same(dagCbor.encode(item), packed) && ascending(item.cites), 'an ill-formed item')
    const [node, commit] = [reveal.signer, bound.get(item.commit)]
    must(registered.has(pair(node)), 'a stranger')
    const names = commit?.signer === node && String(commit.units[item.index]) === id
    must(isHere(item.result) && names, 'a result without its commit')
    const record = dagCbor.encode([node, item.result, item.salt])
    const root = rootBy(item.proof, record, item.index, commit.units.length)
    must(same(root, commit.root), 'a result that is not the one committed to')
    return { node, reveal, at, index, item, key: keyOf(item.result), own: commit.id, cid: item.result.leaves }
  })
  const at = results.map(({ node }) => seats.indexOf(node))
  must(ascending(results.map((r, i) => at[i] * 2 ** 40 + r.at * 128 + r.index)), 'results out of order')
  const declines = entry.declines.map((bytes) => open('decline', bytes, genesis))
  const free = declines.map(({ signer }) => seats.indexOf(signer))
  must(declines.every(isHere) && ascending([-1, ...free]), 'declines of others, or out of order')
  const audits = entry.audits.map((bytes) => open('audit', bytes, genesis))
  // Whoever is registered may expose a lie; those that certify are drawn from the roster.
  const isHeard = audits.every((a) => [...registered.keys()].some((name) => name.startsWith(pair(a.signer))))
  const about = audits.map((audit) => ({ ...audit, claims: audit.claims.filter((c) => String(c.slice(0, 3)) === id) }))
  const areAbout = ascending(audits.map((x) => x.id)) && about.every(({ claims }) => claims.length > 0)
  must(isHeard && areAbout, 'audits by strangers, or of something else')
  must(leaves || entry.contested.length === 0, 'contested, without its leaves')
  const blocks = new Map([...(leaves ? [leaves] : []), ...entry.contested].map((block) => [rawCid(block), block]))
  const wanted = genesis.cut[unit].leaves

  // seats.ts: the reserve in order, as seats fall free: by declines of those called, by differing results, or by deadlines that passed.
  const [deadline, needed] = [genesis.deadlineRounds, new Set()]
  const cites = (by, { node, own }) => by.node !== node && by.item.cites.includes(own)
  const countedAfter = (escalations) => {
    const freed = free.reduce((n, seat) => n + (seat < first + n + 2 * escalations), 0)
    const called = freed + 2 * escalations
    const atOnce = first + called + (audited && called > 0 ? N - 1 : 0)
    const may = (cid) => {
      const commit = bound.get(cid)
      const seat = commit ? seats.indexOf(commit.signer) : -1
      if (seat < 0 || commit.round > draw.seed + 3 * deadline) return false
      return seat < atOnce || commit.round >= draw.seed + deadline * (1 + Math.floor((seat - first) / N))
    }
    const isOne = ({ node }) => audited && node === seats[0]
    // Commit before reveal: those of N accounts can be cited, or the time for commits is over.
    const sound = results.filter((r) => {
      const nodes = new Set([r.node, ...r.item.cites.filter(may).map((cid) => bound.get(cid).signer)])
      return may(r.own) && (isOne(r) || nodes.size >= N || r.reveal.round >= draw.seed + 2 * deadline)
    })
    // N - 1 others cite the commit, or one if the node was called. Of equal ones of a node the earliest batch's is listed.
    const wants = ({ node }) => (N === 1 || isOne({ node }) ? 0 : audited || seats.indexOf(node) >= N ? 1 : N - 1)
    const citers = (among, r) => new Set(among.filter((by) => cites(by, r)).map(({ node }) => node))
    const heard = sound.filter((r) => citers(sound, r).size >= wants(r))
    const lastFirst = heard.reverse().sort((x, y) => y.reveal.batch - x.reveal.batch)
    const counted = [...new Map(lastFirst.map((r) => [r.node + r.key, r])).values()]
    for (const r of counted) {
      needed.add(r)
      const known = citers(counted, r)
      const isNew = (by) => known.size < wants(r) && cites(by, r) && known.size < known.add(by.node).size
      for (const by of sound.filter(isNew)) needed.add(by)
    }
    return counted
  }
  // Which results stand, by their keys: all, or where they differ or an audit speaks, those whose leaves add up and are not
  // wrong: neither where they part from others nor where an audit says what is true. True is what the file certifies.
  const standing = (counted) => {
    const blockOf = new Map(counted.map(({ key, cid }) => [key, blocks.get(cid)]))
    const differ = blockOf.size > 1
    if (!differ && audits.length === 0) return [...blockOf.keys()]
    let left = [...blockOf].filter(([key, block]) => (block ? addsUp(block, wanted, key) : !differ))
    for (let leaf = 0; leaf < wanted && left.length > 1; leaf++) {
      const at = (block) => block.subarray(64 * leaf, 64 * (leaf + 1))
      const part = left.some(([, block]) => !same(at(block), at(left[0][1])))
      if (part) left = left.filter(([, block]) => same(at(block), at(leaves)))
    }
    const denied = (block) => about.some(({ claims }) => claims.some((c) => isIn(leaves, c) && !isIn(block, c)))
    return left.filter(([, block]) => !block || !denied(block)).map(([key]) => key)
  }
  // Unanimity, never majority: results that differ, or one that an audit exposes, call two more, until N agree.
  let [agreed, auditors, escalations] = [[], [], 0]
  for (; ; escalations++) {
    const counted = countedAfter(escalations)
    const differ = new Set(counted.map((r) => r.key)).size > 1
    const [only, ...others] = standing(counted)
    agreed = others.length === 0 ? counted.filter(({ key }) => key === only) : []
    const one = audited && !differ && agreed.find(({ node }) => node === seats[0])
    auditors = one && agreed.length < N ? isAudited(genesis, draw, name, one, blocks.get(one.cid), about) : []
    if (agreed.length >= N || auditors.length > 0) {
      must(needed.size === results.length, 'a result that does not count')
      break
    }
    const exposed = audited && counted.length > 0 && only === undefined
    const full = escalations === 0 || new Set(counted.map((r) => r.node)).size >= N + 2 * escalations
    must((differ || exposed) && full && escalations < 4, `fewer than ${N} equal results that count`)
  }
  // Certifying audits are all of the auditors' and of their round; an exposing one is one, and says what is true.
  const exposing = audited && auditors.length === 0 && escalations > 0
  const certify = ({ signer, round }) => auditors.includes(signer) && round === auditRound(genesis, draw)
  const isTrue = ({ claims }) => audits.length === 1 && exposing && claims.every((c) => isIn(leaves, c))
  must(about.every(auditors.length > 0 ? certify : isTrue), 'an audit that it does not need')
  const [{ key, cid: own, item }] = agreed
  must(!leaves || sumOf(leaves, wanted) === key, 'other leaves than those that were certified')
  const cids = entry.contested.map(rawCid)
  const signed = (cid) => cid !== own && results.some((r) => r.cid === cid)
  must(ascending(cids) && cids.every(signed), 'leaves that nobody signed, or that are not contested')
  const differing = entry.contested.filter((block) => block.length === leaves.length)
  const leafOf = (block) => block.findIndex((x, i) => x !== leaves[i]) >> 6
  return {
    ...{ result: item.result, contested: differing.map((block) => ({ unit, leaf: leafOf(block) })) },
    names: [...results.map(({ node }) => pair(node)), ...audits.map(({ signer }) => pair(signer))],
    reveals: results.map(({ at }) => at),
    silent: seats.some((_, i) => i <= Math.max(first - 1, ...at) && ![...at, ...free].includes(i)) ? [unit] : [],
    commits: results.flatMap(({ own, item }) => [own, ...item.cites]).filter((cid) => bound.has(cid)),
  }
}

// --- The file (certificate-format.ts): canonical, complete, and with nothing in it that nothing needs.
/** @returns what the certificate says. @throws {Error} with what does not hold */
export function verify(bytes) {
  const codec = bytes[0] === 0x7b ? dagJson : dagCbor
  const file = codec.decode(bytes)
  must(fits(FILE, file) && same(codec.encode(file), bytes), 'not a certificate of format 5 in canonical form')
  const [genesis, window] = [readGenesis(file.genesis), BigInt(file.window)]
  must(window >= genesis.firstWindow, 'below the baseline')
  const registrations = file.registrations.map((entry) => readRegistration(genesis, entry))
  const registered = new Map(registrations.map(({ name, node }) => [name, node]))
  const draws = file.draws.map((entry) => readDraw(genesis, entry, registered))
  const [opened, reveals] = ['commit', 'reveal'].map((type) => file[`${type}s`].map((b) => open(type, b, genesis)))
  const isSorted = (list, by) => ascending(list.map((x) => x[by]))
  const byName = isSorted(registrations, 'name') && isSorted(draws, 'epoch') && isSorted(file.units, 'unit')
  must(byName && isSorted(opened, 'id') && isSorted(reveals, 'id'), 'a list that is not sorted')
  const commits = new Map()
  for (const commit of opened) {
    const names = commit.units.map(String)
    must(new Set(names).size === names.length, 'a commit that names a unit twice')
    for (const name of names) commits.set(name, [...(commits.get(name) ?? []), commit])
  }
  const units = file.units.map((entry) => {
    try {
      return readUnit(genesis, window, entry, draws[entry.draw], { reveals, commits, registered })
    } catch (error) {
      throw new Error(`unit ${entry.unit}: ${error.message}`)
    }
  })
  must(file.scope === 'units' || units.length === genesis.cut.length, 'units are missing')
  const used = [...new Set(file.units.map((entry) => entry.draw))]
  const names = [...units.flatMap((u) => u.names), ...used.flatMap((d) => draws[d].witnesses)]
  const isUsed = (all, needed) => new Set(needed).size === all.length
  const [shown, bound] = [units.flatMap((u) => u.reveals), units.flatMap((u) => u.commits)]
  // Of an auditor who is on no roster any registration will do, but no second one.
  const isOnly = (node) => registrations.filter((r) => r.node === node).length === 1
  const isNamed = ({ name, node }) => names.includes(name) || (names.includes(`${node} `) && isOnly(node))
  const isExact = isUsed(draws, used) && registrations.every(isNamed) && isUsed(reveals, shown) && isUsed(opened, bound)
  must(isExact, 'it carries what nothing needs')
  const sum = (of) => units.reduce((total, { result }) => total + BigInt(of(result)), 0n)
  const [count, checksum] = [sum((r) => r.count), sum((r) => `0x${r.checksum}`) % 2n ** 64n]
  const [contested, silent] = [units.flatMap((u) => u.contested), units.flatMap((u) => u.silent)]
  return { network: genesis.id, window, scope: file.scope, units: units.length, count, checksum, contested, silent }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    const { checksum, ...said } = verify(new Uint8Array(readFileSync(process.argv[2] ?? 'FILE')))
    console.log('VALID', { ...said, checksum: checksum.toString(16).padStart(16, '0') })
  } catch (error) {
    console.error(`NOT VALID: ${error.message}`)
    process.exitCode = 1
  }
}
