/** A certificate of format 7: whether it holds, from its bytes alone. Each part names the file whose rule it checks. */
import { scryptSync } from 'node:crypto'
import * as dagCbor from '@ipld/dag-cbor'
import * as basics from './basics.mjs'
import { deal } from './deal.mjs'
import * as numbers from './numbers.mjs'

const { bytes, cidOf, codecOf, distinct, hex, int, isAscending, isChain, list, must, one, open, orNull } = basics
const { randomnessOf, read, record, rootBy, rootOf, same, sha, text, toBig, tuple, uint } = basics
const { MAPS, cutOf, evidenceTest, hardInLeaf, isPlausible, isPreimage, isShort, walk, whyNoItem } = numbers

/** A window at the size of the main network takes some 250 MB; reading takes four times the file in memory. */
export const MOST_BYTES = 2 ** 29
/** A leaf that expects fewer hard numbers says too little about the work. */
export const LEAST_HARD = 20
const QUICKNET = '52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971'

// --- The shapes of the file and of what it carries (orbit/rules/message/bodies.ts, network/genesis.ts).
const key = text(/^[0-9a-f]{64}$/)
const cid = text(/^b[a-z2-7]{58}$/)
const rawCid = text(/^bafkrei[a-h][a-z2-7]{50}[aeimquy4]$/)
const natural = text(/^(0|[1-9][0-9]{0,99})$/)
const count = int(0)
const free = (low, high) => text(new RegExp(`^[\\s\\S]{${low},${high}}$`, 'u'))
const HIDDEN = // Controls, bidirectional controls, and what has no width.
  '\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069' +
  '\\u200b\\u2060-\\u2065\\u206a-\\u206f\\ufeff\\u{e0000}-\\u{e0fff}'
const END = `[^${HIDDEN} \\u00a0\\u1680\\u2000-\\u200a\\u202f\\u205f\\u3000\\u200c\\u200d]`
const NAME = `^(?=[\\s\\S]{1,400}$)(?![\\s\\S]*[\\u200c\\u200d]{2})${END}(?:[^${HIDDEN}]*${END})?$`
const unitId = { epoch: count, window: natural, unit: int(0, 65535) }
const body = (type, fields) => record({ type: one(type), network: cid, ...fields })
const atRound = { round: count, beacon: bytes(48) }
const SHAPES = {
  registration: { account: key, node: key, name: text(new RegExp(NAME, 'u')), ...atRound, nonce: count },
  consent: { account: key, node: key },
  heartbeat: {
    ...{ node: key, ...atRound, capacity: int(0, 4096), engines: list(one('exact', 'wasm', 'webgpu'), 1, 3) },
    witnessed: list(record({ epoch: count, draw: cid }), 0, 64),
  },
  draw: {
    ...{ epoch: count, excluded: list(key, 0, 512), trusted: list(key, 0, 512) },
    pool: list(record({ span: count, heads: list(free(0, 100), 0, 64) }), 0, 4),
    allowances: list(record({ account: key, units: int(1, 2 ** 20) }), 0, 512),
    roster: list(record({ node: key, account: key, capacity: int(1, 4096) }), 1, 512),
    offers: list(record({ window: natural, from: int(0, 65535), to: int(1, 65536) }), 1, 512),
  },
  results: { batch: count, ...atRound, size: int(1, 128), root: bytes(32), block: rawCid },
  decline: unitId,
  audit: {
    batch: count,
    ...atRound,
    claims: list(tuple(count, natural, int(0, 65535), int(0, 65535), bytes(64)), 1, 64),
  },
}
const item = record({
  ...{ ...unitId, count, checksum: text(/^[0-9a-f]{16}$/), peak: orNull(record({ n: natural, value: natural })) },
  ...{ root: bytes(32), leaves: rawCid, evidence: bytes(32), items: count },
})
const positive = int(1)
const genesisShape = record({
  ...{ type: one('genesis'), version: one(2), name: free(1, 64), genesis_timestamp: count },
  baseline: record({ below: natural, citation: free(0, 500), url: free(0, 300) }),
  partition: record({
    ...{ map: one(...Object.keys(MAPS)), bits: int(20, 71), hardSteps: int(1, 4096) },
    ...{ units: int(1, 65536), leaves: int(1, 65536) },
    evidence: record({ flagBits: int(0, 15), items: int(1, 8192) }),
  }),
  ...{ replication: int(1, 15), freshRounds: positive, deadlineRounds: positive, missLimit: positive },
  epoch: record({ rounds: int(1, 1e6), perDatabase: int(1, 1e6) }),
  allowance: record({ newcomer: int(1, 2 ** 20), rounds: positive }),
  beacon: record({
    ...{ source: one('drand', 'local'), scheme: one('bls-unchained-g1-rfc9380'), publicKey: bytes(96), hash: key },
    ...{ period: int(1, 3600), genesisTime: count, groupHash: bytes(32), beaconId: free(0, 64) },
  }),
  coordinators: list(key, 1, 64),
  founders: list(record({ account: key, node: key }), 1, 64),
  registration: record({ N: positive, r: positive, p: positive, tries: positive }),
  audit: record({ leaves: int(0, 64), auditors: int(1, 16), adaptive: one(true, false) }),
  trust: record({ verified: positive, trusted: positive, elite: positive, idleRounds: positive }),
  vote: record({ deadlineRounds: positive }),
})
const blobs = (low) => list(bytes(), low, Infinity)
const fileShape = record({
  ...{ format: one('collatz-certificate'), version: one(7), scope: one('window', 'units'), genesis: bytes() },
  window: text(/^(0|[1-9][0-9]{0,40})$/),
  registrations: list(record({ registration: bytes(), consent: bytes() }), 1, Infinity),
  draws: list(record({ draw: bytes(), signature: bytes(), witnesses: blobs(0) }), 1, Infinity),
  statements: blobs(1),
  units: list(
    record({
      ...{ unit: count, draw: count, audits: blobs(0), declines: blobs(0), leaves: orNull(bytes()) },
      contested: blobs(0),
      results: list(
        record({ statement: count, index: count, proof: list(bytes(32), 0, 12), item: bytes(), evidence: bytes() }),
        ...[1, Infinity],
      ),
    }),
    ...[1, Infinity],
  ),
})

/** A statement of this network; one that carries a beacon round shows with it that it is no older. */
function statement(genesis, type, encoded) {
  const said = open(`a statement (${type})`, body(type, SHAPES[type]), encoded)
  must(said.network === genesis.id, `a statement (${type}) is of another network`)
  if (said.beacon) randomnessOf(genesis.beacon.publicKey, said.round, said.beacon)
  return said
}

// --- The genesis: signed by a founder; its CID is the network's id; its numbers hang together.
function readGenesis(encoded) {
  const genesis = open('the genesis', genesisShape, encoded)
  const { partition, beacon, audit } = genesis
  const [below, size] = [BigInt(genesis.baseline.below), 2n ** BigInt(partition.bits)]
  must(
    genesis.founders.some(({ account }) => account === genesis.signer),
    'the genesis is not signed by a founder',
  )
  must(below % size === 0n, 'the baseline of the genesis is not at the edge of a window')
  must(partition.hardSteps >= partition.bits, 'the genesis asks for fewer steps than a window has bits')
  must(!audit.adaptive || audit.leaves > 0, 'the genesis lets audits certify that look at no leaf')
  const { N, r, p } = genesis.registration
  must(N > 1 && Number.isInteger(Math.log2(N)) && N * r * p <= 32768, 'the genesis has a puzzle that nobody can check')
  must(isChain(beacon), 'the beacon chain of the genesis is none')
  must(beacon.source === 'local' || beacon.hash === QUICKNET, 'the genesis calls a beacon drand that is not drand')
  const cut = cutOf(partition)
  const hard = hardInLeaf(partition, cut.classes.length)
  return { ...genesis, firstWindow: below / size, cut, hard, digest: sha(encoded) }
}

// --- Registrations (message/registration.ts, network/puzzle.ts): signed by account and node; the puzzle is solved.
function readRegistration(genesis, { registration, consent }) {
  const { account, node, round, nonce, beacon, signer, name } = statement(genesis, 'registration', registration)
  const agreed = statement(genesis, 'consent', consent)
  const isBoth = signer === account && agreed.signer === node && agreed.account === account && agreed.node === node
  must(isBoth, 'a registration is not signed by both account and node')
  const { tries, N, r, p } = genesis.registration
  const salt = sha(`collatz/puzzle/1\0${genesis.id}\0`, Buffer.from(account, 'hex'), uint(round, 8), sha(beacon))
  const value = toBig(scryptSync(uint(nonce, 8), salt, 8, { N, r, p, maxmem: 2 ** 27 }))
  must(value * BigInt(tries) < 2n ** 64n, 'a registration does not solve its puzzle')
  return { pair: `${node} ${account}`, name, account }
}

// --- Draws (deal/): sealed by a coordinator, dealt by the round that came after, witnessed by more than half of the
// accounts on the roster. Gives the seats of a unit: quorum, then reserve; of the quorum first the one that the draw
// trusts, where replication is adaptive.
function readDraw(genesis, { draw: encoded, signature, witnesses }, need) {
  const { id, signer, epoch, roster, offers, trusted } = statement(genesis, 'draw', encoded)
  const name = `the draw of epoch ${epoch}`
  must(genesis.coordinators.includes(signer), `${name} is not by a coordinator`)
  must(
    epoch >= 1 && (trusted.length === 0 || genesis.audit.adaptive),
    `${name} trusts where nobody may be, or is of none`,
  )
  must(isAscending(roster.map(({ node }) => node)) && isAscending(trusted), `${name} has lists that are not sorted`)
  const inside = (o) => BigInt(o.window) >= genesis.firstWindow && o.from < o.to && o.to <= genesis.cut.classes.length
  const isApart = (o, i) => !offers.some((x, j) => j < i && x.window === o.window && x.from < o.to && o.from < x.to)
  must(offers.every(inside) && offers.every(isApart), `${name} offers what is not there, or twice`)
  const offered = offers.reduce((total, { from, to }) => total + to - from, 0)
  must(offered <= 2 ** 24, `${name} offers more units than a deal takes`)
  const [networkId, N, seed] = [genesis.id, genesis.replication, epoch * genesis.epoch.rounds]
  const randomness = randomnessOf(genesis.beacon.publicKey, seed, signature)
  const { quorums, reserveOf } = deal({ networkId, epoch, randomness, roster, units: offered, replication: N })
  const accounts = new Map(roster.map(({ node, account }) => [node, account]))
  const seatsOf = (window, unit) => {
    let place = 0
    for (const offer of offers) {
      if (offer.window === window && offer.from <= unit && unit < offer.to) {
        const quorum = quorums[place + unit - offer.from]
        if (!quorum) return null
        const trustee = quorum.find((i) => trusted.includes(roster[i].account))
        const order = quorum.toSorted((i, j) => (j === trustee) - (i === trustee))
        const seats = [...order, ...reserveOf(place + unit - offer.from).slice(0, 2 * N + 8)]
        return { seats: seats.map((i) => roster[i].node), isAudited: trustee !== undefined }
      }
      place += offer.to - offer.from
    }
    return null
  }
  const said = witnesses.map((heartbeat) => statement(genesis, 'heartbeat', heartbeat))
  const names = ({ witnessed: all }) => all.some(({ draw }) => draw === id) && isAscending(all.map((w) => w.epoch))
  const isSaid = said.every((w) => w.node === w.signer && accounts.has(w.node) && names(w))
  must(isSaid, `${name} has a witness who does not name it, or is not on its roster`)
  const [by, of] = [distinct(said.map(({ node }) => accounts.get(node))), distinct(accounts.values())]
  must(2 * by > of, `${name} is witnessed by ${by} of ${of} accounts, not by more than half`)
  const isLeast = said.length === by && 2 * (by - 1) <= of && isAscending(said.map(({ node }) => node))
  must(isLeast, `${name} has more witnesses than it needs, or not in order`)
  for (const { node } of said) need(node, accounts.get(node))
  return { epoch, seed, randomness, roster, accounts, seatsOf, signer, witnesses: by, accountsInIt: of }
}

// --- Leaves (answer/leaves.ts): of each, in order, varint count, 8 bytes checksum, varint of the peak's place in the leaf's
// class, plus 1; 0 where it has none. The peak's value is computed: it is a hard number, or nothing here holds.
function readLeaves(genesis, window, { unit, state }, packed, name) {
  const { partition, cut } = genesis
  const [map, first] = [MAPS[partition.map], window << BigInt(partition.bits)]
  let at = 0
  const varint = () => {
    let [value, shift] = [0n, 0n]
    for (;;) {
      const byte = packed[at++]
      must(byte !== undefined && shift < 77n, `${name}: its leaves end within one, or a number is too long`)
      value |= BigInt(byte & 127) << shift
      shift += 7n
      if (byte < 128) {
        must(byte > 0 || shift === 7n, `${name}: its leaves are not in canonical form`)
        return value
      }
    }
  }
  const records = []
  const total = { count: 0n, checksum: 0n, peak: null }
  for (const [index, leaf] of cut.leavesOf(state).entries()) {
    const hard = varint()
    must(hard < 2n ** 53n && at + 8 <= packed.length, `${name}: leaf ${index} is misshapen`)
    const checksum = toBig(packed.subarray(at, at + 8))
    at += 8
    const place = varint()
    must(hard > 0n || checksum + place === 0n, `${name}: leaf ${index} has no hard numbers, but a checksum or a peak`)
    must(place > 0n || hard === 0n || !map.proved, `${name}: leaf ${index} has hard numbers and no peak`)
    let peak = null
    if (place > 0n) {
      const n = first + leaf.r + ((place - 1n) << BigInt(leaf.k))
      const { sigma, peak: value } = walk(map, n, 5000)
      const isHard = sigma > partition.hardSteps && !isPreimage(map, n) && n >> BigInt(partition.bits) === window
      must(
        isHard && value > 0n && value < 2n ** 256n,
        `${name}: the peak of leaf ${index} is no hard number of that leaf`,
      )
      peak = { n, value }
    }
    records.push(Buffer.concat([uint(hard, 8), uint(checksum, 8), uint(peak?.n ?? 0, 16), uint(peak?.value ?? 0, 32)]))
    total.count += hard
    total.checksum += checksum
    const best = total.peak
    if (peak && (!best || peak.value > best.value || (peak.value === best.value && peak.n < best.n))) total.peak = peak
  }
  must(at === packed.length, `${name}: there are more leaves than unit ${unit} has`)
  const block = Buffer.concat(records)
  const checksum = hex(uint(total.checksum % 2n ** 64n, 8))
  return { ...total, checksum, root: rootOf(records), leaves: cidOf(block, 0x55), block }
}
/** Two results are equal when their keys are. */
const keyOf = (r) => [r.count, r.checksum, r.peak?.n ?? '', r.peak?.value ?? '', hex(r.root), r.leaves].join(' ')

// --- Evidence (answer/judge.ts, kernels/evidence): of each tier u16 count, then places in the unit's class, ascending.
function judgeEvidence(genesis, window, { unit, state, draw, k }, { signer, item, evidence }, name) {
  const { partition, digest } = genesis
  const map = MAPS[partition.map]
  const about = { network: digest, seed: draw.randomness, window, index: unit, signer: Buffer.from(signer, 'hex') }
  const test = evidenceTest(partition, state, { ...partition.evidence, items: k }, about)
  const width = Math.ceil((partition.bits - state.k) / 8)
  const [first, end] = [(window << BigInt(partition.bits)) + state.r, 1n << BigInt(partition.bits - state.k)]
  const [lists, records] = [[], []]
  let at = 0
  for (const tier of [0, 1, 2]) {
    const count = Number(toBig(evidence.subarray(at, at + 2)))
    at += 2
    must(at + count * width <= evidence.length, `${name}: its evidence ends too soon`)
    const places = Array.from({ length: count }, (_, i) =>
      toBig(evidence.subarray(at + i * width, at + (i + 1) * width)),
    )
    at += count * width
    must(isAscending(places) && (places.at(-1) ?? 0n) < end, `${name}: its evidence does not ascend within the unit`)
    lists.push(places.map((place) => first + (place << BigInt(state.k))))
    for (const n of lists[tier]) records.push(Buffer.concat([uint(tier + 1, 1), uint(n, 16)]))
  }
  must(at === evidence.length, `${name}: its evidence is followed by more`)
  const isSigned = records.length === item.items && same(rootOf(records), item.evidence)
  must(isSigned, `${name}: its evidence is not what it signed`)
  for (const [tier, list] of lists.entries()) {
    for (const n of list) {
      const why = whyNoItem(map, test, tier, n)
      must(why === null, `${name}: its evidence is false: ${n} ${why} (tier ${tier + 1})`)
    }
  }
  const tallies = test.tiers.map(({ mean }, tier) => ({ count: lists[tier].length, mean }))
  const sum = (of) => tallies.reduce((total, tally) => total + of(tally), 0n)
  const pooled = { count: Number(sum(({ count }) => BigInt(count))), mean: sum(({ mean }) => mean) }
  for (const [i, tally] of [...tallies, pooled].entries()) {
    const line = i < 3 ? ` in tier ${i + 1}` : ''
    const wanted = Number(tally.mean) / 2 ** 32
    must(!isShort(tally), `${name}: its evidence falls short${line}: ${tally.count} items of ${wanted.toFixed(1)}`)
  }
  return { tallies, pooled }
}

// --- The audit that certifies a unit with one result (quorum/audit.ts, certifying-audit.ts): the first R after half of the
// deadline draws who computes which leaves again; all of them say what the result says, which was shown before.
function isCertifying(genesis, draw, id, { signer: alone, batch }, block, audits) {
  const { rounds } = genesis.epoch
  const half = rounds * Math.ceil((2 * draw.seed + genesis.deadlineRounds) / (2 * rounds))
  const timely = audits.filter(({ round }) => round === half)
  if (!block || batch * rounds >= half || timely.length === 0) return false
  const seed = sha('collatz/audit/1\0', genesis.id, '\0', id, sha(timely[0].beacon))
  const rank = (x) => hex(sha(seed, x))
  const lowest = (from, n) => from.sort((x, y) => (rank(x) < rank(y) ? -1 : 1)).slice(0, n)
  const nodeOf = new Map(draw.roster.toReversed().map(({ node, account }) => [account, node]))
  nodeOf.delete(draw.accounts.get(alone))
  const auditors = lowest([...nodeOf.keys()], genesis.audit.auditors)
  const all = Array.from({ length: block.length / 64 }, (_, i) => `leaf ${i}`)
  const drawn = lowest(all, genesis.audit.leaves)
  const isTrue = ([e, w, u, leaf, claimed]) =>
    `${e}/${w}/${u}` === id && same(block.subarray(64 * leaf, 64 * leaf + 64), claimed)
  const said = timely.flatMap((a) => a.claims.filter(isTrue).map((claim) => `${a.signer} leaf ${claim[3]}`))
  const agrees = (account) => drawn.every((leaf) => said.includes(`${nodeOf.get(account)} ${leaf}`))
  return auditors.length === genesis.audit.auditors && auditors.every(agrees)
}

// --- A unit (deal/seats.ts, answer/counts.ts, quorum/settle.ts): N equal results, each of a node whose turn it was; or one
// and its audit.
function readUnit(genesis, window, entry, draw, statements, need) {
  const { unit } = entry
  const check = (holds, otherwise) => must(holds, `unit ${unit} ${otherwise}`)
  const [N, deadline, id] = [genesis.replication, genesis.deadlineRounds, `${draw.epoch}/${window}/${unit}`]
  const state = genesis.cut.classes[unit]
  const { seats, isAudited: isLone } = draw.seatsOf(`${window}`, unit) ?? {}
  check(state && seats, 'was not dealt in the draw that it names')
  const isHere = (x) => `${x.epoch}/${x.window}/${x.unit}` === id
  const about = { unit, state, draw }
  // What is certified is the result of the leaves. What differs from it shows its own.
  const blocks = new Map()
  for (const [i, packed] of [...(entry.leaves ? [entry.leaves] : []), ...entry.contested].entries()) {
    const sum = readLeaves(genesis, window, about, packed, `unit ${unit}${i > 0 ? `, contested leaves ${i}` : ''}`)
    blocks.set(keyOf(sum), sum)
  }
  const results = entry.results.map(({ statement: place, index, proof, item: packed, evidence }) => {
    const by = statements[place]
    check(by && same(rootBy(proof, packed, index, by.size), by.root), 'has a result that no statement covers')
    const said = read('a result', item, packed)
    const name = `unit ${unit}, result of ${by.signer.slice(0, 8)}`
    must(isHere(said), `${name}: it is of another unit`)
    check(
      isPlausible(genesis.partition, state, said.count),
      `has ${said.count} hard numbers, more than 6 deviations off`,
    )
    check(!entry.leaves || blocks.has(keyOf(said)), 'has a result that is not the sum of its leaves')
    const k = genesis.partition.evidence.items * (isLone && by.signer === seats[0] ? 2 : 1)
    const shown = { signer: by.signer, item: said, evidence }
    const judged = judgeEvidence(genesis, window, { ...about, k }, shown, name)
    return { ...by, ...judged, item: said, key: keyOf(said) }
  })
  const [declines, audits] = ['decline', 'audit'].map((type) =>
    entry[`${type}s`].map((encoded) => statement(genesis, type, encoded)),
  )
  const given = declines.map(({ signer }) => seats.indexOf(signer))
  check(declines.every(isHere) && isAscending([-1, ...given]), 'has declines of others, or out of order')
  const { key, item: certified } = results[0]
  const differing = results.filter((r) => r.key !== key)
  check(
    differing.length === 0 || (entry.leaves && audits.length === 0),
    'has results that differ, and nothing that tells',
  )
  const block = blocks.get(key)?.block ?? null
  // The reserve's turn comes in order, as seats fall free by declines or deadlines, or as differing results call it.
  const first = isLone ? 1 : N
  const nodesOf = (list) => distinct(list.map(({ signer }) => signer))
  const countedAfter = (escalations, shown, free) => {
    const called = free.reduce((n, seat) => n + (seat < first + n), 2 * escalations)
    const atOnce = called > 0 ? N + called : first
    return shown.filter(({ signer, round }) => {
      const [seat, passed] = [seats.indexOf(signer), round - draw.seed]
      const isWaited = passed >= deadline * (1 + Math.floor((seat - first) / N))
      return seat >= 0 && passed <= 3 * deadline && (seat < atOnce || isWaited)
    })
  }
  // Unanimity, never majority: results that differ, or that of the one if it is wrong, call two more, until N agree.
  const settles = (shown, free, claims) => {
    const certifies = (r) => isLone && r.signer === seats[0] && isCertifying(genesis, draw, id, r, block, claims)
    for (let escalations = 0; escalations <= 4; escalations++) {
      const counted = countedAfter(escalations, shown, free)
      if (counted.some(certifies)) return true
      if (claims.length === 0 && nodesOf(counted.filter((r) => r.key === key)) >= N) return true
      const calls = distinct(counted.map((r) => r.key)) > 1 || (isLone && counted.some((r) => differing.includes(r)))
      if (!calls || (escalations > 0 && nodesOf(counted) < N + 2 * escalations)) return false
    }
    return false
  }
  check(settles(results, given, audits), `has fewer than ${N} equal results that count, or audits that certify none`)
  const without = (list) => list.map((_, i) => list.toSpliced(i, 1))
  const isLess =
    without(results).some((rest) => settles(rest, given, audits)) ||
    without(given).some((rest) => settles(results, rest, audits)) ||
    without(audits).some((rest) => settles(results, given, rest))
  check(!isLess, 'has a result, a decline or an audit that it does not need')
  const order = results.map(({ signer, id: cid, index }) => [seats.indexOf(signer), cid, index])
  const isBefore = ([s, c, i], [t, d, j]) => s < t || (s === t && (c < d || (c === d && i < j)))
  check(
    order.every((x, i) => i === 0 || isBefore(order[i - 1], x)),
    "has results that are not in the deal's order",
  )
  check(isAscending(audits.map((a) => a.id)), 'has audits that are not sorted')
  const others = new Set(differing.map((r) => r.key))
  const cids = [...blocks.values()].slice(entry.leaves ? 1 : 0).map(({ leaves }) => leaves)
  const isNeeded = blocks.size === entry.contested.length + (entry.leaves ? 1 : 0) && cids.length === others.size
  check(isNeeded && isAscending(cids), 'has contested leaves that it does not need, or not in order')
  for (const { signer } of [...results, ...audits]) need(signer, draw.accounts.get(signer))
  const at = results.map(({ signer }) => seats.indexOf(signer))
  const isSilent = seats.some((_, i) => i <= Math.max(first - 1, ...at) && ![...at, ...given].includes(i))
  const shown = { unit, epoch: draw.epoch, certified, isContested: differing.length > 0, isSilent }
  return { ...shown, results: results.map((r) => ({ ...r, account: draw.accounts.get(r.signer) })), hasLeaves: !!block }
}

/** What falls short over the units of an account in the file: the last 20, the last 100 and all, by tier and in all. */
function checkAccounts(units) {
  const tallies = new Map()
  for (const { results } of units.toSorted((a, b) => a.epoch - b.epoch || a.unit - b.unit)) {
    for (const { account, tallies: own } of results) tallies.set(account, [...(tallies.get(account) ?? []), own])
  }
  for (const [account, all] of tallies) {
    for (const last of [20, 100, all.length].map((span) => all.slice(-span))) {
      const by = [0, 1, 2].map((tier) => ({
        count: last.reduce((sum, own) => sum + own[tier].count, 0),
        mean: last.reduce((sum, own) => sum + own[tier].mean, 0n),
      }))
      const [count, mean] = [by[0].count + by[1].count + by[2].count, by[0].mean + by[1].mean + by[2].mean]
      const shown = `${count} items of ${Math.round(Number(mean) / 2 ** 32)} over ${last.length} units`
      const isFew = [...by, { count, mean }].some((tally) => isShort(tally, 12))
      must(!isFew, `the evidence of account ${account.slice(0, 8)} falls short: ${shown}`)
    }
  }
}

/**
 * @param onUnit is called after each unit with how many are done, and how many there are
 * @returns what the file says
 * @throws {Error} with what does not hold
 */
export function verify(encoded, onUnit = () => {}) {
  must(encoded.length <= MOST_BYTES, `the file has ${encoded.length} bytes; this program reads ${MOST_BYTES} at most`)
  const file = read('the file', fileShape, encoded, codecOf(encoded))
  const [genesis, window] = [readGenesis(file.genesis), BigInt(file.window)]
  must(window >= genesis.firstWindow, 'the window lies below the baseline')
  must((window + 1n) << BigInt(genesis.partition.bits) <= 2n ** 128n, 'the window lies above 2^128')
  const isHard = genesis.hard < LEAST_HARD && genesis.partition.hardSteps > 1000
  if (isHard) return { genesis, window, provesNothing: true, units: [] }
  const pairs = new Set()
  const need = (node, account) => pairs.add(`${node} ${account}`)
  const draws = file.draws.map((entry) => readDraw(genesis, entry, need))
  must(isAscending(draws.map(({ epoch }) => epoch)), 'the draws are not sorted')
  const statements = file.statements.map((bytes) => statement(genesis, 'results', bytes))
  must(isAscending(statements.map(({ id }) => id)), 'the statements are not sorted')
  must(isAscending(file.units.map(({ unit }) => unit)), 'the units are not sorted')
  const units = []
  for (const [i, entry] of file.units.entries()) {
    must(draws[entry.draw], `unit ${entry.unit} names a draw that is not in the file`)
    units.push(readUnit(genesis, window, entry, draws[entry.draw], statements, need))
    onUnit(i + 1, file.units.length)
  }
  const used = (list, of) => distinct(file.units.flatMap(of)) === list.length
  must(
    used(draws, (unit) => unit.draw),
    'there is a draw that no unit is from',
  )
  must(
    used(statements, ({ results }) => results.map((r) => r.statement)),
    'there is a statement that no unit needs',
  )
  const registrations = file.registrations.map((entry) => readRegistration(genesis, entry))
  const wanted = [...pairs].sort()
  const isAll = wanted.length === registrations.length && wanted.every((pair, i) => pair === registrations[i].pair)
  must(isAll, 'the registrations are not those of the nodes in it, to the accounts of the rosters, in order')
  const isWhole = file.scope === 'window'
  must(!isWhole || units.length === genesis.cut.classes.length, 'it is of a window, and units are missing')
  checkAccounts(units)
  const sum = (of) => units.reduce((total, { certified }) => total + BigInt(of(certified)), 0n)
  const [count, checksum] = [sum((r) => r.count), hex(uint(sum((r) => `0x${r.checksum}`) % 2n ** 64n, 8))]
  const [provesNothing, isDrand] = [genesis.hard < LEAST_HARD, genesis.beacon.source === 'drand']
  return { genesis, window, isWhole, units, count, checksum, registrations, draws, provesNothing, isDrand }
}
