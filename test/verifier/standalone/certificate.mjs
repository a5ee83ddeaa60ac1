/**
 * A certificate of format 7: whether it holds, from its bytes alone. Each part names the folder of orbit/rules whose
 * prose it follows. Everything in the file must be needed, and every list sorted: there is one file for one story.
 */
import { scryptSync } from 'node:crypto'
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import { cidOf, distinct, hex, isAscending, must, rootBy, same, sha, toBig, uint, within } from './basics.mjs'
import { deal } from './deal.mjs'
import { FILE, GENESIS, ITEM, STATEMENTS } from './format.mjs'
import { keyOf, sumOf, tallyOf } from './judge.mjs'
import { cutOf, hardInLeaf, isPlausible, isShort, pooled } from './numbers.mjs'
import { isChain, open, randomnessOf, read } from './signed.mjs'

/** A window of the main network takes some 250 MB as dag-cbor; reading takes five times the file in memory. */
export const MOST_BYTES = 2 ** 29
/** A leaf that expects fewer hard numbers says too little about the work. */
export const LEAST_HARD = 20
/** Beyond so many steps nobody waits for what theory expects: there is next to nothing. */
const MOST_STEPS = 1000
const QUICKNET = '52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971'

/** A statement of this network. One that carries a beacon round shows with it that it is no older. */
function statement(genesis, type, encoded) {
  const said = open(`a statement (${type})`, STATEMENTS[type], encoded)
  must(said.network === genesis.id, `a statement (${type}) is of another network`)
  if (said.beacon) randomnessOf(genesis.beacon.publicKey, said.round, said.beacon)
  return said
}

// --- The genesis (network/): signed by a founder; its CID is the network's id; its numbers hang together.
function readGenesis(encoded) {
  const genesis = open('the genesis', GENESIS, encoded)
  const { partition, beacon, audit, signer, founders } = genesis
  const [below, size] = [BigInt(genesis.baseline.below), 2n ** BigInt(partition.bits)]
  const isFounder = founders.some(({ account }) => account === signer)
  must(isFounder, 'the genesis is not signed by a founder')
  must(below % size === 0n, 'the baseline of the genesis is not at the edge of a window')
  must(partition.hardSteps >= partition.bits, 'the genesis asks for fewer steps than a window has bits')
  must(!audit.adaptive || audit.leaves > 0, 'the genesis lets audits certify that look at no leaf')
  const { N, r, p } = genesis.registration
  must(N > 1 && Number.isInteger(Math.log2(N)) && N * r * p <= 32768, 'the genesis has a puzzle that nobody can check')
  must(isChain(beacon), 'the beacon chain of the genesis is none')
  must(beacon.source === 'local' || beacon.hash === QUICKNET, 'the genesis calls a beacon drand that is not drand')
  const cut = cutOf(partition)
  const isTooHard = hardInLeaf(partition, MOST_STEPS, cut.classes.length) < LEAST_HARD
  return { ...genesis, firstWindow: below / size, cut, isTooHard, digest: sha(encoded) }
}

// --- Registrations (message/, network/puzzle.ts): signed by account and node; the puzzle is solved.
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
// accounts on the roster. Gives the seats of the units that are asked for.
function readDraw(genesis, window, { draw: encoded, signature, witnesses }, units, need) {
  const { id, signer, epoch, roster, offers, trusted } = statement(genesis, 'draw', encoded)
  must(genesis.coordinators.includes(signer), 'a draw is not by a coordinator')
  must(epoch >= 1, 'a draw is of an epoch before the first')
  must(trusted.length === 0 || genesis.audit.adaptive, 'a draw trusts somebody where audits do not certify')
  must(isAscending(roster.map(({ node }) => node)) && isAscending(trusted), 'a draw has lists that are not sorted')
  const isThere = (o) => BigInt(o.window) >= genesis.firstWindow && o.from < o.to && o.to <= genesis.cut.classes.length
  const isApart = (o, i) => !offers.some((x, j) => j < i && x.window === o.window && x.from < o.to && o.from < x.to)
  const offered = offers.reduce((sum, { from, to }) => sum + to - from, 0)
  must(
    offers.every(isThere) && offers.every(isApart) && offered <= 2 ** 24,
    'a draw offers what is not there, or twice',
  )
  const accounts = new Map(roster.map(({ node, account }) => [node, account]))
  const beats = witnesses.map((heartbeat) => statement(genesis, 'heartbeat', heartbeat))
  const isWitness = ({ node, signer: by, witnessed }) =>
    node === by && accounts.has(node) && witnessed.some(({ draw }) => draw === id)
  const isInOrder = ({ witnessed }) => isAscending(witnessed.map((w) => w.epoch))
  must(beats.every(isWitness), 'a draw has a witness who does not name it, or is not on its roster')
  must(beats.every(isInOrder), 'a draw has a witness who does not name draws in order')
  const [by, of] = [distinct(beats.map(({ node }) => accounts.get(node))), distinct(accounts.values())]
  must(2 * by > of, `a draw is witnessed by ${by} of ${of} accounts, not by more than half`)
  const isLeast = beats.length === by && 2 * (by - 1) <= of && isAscending(beats.map(({ node }) => node))
  must(isLeast, 'a draw has more witnesses than it needs, or not in order')
  for (const { node } of beats) need(node, accounts.get(node))
  const [seed, replication] = [epoch * genesis.epoch.rounds, genesis.replication]
  const randomness = randomnessOf(genesis.beacon.publicKey, seed, signature)
  const dealt = deal({ networkId: genesis.id, epoch, randomness, roster, units: offered, replication })
  // Quorum, then reserve; of the quorum first the one that the draw trusts, if any (isLone).
  const seatsOf = (unit) => {
    const at = offers.findIndex((o) => o.window === `${window}` && o.from <= unit && unit < o.to)
    const before = offers.slice(0, at).reduce((sum, { from, to }) => sum + to - from, 0)
    const place = at < 0 ? -1 : before + unit - offers[at].from
    must(dealt.quorums[place], `unit ${unit} was not dealt in the draw that it names`)
    const trustee = dealt.quorums[place].find((i) => trusted.includes(roster[i].account))
    const quorum = dealt.quorums[place].toSorted((i, j) => (j === trustee) - (i === trustee))
    const seats = [...quorum, ...dealt.reserveOf(place).slice(0, 2 * replication + 8)]
    return [unit, { seats: seats.map((i) => roster[i].node), isLone: trustee !== undefined }]
  }
  return { epoch, seed, randomness, roster, accounts, dealt: new Map(units.map(seatsOf)) }
}

// --- The audit that certifies a unit with one result (quorum/audit.ts): the first R after half of the deadline draws
// who computes which leaves again; all of them say what the result says, which was shown before.
function isAudited(genesis, draw, id, { signer: alone, batch }, block, audits) {
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

// --- When a unit is certified (deal/seats.ts, quorum/settle.ts): by N equal results, never by a majority; or by one
// and its audit. Gives the results that count and how many auditors certify, or null.
function settle({ genesis, draw, id, isLone, certified, block }, { results, declines, audits }) {
  const [N, deadline, first] = [genesis.replication, genesis.deadlineRounds, isLone ? 1 : genesis.replication]
  // The reserve's turn comes in order, as seats fall free by declines or deadlines, or as differing results call it.
  const countedAfter = (escalations) => {
    const called = declines.reduce((n, { seat }) => n + (seat < first + n), 2 * escalations)
    return results.filter(({ seat, round }) => {
      const passed = round - draw.seed
      const isCalled = seat < (called > 0 ? N + called : first)
      const isWaited = passed >= deadline * (1 + Math.floor((seat - first) / N))
      return passed <= 3 * deadline && (isCalled || isWaited)
    })
  }
  // Results that differ, or that of the one if it is wrong, call two more, until N agree.
  for (let escalations = 0; escalations <= 4; escalations++) {
    const counted = countedAfter(escalations)
    const equal = counted.filter(({ key }) => key === certified)
    if (equal.length >= N) return { counted, auditors: 0 }
    const lone = isLone && equal.length === counted.length && equal.find(({ seat }) => seat === 0)
    if (lone && isAudited(genesis, draw, id, lone, block, audits)) return { counted, auditors: genesis.audit.auditors }
    const calls = distinct(counted.map(({ key }) => key)) > 1 || (isLone && equal.length < counted.length)
    if (!calls || (escalations > 0 && distinct(counted.map(({ seat }) => seat)) < N + 2 * escalations)) return null
  }
  return null
}

/** A unit: certified is the result of its leaves, in a snapshot what all say. A result that differs shows its own. */
function readUnit(genesis, window, entry, draw, statements, need) {
  const { unit } = entry
  const [id, state] = [`${draw.epoch}/${window}/${unit}`, genesis.cut.classes[unit]]
  const { seats, isLone } = draw.dealt.get(unit)
  const isHere = (x) => `${x.epoch}/${x.window}/${x.unit}` === id
  const about = { genesis, window, unit, state, draw }
  const blocks = [...(entry.leaves ? [entry.leaves] : []), ...entry.contested].map((packed) => sumOf(about, packed))
  const results = entry.results.map(({ statement: from, index, proof, item: encoded, evidence }) => {
    const covering = statements[from]
    must(covering && same(rootBy(proof, encoded, index, covering.size), covering.root), 'no statement covers a result')
    const { signer } = covering
    return within(`the result of node ${signer.slice(0, 8)}`, () => {
      const [item, seat] = [read('it', ITEM, encoded), seats.indexOf(signer)]
      must(isHere(item), 'it is of another unit')
      must(seat >= 0, 'its node has no seat in the unit')
      const isLikely = isPlausible(genesis.partition, state, item.count)
      must(isLikely, `${item.count} hard numbers are more than 6 deviations off`)
      const isSum = !entry.leaves || blocks.some(({ key }) => key === keyOf(item))
      must(isSum, 'it is not the sum of its leaves')
      const items = genesis.partition.evidence.items * (isLone && seat === 0 ? 2 : 1)
      const tallies = tallyOf(about, { signer, item, evidence, items })
      return { ...covering, index, seat, item, tallies, key: keyOf(item), account: draw.accounts.get(signer) }
    })
  })
  const [declines, audits] = ['decline', 'audit'].map((type) =>
    entry[`${type}s`].map((encoded) => {
      const said = statement(genesis, type, encoded)
      return { ...said, seat: seats.indexOf(said.signer) }
    }),
  )
  const isDecline = (decline) => isHere(decline) && decline.seat >= 0
  must(declines.every(isDecline), 'it has a decline of another unit, or of a node without a seat')
  const [{ key: certified, block } = { key: results[0].key, block: null }] = blocks
  const differing = results.filter((r) => r.key !== certified)
  must(differing.length === 0 || (block && audits.length === 0), 'it has results that differ, and nothing that tells')
  must(entry.leaves || audits.length + blocks.length === 0, 'its leaves are left out, and it takes them')
  const rule = { genesis, draw, id, isLone, certified, block }
  const said = { results, declines, audits }
  const settled = settle(rule, said)
  must(settled, `fewer than ${genesis.replication} equal results count, and no audit certifies one`)
  const isOnce = distinct(results.map(({ seat, key }) => `${seat} ${key}`)) === results.length
  must(isOnce && settled.counted.length === results.length, 'it has a result that does not count')
  const isIdle = (list, i) => {
    const less = settle(rule, { ...said, [list]: said[list].toSpliced(i, 1) })
    return less?.counted.length === settled.counted.length && less.auditors === settled.auditors
  }
  const isMore = ['declines', 'audits'].some((list) => said[list].some((_, i) => isIdle(list, i)))
  must(!isMore, 'it has a decline or an audit that it could do without')
  const shown = distinct([certified, ...differing.map((r) => r.key)])
  must(!block || shown === blocks.length, 'it has leaves that nobody signed')
  const cids = blocks.slice(1).map(({ block: contested }) => cidOf(contested, 0x55))
  // Within a seat by statement, and within a statement by place.
  const order = results.map(({ seat, id: from, index }) => [hex(uint(seat, 4)), from, hex(uint(index, 4))].join(' '))
  const lists = [order, declines.map(({ seat }) => seat), audits.map((audit) => audit.id), cids]
  must(lists.every(isAscending), 'it has a list that is not sorted')
  for (const { signer } of [...results, ...audits]) need(signer, draw.accounts.get(signer))
  const spoken = [...results, ...declines].map(({ seat }) => seat)
  const last = Math.max(isLone ? 0 : genesis.replication - 1, ...results.map(({ seat }) => seat))
  const isSilent = seats.some((_, i) => i <= last && !spoken.includes(i))
  const { item: certifiedItem } = results.find((r) => r.key === certified)
  const shows = { isContested: differing.length > 0, isSilent, hasLeaves: block !== null }
  const agreeing = results.filter((r) => r.key === certified)
  return { unit, epoch: draw.epoch, results, agreeing, item: certifiedItem, ...shows }
}

/** Whether an account falls short over its last 20 units, its last 100 or all, in a tier or in all tiers. */
const fallsShort = (own) =>
  [20, 100, own.length].some((span) => {
    const tiers = [0, 1, 2].map((tier) => pooled(own.slice(-span).map(({ tallies }) => tallies[tier])))
    return span <= own.length && [...tiers, pooled(tiers)].some((tally) => isShort(tally, 12 * own.length))
  })

/** No unit rests on accounts alone that fall short over all that they did: who is short voids nobody else's work. */
function checkAccounts(units) {
  const results = units.toSorted((a, b) => a.epoch - b.epoch || a.unit - b.unit).flatMap((unit) => unit.agreeing)
  const isShortOver = (account) => fallsShort(results.filter((r) => r.account === account))
  const short = [...new Set(results.map((r) => r.account))].filter(isShortOver)
  const alone = units.find(({ agreeing }) => agreeing.every(({ account }) => short.includes(account)))
  must(!alone, `unit ${alone?.unit} rests on accounts alone whose evidence falls short over their units`)
}

/**
 * @param onUnit is called after each unit with how many are done, and how many there are
 * @returns what the file says
 * @throws {Error} with what does not hold
 */
export function verify(encoded, onUnit = () => {}) {
  must(encoded.length <= MOST_BYTES, `the file has ${encoded.length} bytes; this program reads ${MOST_BYTES} at most`)
  const file = read('the file', FILE, encoded, encoded[0] === 0x7b ? dagJson : dagCbor)
  const [genesis, window, isWhole] = [readGenesis(file.genesis), BigInt(file.window), file.scope === 'window']
  must(window >= genesis.firstWindow, 'the window lies below the baseline')
  must((window + 1n) << BigInt(genesis.partition.bits) <= 2n ** 128n, 'the window lies above 2^128')
  if (genesis.isTooHard && genesis.partition.hardSteps > MOST_STEPS) return { genesis, provesNothing: true, units: [] }
  const pairs = new Set()
  const need = (node, account) => pairs.add(`${node} ${account}`)
  const isInside = ({ unit, draw }) => draw < file.draws.length && unit < genesis.cut.classes.length
  must(file.units.every(isInside), 'it names a draw or a unit that is not there')
  const unitsFrom = (draw) => file.units.filter((entry) => entry.draw === draw).map(({ unit }) => unit)
  const draws = file.draws.map((entry, i) => readDraw(genesis, window, entry, unitsFrom(i), need))
  const statements = file.statements.map((bytes) => statement(genesis, 'results', bytes))
  const isSorted = [draws.map((x) => x.epoch), statements.map((x) => x.id), file.units.map((x) => x.unit)]
  must(isSorted.every(isAscending), 'the draws, the statements or the units are not sorted')
  must(!isWhole || file.units.length === genesis.cut.classes.length, 'it is of a window, and units are missing')
  const units = file.units.map((entry, i) =>
    within(`unit ${entry.unit}`, () => {
      onUnit(i, file.units.length)
      return readUnit(genesis, window, entry, draws[entry.draw], statements, need)
    }),
  )
  const drawn = distinct(file.units.map(({ draw }) => draw))
  const signed = distinct(file.units.flatMap(({ results }) => results.map((r) => r.statement)))
  must(drawn === draws.length && signed === statements.length, 'it has a draw or a statement that no unit needs')
  const registrations = file.registrations.map((entry) => readRegistration(genesis, entry))
  const isAll = registrations.map(({ pair }) => pair).join() === [...pairs].sort().join()
  must(isAll, 'the registrations are not those of its nodes, as the rosters name them, in order')
  checkAccounts(units)
  const count = units.reduce((sum, { item }) => sum + item.count, 0)
  const checksum = units.reduce((sum, { item }) => sum + BigInt(`0x${item.checksum}`), 0n) % 2n ** 64n
  const hard = hardInLeaf(genesis.partition, genesis.partition.hardSteps, genesis.cut.classes.length)
  const sums = { count, checksum: hex(uint(checksum, 8)), provesNothing: hard < LEAST_HARD }
  return { genesis, window, isWhole, units, registrations, draws, ...sums }
}
